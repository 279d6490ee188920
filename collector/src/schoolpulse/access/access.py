"""The door: from what a request shows to who sends it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from sqlalchemy import Engine

from schoolpulse.access.audit import AuditLog
from schoolpulse.access.models import LOCAL, Caller
from schoolpulse.access.settings import AccessSettings
from schoolpulse.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a request shows of its sender.

    `host` is the name that it was sent to, without the port; `forwarded` whether a proxy says that it passed
    it on.
    """

    host: str
    token: str | None = None
    session: str | None = None
    forwarded: bool = False


class Access:
    """Users, tokens and sessions over one database. Every method blocks: call it outside an event loop.

    Args:
        engine: the relational state.
        clock: ends sessions, stamps the audit log.
        settings: ``[access]``.
        listens_on: ``[http] host``. While that is a loopback address and there are no users, whoever
            reaches it under a loopback name is `LOCAL`.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        *,
        settings: AccessSettings | None = None,
        listens_on: str = "127.0.0.1",
    ) -> None:
        self.settings = settings or AccessSettings()
        self.audit = AuditLog(engine, clock, keep_days=self.settings.audit_days)
        self.on_loopback = is_loopback(listens_on)

    def caller(self, shown: Shown) -> Caller | None:
        """Who sends a request that shows this; None for nobody known."""
        return LOCAL if self.is_open(shown) else None

    def is_open(self, shown: Shown) -> bool:
        """Whether nobody is asked who they are: a machine without users, reached from itself.

        The name is looked at because a foreign page may have its own name resolve to this machine (DNS
        rebinding); and a proxy in front makes of loopback the whole world.
        """
        return self.on_loopback and not shown.forwarded and is_loopback(shown.host)


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine and nothing else."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
