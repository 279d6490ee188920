"""Measurement `modem`: over which technology and operator a mobile line goes, and how good the signal is.

Asked are ModemManager's `mmcli`, else `uqmi` on OpenWrt; one that is missing is looked for now and then.
Which lines are mobile the configuration says, else the kernel, else OpenWrt's `ubus`.
A line whose modem speaks to neither has what the configuration says of it, in `wan` and in the birth.
"""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from schoolpulse_agent.probes import tools
from schoolpulse_agent.probes.base import ProbeKind, Reading, Round, Surroundings, file_text
from schoolpulse_agent.probes.routes import default_routes
from schoolpulse_agent.probes.wan import located
from schoolpulse_agent.settings import MOBILE_TECHNOLOGIES, Uplink
from schoolpulse_agent.toml_table import Table
from schoolpulse_agent.wire import FieldValue

if TYPE_CHECKING:
    from schoolpulse_agent.probes.modem_says import ModemSaid

log = logging.getLogger(__name__)

DEFAULT_REPORT_S = 300.0
_SIGNAL_EVERY_S = 30
_LOOK_AGAIN_S = 3600.0
"""A tool that is not there is looked for again so much later: it may get installed."""


class Own(NamedTuple):
    """Section ``[probes.modem]``."""

    report_s: float = DEFAULT_REPORT_S


class ModemProbe:
    """Asks the modems of the uplinks that have one.

    Args:
        run: runs another program; a seam for tests.
    """

    def __init__(self, own: Own, surroundings: Surroundings, run: tools.Run = tools.run) -> None:
        self._own = own
        self._uplinks = surroundings.uplinks
        self._clock = surroundings.clock
        self._root = surroundings.root
        self._generations = surroundings.generations
        self._run = run
        self._interface = ""
        self._before: dict[str, ModemSaid] = {}
        self._reported_at: float | None = None
        self._missing_until: dict[str, float] = {}
        self._set_up: set[str] = set()
        self._troubles: dict[str, str] = {}
        self._netifd_at = 0.0
        self._by_netifd: frozenset[str] = frozenset()

    def measure(self) -> Round:
        """A reading for each uplink that has a modem, at changes and otherwise now and then."""
        now = self._clock.monotonic()
        mobile = self._mobile_uplinks()
        if not mobile:
            return Round([])
        found = self._ask_modemmanager(mobile)
        for uplink in mobile:
            if uplink.name not in found and (said := self._ask_uqmi(uplink)) is not None:
                found[uplink.name] = said
        self._say_trouble(mobile, found)
        changes = tuple(
            f"uplink {name} is on {_spoken(said)}"
            for name, said in found.items()
            if name in self._before and _spoken(self._before[name]) != _spoken(said)
        )
        self._before.update(found)
        for name, said in found.items():
            if said.generation and self._generations is not None:
                self._generations[name] = said.generation
        due = self._reported_at is None or now - self._reported_at >= self._own.report_s - 0.5
        if not found or not (due or changes):
            return Round([])
        self._reported_at = now
        return Round(
            [_reading(uplink, found[uplink.name]) for uplink in mobile if uplink.name in found], changes
        )

    def _mobile_uplinks(self) -> list[Uplink]:
        routes = default_routes(self._root)
        uplinks = located(self._uplinks, routes, self._interface)
        self._interface = routes[0].interface if routes else self._interface
        return [u for u in uplinks if u.interface and (has_modem(u, self._root) or self._netifd_says(u))]

    def _netifd_says(self, uplink: Uplink) -> bool:
        """Whether OpenWrt's network daemon runs a modem's protocol on the interface; asked now and then."""
        if uplink.technology:
            return False
        now = self._clock.monotonic()
        if now >= self._netifd_at:
            self._netifd_at = now + _LOOK_AGAIN_S
            said = self._run(("ubus", "call", "network.interface", "dump"))
            self._by_netifd = frozenset()
            if not said.trouble:
                from schoolpulse_agent.probes import modem_says as says  # noqa: PLC0415  # only on OpenWrt

                with contextlib.suppress(ValueError):
                    self._by_netifd = says.parse_netifd(said.text)
        is_mobile = uplink.interface in self._by_netifd
        if is_mobile and self._generations is not None:
            self._generations.setdefault(uplink.name, "mobile")
        return is_mobile

    def _ask_modemmanager(self, mobile: list[Uplink]) -> dict[str, ModemSaid]:
        """What ModemManager's modems say, by the name of the uplink that is theirs."""
        from schoolpulse_agent.probes import modem_says as says  # noqa: PLC0415  # few lines have a modem

        listed = self._tool(("mmcli", "-J", "-L"))
        try:
            paths = says.parse_mmcli_list(listed) if listed else []
            modems = [self._ask_one(path) for path in paths[:8]]
        except ValueError as error:
            self._troubles["mmcli"] = f"mmcli says something else than expected: {error}"
            return {}
        found = {u.name: m for u in mobile for m in modems if u.interface in m.ports}
        rest = [uplink for uplink in mobile if uplink.name not in found]
        if len(modems) == 1 and len(rest) == len(mobile) == 1:
            found[rest[0].name] = modems[0]  # the interface is a bridge or a PPP link on top of the modem's
        return found

    def _ask_one(self, path: str) -> ModemSaid:
        from schoolpulse_agent.probes import modem_says as says  # noqa: PLC0415  # few lines have a modem

        text = self._tool(("mmcli", "-J", "-m", path))
        if not text:
            return says.ModemSaid()
        said = says.parse_mmcli_modem(text)
        signal = self._tool(("mmcli", "-J", "-m", path, "--signal-get"))
        if not signal:
            return said
        said, is_asked = says.parse_mmcli_signal(signal, said)
        if not is_asked and path not in self._set_up:
            # Without a rate ModemManager tells no dBm. Asked once: the agent's user may not be allowed to.
            self._set_up.add(path)
            self._tool(("mmcli", "-m", path, f"--signal-setup={_SIGNAL_EVERY_S}"))
        return said

    def _ask_uqmi(self, uplink: Uplink) -> ModemSaid | None:
        from schoolpulse_agent.probes import modem_says as says  # noqa: PLC0415  # few lines have a modem

        device = control_device(uplink.interface, self._root)
        if device is None:
            return None
        head = ("uqmi", "-s", "-t", "3000", "-d", device)
        system = self._tool((*head, "--get-serving-system"))
        signal = self._tool((*head, "--get-signal-info"))
        try:
            said = says.parse_uqmi_system(system) if system else says.ModemSaid()
            said = says.parse_uqmi_signal(signal, said) if signal else said
        except ValueError as error:
            self._troubles["uqmi"] = f"uqmi says something else than expected: {error}"
            return None
        return said if system or signal else None

    def _tool(self, command: tuple[str, ...]) -> str:
        """What a tool prints; empty where it cannot be used."""
        name, now = command[0], self._clock.monotonic()
        if now < self._missing_until.get(name, now):
            return ""
        said = self._run(command)
        if said.missing:
            self._missing_until[name] = now + _LOOK_AGAIN_S
        if said.trouble:
            self._troubles[name] = said.trouble
            return ""
        return said.text

    def _say_trouble(self, mobile: list[Uplink], found: dict[str, ModemSaid]) -> None:
        """Once for each uplink that nobody tells of, and once when somebody does."""
        for uplink in mobile:
            silent = uplink.name not in found
            known = f"silent {uplink.name}"
            if silent and known not in self._troubles:
                why = "; ".join(text for key, text in self._troubles.items() if not key.startswith("silent "))
                log.warning(
                    "no modem tells of uplink %s: %s", uplink.name, why or "no modem has its interface"
                )
                self._troubles[known] = why
            elif not silent and known in self._troubles:
                del self._troubles[known]
                log.info("the modem of uplink %s answers", uplink.name)


