"""kill -9 at random in a storm, into a receiver that fails in every way: nothing missing, nothing invented.

On both databases. ``SCHOOLPULSE_KILLS=200`` makes it the long run; a few kills do for every day.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from receivers import Call, receiver
from timelines import Timeline, play, school

from schoolpulse.clock import SystemClock
from schoolpulse.database import connect
from schoolpulse.incidents.policy import Policy
from schoolpulse.incidents.repository import IncidentRepository
from schoolpulse.incidents.sink import IncidentSink
from schoolpulse.notify.channels.webhook import Webhook, own_body
from schoolpulse.notify.delivery import PER_ENDPOINT, Delivery
from schoolpulse.notify.outbox import Outbox, message_id_of
from schoolpulse.notify.settings import EndpointSettings
from schoolpulse.registry.models import School

KILLS = int(os.environ.get("SCHOOLPULSE_KILLS", "8"))
SCHOOLS = [school(f"s{n}", f"P{n}", area=(f"W{n}",)) for n in range(1, 31)]
TEXT = "\n".join(
    f"s{n}: 0-{300 + 60 * n} speaks lean\ns{n}: {345 + 60 * n} will\n"
    f"s{n}: {700 + 60 * n} returns\ns{n}: {701 + 60 * n}-3000 speaks lean"
    for n in range(1, 31)
)


class Fixed:
    def schools(self) -> list[School]:
        return SCHOOLS


def collector(database: str, url: str, pace_s: float) -> None:
    """One run of the collector's part that matters here, until everything is told; a child process."""
    engine = connect(database)
    endpoint = EndpointSettings.model_validate(
        {"id": "ops", "url": url, "allow_private": True, "secret": "whsec_" + "A" * 32}
    )
    ways = {"schoolpulse": Webhook(own_body, timeout_s=0.3)}
    outbox = Outbox(engine, [endpoint], ways, school={one.id: one for one in SCHOOLS}.get)
    outbox.enable("ops")  # as an operator would after a 410
    delivery = Delivery(outbox, SystemClock(), schedule_s=[0.02] * 1000)
    delivery.start()
    sink = IncidentSink(policy=Policy(), registry=Fixed(), sql_engine=engine, outbox=outbox)
    waiting = [one for one in Timeline(TEXT).messages if one.position > sink.position()]
    while waiting:
        batch, waiting = waiting[:10], waiting[10:]
        sink.process(batch, batch[-1].position)
        time.sleep(pace_s)  # the pace of traffic: what is killed here is to be killed half-way
    while outbox.pending():
        if outbox.endpoints()[0].disabled_ms is not None:
            outbox.enable("ops")
        time.sleep(0.01)
    delivery.stop()
    engine.dispose()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_every_transition_arrives_whatever_is_killed(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    chance = random.Random(7)
    taken: Counter[str] = Counter()

    def answer(call: Call) -> int | tuple[int, dict[str, str]] | str:
        what = chance.random()
        if what < 0.5:
            taken[call.id] += 1
            return 200
        if what < 0.6:
            return "hang"
        if what < 0.7:
            return 302, {"location": "http://127.0.0.1:9/"}
        if what < 0.8:
            return 429, {"retry-after": "0"}
        return 410 if what < 0.85 else 500

    database = f"sqlite:///{tmp_path / 'state.db'}"
    if kind == "postgresql":
        database = request.getfixturevalue("postgres_server").url()
    engine = connect(database)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["schoolpulse.incidents.sink", "schoolpulse.notify.delivery", "timelines"])
    kills = 0
    with receiver(answer) as there:
        while True:
            child = context.Process(target=collector, args=(database, there.url, 0.001 * KILLS))
            child.start()
            child.join(0.15 + 0.6 * chance.random() if kills < KILLS else 300)
            if not child.is_alive():
                assert child.exitcode == 0
                break
            child.kill()
            child.join()
            kills += 1
        expected = {
            message_id_of(one.incident.id, one.number, "ops")
            for incident in IncidentRepository(engine).list()
            for one in IncidentRepository(engine).transitions(incident.id)
            if one.pages
        }
    whole = play(TEXT, SCHOOLS, until=2990)
    assert len(expected) == sum(one.pages for one in whole.transitions)
    contents: dict[str, set[bytes]] = {}
    for call in there.calls:
        contents.setdefault(call.id, set()).add(call.body)
    doubled = sum(count - 1 for count in taken.values())
    counts = {
        "database": kind,
        "kills": kills,
        "messages": len(expected),
        "attempts": len(there.calls),
        "taken_again": doubled,
    }
    sys.stderr.write(json.dumps(counts) + "\n")
    assert set(taken) == expected
    assert all(len(bodies) == 1 for bodies in contents.values())
    assert doubled <= kills * PER_ENDPOINT
    engine.dispose()
