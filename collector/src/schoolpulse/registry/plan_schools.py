"""Plans the rows of a sheet of schools: the schools, their agents, the lines that stand in their rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from schoolpulse.registry.models import ROLES, School
from schoolpulse.registry.moves import Since, areas_of, hang, moved
from schoolpulse.registry.periods import begin, end
from schoolpulse.registry.plan import Action, Draft, differences, periods_of
from schoolpulse.registry.plan_lines import set_line
from schoolpulse.registry.records import Record
from schoolpulse.registry.schools import line_of, says_lines, school_of
from schoolpulse.registry.values import moment_text
from schoolpulse.registry.writing import Writer


def plan_schools(draft: Draft, records: Sequence[Record]) -> None:
    """The schools themselves, their agents, and the lines that stand in their rows."""
    for record in records:
        _plan_school(draft, record)
    for record in records:
        _look_at_agent(draft, record)
    if "schools" in draft.plan.counts:
        draft.plan.missing["schools"] = [
            school.id for school in draft.recorded.snapshot.schools if school.id not in draft.schools
        ]


def plan_closings(draft: Draft, records: Sequence[Record]) -> None:
    """Schools that the file closes; last, since it ends their lines."""
    for record in records:
        known = draft.known(record.text("school_id"))
        closed_ms = record.at_ms("closed_on")
        if closed_ms is not None and (known is None or known.closed_ms != closed_ms):
            draft.step(partial(Writer.close_school, school_id=record.text("school_id"), at_ms=closed_ms))


def _plan_school(draft: Draft, record: Record) -> None:
    known = draft.known(record.text("school_id"))
    area = record.values.get("area")
    if isinstance(area, tuple) and record.text("ward") not in ("", area[-1]):
        draft.plan.mistakes.append(record.wrong("ward", "ward_not_in_area"))
    school = school_of(record, known, draft.parent_area)
    draft.schools[school.id] = school
    fields = differences(_texts(known), _texts(school))
    if known is not None:
        fields.pop("area", None)
        fields |= _areas(draft, record, school, known)
    if known is None or fields:
        since = _since(record)
        draft.step(partial(Writer.save_school, school=school, known=known, area_since=since))
    if (known.agent_id if known else None) != school.agent_id:
        draft.step(partial(Writer.set_agent, school_id=school.id, agent_id=school.agent_id))
    closed = (known.closed_ms if known else None, record.at_ms("closed_on"))
    if closed[0] != closed[1]:
        fields["closed_on"] = (moment_text(closed[0]), moment_text(closed[1]))
        if closed[1] is None:
            draft.step(partial(Writer.reopen_school, school_id=school.id))
    if known is None or fields:
        draft.show("school", (school.id, school.name), "changed" if known else "new", fields, record)
    changed = _plan_lines(draft, record, school, known) or bool(fields)
    action: Action = "new" if known is None else "changed" if changed else "same"
    draft.plan.counts["schools"][action] += 1


def _since(record: Record) -> Since:
    """From when on the school hangs where the row says."""
    since = record.values.get("area_from")
    return since if isinstance(since, int) else "always" if since == "always" else "today"


def _areas(draft: Draft, record: Record, school: School, known: School) -> dict[str, tuple[str, str]]:
    """What becomes of where a school hangs, and since when; empty where nothing does."""
    old = areas_of(known)
    new = hang(old, school.area, _since(record), today_ms=draft.today_ms, now_ms=draft.now_ms)
    if new == list(old):
        return {}
    return {name: pair for name, pair in moved(old, new).items() if pair[0] != pair[1]}


def _plan_lines(draft: Draft, record: Record, school: School, known: School | None) -> bool:
    """The lines of a row; whether any of them changes."""
    changed = False
    for role in ROLES:
        if not says_lines(record, role):
            continue
        wanted = line_of(record, known, role) if known else school.line(role)
        if wanted is not None:
            draft.spoken.add((school.id, role))
        old = periods_of(known, role)
        if wanted == (known.line(role) if known else None):
            continue
        from_ms = record.at_ms("valid_from") if role == "primary" else None
        if from_ms is None and old:
            from_ms = draft.today_ms
        new = end(old, draft.today_ms) if wanted is None else begin(old, wanted, from_ms)
        changed |= set_line(draft, (school.id, role), old, new, {None: record})
    return changed


def _look_at_agent(draft: Draft, record: Record) -> None:
    """An agent that stands at a school of which the file says nothing."""
    agent_id = record.text("agent_id")
    other = draft.recorded.snapshot.by_agent.get(agent_id)
    if other is not None and other.id not in draft.schools:
        draft.plan.warnings.append(record.wrong("agent_id", "agent_moves", agent=agent_id, school=other.id))


def _texts(school: School | None) -> dict[str, object]:
    if school is None:
        return {}
    return {
        "name": school.name,
        "level": school.level,
        "area": "/".join(school.area),
        "lat": school.lat,
        "lon": school.lon,
        "agent_id": school.agent_id,
    }
