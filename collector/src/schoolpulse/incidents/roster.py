"""The registry as the engine sees it: who an agent belongs to, whose line that is, who shares a provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schoolpulse.registry.models import School


class Roster:
    """An immutable view of the registry's schools; another registry is another roster."""

    def __init__(self, schools: Sequence[School]) -> None:
        self.schools: Mapping[str, School] = {school.id: school for school in schools}
        self.ids: Sequence[str] = sorted(self.schools)
        self.by_agent: Mapping[str, str] = {
            school.agent_id: school.id for school in schools if school.agent_id is not None
        }
        self._providers: dict[str, str] = {}
        by_provider: dict[str, list[str]] = {}
        by_area: dict[str, list[str]] = {}
        for school in schools:
            line = school.line("primary")
            provider = line.provider if line is not None else ""
            self._providers[school.id] = provider
            if provider:
                by_provider.setdefault(provider, []).append(school.id)
            if school.area:
                by_area.setdefault("/".join(school.area), []).append(school.id)
        self.by_provider: Mapping[str, Sequence[str]] = by_provider
        self.by_area: Mapping[str, Sequence[str]] = by_area

    def provider_of(self, school_id: str) -> str:
        """Whose primary line the school has; empty where nobody knows."""
        return self._providers.get(school_id, "")
