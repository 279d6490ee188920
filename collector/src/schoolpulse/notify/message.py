"""What a person reads on a phone's lock screen: who, what, since when, why, how far, where to look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from schoolpulse.i18n import Language, translate
from schoolpulse.incidents.model import Cause, Change, Incident, Scope, Transition
from schoolpulse.local_time import local
from schoolpulse.registry.models import School

MAX_LINES = 20


class Text(NamedTuple):
    """A headline, and the lines below it."""

    title: str
    lines: tuple[str, ...]

    @property
    def body(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)


def text_of(transition: Transition, school: School | None, language: Language, link: str = "") -> Text:
    """The message for `transition`; `school` is the one it is about, if it is about one."""
    incident = transition.incident
    what = translate(f"kind.{incident.kind}", language)
    title = translate(
        f"notify.title.{transition.change}", language, who=who(incident, school, language), what=what
    )
    lines = [what] if transition.change is Change.RESOLVED else []
    lines.append(_when(incident, transition.at_ms, language))
    if incident.cause is not Cause.UNKNOWN:
        lines.append(
            translate("notify.text.cause", language, cause=translate(f"cause.{incident.cause}", language))
        )
    count = _schools(transition)
    if count:
        lines.append(translate("notify.text.many", language, count=count))
    if incident.provider and incident.scope is Scope.SCHOOL:
        lines.append(translate("notify.text.provider", language, name=incident.provider))
    if school is not None and school.area:
        lines.append(translate("notify.text.ward", language, name=", ".join(reversed(school.area))))
    if link:
        lines.append(link)
    return Text(title, tuple(lines))


def summary_of(
    incidents: Sequence[Incident],
    school: Callable[[str], School | None],
    at_ms: int,
    language: Language,
    link: str = "",
) -> Text:
    """What is still open, the oldest first, as much as fits a message."""
    title = translate("notify.summary.title", language, count=len(incidents))
    lines = [
        translate(
            "notify.summary.line",
            language,
            who=who(one, school(one.school) if one.school is not None else None, language),
            what=translate(f"kind.{one.kind}", language),
            at=local_time(one.start, at_ms),
        )
        for one in sorted(incidents, key=lambda one: (one.start, one.id))[:MAX_LINES]
    ]
    if len(incidents) > MAX_LINES:
        lines.append(translate("notify.summary.more", language, count=len(incidents) - MAX_LINES))
    if link:
        lines.append(link)
    return Text(title, tuple(lines))


def who(incident: Incident, school: School | None, language: Language) -> str:
    """Whom the incident is about, by name."""
    if incident.scope is Scope.PROVIDER:
        return translate("notify.who.provider", language, name=incident.provider or "?")
    if incident.scope is not Scope.SCHOOL:
        return translate(f"notify.who.{incident.scope}", language)
    name = school.name if school is not None else incident.school or "?"
    if incident.device:
        return translate("notify.who.device", language, school=name, device=incident.device)
    return name


def local_time(at_ms: int, near_ms: int) -> str:
    """A time in Vietnam, with its date unless that is the day of `near_ms`."""
    at, near = (local(ms) for ms in (at_ms, near_ms))
    return at.strftime("%H:%M" if at.date() == near.date() else "%H:%M %d/%m/%Y")


def duration(span_ms: int, language: Language) -> str:
    """A span in the two largest units that it has."""
    seconds = max(0, span_ms) // 1000
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    unit = "days" if days else "hours" if hours else "minutes"
    return translate(
        f"notify.duration.{unit}", language, days=days, hours=hours, minutes=minutes, seconds=seconds
    )


def _when(incident: Incident, at_ms: int, language: Language) -> str:
    if incident.end is None:
        return translate("notify.text.since", language, at=local_time(incident.start, at_ms))
    return translate(
        "notify.text.between",
        language,
        from_at=local_time(incident.start, at_ms),
        to_at=local_time(incident.end, at_ms),
        duration=duration(incident.end - incident.start, language),
    )


def _schools(transition: Transition) -> int:
    counts = [fact["schools"] for fact in transition.evidence if "schools" in fact]
    return max((count for count in counts if isinstance(count, int)), default=0)
