"""Reads the ``[[device]]`` sections."""

from __future__ import annotations

from pathlib import Path
from socket import AF_INET

from schoolpulse_agent.credentials import private_file_trouble
from schoolpulse_agent.probes.methods.engine import family_of
from schoolpulse_agent.settings import Device, SnmpAccess
from schoolpulse_agent.toml_table import Table

MAX_DEVICES = 256
METHODS = ("ping", "tcp", "arp", "pjlink", "snmp")
SNMP_VERSIONS = ("1", "2c", "3")
_AUTH = ("sha", "sha224", "sha256", "sha384", "sha512")
_PRIV = ("aes", "aes192", "aes256")
_NAME = "[a-z0-9][a-z0-9_-]{0,63}"
_KIND = "[a-z][a-z0-9_]{0,31}"
_HOST = r"[A-Za-z0-9._:-]{1,253}"


def read_devices(top: Table) -> tuple[Device, ...]:
    """All devices, in the order in which they stand; notes every mistake."""
    entries = top.tables("device")
    devices = [_device(entry) for entry in entries]
    if len(devices) > MAX_DEVICES:
        top.wrong("device", f"{len(devices)} devices are too many", f"at most {MAX_DEVICES}")
    names = [device.name for device in devices]
    for at, device in enumerate(devices):
        if device.name and device.name in names[:at]:
            entries[at].wrong("name", f"{device.name!r} stands twice", "names must differ")
        if device.parent and (device.parent not in names or device.parent == device.name):
            entries[at].wrong(
                "parent", f"{device.parent!r} is no other device", "name one of the [[device]]s"
            )
    return tuple(devices)


def _device(table: Table) -> Device:
    device = Device(
        name=table.text("name", required=True, matching=_NAME),
        kind=table.text("kind", required=True, matching=_KIND),
        method=table.choice("method", "ping", METHODS),
        address=table.text("address", required=True, matching=_HOST),
        port=table.whole("port", 0, 1, 65_535),
        title=table.text("title"),
        parent=table.text("parent", matching=_NAME),
        password_file=_secret(table, "password_file"),
        snmp=_snmp(table.table("snmp")),
    )
    if device.method == "tcp" and not device.port:
        table.wrong("port", "is missing", 'method "tcp" connects to a port')
    if device.method == "snmp" and device.snmp.version == "3" and family_of(device.address) != AF_INET:
        table.wrong("address", f"{device.address[:40]!r} is no IPv4 address", "SNMP version 3 needs one")
    for key, method in (("snmp", "snmp"), ("password_file", "pjlink")):
        if key in table.values and device.method != method:
            table.wrong(key, f"is of no use with method {device.method}", f'write method = "{method}"')
    table.done()
    return device


def _snmp(table: Table) -> SnmpAccess:
    default = SnmpAccess()
    access = SnmpAccess(
        version=table.choice("version", default.version, SNMP_VERSIONS),
        community=table.text("community", default.community),
        user=table.text("user"),
        auth=table.choice("auth", default.auth, _AUTH),
        auth_password_file=_secret(table, "auth_password_file"),
        priv=table.choice("priv", default.priv, _PRIV),
        priv_password_file=_secret(table, "priv_password_file"),
        ports=table.texts("ports"),
    )
    if access.version == "3":
        for key in ("user", "auth_password_file"):
            if key not in table.values:
                table.wrong(key, "is missing", "version 3 names its user and proves to be it")
        if "community" in table.values:
            table.wrong("community", "is of no use with version 3", "give user and auth_password_file")
    else:
        for key in ("user", "auth", "auth_password_file", "priv", "priv_password_file"):
            if key in table.values:
                table.wrong(key, f"is of no use with version {access.version}", 'write version = "3"')
    table.done()
    return access


def _secret(table: Table, key: str) -> Path | None:
    path = table.path(key)
    trouble = private_file_trouble(path) if path is not None else None
    if trouble is not None:
        table.wrong(key, f"{path} {trouble[0]}", trouble[1])
    return path
