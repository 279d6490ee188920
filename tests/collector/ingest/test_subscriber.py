"""The subscriber on a real mosquitto: acknowledged only what is on disk, and always back again."""

from __future__ import annotations

import getpass
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from collector.ingest.collecting import Collecting, Publisher, until
from collector.ingest.messages_in import telemetry
from parts import free_port, need
from parts.mosquitto import Mosquitto

from schoolpulse.errors import ConfigError
from schoolpulse.ingest import committer
from schoolpulse.messages import Link
from schoolpulse_agent import wire
from schoolpulse_agent.wire import Kind

USER = f"user {getpass.getuser()}"
"""Where root runs the tests, mosquitto would become somebody who may not read them."""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    mosquitto = Mosquitto(tmp_path)
    mosquitto.start()
    yield mosquitto
    mosquitto.stop()


def _links(collecting: Collecting) -> list[bool]:
    messages = collecting.journal.read(0, 100_000)
    return [message.body.connected for message in messages if isinstance(message.body, Link)]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_what_is_sent_while_the_collector_is_away_waits_at_the_broker(
    tmp_path: Path, broker: Mosquitto, protocol: str
) -> None:
    collecting = Collecting(tmp_path, broker.url, protocol=protocol)
    collecting.start()
    publisher = Publisher(broker.port)
    publisher.publish(*telemetry(1))
    until(lambda: publisher.confirmed("a", "s").through == 1, "the first confirmed")
    collecting.stop()
    for seq in range(2, 50):
        publisher.publish(*telemetry(seq))
    collecting = Collecting(tmp_path, broker.url, protocol=protocol)
    collecting.start()
    until(lambda: publisher.confirmed("a", "s").through == 49, "all confirmed")
    assert collecting.batches() == [("a", "s", seq) for seq in range(1, 50)]
    assert _links(collecting) == [False, True, False, False, True]
    publisher.close()
    collecting.stop()


def _send_one(broker: Mosquitto, seq: int) -> None:
    publisher = Publisher(broker.port)
    publisher.publish(*telemetry(seq))
    until(lambda: publisher.confirmed("a", "s").through == seq, f"{seq} confirmed")
    publisher.close()


