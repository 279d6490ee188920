"""The shipped broker really runs, with TLS, accounts and rights; strangers and the revoked are refused."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy.broker import DEPLOY, Client, ShippedBroker, secrets

from schoolpulse.doctor import accounts
from schoolpulse.enrolment.desk import AgentDesk
from schoolpulse.enrolment.keepers.dynsec import Dynsec
from schoolpulse.enrolment.keepers.dynsec_control import MqttControl
from schoolpulse.enrolment.keepers.registry import create_keeper
from schoolpulse.errors import AccountsUnavailable
from schoolpulse_agent.clock import SystemClock
from schoolpulse_agent.enroll import check_broker
from schoolpulse_agent.enroll_words import EnrollTrouble
from schoolpulse_agent.settings import BrokerSettings, broker_at

SHIPPED = (DEPLOY / "mosquitto/mosquitto.conf", DEPLOY / "debian/mosquitto/schoolpulse.conf")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys take openssl a while."""
    folder = tmp_path_factory.mktemp("made")
    secrets(folder, "--host", "mqtt.example.vn")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path, dirs_exist_ok=True))


@pytest.fixture
def broker(request: pytest.FixtureRequest, folder: Path) -> Iterator[ShippedBroker]:
    with ShippedBroker(folder, getattr(request, "param", SHIPPED[0])) as running:
        yield running


@pytest.fixture
def desk(broker: ShippedBroker) -> AgentDesk:
    return broker.desk()


def collector_password(folder: Path) -> str:
    return (folder / "secrets/broker_password").read_text().strip()


def names(broker: ShippedBroker) -> set[str]:
    return {client["username"] for client in json.loads(broker.accounts_file.read_text())["clients"]}


def agent_settings(broker: ShippedBroker, certificate: Path, key: Path) -> BrokerSettings:
    """The agent's `[broker]` with a client certificate."""
    url = f"mqtts://127.0.0.1:{broker.certificate_port}"
    return broker_at(url, ca_file=broker.ca, cert_file=certificate, key_file=key)


def diagnosis(broker: ShippedBroker, desk: AgentDesk) -> list[tuple[str, str]]:
    """What the doctor says of the accounts."""
    keeper = create_keeper(broker.accounts(), broker.settings())
    return [(found.level.value, found.seen) for found in accounts.look_at(keeper, desk.accounts.all())]


@pytest.mark.parametrize("broker", SHIPPED, ids=["compose", "debian"], indirect=True)
def test_an_agent_speaks_for_itself_and_the_collector_hears_it(
    folder: Path, broker: ShippedBroker, desk: AgentDesk
) -> None:
    password = desk.make_password("gw-1", by="test")
    collector = Client(broker, "collector", collector_password(folder))
    assert collector.subscribe("schoolpulse/v1/+/telemetry") == "Granted QoS 1"
    assert collector.subscribe("$SYS/broker/publish/messages/dropped") == "Granted QoS 1"
    agent = Client(broker, "gw-1", password)
    assert str(agent.answer) == "Success"
    for kind in ("state", "birth", "telemetry", "reply"):
        assert agent.publish(f"schoolpulse/v1/gw-1/{kind}") in ("Success", "No matching subscribers"), kind
    for kind in ("confirm", "command"):
        assert agent.subscribe(f"schoolpulse/v1/gw-1/{kind}") == "Granted QoS 1"
        assert collector.publish(f"schoolpulse/v1/gw-1/{kind}", kind.encode()) == "Success"
    agent.wait_for(2)
    collector.wait_for_topic("schoolpulse/v1/gw-1/telemetry")
    agent.close()
    collector.close()


def test_what_is_not_an_agents_own_is_refused(folder: Path, broker: ShippedBroker, desk: AgentDesk) -> None:
    agent = Client(broker, "gw-1", desk.make_password("gw-1", by="test"))
    for topic in (
        "schoolpulse/v1/gw-2/telemetry",
        "schoolpulse/v1/gw-1/confirm",
        "schoolpulse/v1/gw-2/command",
        "schoolpulse/v1/gw-1/other",
        "other",
        "$CONTROL/dynamic-security/v1",
    ):
        assert agent.publish(topic) == "Not authorized", topic
    for topic in (
        "schoolpulse/v1/gw-2/confirm",
        "schoolpulse/v1/+/confirm",
        "schoolpulse/v1/gw-1/telemetry",
        "#",
        "$SYS/#",
    ):
        assert agent.subscribe(topic) == "Not authorized", topic
    assert agent.subscribe("schoolpulse/v1/gw-1/confirm") == "Granted QoS 1"
    collector = Client(broker, "collector", collector_password(folder))
    collector.publish("schoolpulse/v1/gw-2/confirm", b"theirs")
    collector.publish("schoolpulse/v1/gw-1/confirm", b"ours")
    agent.wait_for(1)
    assert [payload for _, payload in agent.got] == [b"ours"]
    for one in (agent, collector):
        one.close()


