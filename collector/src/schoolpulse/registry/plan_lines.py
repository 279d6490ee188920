"""Plans the rows of a sheet of lines: each a period of one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from schoolpulse.registry.models import Line, LinePeriod, Role, shallow
from schoolpulse.registry.periods import begin
from schoolpulse.registry.plan import Action, Draft, differences, periods_of
from schoolpulse.registry.records import Record
from schoolpulse.registry.schools import tidy
from schoolpulse.registry.values import moment_text
from schoolpulse.registry.writing import Writer


def plan_lines(draft: Draft, records: Sequence[Record]) -> None:
    """Every row's period, put into the history of its line."""
    grouped: dict[tuple[str, Role], list[Record]] = {}
    for record in records:
        role: Role = "primary" if record.text("role") == "primary" else "backup"
        grouped.setdefault((record.text("school_id"), role), []).append(record)
    for key, rows in grouped.items():
        if not draft.is_there(rows[0]):
            continue
        if key in draft.spoken:
            draft.plan.mistakes.append(rows[0].wrong("school_id", "both_say_lines"))
            continue
        old = periods_of(draft.known(key[0]), key[1])
        new, starts = _with_rows(draft, old, rows)
        by_start: dict[int | None, Record] = {None: rows[0]}
        by_start |= {starts[record.row]: record for record in rows}
        set_line(draft, key, old, new, by_start)
        for record in rows:
            start = starts[record.row]
            before, after = _beginning_at(old, start), _beginning_at(new, start)
            action: Action = "same" if before == after else "changed" if before else "new"
            draft.plan.counts["lines"][action] += 1


def set_line(
    draft: Draft,
    key: tuple[str, Role],
    old: Sequence[LinePeriod],
    new: Sequence[LinePeriod],
    rows: Mapping[int | None, Record],
) -> bool:
    """Plan that a line's history becomes `new`; whether that is a change.

    `rows` says which row speaks of the period that begins then; that of None stands for the others.
    """
    if list(new) == list(old):
        return False
    school_id, role = key
    draft.step(partial(Writer.set_line, school_id=school_id, role=role, old=tuple(old), new=tuple(new)))
    for start in dict.fromkeys(period.from_ms for period in (*old, *new)):
        before, after = _beginning_at(old, start), _beginning_at(new, start)
        fields = differences(_texts(before), _texts(after))
        if fields:
            action: Action = "changed" if before else "new"
            draft.show("line", (school_id, role), action, fields, rows.get(start, rows[None]))
    return True


def _with_rows(
    draft: Draft, old: list[LinePeriod], rows: Sequence[Record]
) -> tuple[list[LinePeriod], dict[int, int | None]]:
    """`old` with every row's period in it, and by row when its period begins."""
    new = list(old)
    starts: dict[int, int | None] = {}
    for record in sorted(rows, key=lambda one: one.at_ms("valid_from") or -1):
        line = _line(record)
        from_ms, to_ms = record.at_ms("valid_from"), record.at_ms("valid_to")
        if from_ms is None and to_ms is None and old:
            # A row without dates speaks of today; what was before stays.
            now = next((one for one in old if one.covers(draft.today_ms)), None)
            if now is not None and now.line == line:
                starts[record.row] = now.from_ms
                continue
            from_ms = draft.today_ms
        starts[record.row] = from_ms
        try:
            new = begin(new, line, from_ms, to_ms)
        except ValueError:
            backwards = to_ms is not None and from_ms is not None and to_ms <= from_ms
            draft.plan.mistakes.append(
                record.wrong("valid_to", "ends_before" if backwards else "reaches_into")
            )
            continue
        if from_ms is not None:
            starts[record.row] = next(one.from_ms for one in new if one.covers(from_ms))
    return new, starts


def _line(record: Record) -> Line:
    return tidy(
        Line(
            role="primary" if record.text("role") == "primary" else "backup",
            provider=record.text("provider"),
            technology=record.text("technology"),
            contracted_down_mbps=record.number("contracted_down_mbps"),
            contracted_up_mbps=record.number("contracted_up_mbps"),
            cost_per_month=record.number("cost_per_month"),
            currency=record.text("currency"),
        )
    )


def _beginning_at(periods: Sequence[LinePeriod], start: int | None) -> LinePeriod | None:
    return next((period for period in periods if period.from_ms == start), None)


def _texts(period: LinePeriod | None) -> dict[str, object]:
    if period is None:
        return {}
    dates = {"valid_from": moment_text(period.from_ms), "valid_to": moment_text(period.to_ms)}
    return {name: value for name, value in shallow(period.line).items() if name != "role"} | dates
