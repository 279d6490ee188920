"""What an import would do: compared with the registry, shown to somebody, then done exactly so.

A plan belongs to the version of the registry that it was made against. Nothing that the file does not
name is changed; what the registry has and the file lacks is listed and left alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Literal

from schoolpulse.errors import UsageError
from schoolpulse.registry.columns import Kind
from schoolpulse.registry.mistakes import Mistake
from schoolpulse.registry.models import Contact, Device, LinePeriod, Role, School
from schoolpulse.registry.records import Record
from schoolpulse.registry.snapshot import Snapshot
from schoolpulse.registry.writing import Writer

Action = Literal["new", "changed", "same"]
ItemKind = Literal["school", "line", "agent", "device", "contact"]


class RegistryMoved(UsageError):
    """The registry was changed after the preview was made."""

    def __init__(self) -> None:
        super().__init__("the registry was changed since", hint="look at a new preview")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that is new or changes. `fields` are ``(old, new)`` as text by name; `row` 0 for none."""

    kind: ItemKind
    school_id: str
    subject: str
    action: Action
    fields: Mapping[str, tuple[str, str]]
    row: int = 0
    sheet: str = ""


@dataclass(slots=True)
class Plan:
    """An import before it is done."""

    version: int
    items: list[Item] = field(default_factory=list)
    counts: dict[Kind, Counter[Action]] = field(default_factory=dict)
    missing: dict[Kind, list[str]] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[Mistake] = field(default_factory=list)
    steps: list[Callable[[Writer], None]] = field(default_factory=list)

    def apply(self, writer: Writer, known: Snapshot) -> None:
        """Do it, within the writer's transaction.

        Raises:
            UsageError: there are mistakes.
            RegistryMoved: the registry is not the one that was looked at.
        """
        if self.mistakes:
            raise UsageError("a file with mistakes is not imported")
        if known.version != self.version:
            raise RegistryMoved
        for step in self.steps:
            step(writer)

    def count(self, kind: Kind, action: Action) -> int:
        """How many rows of that kind are new, changed or the same."""
        return self.counts.get(kind, Counter())[action]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The registry as a plan compares with it."""

    snapshot: Snapshot
    devices: Sequence[Device]
    contacts: Sequence[Contact]


@dataclass(slots=True)
class Draft:
    """A plan being made, and what is known so far of what the file says."""

    plan: Plan
    recorded: Recorded
    now_ms: int
    today_ms: int
    parent_area: tuple[str, ...]
    named: AbstractSet[tuple[str, ...]] = frozenset()
    schools: dict[str, School] = field(default_factory=dict)
    spoken: set[tuple[str, Role]] = field(default_factory=set)

    def known(self, school_id: str) -> School | None:
        """The school as the registry has it."""
        return self.recorded.snapshot.by_id.get(school_id)

    def is_there(self, record: Record) -> bool:
        """Whether the row's school exists or will; a mistake where not."""
        school_id = record.text("school_id")
        if school_id in self.schools or (school_id,) in self.named or self.known(school_id) is not None:
            return True
        self.plan.mistakes.append(record.wrong("school_id", "no_school", value=repr(school_id)))
        return False

    def step(self, step: Callable[[Writer], None]) -> None:
        """One more thing to do."""
        self.plan.steps.append(step)

    def show(
        self,
        kind: ItemKind,
        subject: tuple[str, str],
        action: Action,
        fields: Mapping[str, tuple[str, str]],
        record: Record,
    ) -> None:
        """One more thing to show; `subject` is a school's id and what of it."""
        school_id, name = subject
        self.plan.items.append(
            Item(
                kind=kind,
                school_id=school_id,
                subject=name,
                action=action,
                fields=fields,
                row=record.row,
                sheet=record.sheet,
            )
        )


def periods_of(school: School | None, role: Role) -> list[LinePeriod]:
    """A line's history."""
    return [period for period in school.history if period.line.role == role] if school else []


def differences(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, tuple[str, str]]:
    """What differs, as text; a value that is not there is empty."""
    pairs = {name: (_text(before.get(name)), _text(after.get(name))) for name in {**before, **after}}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1] and name != "school_id"}


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
