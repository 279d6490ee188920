"""Measurement `reachability`: who answers, how fast, and how many questions were lost.

Every target is asked each round. What is reported is every change at once, the rounds after one, and
otherwise a summary now and then: see docs/decisions/0100.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from typing import NamedTuple

from schoolpulse_agent.probes.base import ProbeKind, Reading, Round, Surroundings
from schoolpulse_agent.probes.methods import METHODS
from schoolpulse_agent.probes.methods.dns import system_resolvers
from schoolpulse_agent.probes.methods.engine import Answer, Method, Question, Steps, ask_all
from schoolpulse_agent.probes.routes import DefaultRoute, default_routes
from schoolpulse_agent.probes.summary import Asked, Figures, Summary
from schoolpulse_agent.probes.targets import DEFAULT_TARGETS, GATEWAY, Target, for_uplinks, read_targets
from schoolpulse_agent.probes.wan import active_uplink, located
from schoolpulse_agent.settings import Uplink
from schoolpulse_agent.toml_table import Table
from schoolpulse_agent.wire import FieldValue

NO_UPLINK = "none"


class Own(NamedTuple):
    """Section ``[probes.reachability]``."""

    targets: tuple[Target, ...]
    timeout_s: float = 1.5
    tries: int = 3
    report_s: float = 60.0


class Asking(NamedTuple):
    """One target with everything that this round needs."""

    target: Target
    question: Question | None
    uplink: str


class _Tries:
    """Asks the same question until it is answered, at most so many times, and counts."""

    def __init__(self) -> None:
        self.questions = 0

    def run(self, method: Method, question: Question, own: Own) -> Steps[Answer]:
        answer = Answer(None)
        while self.questions < own.tries and answer.rtt_ms is None and not answer.captive:
            self.questions += 1
            try:
                answer = yield from method(question, time.monotonic() + own.timeout_s)
            except OSError as error:  # no route: asking again at once gives the same
                return Answer(None, error.strerror or type(error).__name__)
        return answer


class ReachabilityProbe:
    """Asks all targets that are due, side by side.

    Args:
        methods: by name, how to ask; a seam for tests.
    """

    def __init__(self, own: Own, surroundings: Surroundings, methods: Mapping[str, Method] = METHODS) -> None:
        self._methods = methods
        several = len(surroundings.uplinks) > 1 and own.targets == DEFAULT_TARGETS
        self._own = own._replace(targets=for_uplinks(surroundings.uplinks)) if several else own
        self._uplinks = surroundings.uplinks
        self._clock = surroundings.clock
        self._root = surroundings.root
        self._interface = ""
        self._summaries: dict[tuple[str, str], Summary] = {}
        self._asked_at: dict[tuple[str, str], float] = {}

    def measure(self) -> Round:
        """Readings of the targets that have something to report."""
        at = self._clock.monotonic()
        due = [target for target in self._own.targets if self._is_due(target, at)]
        askings = self._prepare(due)
        tries = {asking.target.key: _Tries() for asking in askings}
        running: dict[Hashable, Steps[Answer]] = {
            asking.target.key: tries[asking.target.key].run(
                self._methods[asking.target.method], asking.question, self._own
            )
            for asking in askings
            if asking.question is not None
        }
        answers = ask_all(running)
        readings, changes, again = [], [], False
        for asking in askings:
            name, key = asking.target.name, asking.target.key
            answer = answers.get(key, Answer(None, "no default route"))
            if asking.target.method == "edge" and answer.rtt_ms is None and key not in self._summaries:
                continue  # a provider whose routers never say anything: that one is silent proves nothing
            asked = Asked(at, answer.rtt_ms, max(1, tries[key].questions), answer.captive)
            summary = self._summaries.setdefault(key, Summary(self._own.report_s))
            reports, changed = summary.add(asked)
            readings += [_reading(asking, answer, figures) for figures in reports]
            if changed:
                up = answer.rtt_ms is not None
                again = again or up
                changes.append(f"{name} answers" if up else f"{name} does not answer: {answer.trouble}")
        return Round(readings, tuple(changes), reachable_again=again)

    def _is_due(self, target: Target, now: float) -> bool:
        before = self._asked_at.get(target.key)
        # Half a second early is on time: rounds do not come to the millisecond.
        if before is not None and now - before < target.interval_s - 0.5:
            return False
        self._asked_at[target.key] = now
        return True

    def _prepare(self, targets: list[Target]) -> list[Asking]:
        routes = default_routes(self._root)
        uplinks = located(self._uplinks, routes, self._interface)
        self._interface = routes[0].interface if routes else self._interface
        active = active_uplink(uplinks, routes)
        resolvers = system_resolvers(self._root)
        return [_asking(target, uplinks, active, routes, resolvers) for target in targets]


def _asking(
    target: Target,
    uplinks: tuple[Uplink, ...],
    active: Uplink | None,
    routes: list[DefaultRoute],
    resolvers: tuple[str, ...],
) -> Asking:
    bound = next((uplink for uplink in uplinks if target.uplink and uplink.name == target.uplink), None)
    interface = bound.interface if bound else ""
    taken = bound or active
    address: str | None = target.address
    if address == GATEWAY:
        ours = [r for r in routes if r.gateway and (not interface or r.interface == interface)]
        address = ours[0].gateway if ours else None
    question = Question(address, target.query, interface, resolvers) if address else None
    return Asking(target, question, taken.name if taken else NO_UPLINK)


def _reading(asking: Asking, answer: Answer, figures: Figures) -> Reading:
    target = asking.target
    tags = (
        ("target", target.name),
        ("scope", target.scope),
        ("method", answer.method or target.method),
        ("uplink", asking.uplink),
    )
    fields: tuple[tuple[str, FieldValue], ...] = (
        ("up", int(figures.up)),
        ("rtt_ms", figures.rtt_ms),
        ("jitter_ms", figures.jitter_ms),
        ("loss_ratio", figures.loss_ratio),
    )
    if target.method == "http":
        captive = None if figures.captive is None else int(figures.captive)
        fields = (*fields, ("captive", captive))
    return Reading("reachability", tags, fields, figures.at)


def _read(table: Table) -> Own:
    default = Own(())
    return Own(
        targets=read_targets(table),
        timeout_s=table.number("timeout_s", default.timeout_s, 0.1, 30),
        tries=table.whole("tries", default.tries, 1, 10),
        report_s=table.number("report_s", default.report_s, 1, 3600),
    )


KIND = ProbeKind(interval_s=10, read=_read, create=ReachabilityProbe)