def has_modem(uplink: Uplink, root: Path) -> bool:
    """Whether a modem can be asked about `uplink`: the kernel or the configuration says that it is mobile."""
    if uplink.technology:
        return uplink.technology in MOBILE_TECHNOLOGIES
    folder = root / "sys/class/net" / uplink.interface
    is_wwan = "DEVTYPE=wwan" in file_text(folder / "uevent")
    return is_wwan or control_device(uplink.interface, root) is not None


def control_device(interface: str, root: Path) -> str | None:
    """The device by which a QMI modem is asked, e.g. ``/dev/cdc-wdm0``; None where there is none."""
    found = sorted((root / "sys/class/net" / interface / "device/usbmisc").glob("cdc-wdm*"))
    return f"/dev/{found[0].name}" if found else None


def _spoken(said: ModemSaid) -> str:
    if said.registered is False:
        return "no network"
    return " of ".join(part for part in (said.generation, said.operator) if part) or "an unknown network"


def _reading(uplink: Uplink, said: ModemSaid) -> Reading:
    tags = (
        ("uplink", uplink.name),
        ("role", uplink.role),
        ("technology", said.generation or uplink.technology or "unknown"),
        ("operator", said.operator or uplink.operator),
    )
    fields: tuple[tuple[str, FieldValue], ...] = (
        ("registered", None if said.registered is None else int(said.registered)),
        ("roaming", None if said.roaming is None else int(said.roaming)),
        ("rsrp_dbm", said.rsrp_dbm),
        ("rsrq_db", said.rsrq_db),
        ("sinr_db", said.sinr_db),
        ("rssi_dbm", said.rssi_dbm),
        ("quality_ratio", said.quality_ratio),
    )
    return Reading("modem", tags, fields)


def _read(table: Table) -> Own:
    return Own(report_s=table.number("report_s", DEFAULT_REPORT_S, 1, 3600))


KIND = ProbeKind(interval_s=60, read=_read, create=ModemProbe)
