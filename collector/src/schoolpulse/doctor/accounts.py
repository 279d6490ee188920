"""The agents' accounts: whether their keeper answers, and whether the broker has what it was given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from schoolpulse.doctor.findings import Finding, bad, ok, warn
from schoolpulse.enrolment.accounts import Account
from schoolpulse.enrolment.keepers.base import AccountKeeper
from schoolpulse.errors import AccountsUnavailable

PART = "accounts"
_NAMED = 5


def look_at(keeper: AccountKeeper, accounts: Sequence[Account]) -> Iterator[Finding]:
    """Ask the keeper who it knows, and compare that with who should be there."""
    try:
        names = keeper.names()
    except AccountsUnavailable as error:
        yield bad(PART, str(error), error.hint)
        return
    if names is None:
        return  # it is the broker's own affair
    owed = [account.agent_id for account in accounts if account.owed]
    settled = [account for account in accounts if not account.owed]
    missing = [account.agent_id for account in settled if account.active and account.agent_id not in names]
    let_in = [account.agent_id for account in settled if not account.active and account.agent_id in names]
    if owed:
        yield warn(
            PART, f"the broker has not taken {_list(owed)}", "does the collector run? its log says why"
        )
    if missing:
        yield bad(
            PART, f"the broker does not know {_list(missing)}", "schoolpulse agents code, and enrol again"
        )
    if let_in:
        yield bad(
            PART, f"the broker lets in {_list(let_in)}, revoked", "start the collector, which takes them out"
        )
    if not owed and not missing and not let_in:
        active = sum(account.active for account in accounts)
        yield ok(PART, f"the broker knows every agent that it should ({active})")


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
