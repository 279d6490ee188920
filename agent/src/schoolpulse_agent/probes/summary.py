"""What a reachability target did since it was last reported, and whether it is time to report it."""

from __future__ import annotations

from typing import NamedTuple

STEADY_ROUNDS = 6
"""So many rounds after a change are all reported; then the target counts as steady."""


class Asked(NamedTuple):
    """One round of one target: the round trip of the answer (None: down) after how many questions."""

    at: float
    rtt_ms: float | None
    questions: int
    captive: bool | None = None


class Figures(NamedTuple):
    """A report: `at` is when its last round was."""

    at: float
    up: bool
    rtt_ms: float | None
    jitter_ms: float | None
    loss_ratio: float
    captive: bool | None


class Summary:
    """Gathers rounds of one target.

    Args:
        report_s: how often a steady target is reported.
    """

    def __init__(self, report_s: float) -> None:
        self._report_s = report_s
        self._rounds: list[Asked] = []
        self._last_rtt_ms: float | None = None
        self._since_change = 0
        self._up: bool | None = None
        self._captive: bool | None = None
        self._reported_at = 0.0

    def add(self, asked: Asked) -> tuple[list[Figures], bool]:
        """Take one round; what is to be reported now, and whether the target went up or down with it.

        A change is reported by itself: what was gathered before it comes first, with its own time.
        """
        up = asked.rtt_ms is not None
        captive = asked.captive if asked.captive is not None else self._captive
        changed = self._up is not None and (up != self._up or bool(captive) != bool(self._captive))
        reports = []
        if changed and self._rounds:
            reports.append(self._figures())
        self._since_change = 0 if changed else self._since_change + 1
        self._up, self._captive = up, captive
        self._rounds.append(asked)
        due = asked.at - self._reported_at >= self._report_s
        if changed or due or self._since_change <= STEADY_ROUNDS:
            reports.append(self._figures())
            self._reported_at = asked.at
        return reports, changed

    def _figures(self) -> Figures:
        rounds, self._rounds = self._rounds, []
        answers = [asked.rtt_ms for asked in rounds if asked.rtt_ms is not None]
        questions = sum(asked.questions for asked in rounds)
        jitter_ms = self._jitter_ms(answers)
        return Figures(
            at=rounds[-1].at,
            up=rounds[-1].rtt_ms is not None,
            rtt_ms=round(sum(answers) / len(answers), 2) if answers else None,
            jitter_ms=jitter_ms,
            loss_ratio=round(1 - len(answers) / questions, 4),
            captive=rounds[-1].captive,
        )

    def _jitter_ms(self, answers: list[float]) -> float | None:
        """The mean difference between one answer's round trip and the next's."""
        before, steps = self._last_rtt_ms, []
        for rtt_ms in answers:
            if before is not None:
                steps.append(abs(rtt_ms - before))
            before = rtt_ms
        self._last_rtt_ms = before
        if not answers:
            return None
        return round(sum(steps) / len(steps), 2) if steps else 0.0