def test_a_will_on_anothers_topic_is_published_by_nobody(
    folder: Path, broker: ShippedBroker, desk: AgentDesk
) -> None:
    collector = Client(broker, "collector", collector_password(folder))
    collector.subscribe("schoolpulse/v1/+/state")
    first, second = (desk.make_password(f"gw-{number}", by="test") for number in (1, 2))
    Client(broker, "gw-1", first, will="schoolpulse/v1/gw-2/state").vanish()
    Client(broker, "gw-2", second, will="schoolpulse/v1/gw-2/state").vanish()
    collector.wait_for(1)
    with Client(broker, "gw-1", first, will="schoolpulse/v1/gw-1/state") as last:
        last.publish("schoolpulse/v1/gw-1/state", b"afterwards")
    collector.wait_for(2)
    assert collector.got == [
        ("schoolpulse/v1/gw-2/state", b"last words"),
        ("schoolpulse/v1/gw-1/state", b"afterwards"),
    ]
    collector.close()


@pytest.mark.parametrize(
    ("user", "password"), [(None, None), ("gw-9", "x"), ("collector", "wrong"), ("accounts", "")]
)
def test_strangers_are_refused(broker: ShippedBroker, user: str | None, password: str | None) -> None:
    client = Client(broker, user, password)
    assert str(client.answer) == "Not authorized"
    client.close()


def test_a_revoked_agent_is_thrown_out_and_stays_out(broker: ShippedBroker, desk: AgentDesk) -> None:
    password = desk.make_password("gw-1", by="test")
    agent = Client(broker, "gw-1", password)
    assert str(agent.answer) == "Success"
    assert desk.revoke("gw-1", by="test")
    assert agent.gone.wait(30)
    again = Client(broker, "gw-1", password)
    assert str(again.answer) == "Not authorized"
    assert "gw-1" not in names(broker)
    agent.close()
    again.close()


def test_a_new_password_ends_the_old_one(broker: ShippedBroker, desk: AgentDesk) -> None:
    old = desk.make_password("gw-1", by="test")
    agent = Client(broker, "gw-1", old)
    new = desk.make_password("gw-1", by="test")
    assert agent.gone.wait(30)
    answers = []
    for password in (old, new):
        with Client(broker, "gw-1", password) as client:
            answers.append(str(client.answer))
    assert answers == ["Not authorized", "Success"]


def test_accounts_outlive_the_broker(broker: ShippedBroker, desk: AgentDesk) -> None:
    password = desk.make_password("gw-1", by="test")
    broker.kill()
    broker.start()
    agent = Client(broker, "gw-1", password)
    assert str(agent.answer) == "Success"
    agent.close()


def test_what_the_broker_missed_it_gets_when_it_is_back(broker: ShippedBroker, desk: AgentDesk) -> None:
    password = desk.make_password("gw-1", by="test")
    broker.stop()
    assert desk.revoke("gw-1", by="test")
    account = desk.accounts.get("gw-1")
    assert account is not None
    assert account.owed
    assert "cannot be reached" in account.trouble
    assert [level for level, _ in diagnosis(broker, desk)] == ["bad"]
    broker.start()
    assert desk.accounts.settle()
    account = desk.accounts.get("gw-1")
    assert account is not None
    assert (account.owed, account.trouble) == (False, "")
    assert diagnosis(broker, desk) == [("ok", "the broker knows every agent that it should (0)")]
    client = Client(broker, "gw-1", password)
    assert str(client.answer) == "Not authorized"
    client.close()


