"""A keeper of accounts in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schoolpulse.enrolment.keepers.base import Wanted
from schoolpulse.errors import AccountsUnavailable


class FakeKeeper:
    """Accounts in memory. `away` makes it unavailable, `refuses` lists whom it will not have."""

    def __init__(self) -> None:
        self.accounts: dict[str, str | None] = {}
        self.calls: list[Wanted] = []
        self.away = False
        self.refuses: set[str] = set()

    def apply(self, wanted: Sequence[Wanted]) -> Mapping[str, str]:
        if self.away:
            raise AccountsUnavailable("the broker is away")
        self.calls += wanted
        for one in wanted:
            self.accounts.pop(one.agent_id, None)
            if one.active and one.agent_id not in self.refuses:
                self.accounts[one.agent_id] = one.password
        return {one.agent_id: "it will not" for one in wanted if one.agent_id in self.refuses}

    def names(self) -> frozenset[str]:
        if self.away:
            raise AccountsUnavailable("the broker is away")
        return frozenset(self.accounts)
