"""``[enrolment]`` and ``[accounts]``: what agents are told, and who keeps their accounts at the broker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from schoolpulse.ingest.settings import BrokerSettings

DAY_S = 86_400


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EnrolmentSettings(_Section):
    """What an agent is told that enrols."""

    broker_url: str | None = None
    """The broker as schools reach it, ``mqtts://host[:port]``; `[broker] url` without it."""
    broker_ca_file: Path | None = None
    """The authority of the broker's certificate, PEM, handed to agents; none where every machine knows it."""
    server_certificate_file: Path | None = None
    """The certificate that the collector's HTTPS address shows, PEM: codes then carry its pin."""
    code_days: Annotated[float, Field(gt=0, le=90)] = 7.0
    """How long a code can be used, days, where nobody says otherwise."""

    @field_validator("broker_url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        return url if url is None else BrokerSettings(url=url).url


class NoAccounts(_Section):
    """The broker asks nobody who they are, or somebody keeps its accounts by hand."""

    kind: Literal["none"] = "none"


class DynsecAccounts(_Section):
    """mosquitto's dynamic security plugin, over MQTT: changes count at once."""

    kind: Literal["dynsec"]
    username: str = "accounts"
    """The broker user that may write to ``$CONTROL/dynamic-security/v1``."""
    password_file: Path
    """Its password, on the first line."""
    url: str | None = None
    """The broker, where it is another address than `[broker] url`."""
    ca_file: Path | None = None
    """Its authority, where that is another file than `[broker] ca_file`."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        return url if url is None else BrokerSettings(url=url).url


class PasswordFileAccounts(_Section):
    """mosquitto's password file on this machine, and a signal that has it read."""

    kind: Literal["password_file"]
    path: Path
    """The file that mosquitto's `password_file` names; lines of others in it stay as they are."""
    pid_file: Path | None = None
    """mosquitto's `pid_file`, for the SIGHUP; without it something else has the file read."""


AccountSettings = Annotated[
    NoAccounts | DynsecAccounts | PasswordFileAccounts,
    Field(discriminator="kind"),
]
"""``[accounts]``: `kind` says which."""
