"""The configuration file: read, checked, and refused with all of its mistakes at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from schoolpulse_agent.credentials import private_file_trouble
from schoolpulse_agent.device_table import read_devices
from schoolpulse_agent.errors import ConfigError
from schoolpulse_agent.probes.registry import PROBES
from schoolpulse_agent.settings import (
    CLASSROOM,
    DEFAULT_STATE_DIR,
    GATEWAY,
    AgentSettings,
    BatchSettings,
    BrokerSettings,
    ProbeSettings,
    Settings,
    SpoolSettings,
    Uplink,
    broker_at,
)
from schoolpulse_agent.toml_table import Table, read_table
from schoolpulse_agent.wire import valid_agent_id

_NAME = "[a-z0-9][a-z0-9_-]{0,31}"
_INTERFACE = "[^/ ]{1,15}"
_DEFAULT_UPLINK = Uplink("wan")


def load(path: Path) -> Settings:
    """The configuration in the file at `path`.

    Raises:
        ConfigError: it cannot be read or has mistakes: all of them.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        table = Table({}, read_table(b"").mistakes)
        table.mistakes.note(("file",), error.strerror or "cannot be read", "is the path right?")
        raise ConfigError(f"{path} cannot be read", table.mistakes.problems) from error
    return parse(data, name=str(path))


def parse(data: bytes, *, name: str = "configuration") -> Settings:
    """The configuration in `data`; `name` is for the error's text.

    Raises:
        ConfigError: with every mistake.
    """
    top = read_table(data)
    if not top.mistakes.problems:
        agent = _agent(top.table("agent"))
        settings = Settings(
            agent=agent,
            broker=_broker(top.table("broker")),
            batch=_batch(top.table("batch")),
            spool=_spool(top.table("spool")),
            uplinks=_uplinks(top),
            probes=_probes(top.table("probes"), agent.role),
            devices=read_devices(top),
        )
        _check_names(top, settings)
        _check_role(top, agent.role)
        top.done()
        if not top.mistakes.problems:
            return settings
    problems = sorted(top.mistakes.problems, key=lambda problem: problem.line or 0)
    count = f"{len(problems)} mistakes" if len(problems) > 1 else "a mistake"
    raise ConfigError(f"{name} has {count}", problems)


def _agent(table: Table) -> AgentSettings:
    agent_id = table.text("id", required=True)
    if agent_id and not valid_agent_id(agent_id):
        table.wrong("id", f"{agent_id[:70]!r} is no agent id", "1 to 64 of a-z, 0-9 and -")
    settings = AgentSettings(
        id=agent_id,
        role=table.choice("role", GATEWAY, (GATEWAY, CLASSROOM)),
        state_dir=table.path("state_dir", DEFAULT_STATE_DIR) or DEFAULT_STATE_DIR,
        clock_wait_s=table.number("clock_wait_s", 300, 0, 86_400),
    )
    table.done()
    return settings


def _broker(table: Table) -> BrokerSettings:
    url = table.text("url", required=True)
    default = BrokerSettings("")
    others: dict[str, Any] = {
        "protocol": table.choice("protocol", default.protocol, ("5", "3.1.1")),
        "username": table.text("username") or None,
        "password_file": _secret_file(table, "password_file"),
        "ca_file": _readable_file(table, "ca_file"),
        "cert_file": _readable_file(table, "cert_file"),
        "key_file": _secret_file(table, "key_file"),
        "keepalive_s": table.whole("keepalive_s", default.keepalive_s, 5, 3600),
        "reconnect_spread_s": table.number("reconnect_spread_s", default.reconnect_spread_s, 0, 3600),
        "reconnect_max_s": table.number("reconnect_max_s", default.reconnect_max_s, 1, 3600),
    }
    table.done()
    settings = default._replace(**others)
    if url:
        try:
            settings = broker_at(url, **others)
        except ValueError as error:
            table.wrong("url", str(error), "like mqtt://broker.example:1883 or mqtts://broker.example")
    _check_broker(table, settings)
    return settings


