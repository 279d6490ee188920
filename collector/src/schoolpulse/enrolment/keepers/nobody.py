"""No keeper: the broker takes anybody (the embedded one on loopback), or a person keeps its accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schoolpulse.enrolment.keepers.base import Wanted


class Nobody:
    """Accounts are written down here and nowhere else."""

    def apply(self, wanted: Sequence[Wanted]) -> Mapping[str, str]:  # noqa: ARG002  # there is nothing to do
        """Done."""
        return {}

    def names(self) -> None:
        """Nobody knows."""
