"""What `generate` writes: the same bytes for the same seed, the contract kept, physics kept."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schoolpulse.contract.models import Birth, State, Telemetry
from schoolpulse_agent import wire
from schoolpulse_sim.conditions import make_timeline
from schoolpulse_sim.disorder import deaf_periods
from schoolpulse_sim.generate import Density, Plan, traffic, write
from schoolpulse_sim.parallel import parallel_traffic
from schoolpulse_sim.scenario import Scenario, load_scenario
from schoolpulse_sim.spooled import Spooled
from schoolpulse_sim.timing import DAY, HOUR, MINUTE, SECOND

Message = tuple[int, str, wire.Kind, dict[str, Any], bool]


def _scenario(**parts: Any) -> Scenario:
    return Scenario.model_validate({"scenario": {"title": "test"}} | parts)


def _messages(plan: Plan, density: Density = "full") -> list[Message]:
    found = []
    for lines in traffic(plan, density):
        for at_ms, _, line in lines:
            record = json.loads(line)
            assert record["at"] == at_ms
            if record["topic"]:
                agent_id, kind = wire.split_topic(record["topic"])
                found.append((at_ms, agent_id, kind, record["payload"], record["retain"]))
    return found


def _validate(message: Message) -> None:
    _, _, kind, body, _ = message
    text = json.dumps(body)
    if kind is wire.Kind.STATE:
        State.model_validate_json(text)
    elif kind is wire.Kind.BIRTH:
        Birth.model_validate_json(text)
    else:
        Telemetry.model_validate_json(text)


BUSY = _scenario(
    district={"schools": 6, "devices": [2, 5]},
    event=[{"kind": "line_cut", "at": "10m", "lasts": "20m", "where": {"share": 0.5}}],
    rate=[
        {"kind": "power_cut", "per_school_day": 6, "lasts": ["1m", "30m"]},
        {"kind": "agent_update", "per_school_day": 4, "lasts": ["20s", "1m"]},
    ],
)


@pytest.mark.parametrize("density", ["full", "evidence"])
def test_the_same_seed_gives_the_same_bytes(density: Density, tmp_path: Path) -> None:
    sums = set()
    for name, jobs in (("a.jsonl.gz", 1), ("b.jsonl.gz", 1), ("c.jsonl.gz", 3)):
        plan = Plan(BUSY, 7, length_ms=2 * HOUR)
        write(parallel_traffic(plan, density, jobs), tmp_path / name)
        sums.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() + plan.truth_text())
    assert len(sums) == 1
    other = Plan(BUSY, 8, length_ms=2 * HOUR)
    write(traffic(other, density), tmp_path / "other.jsonl.gz")
    assert (tmp_path / "other.jsonl.gz").read_bytes() != (tmp_path / "a.jsonl.gz").read_bytes()


def test_a_spooled_message_is_that_of_the_wire() -> None:
    spooled = Spooled("abc", keep=2)
    body = wire.telemetry_body("boot", "synced", [])
    for _ in range(3):
        spooled.append(body, 0)
        seq = spooled.batches_made
        expected = wire.telemetry_message("abc", seq, 17, body, spooled.discarded_through)
        assert spooled.message(seq, 17, 17) == expected
    assert spooled.discarded_through == 1


def test_points_are_counted_once_however_often_they_go() -> None:
    spooled = Spooled("abc", keep=3)
    for _ in range(5):
        spooled.append(b"{}", 10)
    assert (spooled.points_made, spooled.points_waiting, spooled.discarded_through) == (50, 30, 2)
    for _ in range(2):
        spooled.message(4, 0, 0)
    spooled.confirm(wire.Confirm("other", 9))
    assert (spooled.points_sent, spooled.points_waiting) == (10, 30)
    spooled.confirm(wire.Confirm("abc", 3, ((5, 5),)))
    spooled.confirm(wire.Confirm("abc", 3, ((5, 9),)))
    assert (spooled.points_waiting, spooled.batches_confirmed, len(spooled)) == (10, 2, 1)


KINDS = (
    *("line_cut", "flapping", "power_cut", "gateway_reboot", "gateway_crash", "agent_update"),
    *("agent_stopped", "dns_failure", "captive_portal", "degraded_line", "device_failure"),
    *("switch_failure", "broker_away", "collector_away", "international_cut", "clock_unset"),
    "counter_reset",
)
SPANS = st.integers(1, 60 * 60).map(lambda seconds: f"{seconds}s")
PROVIDED = ("provider_outage", "provider_move")
EVENTS = st.lists(
    st.one_of(
        st.fixed_dictionaries({"kind": st.sampled_from(KINDS), "at": SPANS, "lasts": SPANS}),
        st.fixed_dictionaries(
            {"kind": st.sampled_from(PROVIDED), "at": SPANS, "lasts": SPANS, "provider": st.just("VNPT")}
        ),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(events=EVENTS, seed=st.integers(0, 2**32), density=st.sampled_from(("full", "evidence")))
def test_physics_and_contract_hold_whatever_goes_wrong(
    events: list[dict[str, Any]], seed: int, density: Density
) -> None:
    plan = Plan(_scenario(district={"schools": 2, "devices": [2, 4]}, event=events), seed, length_ms=2 * HOUR)
    messages = _messages(plan, density)
    for message in messages:
        _validate(message)
    for school in plan.district.schools:
        own = [message for message in messages if message[1] == school.agent_id]
        _check_silence(plan, school.index, own)
        _check_sequence(own)
        _check_boots(own)
        _check_sessions(own)


def _check_silence(plan: Plan, index: int, own: list[Message]) -> None:
    """Where nothing passes, nothing comes but the broker's will; where nobody listens, nothing at all.

    What the broker kept for the collector comes after it has returned, whatever the school does by then.
    """
    school = plan.district.schools[index]
    timeline = make_timeline(school, plan.faults_at(school), plan.seed, plan.start_ms)
    ends = [change.at_ms for change in timeline[1:]] + [plan.end_ms]
    queues = [(end_ms, end_ms + 10 * SECOND) for _, end_ms in deaf_periods(plan.faults)]
    own = [message for message in own if not any(start <= message[0] <= end for start, end in queues)]
    for change, end_ms in zip(timeline, ends, strict=True):
        now = change.conditions
        dead = not (now.machine and now.broker and (now.line or school.backup))
        for at_ms, _, _, body, _ in own:
            if change.at_ms + SECOND < at_ms < end_ms:
                assert now.collector
                assert now.broker
                if dead:
                    assert body == {"online": False, "boot": body["boot"], "session": body["session"]}


def _check_sequence(own: list[Message]) -> None:
    """No number comes twice with another content, and none is left out but what is still under way."""
    bodies: dict[int, str] = {}
    for _, _, kind, body, _ in own:
        if kind is wire.Kind.TELEMETRY:
            text = json.dumps([body["boot"], body["clock"], body["blocks"]])
            assert bodies.setdefault(body["seq"], text) == text
    last = max(bodies, default=0)
    assert last - len(bodies) <= 240


def _check_boots(own: list[Message]) -> None:
    """One boot id, one moment of booting: uptime grows as time does, and never over a boot."""
    booted: dict[str, set[int]] = defaultdict(set)
    for _, _, kind, body, _ in own:
        if kind is wire.Kind.TELEMETRY and body["clock"] != "unsynced":
            for block in body["blocks"]:
                if block["m"] == "system":
                    for at_ms, _, fields in block["rows"]:
                        booted[body["boot"]].add(at_ms // 1000 - fields[0])
    for moments in booted.values():
        assert max(moments) - min(moments) <= 1
    firsts = [min(moments) for moments in booted.values()]
    assert len(set(firsts)) == len(firsts)


def _check_sessions(own: list[Message]) -> None:
    """Sessions only rise; a will is always of a session that had begun."""
    begun: set[int] = set()
    for _, _, kind, body, _ in own:
        if kind is wire.Kind.STATE and body["online"]:
            assert not begun or body["session"] > max(begun)
            begun.add(body["session"])
        elif kind is wire.Kind.STATE:
            assert body["session"] in begun


def test_counters_move_as_physics_allows() -> None:
    plan = Plan(BUSY, 3, length_ms=6 * HOUR)
    for _, agent_id, kind, body, _ in _messages(plan):
        school = next(school for school in plan.district.schools if school.agent_id == agent_id)
        if kind is not wire.Kind.TELEMETRY:
            continue
        for block in body["blocks"]:
            if block["m"] == "interface":
                for _, tags, fields in block["rows"]:
                    limit = school.down_mbps if tags == ["wan"] else 40
                    assert 0 <= fields[0] <= limit * 1_000_000
                    assert fields[2] >= 0


def test_the_backlog_comes_after_the_newest() -> None:
    scenario = _scenario(
        district={"schools": 1, "backup_share": 0, "devices": [0, 0]},
        event=[{"kind": "line_cut", "at": "10m", "lasts": "30m"}],
    )
    plan = Plan(scenario, 1, length_ms=HOUR)
    cut = plan.faults[0]
    after = [
        body["seq"]
        for at_ms, _, kind, body, _ in _messages(plan)
        if at_ms > cut.end_ms and kind is wire.Kind.TELEMETRY
    ]
    assert after[0] - min(after) > 50
    assert sorted(set(after)) == list(range(min(after), max(after) + 1))
    assert Counter(after).most_common(1)[0][1] <= 2


def test_evidence_is_a_heartbeat_where_nothing_changes() -> None:
    quiet = _scenario(district={"schools": 3})
    full = _messages(Plan(quiet, 1, length_ms=DAY // 4))
    thin = _messages(Plan(quiet, 1, length_ms=DAY // 4), "evidence")
    assert abs(len(full) - len(thin)) <= len(full) // 100
    points = [
        sum(len(block["rows"]) for m in some if "blocks" in m[3] for block in m[3]["blocks"])
        for some in (full, thin)
    ]
    assert points[1] < points[0] / 10
    times = sorted(at_ms for at_ms, agent_id, *_ in thin if agent_id == "gw-sim-0001")
    assert max(b - a for a, b in pairwise(times)) <= 31 * SECOND


def test_disorder_is_as_told() -> None:
    disorder = {
        "duplicate_share": 0.2,
        "late_share": 0.1,
        "reorder_share": 0.1,
        "malformed_per_school_day": 100,
    }
    plan = Plan(_scenario(district={"schools": 2}, messages=disorder), 1, length_ms=6 * HOUR)
    good, bad, seqs = 0, 0, Counter[tuple[str, int]]()
    late = 0
    for message in _messages(plan):
        try:
            _validate(message)
        except ValueError:
            bad += 1
            continue
        good += 1
        if message[2] is wire.Kind.TELEMETRY:
            seqs[message[1], message[3]["seq"]] += 1
            late += message[0] - message[3]["sent_at"] > MINUTE
    assert 20 < bad < 90
    assert 0.1 < sum(count > 1 for count in seqs.values()) / len(seqs) < 0.3
    assert 0.05 < late / good < 0.15


GOLDEN = "3b2f219857b577fd109a1007165a325974c3414a52caee9008a54deb0205e10c"
"""Of the traffic and truth below. It changes when the simulator is meant to behave differently, and only
then: it is the same on every machine and day and in every Python."""


def test_the_bytes_are_those_of_every_other_machine() -> None:
    plan = Plan(load_scenario("storm").sized(12), 2026, length_ms=18 * HOUR)
    digest = hashlib.sha256(plan.truth_text().encode() + plan.district.registry_csv())
    for lines in traffic(plan, "evidence"):
        for _, _, line in lines:
            digest.update(line)
    assert digest.hexdigest() == GOLDEN
