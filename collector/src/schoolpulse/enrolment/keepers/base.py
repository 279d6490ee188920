"""What a keeper of accounts is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol


class Wanted(NamedTuple):
    """How an agent's account is to be at the broker.

    An `active` one has a password, or is let in by its client certificate where `password` is None; of one
    that is not, nothing is to be left, and a connection that stands is to be cut.
    """

    agent_id: str
    active: bool
    password: str | None = None


class AccountKeeper(Protocol):
    """Makes and removes accounts. Called from one thread at a time; may block for some seconds."""

    def apply(self, wanted: Sequence[Wanted]) -> Mapping[str, str]:
        """Make it so. What is so already may be asked for again.

        Returns:
            The agents for whom it could not be done, each with the reason in a sentence without secrets.

        Raises:
            AccountsUnavailable: nothing can be done now; try again later.
        """
        ...

    def names(self) -> frozenset[str] | None:
        """Every account that there is, others' too; None where that cannot be told.

        Raises:
            AccountsUnavailable: it cannot be told now.
        """
        ...
