"""The same traffic decided live over MQTT and afterwards from its recording: the same incidents and pages.

Ids are made from receipt times, and the recorder receives each message by its own connection some
milliseconds beside the collector. So ids differ by design, and times agree as well as two receipts do;
kinds, causes, scopes, who, the parents and the number of pages are the same.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from e2e.chaos import wait_until
from parts import need
from parts.collector import CollectorProcess
from parts.mosquitto import Mosquitto
from receivers import Receiver, receiver

from schoolpulse.database import connect
from schoolpulse.incidents.model import Incident
from schoolpulse.incidents.repository import IncidentRepository
from schoolpulse.notify.signing import new_secret
from schoolpulse_sim.district import make_district
from schoolpulse_sim.scenario import load_scenario

SEED = 8
"""Gives each of the two larger providers twelve of the thirty schools."""
SCENARIO = """\
[scenario]
title = "A minute with everything that pages"
[district]
schools = 30
devices = [1, 3]
providers = { VNPT = 42, Viettel = 35, FPT = 23 }
[agent]
probe = "1s"
batch = "2s"
keepalive = "5s"
reconnect_spread = "2s"
reconnect_max = "4s"
[monitoring]
shortest = "10s"
[[event]]
kind = "line_cut"
at = "6s"
lasts = "20s"
where = { backup = true, provider = "Viettel" }
[[event]]
kind = "line_cut"
at = "6s"
lasts = "20s"
where = { backup = false, provider = "Viettel" }
[[event]]
kind = "provider_outage"
at = "26s"
lasts = "20s"
provider = "FPT"
"""
POLICY = """\
[engine]
silence_after_s = 20
will_grace_s = 2
rearm_grace_s = 2
overdue_after_s = 4
gone_after_s = 6
together_s = 11
hold_s = 6
group_hold_s = 4
settle_s = 2
"""
ROOTS = 3
"""What happens in it: two cuts and the provider's outage."""
AGREE_MS = 5_000
"""Two receipts of one message on a busy machine."""

Key = tuple[str, str, str, str | None, str | None, int, str | None]


