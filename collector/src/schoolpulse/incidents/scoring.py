"""Incidents against the truth: what was found, what was made up, how soon, and whether the cause was right.

A truth and an incident match when they are about the same (school, device, provider, everybody, ourselves),
of kinds that are the same thing (an outage and being on backup are both a lost line), and overlap in time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

Line = Mapping[str, Any]
"""One object of ``truth.jsonl`` or ``incidents.jsonl``."""

SLACK_MS = 120_000
"""How far apart the two may lie and still be the same: a truth ends before the school is heard again."""
FOREVER_MS = 2**62
_BROADBAND = frozenset({"outage", "on_backup"})
_RESTARTED = frozenset({"gateway_reboot", "gateway_crash"})
"""One answer: from outside, a gateway that was rebooted and one that crashed and rebooted look the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The figures; `missed`, `false`, `wrong` and `unpaged` name what to look at.

    `unpaged` are detectable lost lines of which nobody was told: over before they could be confirmed, muted,
    or forgotten.

    Recall is over detectable truths; precision over pages; times over those of `outages` that are a lost
    line, from its true start to the first page about it (or its confirmation, where it was muted): all of
    them, cut lines (not those that flap) whose school had a backup to tell of it, and those that fell silent.
    """

    outages: int
    found: int
    recall: float
    pages: int
    false_pages: int
    extra_pages: int
    precision: float
    cause_right: float
    median_detect_s: float | None
    p95_detect_s: float | None
    median_backup_s: float | None
    p95_backup_s: float | None
    median_silent_s: float | None
    p95_silent_s: float | None
    missed: tuple[str, ...] = ()
    false: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    unpaged: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object that `schoolpulse score` prints."""
        return {
            "outages": self.outages,
            "found": self.found,
            "recall": round(self.recall, 4),
            "pages": self.pages,
            "false_pages": self.false_pages,
            "extra_pages": self.extra_pages,
            "precision": round(self.precision, 4),
            "not_paged": len(self.unpaged),
            "cause_right": round(self.cause_right, 4),
            "median_detect_s": self.median_detect_s,
            "p95_detect_s": self.p95_detect_s,
            "median_backup_s": self.median_backup_s,
            "p95_backup_s": self.p95_backup_s,
            "median_silent_s": self.median_silent_s,
            "p95_silent_s": self.p95_silent_s,
        }


def score(truths: Sequence[Line], incidents: Sequence[Line]) -> Score:
    """Compare what was found with what was so."""
    book = _Book(incidents)
    detectable = [truth for truth in truths if truth.get("detectable", True)]
    matches = {id(truth): book.matching(truth) for truth in truths}
    found = [truth for truth in detectable if matches[id(truth)]]
    judged = [truth for truth in found if truth["end"] is not None and _has_ended(matches[id(truth)])]
    wrong = [truth for truth in judged if not _cause_is_right(truth, matches[id(truth)])]
    lost = [truth for truth in found if truth["kind"] in _BROADBAND]
    cut = [truth for truth in lost if truth["cause"] == truth.get("fault", "line_cut") == "line_cut"]
    times, backup, silent = (
        sorted(_detected_s(truth, matches[id(truth)]) for truth in some)
        for some in (
            lost,
            [truth for truth in cut if truth["kind"] == "on_backup"],
            [truth for truth in cut if truth["kind"] == "outage"],
        )
    )
    pages = sum(len(one["paged_at"]) for one in incidents)
    true_ids = {one["id"] for matching in matches.values() for one in matching}
    true_ids |= {one["parent"] for one in incidents if one["id"] in true_ids and one["parent"]}
    false = [one for one in incidents if one["paged_at"] and one["id"] not in true_ids]
    false_pages = sum(len(one["paged_at"]) for one in false)
    told = [
        truth for truth in truths if any(one["paged_at"] for one in book.with_parents(matches[id(truth)]))
    ]
    told_ids = {id(truth) for truth in told}
    return Score(
        outages=len(detectable),
        found=len(found),
        recall=len(found) / len(detectable) if detectable else 1.0,
        pages=pages,
        false_pages=false_pages,
        extra_pages=max(0, pages - false_pages - len(told)),
        precision=1 - false_pages / pages if pages else 1.0,
        cause_right=1 - len(wrong) / len(judged) if judged else 1.0,
        median_detect_s=_median(times),
        p95_detect_s=_p95(times),
        median_backup_s=_median(backup),
        p95_backup_s=_p95(backup),
        median_silent_s=_median(silent),
        p95_silent_s=_p95(silent),
        missed=tuple(_named(truth) for truth in detectable if not matches[id(truth)]),
        false=tuple(_named(one) for one in false),
        unpaged=tuple(_named(truth) for truth in lost if id(truth) not in told_ids),
        wrong=tuple(
            f"{_named(truth)} found as {_best(truth, matches[id(truth)])['cause']}" for truth in wrong
        ),
    )