def _check_broker(table: Table, settings: BrokerSettings) -> None:
    if settings.password_file and not settings.username:
        table.wrong("password_file", "needs a username", "give [broker] username")
    if bool(settings.cert_file) != bool(settings.key_file):
        given, missing = ("cert_file", "key_file") if settings.cert_file else ("key_file", "cert_file")
        table.wrong(given, f"needs {missing}", "a client certificate is a pair of files")
    if settings.host and not settings.tls:
        for key in ("ca_file", "cert_file", "key_file"):
            if key in table.values:
                table.wrong(key, "is of no use without TLS", "write the url with mqtts://")


def _readable_file(table: Table, key: str) -> Path | None:
    path = table.path(key)
    if path is not None and not path.is_file():
        table.wrong(key, f"{path} is not there", "is the path right?")
    return path


def _secret_file(table: Table, key: str) -> Path | None:
    path = table.path(key)
    trouble = private_file_trouble(path) if path is not None else None
    if trouble is not None:
        table.wrong(key, f"{path} {trouble[0]}", trouble[1])
    return path


def _batch(table: Table) -> BatchSettings:
    default = BatchSettings()
    settings = BatchSettings(
        interval_s=table.number("interval_s", default.interval_s, 0.1, 3600),
        in_flight=table.whole("in_flight", default.in_flight, 1, 1000),
        backlog_per_s=table.number("backlog_per_s", default.backlog_per_s, 0.1, 10_000),
        confirm_timeout_s=table.number("confirm_timeout_s", default.confirm_timeout_s, 1, 3600),
    )
    table.done()
    return settings


def _spool(table: Table) -> SpoolSettings:
    settings = SpoolSettings(table.whole("max_bytes", SpoolSettings().max_bytes, 1_000_000, 10**12))
    table.done()
    return settings


def _uplinks(top: Table) -> tuple[Uplink, ...]:
    uplinks = []
    for table in top.tables("uplink"):
        uplinks.append(
            Uplink(
                name=table.text("name", required=True, matching=_NAME),
                role=table.choice("role", "primary", ("primary", "backup")),
                interface=table.text("interface", required=True, matching=_INTERFACE),
                technology=table.text("technology", matching=_NAME),
                operator=table.text("operator", matching=r"[^\x00-\x1f]{1,64}"),
                metered=table.flag("metered", False) if "metered" in table.values else None,
            )
        )
        table.done()
    return tuple(uplinks) or (_DEFAULT_UPLINK,)


def _probes(table: Table, role: str) -> dict[str, ProbeSettings]:
    probes = {}
    for name, kind in PROBES.items():
        section = table.table(name)
        ours = role in kind.roles
        if not ours and name in table.values:
            table.wrong(
                name, f"is of no use with role {role}", f'it goes with [agent] role = "{kind.roles[0]}"'
            )
        probes[name] = ProbeSettings(
            enabled=section.flag("enabled", ours) and ours,
            interval_s=section.number("interval_s", kind.interval_s, 1, 86_400),
            own=kind.read(section),
        )
        section.done()
    table.done()
    return probes


def _check_role(top: Table, role: str) -> None:
    if role != CLASSROOM:
        return
    for key in ("uplink", "device"):
        if key in top.values:
            top.wrong(
                key, f"is of no use with role {role}", "the school's gateway measures lines and devices"
            )


def _check_names(top: Table, settings: Settings) -> None:
    seen: set[str] = set()
    for at, uplink in enumerate(settings.uplinks):
        if uplink.name in seen:
            top.mistakes.note(("uplink", at, "name"), f"{uplink.name!r} stands twice", "names must differ")
        seen.add(uplink.name)
    for at, target in enumerate(settings.probes["reachability"].own.targets):
        if target.uplink and target.uplink not in seen:
            place = ("probes", "reachability", "target", at, "uplink")
            top.mistakes.note(place, f"{target.uplink!r} is no uplink", "name one of the [[uplink]]s")
