"""What can be set, with its defaults, as plain typed values; `schoolpulse_agent.config` reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

DEFAULT_STATE_DIR = Path("/var/lib/schoolpulse-agent")
_PORTS = {"mqtt": 1883, "mqtts": 8883}
GATEWAY, CLASSROOM = "gateway", "classroom"
MOBILE_TECHNOLOGIES = frozenset({"mobile", "2g", "3g", "4g", "5g", "lte"})
"""Those that come out of a modem which can be asked for its signal."""


class AgentSettings(NamedTuple):
    """Section ``[agent]``."""

    id: str
    state_dir: Path = DEFAULT_STATE_DIR
    clock_wait_s: float = 300.0
    """How long after its start a machine without a battery clock may take to learn the time."""
    role: str = GATEWAY
    """``gateway``: measures the school's lines and devices. ``classroom``: only the machine that it is on."""


class BrokerSettings(NamedTuple):
    """Section ``[broker]``. With `tls` the broker's certificate is always verified."""

    host: str
    port: int = 1883
    tls: bool = False
    protocol: str = "5"
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    keepalive_s: int = 30
    reconnect_spread_s: float = 40.0
    """After a lost connection the first try comes at a random moment within this time."""
    reconnect_max_s: float = 120.0
    """Further tries come at random moments within a time that doubles up to this."""


class BatchSettings(NamedTuple):
    """Section ``[batch]``."""

    interval_s: float = 30.0
    in_flight: int = 32
    """Batches sent and not yet confirmed."""
    backlog_per_s: float = 10.0
    """Rate at which what was kept during an outage follows the newest."""
    confirm_timeout_s: float = 30.0
    """A batch that is not confirmed by then is sent again; the time doubles with each try."""


class SpoolSettings(NamedTuple):
    """Section ``[spool]``."""

    max_bytes: int = 20_000_000


class Uplink(NamedTuple):
    """Section ``[[uplink]]``: one way out of the school. Without an interface, that of the default route."""

    name: str
    role: str = "primary"
    interface: str = ""
    technology: str = ""
    metered: bool | None = None
    """Whether it is paid for by the megabyte; a backup is, unless told otherwise."""
    operator: str = ""
    """Of a mobile line, where its modem does not tell."""

    @property
    def is_metered(self) -> bool:
        """Whether nothing large may go over it."""
        return self.role == "backup" if self.metered is None else self.metered


class SnmpAccess(NamedTuple):
    """Table ``snmp`` of a device. v3 is always authenticated, and encrypted where a key for it is given."""

    version: str = "2c"
    community: str = "public"
    user: str = ""
    auth: str = "sha"
    auth_password_file: Path | None = None
    priv: str = "aes"
    priv_password_file: Path | None = None
    ports: tuple[str, ...] = ()
    """Names of interfaces that are reported each by itself."""


class Device(NamedTuple):
    """Section ``[[device]]``: one device behind the gateway. `parent` is the one that it hangs on."""

    name: str
    kind: str
    method: str
    address: str
    port: int = 0
    title: str = ""
    parent: str = ""
    password_file: Path | None = None
    snmp: SnmpAccess = SnmpAccess()


class ProbeSettings(NamedTuple):
    """Section ``[probes.<name>]``: what every probe has, and what only this one knows."""

    enabled: bool
    interval_s: float
    own: Any = None


class Settings(NamedTuple):
    """A whole configuration."""

    agent: AgentSettings
    broker: BrokerSettings
    batch: BatchSettings
    spool: SpoolSettings
    uplinks: tuple[Uplink, ...]
    probes: dict[str, ProbeSettings]
    devices: tuple[Device, ...] = ()


def broker_at(url: str, **others: Any) -> BrokerSettings:
    """Broker settings for ``mqtt://host[:port]`` or ``mqtts://host[:port]``; `others` as in `BrokerSettings`.

    Raises:
        ValueError: `url` is no such address; says why.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise ValueError("must begin with mqtt:// or mqtts://")
    if not parts.hostname:
        raise ValueError("names no host")
    if parts.username or parts.password:
        raise ValueError("must not hold a user name or password")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must end after the host and port")
    port = parts.port or _PORTS[parts.scheme]  # raises ValueError itself where it is no port
    return BrokerSettings(parts.hostname, port, parts.scheme == "mqtts", **others)
