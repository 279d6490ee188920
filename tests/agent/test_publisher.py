"""The publisher against a real broker: everything arrives, and is forgotten only when confirmed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from parts.confirmer import Confirmer
from parts.mosquitto import Mosquitto

from schoolpulse_agent import wire
from schoolpulse_agent.publisher import Publisher
from schoolpulse_agent.settings import BatchSettings, broker_at
from schoolpulse_agent.spool import Spool

AGENT = "thcs-go-vap"
BODY = wire.telemetry_body("b00t", "synced", [])
FAST = BatchSettings(backlog_per_s=1000, confirm_timeout_s=1)


@pytest.fixture(params=["5", "3.1.1"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    mosquitto = Mosquitto(tmp_path)
    mosquitto.start()
    yield mosquitto
    mosquitto.kill()


@pytest.fixture
def collector(broker: Mosquitto) -> Iterator[Confirmer]:
    confirmer = Confirmer(broker.port)
    yield confirmer
    confirmer.close()


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    found = Spool(tmp_path / "spool", max_bytes=1_000_000)
    yield found
    found.close()


def publisher(broker: Mosquitto, spool: Spool, protocol: str = "5", **options: Any) -> Publisher:
    agent_id = options.pop("agent_id", AGENT)
    settings = broker_at(
        broker.url, protocol=protocol, reconnect_spread_s=0.2, reconnect_max_s=0.5, keepalive_s=5
    )

    def birth(session: int) -> dict[str, Any]:
        return {"v": 1, "session": session}

    options.setdefault("batch", FAST)
    return Publisher(settings, agent_id, spool, birth, boot="b00t", **options)


def append(spool: Spool, count: int, sender: Publisher | None = None) -> set[tuple[str, int]]:
    batches = {(spool.stream, spool.append(BODY)) for _ in range(count)}
    if sender is not None:
        sender.notify()
    return batches


def test_everything_arrives_once_and_is_forgotten_when_confirmed(
    broker: Mosquitto, collector: Confirmer, spool: Spool, protocol: str
) -> None:
    sender = publisher(broker, spool, protocol)
    batches = append(spool, 20)
    sender.start()
    collector.wait_until(lambda: sender.connected)
    batches |= append(spool, 180, sender)
    collector.wait_until(lambda: set(collector.times) == batches)
    collector.wait_until(lambda: not spool.pending())
    assert set(collector.times.values()) == {1}
    sender.stop()
    assert not sender.alive


def test_birth_state_and_will_tell_each_session(
    broker: Mosquitto, collector: Confirmer, spool: Spool, protocol: str
) -> None:
    sender = publisher(broker, spool, protocol)
    sender.start()
    collector.wait_until(lambda: bool(collector.of_kind("birth")))
    sender.stop()
    collector.wait_until(lambda: len(collector.of_kind("state")) == 2)
    up, down = collector.of_kind("state")
    assert (up["online"], down["online"], down["reason"]) == (True, False, "shutdown")
    assert up["session"] == down["session"] == collector.of_kind("birth")[0]["session"]
    again = publisher(broker, spool, protocol)
    again.start()
    collector.wait_until(lambda: len(collector.of_kind("birth")) == 2)
    assert collector.of_kind("state")[-1]["session"] > up["session"]
    again.stop()


KILLED = """
import sys, time
from pathlib import Path
from schoolpulse_agent.publisher import Publisher
from schoolpulse_agent.settings import broker_at
from schoolpulse_agent.spool import Spool
spool = Spool(Path(sys.argv[2]), max_bytes=1_000_000)
for _ in range(int(sys.argv[4])):
    spool.append(b'{"boot":"b00t","clock":"synced","blocks":[]}')
