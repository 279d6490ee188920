"""Timelines: what happened to schools, written so that a person can read it, as messages.

A timeline is lines of ``[who:] when what``, times in seconds::

    0-300 speaks            a batch each 30 s with probe rounds each 10 s, all well
    s2: 0-300 speaks dead   ... nothing answers beyond the gateway (also: backup, dns, abroad, captive,
                            gateway); ``lean``: heartbeats without samples; ``spread``: each school at its
                            own second; ``lossy``: a tenth is lost; ``lan``, ``no-printer``,
                            ``no-switch``: what its devices say
    345 will                the broker says that the session ended
    900 returns             connects again, same boot (a new session and a birth)
    900 boots 40            connects again, booted 40 s ago
    930 late 310-880 dead   a backlog batch with samples of that time
    600 stops               a planned goodbye
    0 link up               the collector's own connection; also: down

`who` is a school id, or several as ``s1..s60``; without it, ``s1``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from schoolpulse.contract.models import Birth, Block, Row, State, Telemetry
from schoolpulse.incidents.engine import Engine
from schoolpulse.incidents.evidence import evidence_of
from schoolpulse.incidents.model import Change, Incident, Transition
from schoolpulse.incidents.policy import Policy
from schoolpulse.incidents.roster import Roster
from schoolpulse.messages import Link, Received
from schoolpulse.registry.models import Line, School

T0 = 1_790_000_000_000
"""2026-09-21, a Monday, 21:13 in Vietnam; second 0 of every timeline."""


def school(
    school_id: str, provider: str = "VNPT", *, backup: bool = False, area: Sequence[str] = ("Gò Vấp",)
) -> School:
    """A school with an agent named ``gw-<id>``."""
    lines = [Line(role="primary", provider=provider, technology="fibre", contracted_down_mbps=100.0)]
    if backup:
        lines.append(Line(role="backup", provider="Viettel", technology="4g"))
    return School(
        id=school_id,
        name=f"Trường {school_id}",
        level="thcs",
        area=tuple(area),
        agent_id=f"gw-{school_id}",
        lines=tuple(lines),
    )


@dataclass
class Gateway:
    """What one simulated agent remembers while a timeline is written."""

    agent_id: str
    boot: str = "boot1"
    session: int = 0
    seq: int = 1_000_000
    backlog_seq: int = 0
    booted_s: float = -86_400.0


@dataclass
class Timeline:
    """Messages of a timeline, by time of receipt."""

    text: str
    messages: list[Received] = field(default_factory=list)

    def __post_init__(self) -> None:
        gateways: dict[str, Gateway] = {}
        found: list[tuple[int, int, str, Any, bool]] = []
        number = itertools.count()
        for line in self.text.splitlines():
            if not line.strip():
                continue
            who, _, rest = line.rpartition(":")
            for school_id in _who(who.strip() or "s1"):
                gateway = gateways.setdefault(school_id, Gateway(f"gw-{school_id}"))
                for at_ms, body, retained in _say(gateway, rest.split()):
                    agent_id = "" if isinstance(body, Link) else gateway.agent_id
                    found.append((at_ms, next(number), agent_id, body, retained))
        found.sort(key=lambda one: one[:2])
        for position, (at_ms, _, agent_id, body, retained) in enumerate(found, start=1):
            self.messages.append(Received(position, at_ms, agent_id, body, retained))


def _who(text: str) -> list[str]:
    if "," in text:
        return [one for part in text.split(",") for one in _who(part)]
    first, dots, last = text.partition("..")
    if not dots:
        return [text]
    head = first.rstrip("0123456789")
    return [f"{head}{number}" for number in range(int(first[len(head) :]), int(last[len(head) :]) + 1)]


def _say(gateway: Gateway, words: list[str]) -> Iterator[tuple[int, Any, bool]]:
    when, what, *more = words
    start, _, end = when.partition("-")
    at = float(start)
    if what == "speaks":
        if gateway.session == 0:
            yield from _connect(gateway, at)
        shift = sum(gateway.agent_id.encode()) % 30 if "spread" in more else 0
        for second in range(int(at) + shift, int(float(end)) + 1, 30):
            rounds = [] if "lean" in more else [second - 20, second - 10, second]
            yield _ms(second), _batch(gateway, second, rounds, more), False
    elif what == "will":
        yield _ms(at), State(online=False, boot=gateway.boot, session=gateway.session), "retained" in more
    elif what == "returns":
        yield from _connect(gateway, at)
    elif what == "boots":
        gateway.boot = f"boot{int(gateway.boot[4:]) + 1}"
        gateway.booted_s = at - float(more[0])
        yield from _connect(gateway, at)
    elif what == "late":
        first, _, last = more[0].partition("-")
        yield _ms(at), _batch(gateway, at, range(int(first), int(last), 10), more[1:], backlog=True), False
    elif what == "stops":
        said = State(online=False, boot=gateway.boot, session=gateway.session, at=_ms(at), reason="shutdown")
        yield _ms(at), said, False
    elif what == "link":
        yield _ms(at), Link(connected=more[0] == "up"), False
    else:
        raise ValueError(f"nothing called {what!r} happens in timelines")


def _ms(second: float) -> int:
    return T0 + round(second * 1000)


def _connect(gateway: Gateway, at: float) -> Iterator[tuple[int, Any, bool]]:
    gateway.session += 1
    yield _ms(at), State(online=True, boot=gateway.boot, session=gateway.session, at=_ms(at)), False
    birth = Birth(
        v=1,
        agent_version="1",
        boot=gateway.boot,
        session=gateway.session,
        at=_ms(at),
        uptime_s=max(0.0, at - gateway.booted_s),
    )
    yield _ms(at), birth, False


def _batch(
    gateway: Gateway, at: float, rounds: Sequence[float], how: Sequence[str], *, backlog: bool = False
) -> Telemetry:
    if backlog:
        gateway.backlog_seq += 1
    else:
        gateway.seq += 1
    dead, backup = "dead" in how, "backup" in how
    probes: list[Row] = []
    uplinks: list[Row] = []
    for second in rounds:
        at_ms = _ms(second)
        for scope, method, up in (
            ("lan_gateway", "icmp", "gateway" not in how),
            ("isp_edge", "icmp", not dead),
            ("national", "icmp", not dead),
            ("international", "icmp", not dead and "abroad" not in how),
            ("national", "dns", not dead and "dns" not in how),
        ):
            loss = 0.1 if "lossy" in how and scope == "national" else 0.0
            probes.append(
                (at_ms, [f"{scope}-{method}", scope, method], [up, 9.0 if up else None, loss, None])
            )
        captive = "captive" in how
        probes.append((at_ms, ["web", "national", "http"], [not dead and not captive, None, None, captive]))
        uplinks.append((at_ms, ["fibre", "primary"], [not backup, "cut" not in how]))
        if backup:
            uplinks.append((at_ms, ["lte", "backup"], [True, True]))
    blocks = [
        Block.model_construct(
            m="reachability",
            tags=["target", "scope", "method"],
            fields=["up", "rtt_ms", "loss_ratio", "captive"],
            rows=probes,
        ),
        Block.model_construct(m="wan", tags=["uplink", "role"], fields=["active", "carrier"], rows=uplinks),
    ]
    if rounds and any(word == "lan" or word.startswith("no-") for word in how):
        rows: list[Row] = [
            (_ms(rounds[-1]), [name, kind, parent], ["no-switch" not in how and f"no-{kind}" not in how])
            for name, kind, parent in (("switch-1", "switch", ""), ("printer-1", "printer", "switch-1"))
        ]
        rows += [(_ms(rounds[-1]), [f"pc-{n}", "pc", ""], [True]) for n in range(1, 6)]
        blocks.append(
            Block.model_construct(m="device", tags=["device", "kind", "parent"], fields=["up"], rows=rows)
        )
    return Telemetry.model_construct(  # made well-formed above; validating thousands takes seconds
        v=1,
        stream=f"stream-{gateway.agent_id}",
        seq=gateway.backlog_seq if backlog else gateway.seq,
        boot="boot1" if backlog and "boot1" in how else gateway.boot,
        clock="synced",
        sent_at=_ms(at),
        blocks=blocks if rounds else [],
    )


class Story:
    """What an engine made of a timeline."""

    def __init__(self, transitions: Sequence[Transition], engine: Engine) -> None:
        self.transitions = list(transitions)
        self.engine = engine

    @property
    def incidents(self) -> list[Incident]:
        """Every incident as it stands at the end, in the order of opening."""
        last: dict[str, Incident] = {}
        for transition in self.transitions:
            last[transition.incident.id] = transition.incident
        return list(last.values())

    @property
    def only(self) -> Incident:
        """The one incident there is."""
        (incident,) = self.incidents
        return incident

    @property
    def pages(self) -> list[tuple[float, str]]:
        """When somebody was paged (seconds of the timeline), and of whom; all-clears are not pages."""
        return [
            (seconds(transition.at_ms), transition.incident.school or transition.incident.scope.value)
            for transition in self.transitions
            if transition.pages and transition.change is not Change.RESOLVED
        ]


def seconds(at_ms: int | None) -> float:
    """A time on the timeline's own scale."""
    assert at_ms is not None
    return (at_ms - T0) / 1000


def play(
    text: str,
    schools: Sequence[School] = (school("s1"),),
    *,
    policy: Policy | None = None,
    until: float = 7200,
    mutes: Any = None,
) -> Story:
    """Let the engine hear a timeline, and then nothing until second `until`."""
    engine = Engine(policy or Policy(), Roster(schools), mutes=mutes)
    transitions: list[Transition] = []
    for message in Timeline(text).messages:
        event = evidence_of(message)
        assert event is not None
        transitions += engine.apply(event)
    transitions += engine.advance(_ms(until))
    return Story(transitions, engine)