def test_a_restored_broker_is_put_right(broker: ShippedBroker, desk: AgentDesk) -> None:
    """Its file of last week lets in who was revoked since, and does not know who is new."""
    password = desk.make_password("gw-1", by="test")
    last_week = broker.accounts_file.read_bytes()
    desk.revoke("gw-1", by="test")
    desk.make_password("gw-2", by="test")
    broker.stop()
    broker.accounts_file.write_bytes(last_week)
    broker.start()
    agent = Client(broker, "gw-1", password)
    assert str(agent.answer) == "Success"
    assert diagnosis(broker, desk) == [
        ("bad", "the broker does not know gw-2"),
        ("bad", "the broker lets in gw-1, revoked"),
    ]
    assert desk.accounts.compare()
    desk.accounts.settle()
    assert agent.gone.wait(30)
    assert names(broker) == {"accounts", "collector"}
    newer = desk.accounts.get("gw-2")
    assert newer is not None
    assert "new code" in newer.trouble
    assert not desk.accounts.compare()
    agent.close()


def test_a_certificate_instead_of_a_password(folder: Path, broker: ShippedBroker, desk: AgentDesk) -> None:
    for agent_id in ("gw-1", "gw-2"):
        secrets(folder, "--agent-certificate", agent_id)
    pairs = {
        agent_id: (folder / f"secrets/agents/{agent_id}.crt", folder / f"secrets/agents/{agent_id}.key")
        for agent_id in ("gw-1", "gw-2")
    }
    assert all(key.stat().st_mode & 0o077 == 0 for _, key in pairs.values())
    desk.let_in_by_certificate("gw-1", by="test")
    assert str(Client(broker, "gw-1", "").answer) == "Not authorized"  # not by an empty password
    agent = Client(broker, None, None, certificate=pairs["gw-1"])
    assert agent.publish("schoolpulse/v1/gw-1/telemetry") == "No matching subscribers"
    assert agent.publish("schoolpulse/v1/gw-2/telemetry") == "Not authorized"
    # A certificate names somebody; what that one may do, the account says: without one, nothing.
    stranger = Client(broker, None, None, certificate=pairs["gw-2"])
    assert stranger.publish("schoolpulse/v1/gw-2/telemetry") == "Not authorized"
    assert stranger.subscribe("schoolpulse/v1/gw-2/confirm") == "Not authorized"
    for agent_id, let_in in (("gw-1", True), ("gw-2", False)):  # and as the agent itself does it
        settings = agent_settings(broker, *pairs[agent_id])
        with contextlib.nullcontext() if let_in else pytest.raises(EnrollTrouble, match="does not let"):
            check_broker(settings, agent_id, SystemClock())
    desk.revoke("gw-1", by="test")
    assert agent.gone.wait(30)
    again = Client(broker, None, None, certificate=pairs["gw-1"])
    assert again.publish("schoolpulse/v1/gw-1/telemetry") == "Not authorized"
    for one in (agent, stranger, again):
        one.close()


def test_no_certificate_no_connection(broker: ShippedBroker) -> None:
    context = ssl.create_default_context(cafile=broker.ca)
    with socket.create_connection(("127.0.0.1", broker.certificate_port), timeout=30) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                secure.settimeout(30)
                assert secure.recv(1) == b""
        except (ssl.SSLError, ConnectionError):
            pass  # TLS 1.2 says so during the handshake, 1.3 afterwards


def test_without_the_right_password_no_account_changes(broker: ShippedBroker, folder: Path) -> None:
    wrong = folder / "wrong"
    wrong.write_text("wrong\n")
    settings = broker.accounts().model_copy(update={"password_file": wrong})
    with pytest.raises(AccountsUnavailable, match="refuses us"):
        Dynsec(MqttControl(broker.settings(), settings)).names()
    collectors = broker.accounts().model_copy(
        update={"username": "collector", "password_file": folder / "secrets/broker_password"}
    )
    with pytest.raises(AccountsUnavailable, match="let us read"):
        Dynsec(MqttControl(broker.settings(), collectors)).names()


def test_a_client_that_does_not_know_the_authority_does_not_connect(broker: ShippedBroker) -> None:
    known_to_the_system = ssl.create_default_context()
    with (
        socket.create_connection(("127.0.0.1", broker.port), timeout=30) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        known_to_the_system.wrap_socket(plain, server_hostname="127.0.0.1")


def test_secrets_are_made_once_and_for_nobody_else(folder: Path) -> None:
    assert (folder / ".env").stat().st_mode & 0o077 == 0
    assert (folder / "secrets").stat().st_mode & 0o077 == 0
    with pytest.raises(subprocess.CalledProcessError):
        secrets(folder, "--host", "again")