sys.stdout.write(f"{spool.stream} {spool.last_seq}\\n")
sys.stdout.flush()
Publisher(
    broker_at(sys.argv[1], protocol=sys.argv[3], reconnect_spread_s=0.2),
    "thcs-go-vap", spool, lambda session: {"v": 1, "session": session}, boot="b00t",
).start()
time.sleep(600)
"""


def test_a_killed_agent_is_told_of_by_its_will_and_the_next_one_delivers_its_batches(
    broker: Mosquitto, collector: Confirmer, tmp_path: Path, protocol: str
) -> None:
    collector.confirming = False
    folder = tmp_path / "spool"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, broker.url, str(folder), protocol, "5"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    stream, last_seq = process.stdout.readline().split()
    collector.wait_until(lambda: len(collector.times) == 5)
    process.kill()
    process.wait(30)
    process.stdout.close()
    collector.wait_until(lambda: len(collector.of_kind("state")) == 2)
    will = collector.of_kind("state")[-1]
    assert will == {"online": False, "boot": "b00t", "session": collector.of_kind("state")[0]["session"]}
    collector.confirming = True
    spool = Spool(folder, max_bytes=1_000_000)
    assert (spool.stream, spool.last_seq) == (stream, int(last_seq))
    sender = publisher(broker, spool, protocol)
    sender.start()
    collector.wait_until(lambda: not spool.pending())
    sender.stop()
    spool.close()


def test_a_broker_that_dies_with_its_queue_loses_nothing(
    broker: Mosquitto, spool: Spool, protocol: str
) -> None:
    sender = publisher(broker, spool, protocol)
    sender.start()
    batches: set[tuple[str, int]] = set()
    arrived: set[tuple[str, int]] = set()
    for _ in range(3):
        collector = Confirmer(broker.port, confirming=False)
        batches |= append(spool, 10, sender)
        collector.wait_until(lambda now=collector: bool(now.times))  # type: ignore[misc]  # binds this turn's
        batches |= append(spool, 10, sender)
        broker.kill()
        arrived |= set(collector.times)
        collector.close()
        broker.start()
    last = Confirmer(broker.port)
    last.wait_until(lambda: not spool.pending())
    assert set(last.times) == batches >= arrived  # none was confirmed before, so all came again
    assert sender.alive
    sender.stop()
    last.close()


def test_what_is_not_confirmed_is_sent_again_and_the_newest_comes_first_after_an_outage(
    broker: Mosquitto, collector: Confirmer, spool: Spool
) -> None:
    append(spool, 30)
    slow = BatchSettings(backlog_per_s=10, confirm_timeout_s=1, in_flight=5)
    collector.confirming = False
    sender = publisher(broker, spool, batch=slow)
    sender.start()
    collector.wait_until(lambda: len(collector.order) >= 5)
    assert [seq for _, seq in collector.order[:5]] == [30, 29, 28, 27, 26]
    collector.confirming = True
    newest = append(spool, 1, sender)
    collector.wait_until(lambda: not spool.pending())
    assert set(collector.times) >= newest
    assert len(collector.times) == 31
    sender.stop()


def test_a_confirm_that_is_none_or_anothers_lets_nothing_be_forgotten(
    broker: Mosquitto, collector: Confirmer, spool: Spool
) -> None:
    collector.confirming = False
    sender = publisher(broker, spool)
    sender.start()
    append(spool, 3, sender)
    collector.wait_until(lambda: len(collector.times) == 3)
    for payload in (
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"stream":1,"through":9}',
        b'{"stream":"%s","through":"9"}' % spool.stream.encode(),
        b'{"stream":"%s","through":9,"also":[1]}' % spool.stream.encode(),
        wire.confirm_message("f" * 32, wire.SeqSet(9)),
    ):
        collector.say(AGENT, wire.Kind.CONFIRM, payload)
    # What comes after them on the same topic is still heard, so they all were heard before.
    collector.say(AGENT, wire.Kind.CONFIRM, wire.confirm_message(spool.stream, wire.SeqSet(0, [(2, 2)])))
    collector.wait_until(lambda: list(spool.pending()) == [1, 3])
    assert sender.alive
    sender.stop()


def test_a_command_is_answered_and_a_handler_that_stumbles_costs_nothing(
    broker: Mosquitto, collector: Confirmer, spool: Spool
) -> None:
    def handle(payload: bytes) -> list[bytes]:
        message = json.loads(payload)
        return [wire.dumps({"id": message["id"], "ok": True, "at": 1})]

    sender = publisher(broker, spool, on_command=handle)
    sender.start()
    collector.wait_until(lambda: sender.connected)
    collector.say(AGENT, wire.Kind.COMMAND, b"no json")
    collector.say(AGENT, wire.Kind.COMMAND, b'{"id":"c1"}')
    collector.wait_until(lambda: bool(collector.of_kind("reply")))
    assert collector.of_kind("reply") == [{"id": "c1", "ok": True, "at": 1}]
    sender.stop()


def test_another_way_out_means_a_new_connection_and_no_will(
    broker: Mosquitto, collector: Confirmer, spool: Spool
) -> None:
    sender = publisher(broker, spool)
    sender.start()
    collector.wait_until(lambda: len(collector.of_kind("birth")) == 1)
    sender.path_changed()
    collector.wait_until(lambda: len(collector.of_kind("birth")) == 2)
    assert [state["online"] for state in collector.of_kind("state")] == [True, True]
    sender.renew_birth()
    collector.wait_until(lambda: len(collector.of_kind("birth")) == 3)
    sender.stop()


def test_a_message_that_the_broker_takes_not_stays_in_the_spool_and_the_rest_goes(
    tmp_path: Path, spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    broker = Mosquitto(tmp_path, "max_packet_size 5000")
    broker.start()
    collector = Confirmer(broker.port)
    sender = publisher(broker, spool)
    spool.append(wire.telemetry_body("b00t", "synced", [{"x": "y" * 6000}]))
    sender.start()
    append(spool, 2, sender)
    collector.wait_until(lambda: list(spool.pending()) == [1])
    assert "takes no message" in caplog.text
    sender.stop()
    collector.close()
    broker.stop()


def test_ten_publishers_in_one_process(broker: Mosquitto, collector: Confirmer, tmp_path: Path) -> None:
    spools = [Spool(tmp_path / f"spool-{n}", max_bytes=1_000_000) for n in range(10)]
    senders = [publisher(broker, spool, agent_id=f"school-{n}") for n, spool in enumerate(spools)]
    for sender in senders:
        sender.start()
    for n, spool in enumerate(spools):
        append(spool, 20, senders[n])
    collector.wait_until(lambda: not any(len(spool.pending()) for spool in spools))
    assert len(collector.times) == 200
    for n, spool in enumerate(spools):
        senders[n].stop()
        spool.close()


def test_it_stops_at_once_where_there_is_no_broker(
    tmp_path: Path, spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = Mosquitto(tmp_path)  # never started
    sender = publisher(nowhere, spool)
    sender.start()
    sender.try_now()
    sender.stop()
    assert not sender.alive
    assert sum("no connection" in record.message for record in caplog.records) <= 1


def test_the_broker_s_receive_maximum_is_kept(tmp_path: Path, spool: Spool) -> None:
    broker = Mosquitto(tmp_path, "max_inflight_messages 3")
    broker.start()
    collector = Confirmer(broker.port)
    sender = publisher(broker, spool)
    sender.start()
    append(spool, 50, sender)
    collector.wait_until(lambda: not spool.pending())
    assert set(collector.times.values()) == {1}
    sender.stop()
    collector.close()
    broker.stop()
