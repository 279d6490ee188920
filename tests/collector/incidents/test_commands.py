"""replay, score, record and endpoints, as somebody calls them."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from parts.mosquitto import Mosquitto
from receivers import receiver
from timelines import play

from schoolpulse.__main__ import main
from schoolpulse.access.audit import AuditLog
from schoolpulse.clock import SystemClock
from schoolpulse.config import load
from schoolpulse.incidents.scoring import score
from schoolpulse.notify.channels.registry import channels
from schoolpulse.notify.outbox import Outbox
from schoolpulse.notify.testing import send_test_to
from schoolpulse_sim.generate import Plan, traffic
from schoolpulse_sim.scenario import load_scenario

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def flapping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Traffic, truth and registry of a simulated morning."""
    folder = tmp_path_factory.mktemp("flapping")
    plan = Plan(load_scenario("flapping").sized(12), 3, length_ms=4 * HOUR_MS)
    with gzip.open(folder / "events.jsonl.gz", "wb") as out:
        for lines in traffic(plan, "evidence"):
            out.writelines(line[-1] for line in lines)
    (folder / "truth.jsonl").write_text(plan.truth_text(), "utf-8")
    (folder / "registry.csv").write_bytes(plan.district.registry_csv())
    return folder


def test_generated_traffic_is_replayed_and_scored(flapping: Path, capsys: pytest.CaptureFixture[str]) -> None:
    incidents = str(flapping / "incidents.jsonl")
    events, registry = str(flapping / "events.jsonl.gz"), str(flapping / "registry.csv")
    assert (
        main(["replay", "--events", events, "--registry", registry, "--incidents", incidents, "--json"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["events"] > 1000
    truth = str(flapping / "truth.jsonl")
    assert main(["score", "--truth", truth, "--incidents", incidents, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["outages"], figures["recall"], figures["false_pages"]) == (3, 1.0, 0)
    assert figures["pages"] == 3, "each of the three flapping lines pages once"
    assert figures["cause_right"] == 1.0
    assert main(["score", "--truth", truth, "--incidents", incidents, "--details"]) == 0
    assert "precision" in capsys.readouterr().out


def test_wrong_files_are_named(flapping: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"at":1}\n')
    registry, out = str(flapping / "registry.csv"), str(tmp_path / "out.jsonl")
    assert main(["replay", "--events", str(bad), "--registry", registry, "--incidents", out]) == 2
    assert main(["replay", "--events", "nowhere", "--registry", registry, "--incidents", out]) == 2
    assert main(["score", "--truth", str(bad), "--incidents", str(bad)]) == 2


def test_what_is_on_the_broker_is_recorded(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    try:
        out = tmp_path / "traffic.jsonl"
        command = [sys.executable, "-m", "schoolpulse", "record", "--out", str(out), "--broker", broker.url]
        process = subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE)
        wait_for_line(out, '"connected":true')
        for payload in ('{"online":true,"boot":"b","session":1,"at":1790000000000}', "no JSON"):
            topic = "schoolpulse/v1/gw-1/state"
            publish = [sys.executable, "-c", PUBLISH, str(broker.port), topic, payload]
            subprocess.run(publish, check=True, timeout=60)
        wait_for_line(out, "no JSON")
        process.terminate()
        said, _ = process.communicate(timeout=60)
        assert json.loads(said)["messages"] == 2
    finally:
        broker.stop()
    lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [line["payload"] for line in lines if line["topic"]] == [
        {"online": True, "boot": "b", "session": 1, "at": 1_790_000_000_000},
        "no JSON",
    ]


PUBLISH = """
import sys
from paho.mqtt import publish
publish.single(sys.argv[2], sys.argv[3], qos=1, port=int(sys.argv[1]))
"""


def wait_for_line(path: Path, text: str) -> None:
    """Until the other process has written it."""
    patience = threading.Event()
    for _ in range(1200):
        if path.exists() and text in path.read_text("utf-8"):
            return
        patience.wait(0.05)  # polling a file of another process: there is nothing else to wait on
    raise TimeoutError(f"{text!r} was not written")


def test_endpoints_are_listed_and_tested(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["endpoints", "secret", "--json"]) == 0
    secret = json.loads(capsys.readouterr().out)["secret"]
    with receiver() as there:
        config = tmp_path / "collector.toml"
        config.write_text(
            f'data_dir = "{tmp_path / "data"}"\n[[endpoints]]\nid = "ops"\nurl = "{there.url}"\n'
            f'allow_private = true\nsecret = "{secret}"\n'
        )
        assert main(["endpoints", "test", "ops", "--config", str(config)]) == 0
        assert json.loads(there.calls[0].body)["type"] == "test"
        there.answer = lambda _: 500
        assert main(["endpoints", "test", "ops", "--config", str(config)]) == 1
        assert main(["endpoints", "enable", "ops", "--config", str(config)]) == 0
        assert main(["endpoints", "test", "boss", "--config", str(config)]) == 2
    capsys.readouterr()
    assert main(["endpoints", "list", "--config", str(config), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["endpoints"]
    assert [(one["id"], one["status"]) for one in listed] == [("ops", "new")]
    assert secret not in json.dumps(listed)
    database = load(config).open_state()
    done = AuditLog(database, SystemClock()).list()
    assert [(one.caller, one.action, one.subject, one.detail) for one in done] == [
        ("console", "endpoint.enable", "ops", {}),
        ("console", "endpoint.test", "ops", {"delivered": False}),
        ("console", "endpoint.test", "ops", {"delivered": True}),
    ]
    outbox = Outbox(database, load(config).endpoints, channels(), school=lambda _: None)
    with database.begin() as connection:
        outbox.put(connection, play("0-300 speaks\n345 will").transitions)
    assert send_test_to(outbox, "nobody", 0) is None
    assert main(["endpoints", "history", "ops", "--config", str(config), "--json"]) == 0
    [message] = json.loads(capsys.readouterr().out)["messages"]
    assert (message["state"], message["attempts"], "body" in message) == ("pending", 0, False)
    for shown, words in ("list", "1 waiting"), ("history", "0 attempts"):
        assert main(["endpoints", shown, "ops", "--config", str(config)]) == 0
        assert words in capsys.readouterr().out


def test_a_score_counts_what_was_missed_made_up_and_misjudged() -> None:
    base = {"kind": "outage", "cause": "line_cut", "scope": "school", "provider": None, "device": None}
    truths = [
        {**base, "id": "t1", "school": "s1", "start": 0, "end": 600_000, "detectable": True},
        {**base, "id": "t2", "school": "s2", "start": 0, "end": 600_000, "detectable": True},
        {**base, "id": "t3", "school": "s3", "start": 0, "end": 20_000, "detectable": False},
    ]
    found = {"detected_at": 40_000, "confirmed_at": 50_000, "resolved_at": 900_000, "parent": None}
    incidents = [
        {
            **base,
            **found,
            "id": "i1",
            "school": "s1",
            "start": 0,
            "end": 600_000,
            "paged_at": [50_000, 60_000],
        },
        {**base, **found, "id": "i2", "school": "s9", "start": 0, "end": 600_000, "paged_at": [50_000]},
        {**base, **found, "id": "i3", "school": "s3", "start": 0, "end": 20_000, "paged_at": [50_000]},
    ]
    result = score(truths, incidents)
    assert (result.outages, result.found, result.recall) == (2, 1, 0.5)
    assert (result.pages, result.false_pages, result.extra_pages) == (4, 1, 1)
    assert (result.cause_right, result.median_detect_s) == (1.0, 50.0)
    wrong = score(truths, [{**incidents[0], "cause": "power_cut"}])
    assert wrong.cause_right == 0.0
    assert wrong.wrong[0].startswith("t1")
