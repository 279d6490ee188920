"""Measurement `wifi`: how well this machine hears its access point; never which one: no SSID, no address."""

from __future__ import annotations

import re
from typing import NamedTuple

from schoolpulse_agent.probes import tools
from schoolpulse_agent.probes.base import ProbeKind, Reading, Round, Surroundings, file_text, read_nothing
from schoolpulse_agent.settings import CLASSROOM
from schoolpulse_agent.wire import FieldValue

MAX_INTERFACES = 4
_LOOK_AGAIN_S = 3600.0
_SIGNAL = re.compile(r"^\s*signal:\s*(-?\d+)\s*dBm", re.MULTILINE)
_RATE = re.compile(r"^\s*(rx|tx) bitrate:\s*([\d.]+)\s*MBit/s", re.MULTILINE)


class Heard(NamedTuple):
    """What one interface hears: dBm, dBm, Mbit/s; None is what it does not tell."""

    signal_dbm: float | None = None
    noise_dbm: float | None = None
    rx_mbps: float | None = None
    tx_mbps: float | None = None
    associated: bool = False


def parse_wireless(text: str) -> dict[str, Heard]:
    """By interface out of ``/proc/net/wireless``: link quality, level and noise in columns 3 to 5.

    Levels at 0 or below are dBm; drivers that give another scale, or -256 for nothing, say nothing here.
    """
    found = {}
    for line in text.splitlines()[2:]:
        name, colon, rest = line.partition(":")
        columns = rest.split()
        if not colon or len(columns) < 4:
            continue
        link, level, noise = (_number(column.rstrip(".")) for column in columns[1:4])
        found[name.strip()] = Heard(
            _dbm(level), _dbm(noise), associated=bool(link) or _dbm(level) is not None
        )
    return found


def parse_iw_link(text: str) -> Heard:
    """Out of ``iw dev NAME link``."""
    if not text.startswith("Connected"):
        return Heard()
    signal = _SIGNAL.search(text)
    rates = {way: float(rate) for way, rate in _RATE.findall(text)}
    level = float(signal[1]) if signal else None
    return Heard(_dbm(level), None, rates.get("rx"), rates.get("tx"), associated=True)


class WifiProbe:
    """Asks `iw`, and where that is not there reads the kernel's older file.

    Args:
        run: runs another program; a seam for tests.
    """

    def __init__(self, _own: None, surroundings: Surroundings, run: tools.Run = tools.run) -> None:
        self._root = surroundings.root
        self._clock = surroundings.clock
        self._run = run
        self._no_iw_until = 0.0

    def measure(self) -> Round:
        """A reading for each wireless interface."""
        wireless = parse_wireless(file_text(self._root / "proc/net/wireless"))
        folders = sorted((self._root / "sys/class/net").glob("*/phy80211"))
        names = [folder.parent.name for folder in folders] or sorted(wireless)
        readings = []
        for name in names[:MAX_INTERFACES]:
            by_iw = self._ask_iw(name)
            by_file = wireless.get(name, Heard())
            heard = by_file if by_iw is None else by_iw._replace(noise_dbm=by_file.noise_dbm)
            readings.append(_reading(name, heard))
        return Round(readings)

    def _ask_iw(self, name: str) -> Heard | None:
        now = self._clock.monotonic()
        if now < self._no_iw_until:
            return None
        said = self._run(("iw", "dev", name, "link"))
        if said.missing:
            self._no_iw_until = now + _LOOK_AGAIN_S
        return None if said.trouble else parse_iw_link(said.text)


def _reading(name: str, heard: Heard) -> Reading:
    fields: tuple[tuple[str, FieldValue], ...] = (
        ("associated", int(heard.associated)),
        ("signal_dbm", heard.signal_dbm),
        ("noise_dbm", heard.noise_dbm),
        ("rx_mbps", heard.rx_mbps),
        ("tx_mbps", heard.tx_mbps),
    )
    return Reading("wifi", (("interface", name),), fields)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _dbm(level: float | None) -> float | None:
    return level if level is not None and -120 <= level < 0 else None


KIND = ProbeKind(interval_s=60, read=read_nothing, create=WifiProbe, roles=(CLASSROOM,))
