"""``[[endpoints]]``: who is told of incidents, and how."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from schoolpulse.i18n import Language
from schoolpulse.notify.signing import decode_secret

Format = Literal["schoolpulse", "alertmanager", "apprise"]


class OutboxSettings(BaseModel):
    """``[outbox]``: the record of what was sent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep_days: Annotated[float, Field(ge=2, le=3660)] = 90.0
    """How long messages that were taken or given up are kept after their incident's end. What waits stays."""


class EndpointSettings(BaseModel):
    """One receiver of webhooks.

    `secret` signs what is sent (``whsec_`` and base64). While a key is exchanged it may be a list, and
    every message carries a signature by each. `secret_file` holds the same, one a line, and is read anew for
    every message. `allow_private` permits a target inside this network: without it, an address that is
    private, loopback or link-local is refused at every attempt.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    url: Annotated[str, Field(max_length=2048)] = ""
    apprise_url: SecretStr | None = None
    apprise_file: Path | None = None
    """For the format ``apprise``: its address, which holds passwords, here or in a file (``mailto://..``)."""
    format: Format = "schoolpulse"
    secret: SecretStr | list[SecretStr] | None = None
    secret_file: Path | None = None
    ca_file: Path | None = None
    """Certificates to trust instead of the system's, for a receiver with a certificate of one's own."""
    allow_private: bool = False
    language: Language = "vi"
    everything: bool = False
    """Also tickets, muted incidents and every amendment, for systems that keep a record of their own."""

    @model_validator(mode="after")
    def _complete(self) -> EndpointSettings:
        if (self.format == "apprise") != (self.apprise_url is not None or self.apprise_file is not None):
            raise ValueError("apprise_url or apprise_file: belongs to the format apprise, and to no other")
        if self.format == "apprise":
            return self
        parts = urlsplit(self.url)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise ValueError("url: an https:// or http:// address")
        if parts.username or parts.password:
            raise ValueError("url: no user name or password in it; sign with a secret instead")
        if parts.scheme == "http" and not self.allow_private:
            raise ValueError(
                "url: https only; plain http needs allow_private, for a receiver in this network"
            )
        if self.format == "schoolpulse" and not self.secret and self.secret_file is None:
            raise ValueError("secret: is missing; make one with `schoolpulse endpoints secret`")
        for secret in self._inline():
            decode_secret(secret)
        return self

    def apprise_address(self) -> str:
        """Where Apprise sends to.

        Raises:
            OSError: the file cannot be read.
        """
        if self.apprise_file is not None:
            return self.apprise_file.read_text("utf-8").strip()
        return self.apprise_url.get_secret_value() if self.apprise_url is not None else ""

    def _inline(self) -> list[str]:
        if self.secret is None:
            return []
        secrets = self.secret if isinstance(self.secret, list) else [self.secret]
        return [secret.get_secret_value() for secret in secrets]

    def secrets(self) -> list[bytes]:
        """The keys to sign with, the newest first.

        Raises:
            OSError: the secret file cannot be read.
            ValueError: a secret in it is none.
        """
        texts = self._inline()
        if self.secret_file is not None:
            texts += self.secret_file.read_text("utf-8").split()
        return [decode_secret(text) for text in texts]
