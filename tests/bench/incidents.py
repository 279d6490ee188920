"""The incident engine: the scenario library scored, and a country's schools through it.

The library's traffic and truth come from the simulator, in virtual time; the score is that of
``schoolpulse score``. The first figure is 50,000 schools with a provider's outage among them.
"""

from __future__ import annotations

import json
import math
import os
import resource
import time
import timeit
from collections.abc import Iterator
from functools import partial
from typing import Any

from schoolpulse.contract.models import Telemetry
from schoolpulse.incidents.engine import Engine
from schoolpulse.incidents.evidence import evidence_of
from schoolpulse.incidents.policy import Policy
from schoolpulse.incidents.recording import Replay
from schoolpulse.incidents.roster import Roster
from schoolpulse.incidents.scoring import score
from schoolpulse.messages import Received
from schoolpulse.registry.csv_file import read_schools
from schoolpulse.registry.models import Line, School
from schoolpulse_sim.generate import Plan, traffic
from schoolpulse_sim.scenario import load_scenario

SCENARIOS = (
    "provider-outage",
    "flapping",
    "blind",
    "storm",
    "exam-day",
    "first-day-of-school",
    "ordinary-week",
)
SEEDS = (1, 2)
MONTHS = [int(seed) for seed in os.environ.get("SCHOOLPULSE_BENCH_MONTHS", "").split(",") if seed]
"""Seeds of months of 200 schools, for those who have half an hour for each: ``1,2,3``."""
MANY = 50_000
EVENTS = 1_000_000
FIELDS = ["up", "rtt_ms", "loss_ratio"]
START_MS = 1_790_000_000_000


def run() -> Iterator[dict[str, Any]]:
    """The line of many schools, first for its memory's sake; then a line a scenario and seed."""
    yield many()
    for name in SCENARIOS:
        for seed in SEEDS:
            yield score_of(name, Plan(load_scenario(name), seed))
    for seed in MONTHS:
        month = Plan(load_scenario("ordinary-week").sized(200), seed, length_ms=30 * 86_400_000)
        yield score_of("month", month)
    yield evidence()


def score_of(name: str, plan: Plan) -> dict[str, Any]:
    """Generate, replay and score a scenario; nothing of its traffic is kept."""
    replay = Replay(Engine(Policy(), Roster(read_schools(plan.district.registry_csv()))))
    spent_s = 0.0
    for lines in traffic(plan, "evidence"):
        began = time.perf_counter()
        replay.run(line[-1] for line in lines)
        spent_s += time.perf_counter() - began
    replay.finish()
    truths = [json.loads(line) for line in plan.truth_text().splitlines()]
    result = score(truths, [one.to_json() for one in replay.incidents.values()])
    days = (plan.end_ms - plan.start_ms) / 86_400_000 * len(plan.district.schools)
    return {
        "scenario": name,
        "seed": plan.seed,
        "schools": len(plan.district.schools),
        "school_days": round(days, 1),
        **result.to_json(),
        "events": replay.events,
        "events_per_s": round(replay.events / spent_s),
    }


def many(schools: int = MANY, events: int = EVENTS) -> dict[str, Any]:
    """Heartbeats of very many schools, a fifth of them cut off half-way: as recorded, decoded and decided."""
    before_mb = _rss_mb()
    roster = Roster([_school(number, schools) for number in range(schools)])
    replay = Replay(Engine(Policy(), roster))
    began, cpu_began = time.perf_counter(), time.process_time()
    replay.run(_heartbeats(schools, events))
    elapsed_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
    replay.finish()
    return {
        "scenario": "many",
        "schools": schools,
        "events": replay.events,
        "seconds": round(elapsed_s, 1),
        "events_per_s": round(replay.events / elapsed_s),
        "s_per_million": round(elapsed_s / replay.events * 1e6, 1),
        "cpu_s_per_million": round(cpu_s / replay.events * 1e6, 1),
        "rss_mb": round(_rss_mb() - before_mb, 1),
        "incidents": len(replay.incidents),
        "pages": sum(len(one.paged_at) for one in replay.incidents.values()),
    }


def evidence() -> dict[str, Any]:
    """What it costs to take the evidence out of a decoded message, by the best of several runs."""
    figures: dict[str, Any] = {"scenario": "evidence"}
    for points in (1, 50):
        rows = [(START_MS, [f"t{n}", "national", "icmp"], [1, 4.2, 0.0]) for n in range(points)]
        block = {"m": "reachability", "tags": ["target", "scope", "method"], "fields": FIELDS, "rows": rows}
        head = {"v": 1, "stream": "s", "seq": 1, "boot": "b", "clock": "synced", "sent_at": START_MS}
        body = Telemetry.model_validate(head | {"blocks": [block]})
        message = Received(1, START_MS, "gw-1", body)
        best_s = min(timeit.repeat(partial(evidence_of, message), number=2_000, repeat=7))
        figures[f"us_at_{points}_points"] = round(best_s / 2_000 * 1e6, 2)
    return figures


def _school(number: int, schools: int) -> School:
    line = Line(role="primary", provider=f"provider-{number * 5 // schools}", technology="fibre")
    area = (f"province-{number // 1000}", f"ward-{number // 20}")
    return School(
        id=f"s{number}", name=f"s{number}", level="thcs", area=area, agent_id=f"gw-{number}", lines=(line,)
    )


def _heartbeats(schools: int, events: int) -> Iterator[bytes]:
    """Rounds of 30 s in which each school speaks once, `events` messages in all and a few to fill the round.

    From the half on the last fifth is cut off, and its wills follow a round later.
    """
    rounds = math.ceil(events / (schools * 0.9))
    for beat in range(rounds):
        cut = beat >= rounds // 2
        speaking = schools * 4 // 5 if cut else schools
        for number in range(speaking):
            at_ms = START_MS + beat * 30_000 + number * 30_000 // schools
            yield (
                b'{"at":%d,"topic":"schoolpulse/v1/gw-%d/telemetry","payload":{"v":1,"stream":"s%d","seq":%d,'
                b'"boot":"b%d","clock":"synced","sent_at":%d,"blocks":[]},"retain":false}'
            ) % (at_ms, number, number, beat + 1, number, at_ms - 20)
        if beat == rounds // 2 + 1:
            for number in range(speaking, schools):
                at_ms = START_MS + (beat + 1) * 30_000 + (number - speaking) * 30_000 // schools
                yield (
                    b'{"at":%d,"topic":"schoolpulse/v1/gw-%d/state","payload":'
                    b'{"online":false,"boot":"b%d","session":1},"retain":false}'
                ) % (at_ms, number, number)


def _rss_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
