"""``[broker]`` and ``[ingest]`` of the collector's configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_PORTS = {"mqtt": 1883, "mqtts": 8883}


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BrokerSettings(_Settings):
    """The MQTT broker that agents publish to, and how the collector speaks to it."""

    url: str = "mqtt://127.0.0.1:1883"
    """``mqtt://host[:port]``, or ``mqtts://`` for TLS; the ports are 1883 and 8883 where none is given."""
    username: str | None = None
    """The broker user; its rights: read ``schoolpulse/v1/#``, write ``schoolpulse/v1/+/confirm``."""
    password_file: Path | None = None
    """A file with the password on its first line, read at each connect."""
    ca_file: Path | None = None
    """For ``mqtts``: the certificate authority to trust instead of the system's, PEM."""
    client_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "schoolpulse-collector"
    """The session's name at the broker. Two collectors with the same one throw each other out."""
    protocol: Literal["5", "3.1.1"] = "5"
    """The MQTT version; 3.1.1 for a broker that knows no other. It has no `receive_maximum`."""
    receive_maximum: Annotated[int, Field(ge=1, le=65_535)] = 2_000
    """How many messages may be here unacknowledged: all that waits in memory while the journal is blocked."""
    keepalive_s: Annotated[int, Field(ge=2, le=3_600)] = 15
    """Silence on the connection after which either end asks whether the other lives, seconds."""
    session_expiry_s: Annotated[int, Field(ge=0, le=2**32 - 2)] = 86_400
    """How long the broker keeps messages for a collector that is away, seconds (MQTT 5 only)."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("it reads mqtt://host[:port] or mqtts://host[:port]")
        if parts.username is not None or parts.password is not None:
            raise ValueError("the user and password stand in username and password_file")
        if parts.path not in {"", "/"} or parts.query or parts.fragment:
            raise ValueError("nothing may follow the port")
        _ = parts.port  # raises ValueError where it is none
        return url

    @model_validator(mode="after")
    def _check_together(self) -> BrokerSettings:
        if self.ca_file is not None and not self.tls:
            raise ValueError("ca_file needs an mqtts:// url")
        if self.password_file is not None and self.username is None:
            raise ValueError("password_file needs a username")
        return self

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self._parts.scheme == "mqtts"

    @property
    def host(self) -> str:
        """The broker's host name or address."""
        return self._parts.hostname or ""

    @property
    def port(self) -> int:
        """The broker's port."""
        return self._parts.port or _PORTS[self._parts.scheme]


class IngestSettings(_Settings):
    """From the broker to the journal."""

    max_journal_bytes: Annotated[int, Field(ge=16 * 1024 * 1024)] = 8 * 1024**3
    """How large the journal may become, bytes. Beyond it nothing is acknowledged until a sink catches up."""
    max_waiting_bytes: Annotated[int, Field(ge=1024 * 1024)] = 32 * 1024 * 1024
    """How many bytes of payload may wait in memory for their commit before reading from the broker pauses."""
    linger_ms: Annotated[float, Field(ge=0, le=1_000)] = 10.0
    """The least time between two commits while messages keep coming, ms: what came together is one fsync."""
    confirms_per_s: Annotated[float, Field(gt=0)] = 1_000.0
    """How many confirms may go out a second; what is more is joined with the next ones of its stream."""
