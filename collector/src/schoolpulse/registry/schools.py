"""What one row of a sheet of schools says, over what the registry has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from schoolpulse.registry.models import Line, Role, School
from schoolpulse.registry.records import Record

_PLAIN = ("name", "level", "lat", "lon", "agent_id")
_LINE_FIELDS = (
    *("provider", "technology", "contracted_down_mbps", "contracted_up_mbps"),
    *("cost_per_month", "currency"),
)
_TEXTS = {"name", "level", "provider", "currency"}


def school_of(record: Record, known: School | None, parent_area: Sequence[str]) -> School:
    """The school as it would be. Columns that the file lacks stay as they are; an empty cell empties."""
    base = known or School(id=record.text("school_id"), name="", level="")
    said = {name: record.values[name] for name in _PLAIN if name in record.values}
    said = {name: value if value is not None or name not in _TEXTS else "" for name, value in said.items()}
    lines = [line_of(record, base, role) for role in ("primary", "backup")]
    return School(
        **{name: said.get(name, getattr(base, name)) for name in _PLAIN},  # type: ignore[arg-type]  # each parsed by its column
        id=base.id,
        area=_area(record, base, known is None, parent_area),
        lines=tuple(line for line in lines if line is not None),
        history=base.history,
        areas=base.areas,
    )


def says_lines(record: Record, role: Role) -> bool:
    """Whether the file has a column of that line."""
    prefix = "" if role == "primary" else "backup_"
    return any(prefix + name in record.values for name in _LINE_FIELDS[:4])


def line_of(record: Record, base: School, role: Role) -> Line | None:
    """The school's line in that role as the row says it, None where it says that there is none."""
    known = base.line(role)
    if not says_lines(record, role):
        return known
    prefix = "" if role == "primary" else "backup_"
    said = {name: record.values[prefix + name] for name in _LINE_FIELDS if prefix + name in record.values}
    if not any(value is not None for value in said.values()):
        return None
    said = {name: value if value is not None or name not in _TEXTS else "" for name, value in said.items()}
    if not said.get("technology", known.technology if known else ""):
        said["technology"] = "unknown"
    if known is None:
        said = {"provider": "", "technology": "unknown", **said}
        return tidy(Line(role=role, **said))  # type: ignore[arg-type]  # each parsed by its column
    if said.get("provider", known.provider) != known.provider:
        # What the old provider cost says nothing of the new one.
        said = {"cost_per_month": None, "currency": "", **said}
    return tidy(replace(known, **said))  # type: ignore[arg-type]  # each parsed by its column


def tidy(line: Line) -> Line:
    """`line` with a currency where it has a cost, VND if nobody said, and without one where it has none."""
    currency = "" if line.cost_per_month is None else line.currency or "VND"
    return line if currency == line.currency else replace(line, currency=currency)


def _area(record: Record, base: School, new: bool, parent_area: Sequence[str]) -> tuple[str, ...]:
    whole = record.values.get("area")
    if isinstance(whole, tuple):
        return whole
    if "ward" in record.values:
        ward = record.text("ward")
        if not new and ward and base.area and ward == base.area[-1]:
            return base.area
        return (*parent_area, ward) if ward else tuple(parent_area)
    if "area" in record.values:
        return ()
    return tuple(parent_area) if new else base.area