@contextmanager
def child(*arguments: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command of ours, ended in order."""
    with log.open("ab") as output:
        process = subprocess.Popen([sys.executable, "-m", *arguments], stdout=output, stderr=output)
    try:
        yield process
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, log.read_text("utf-8", "replace")[-2000:]
    finally:
        process.kill()
        process.wait()


def run(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", *arguments], check=True, stdout=subprocess.DEVNULL)


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def last_time(recording: Path) -> int:
    """When the last whole line of a growing recording was received; 0 where there is none."""
    if not recording.exists():
        return 0
    with recording.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 65_536))
        whole = file.read().rpartition(b"\n")[0].rpartition(b"\n")[2]
    return int(json.loads(whole)["at"]) if whole else 0


def outcome(incidents: Sequence[Mapping[str, Any]]) -> Counter[Key]:
    """What must be the same: each incident without its id and its times."""
    roots = {one["id"]: one for one in incidents}

    def key(one: Mapping[str, Any]) -> Key:
        parent = roots[one["parent"]]["provider"] if one["parent"] else None
        pages = len(one["paged_at"])
        return one["kind"], one["cause"], one["scope"], one["school"], one["provider"], pages, parent

    return Counter(map(key, incidents))


def all_over(incidents: Sequence[Incident]) -> bool:
    roots = [one for one in incidents if one.parent is None]
    return len(roots) >= ROOTS and all(one.resolved_at is not None for one in incidents)


def live(tmp_path: Path, told: Receiver, scenario: Path, registry: Path) -> list[dict[str, Any]]:
    """Play the scenario before a collector and a recorder until everything is over; what was decided."""
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY, "utf-8")
    broker = Mosquitto(tmp_path)
    endpoint = (
        f'[[endpoints]]\nid = "ops"\nurl = "{told.url}"\nsecret = "{new_secret()}"\nallow_private = true\n'
    )
    collector = CollectorProcess(tmp_path, f'[broker]\nurl = "{broker.url}"\n{endpoint}')
    settings = collector.config.read_text("utf-8")
    collector.config.write_text(f'policy_file = "{policy}"\n{settings}', "utf-8")
    recording = tmp_path / "recorded.jsonl"
    with ExitStack() as stack:
        broker.start()
        stack.callback(broker.stop)
        collector.import_csv(registry)
        collector.start()
        stack.callback(collector.stop)
        database = connect(f"sqlite:///{collector.data_dir / 'state.db'}")
        stack.callback(database.dispose)
        repository = IncidentRepository(database)
        record = ["schoolpulse", "record", "--broker", broker.url, "--out", str(recording)]
        with child(*record, log=tmp_path / "record.log"):
            wait_until(lambda: last_time(recording) > 0, "the recorder does not connect")
            play = ["schoolpulse_sim", "run", "--scenario", str(scenario), "--seed", str(SEED)]
            play += ["--broker", broker.url, "--truth", str(tmp_path / "truth.jsonl")]
            with child(*play, log=tmp_path / "sim.log"):
                wait_until(lambda: all_over(repository.list(limit=1_000)), "it is never over")
                decided = repository.list(limit=1_000)
                last_ms = max(one.resolved_at or 0 for one in decided)
                wait_until(lambda: last_time(recording) > last_ms + AGREE_MS, "the recording stops short")
        decided = repository.list(limit=1_000)
        pages = sum(len(one.paged_at) for one in decided)
        ends = sum(bool(one.paged_at) for one in decided)
        told.wait_for(lambda calls: len({call.id for call in calls}) >= pages + ends)
        return [one.to_json() for one in decided]


def test_a_recording_replays_to_the_same_incidents_and_pages(tmp_path: Path) -> None:
    need("mosquitto")
    scenario, registry = tmp_path / "minute.toml", tmp_path / "registry.csv"
    scenario.write_text(SCENARIO, "utf-8")
    district = make_district(load_scenario(str(scenario)).district, SEED)
    assert sum(school.provider == "FPT" for school in district.schools) == 12
    registry.write_bytes(district.registry_csv())

    with receiver() as told:
        decided = live(tmp_path, told, scenario, registry)
        bodies = {call.id: json.loads(call.body) for call in told.calls}

    # Every page became one webhook, and its end another.
    kinds = Counter(body["type"] for body in bodies.values())
    pages = sum(len(one["paged_at"]) for one in decided)
    assert kinds == {"incident.opened": pages, "incident.resolved": pages}
    assert pages == ROOTS

    # The recording gives the same, but for receipt times and the ids made from them.
    found = tmp_path / "found.jsonl"
    inputs = ["--events", str(tmp_path / "recorded.jsonl"), "--registry", str(registry)]
    run(
        *["schoolpulse", "replay", *inputs],
        *["--policy", str(tmp_path / "policy.toml"), "--incidents", str(found)],
    )
    replayed = lines_of(found)
    assert outcome(replayed) == outcome(decided)
    by_school = {(one["school"], one["kind"]): one for one in replayed}
    for one in decided:
        twin = by_school[one["school"], one["kind"]]
        for name in ("start", "end", "confirmed_at", "resolved_at"):
            assert abs(one[name] - twin[name]) <= AGREE_MS, (name, one, twin)

    # And both are right.
    judged = tmp_path / "score.json"
    with judged.open("wb") as out:
        arguments = ["score", "--truth", str(tmp_path / "truth.jsonl"), "--incidents", str(found), "--json"]
        subprocess.run([sys.executable, "-m", "schoolpulse", *arguments], check=True, stdout=out)
    score = json.loads(judged.read_text("utf-8"))
    assert (score["outages"], score["recall"], score["false_pages"], score["extra_pages"]) == (ROOTS, 1, 0, 0)
    assert score["cause_right"] == 1