def _median(times: Sequence[float]) -> float | None:
    return round(median(times), 1) if times else None


def _p95(times: Sequence[float]) -> float | None:
    return round(times[min(len(times) - 1, int(len(times) * 0.95))], 1) if times else None


@dataclass
class _Book:
    """Incidents by what they are about."""

    incidents: Iterable[Line]
    by_id: dict[str, Line] = field(default_factory=dict)
    by_school: dict[str, list[Line]] = field(default_factory=dict)
    by_scope: dict[str, list[Line]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one in self.incidents:
            self.by_id[one["id"]] = one
            self.by_scope.setdefault(one["scope"], []).append(one)
            if one["school"] is not None:
                self.by_school.setdefault(one["school"], []).append(one)

    def matching(self, truth: Line) -> list[Line]:
        """Those about the same thing as `truth`, the best first."""
        scope = truth["scope"]
        if scope == "school":
            candidates = self.by_school.get(truth["school"], [])
        elif scope == "provider":
            candidates = [
                one for one in self.by_scope.get("provider", []) if one["provider"] == truth["provider"]
            ]
            candidates += [one for name in truth.get("schools", ()) for one in self.by_school.get(name, [])]
        else:
            candidates = self.by_scope.get(scope, [])
        found = [one for one in candidates if _same_kind(truth, one) and _overlap(truth, one)]
        return sorted(found, key=lambda one: (one["scope"] != scope, -_likeness(truth, one), one["id"]))

    def with_parents(self, incidents: Sequence[Line]) -> list[Line]:
        """These, and the incidents of many that they are part of."""
        parents = [self.by_id[one["parent"]] for one in incidents if one["parent"] in self.by_id]
        return [*incidents, *parents]


def _same_kind(truth: Line, incident: Line) -> bool:
    if truth["kind"] == "device_down":
        return bool(incident["kind"] == "device_down" and incident["device"] == truth["device"])
    if truth["kind"] in _BROADBAND:
        return incident["kind"] in _BROADBAND
    return bool(truth["kind"] == incident["kind"])


def _span(one: Line) -> tuple[int, int]:
    return one["start"], one["end"] if one["end"] is not None else FOREVER_MS


def _overlap(truth: Line, incident: Line) -> bool:
    start, end = _span(truth)
    begun, over = _span(incident)
    return begun <= end + SLACK_MS and over >= start - SLACK_MS


def _likeness(truth: Line, incident: Line) -> float:
    """What both have in common of the time of either: a long incident around a short truth is not its own."""
    start, end = _span(truth)
    begun, over = _span(incident)
    return (min(end, over) - max(start, begun)) / max(1, max(end, over) - min(start, begun))


def _has_ended(matching: Sequence[Line]) -> bool:
    return any(one["end"] is not None for one in matching)


def _best(truth: Line, matching: Sequence[Line]) -> Line:
    del truth
    return next((one for one in matching if one["end"] is not None), matching[0])


def _cause_is_right(truth: Line, matching: Sequence[Line]) -> bool:
    cause = _best(truth, matching)["cause"]
    return bool(cause == truth["cause"] or {cause, truth["cause"]} <= _RESTARTED)


def _detected_s(truth: Line, matching: Sequence[Line]) -> float:
    times = [min([*one["paged_at"], one["confirmed_at"]]) for one in matching]
    seconds: float = (min(times) - truth["start"]) / 1000
    return max(0.0, seconds)


def _named(one: Line) -> str:
    whom = one["school"] or one["provider"] or one["scope"]
    device = f"/{one['device']}" if one.get("device") else ""
    lasts = "" if one["end"] is None else f" for {(one['end'] - one['start']) / 1000:.0f} s"
    return f"{one['id']} {one['kind']} ({one['cause']}) of {whom}{device} at {one['start']}{lasts}"
