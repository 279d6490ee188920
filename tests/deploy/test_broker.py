"""The shipped broker really runs, with TLS and ACL; strangers, neighbours and the revoked are refused."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy.broker import DEPLOY, Client, ShippedBroker, secrets
from parts import need

SHIPPED = (DEPLOY / "mosquitto/mosquitto.conf", DEPLOY / "debian/mosquitto/schoolpulse.conf")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    secrets(tmp_path, "--host", "mqtt.example.vn")
    return tmp_path


@pytest.fixture(params=SHIPPED, ids=["compose", "debian"])
def broker(request: pytest.FixtureRequest, folder: Path) -> Iterator[ShippedBroker]:
    with ShippedBroker(folder, request.param) as running:
        yield running


def collector_password(folder: Path) -> str:
    return (folder / "secrets/broker_password").read_text().strip()


def test_an_agent_speaks_for_itself_and_the_collector_hears_it(folder: Path, broker: ShippedBroker) -> None:
    password = secrets(folder, "--agent", "gw-1")
    broker.reload()
    collector = Client(broker, "collector", collector_password(folder))
    assert collector.subscribe("schoolpulse/v1/#") == "Granted QoS 1"
    assert collector.subscribe("$SYS/broker/publish/messages/dropped") == "Granted QoS 1"
    collector.arrived.clear()
    agent = Client(broker, "gw-1", password)
    assert str(agent.answer) == "Success"
    for kind in ("state", "birth", "telemetry", "reply"):
        assert agent.publish(f"schoolpulse/v1/gw-1/{kind}") == "Success"
    assert collector.publish("schoolpulse/v1/gw-1/confirm") == "Success"
    agent.close()
    collector.close()
    assert "schoolpulse/v1/gw-1/state" in {topic for topic, _ in collector.got}


def test_what_is_not_an_agents_own_is_refused(folder: Path, broker: ShippedBroker) -> None:
    password = secrets(folder, "--agent", "gw-1")
    broker.reload()
    agent = Client(broker, "gw-1", password)
    for topic in (
        "schoolpulse/v1/gw-2/telemetry",
        "schoolpulse/v1/gw-1/confirm",
        "schoolpulse/v1/gw-2/command",
        "other",
    ):
        assert agent.publish(topic) == "Not authorized", topic
    # mosquitto 2.0 grants a subscription and withholds what the ACL forbids; what matters is that none comes.
    agent.subscribe("schoolpulse/v1/#")
    other = secrets(folder, "--agent", "gw-2")
    broker.reload()
    neighbour = Client(broker, "gw-2", other)
    assert neighbour.publish("schoolpulse/v1/gw-2/telemetry") == "Success"
    collector = Client(broker, "collector", collector_password(folder))
    collector.publish("schoolpulse/v1/gw-2/confirm", b"theirs")
    collector.publish("schoolpulse/v1/gw-1/confirm", b"ours")
    assert agent.arrived.wait(30)
    assert [payload for _, payload in agent.got] == [b"ours"]
    for one in (agent, neighbour, collector):
        one.close()


@pytest.mark.parametrize(("user", "password"), [(None, None), ("gw-9", "x"), ("collector", "wrong")])
def test_strangers_are_refused(
    folder: Path, broker: ShippedBroker, user: str | None, password: str | None
) -> None:
    client = Client(broker, user, password)
    assert str(client.answer) == "Not authorized"
    client.close()


def test_a_revoked_agent_is_thrown_out_and_stays_out(folder: Path, broker: ShippedBroker) -> None:
    password = secrets(folder, "--agent", "gw-1")
    broker.reload()
    agent = Client(broker, "gw-1", password)
    assert str(agent.answer) == "Success"
    secrets(folder, "--revoke", "gw-1")
    broker.reload()
    assert agent.gone.wait(30)
    again = Client(broker, "gw-1", password)
    assert str(again.answer) == "Not authorized"
    agent.close()
    again.close()


def test_a_client_that_does_not_know_the_authority_does_not_connect(broker: ShippedBroker) -> None:
    known_to_the_system = ssl.create_default_context()
    with (
        socket.create_connection(("127.0.0.1", broker.port), timeout=30) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        known_to_the_system.wrap_socket(plain, server_hostname="127.0.0.1")


def test_mosquittos_own_tool_takes_the_password_file(folder: Path) -> None:
    passwords = folder / "secrets/passwords"
    subprocess.run([need("mosquitto_passwd"), "-b", str(passwords), "other", "pw"], check=True)
    names = [line.split(":")[0] for line in passwords.read_text().splitlines()]
    assert names == ["collector", "other"]


def test_secrets_are_made_once_and_for_nobody_else(folder: Path) -> None:
    assert (folder / ".env").stat().st_mode & 0o077 == 0
    assert (folder / "secrets").stat().st_mode & 0o077 == 0
    with pytest.raises(subprocess.CalledProcessError):
        secrets(folder, "--host", "again")