def test_it_comes_back_to_a_broker_that_died(
    tmp_path: Path, broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    collecting = Collecting(tmp_path, broker.url, keepalive_s=2)
    collecting.start()
    for round_ in range(1, 4):
        broker.kill()
        until(lambda: not collecting.subscriber.connected, "connection lost")
        assert collecting.subscriber.alive
        assert "lost" in collecting.subscriber.trouble or "Refused" in collecting.subscriber.trouble
        broker.start()
        until(lambda: collecting.subscriber.connected, "connected again")
        _send_one(broker, round_)
    assert collecting.subscriber.trouble == ""
    assert caplog.text.count("connection was lost") == 3
    collecting.stop()


def test_a_blocked_journal_acknowledges_nothing_and_loses_nothing(
    tmp_path: Path, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(committer, "RETRY_S", 0.05)
    collecting = Collecting(tmp_path, broker.url, receive_maximum=20)
    collecting.start()
    publisher = Publisher(broker.port)
    publisher.publish(*telemetry(1))
    until(lambda: publisher.confirmed("a", "s").through == 1, "the first confirmed")
    collecting.journal._writer.execute("PRAGMA query_only=ON")
    for seq in range(2, 200):
        publisher.publish(*telemetry(seq))
    until(lambda: collecting.value("journal_blocked") == 1, "blocked")
    blocked_at = collecting.subscriber.watermark()
    assert "read-only" in caplog.text
    # The broker keeps what is beyond the receive maximum; time stands still for the sinks.
    assert len(collecting.subscriber._inbox) <= 20
    assert publisher.confirmed("a", "s").through == 1
    assert collecting.subscriber.watermark() == blocked_at
    collecting.journal._writer.execute("PRAGMA query_only=OFF")
    until(lambda: publisher.confirmed("a", "s").through == 199, "all confirmed")
    assert collecting.batches() == [("a", "s", seq) for seq in range(1, 200)]
    assert caplog.text.count("nothing is acknowledged") == 1
    assert collecting.value("journal_blocked") == 0
    publisher.close()
    collecting.stop()


def test_what_was_committed_but_not_acknowledged_comes_again_and_is_known(
    tmp_path: Path, broker: Mosquitto
) -> None:
    collecting = Collecting(tmp_path, broker.url)
    collecting.subscriber._committer._acknowledge = lambda _arrivals: None
    collecting.start()
    publisher = Publisher(broker.port)
    for seq in range(1, 30):
        publisher.publish(*telemetry(seq))
    publisher.publish(wire.topic("a", Kind.STATE), wire.state_message(online=True, boot="b", session=1))
    until(lambda: collecting.value("journalled_messages_total") == 32, "committed")
    collecting.stop()
    collecting = Collecting(tmp_path, broker.url)
    collecting.start()
    until(lambda: collecting.value("duplicate_batches_total") == 29, "known")
    publisher.publish(*telemetry(30))
    until(lambda: publisher.confirmed("a", "s").through == 30, "confirmed")
    assert collecting.batches() == [("a", "s", seq) for seq in range(1, 31)]
    kinds = [type(message.body).__name__ for message in collecting.journal.read(0, 1_000)]
    assert kinds.count("State") == 1
    publisher.close()
    collecting.stop()


def test_retained_states_are_journalled_at_the_first_subscribe_only(
    tmp_path: Path, broker: Mosquitto
) -> None:
    publisher = Publisher(broker.port)
    for agent in ("a", "b"):
        message = wire.state_message(online=True, boot="b", session=1)
        publisher.publish(wire.topic(agent, Kind.STATE), message, retain=True)
    publisher.close()
    for start in range(1, 3):
        collecting = Collecting(tmp_path, broker.url, session_expiry_s=0)
        collecting.start()
        _send_one(broker, start)
        states = [m for m in collecting.journal.read(0, 100) if type(m.body).__name__ == "State"]
        assert [(message.agent_id, message.retained) for message in states] == [("a", True), ("b", True)]
        collecting.stop()


def test_many_messages_are_few_commits_and_few_confirms(tmp_path: Path, broker: Mosquitto) -> None:
    collecting = Collecting(tmp_path, broker.url, ingest={"confirms_per_s": 5, "linger_ms": 50})
    commits: list[int] = []
    collecting.journal.on_commit(lambda: commits.append(1))
    collecting.start()
    publisher = Publisher(broker.port)
    for seq in range(1, 501):
        publisher.send(*telemetry(seq))
    until(lambda: publisher.confirmed("a", "s").through == 500, "all confirmed")
    assert len(commits) < 250
    assert collecting.value("confirms_sent_total") < 250
    publisher.close()
    collecting.stop()


def test_bytes_that_wait_are_bounded(
    tmp_path: Path, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer, "RETRY_S", 0.05)
    collecting = Collecting(tmp_path, broker.url, ingest={"max_waiting_bytes": 1024 * 1024})
    collecting.start()
    collecting.journal._writer.execute("PRAGMA query_only=ON")
    publisher = Publisher(broker.port)
    large = b"x" * 250_000
    for _ in range(20):
        publisher.send(wire.topic("a", Kind.STATE), large)
    until(lambda: collecting.value("journal_blocked") == 1, "blocked")
    inbox = collecting.subscriber._inbox
    until(lambda: inbox._bytes_in - inbox._bytes_out > 1024 * 1024, "the limit reached")
    assert inbox._bytes_in - inbox._bytes_out <= 1024 * 1024 + len(large)
    collecting.journal._writer.execute("PRAGMA query_only=OFF")
    until(lambda: collecting.journal.dead_letter_counts() == {"bad_json": 20}, "all put aside")
    publisher.close()
    collecting.stop()


def test_a_wrong_password_is_said_once_and_a_right_one_is_read_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    users = tmp_path / "users"
    subprocess.run([need("mosquitto_passwd"), "-b", "-c", str(users), "collector", "right"], check=True)
    broker = Mosquitto(tmp_path, "allow_anonymous false", f"password_file {users}", USER)
    broker.start()
    password = tmp_path / "password"
    password.write_text("wrong\n")
    collecting = Collecting(tmp_path, broker.url, username="collector", password_file=password)
    collecting.subscriber.start()
    until(lambda: "refuses" in collecting.subscriber.trouble, "refused")
    until(lambda: broker.log.read_text().count("New connection") >= 3, "tried again")
    assert caplog.text.count("refuses us") == 1
    assert "wrong" not in caplog.text
    password.write_text("right\n")
    until(lambda: collecting.subscriber.connected, "connected")
    collecting.stop()
    broker.stop()


def _certificates(folder: Path) -> None:
    """A certificate authority and a certificate for localhost, a day each."""
    openssl = need("openssl")
    authority = ["-x509", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority"]
    key = ["-newkey", "rsa:2048", "-nodes"]
    signer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1"]
    for arguments in (
        ["req", *key, "-days", "1", *authority],
        ["req", *key, "-keyout", "key.pem", "-out", "csr.pem", "-subj", "/CN=localhost"],
        ["x509", "-req", "-in", "csr.pem", *signer, "-extfile", "names", "-out", "cert.pem"],
    ):
        (folder / "names").write_text("subjectAltName=DNS:localhost\n")
        subprocess.run([openssl, *arguments], cwd=folder, check=True, capture_output=True)


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
)
def test_tls_with_an_authority_of_our_own_and_with_none(tmp_path: Path) -> None:
    _certificates(tmp_path)
    port = free_port()
    files = (f"certfile {tmp_path}/cert.pem", f"keyfile {tmp_path}/key.pem")
    broker = Mosquitto(tmp_path, f"listener {port} 127.0.0.1", *files, USER)
    broker.start()
    url = f"mqtts://localhost:{port}"
    collecting = Collecting(tmp_path, url, ca_file=tmp_path / "ca.pem")
    collecting.start()
    collecting.stop()
    untrusting = Collecting(tmp_path, url)
    untrusting.subscriber.start()
    until(lambda: "certificate" in untrusting.subscriber.trouble.lower(), "refused for the certificate")
    untrusting.stop()
    broker.stop()
    with pytest.raises(ConfigError, match="ca_file"):
        Collecting(tmp_path, url, ca_file=tmp_path / "names")


def test_acknowledgements_of_an_earlier_connection_are_dropped(tmp_path: Path, broker: Mosquitto) -> None:
    collecting = Collecting(tmp_path, broker.url)
    held: list[Any] = []
    connection = collecting.subscriber._connection
    collecting.subscriber._committer._acknowledge = held.extend
    collecting.start()
    publisher = Publisher(broker.port)
    publisher.publish(*telemetry(1))
    until(lambda: [arrival for arrival in held if arrival.qos], "one held back")
    (old,) = [arrival for arrival in held if arrival.qos]
    broker.stop()
    broker.start()
    until(lambda: connection.connected and connection._epoch > old.epoch, "connected anew")
    sent: list[list[int]] = []
    connection._client.acknowledge = lambda mids: sent.append(list(mids))  # type: ignore[method-assign]  # the network is the seam here
    connection.acknowledge([old])
    connection.acknowledge([old, old._replace(epoch=connection._epoch, mid=77)])
    assert sent == [[77]]
    publisher.close()
    collecting.stop()


def test_the_clock_of_the_sinks_goes_on_without_messages(tmp_path: Path, broker: Mosquitto) -> None:
    collecting = Collecting(tmp_path, broker.url)
    collecting.start()
    before = time.time_ns() // 1_000_000
    until(lambda: collecting.subscriber.watermark() >= before + 20, "time goes on")
    collecting.stop()
