"""The whole agent as a process: measures this machine, sends it, and stops when asked."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from parts import need
from parts.confirmer import Confirmer
from parts.mosquitto import Mosquitto

from schoolpulse_agent import wire
from schoolpulse_agent.__main__ import main
from schoolpulse_agent.config import load
from schoolpulse_agent.errors import SpoolInUse
from schoolpulse_agent.runner import Runner

CONFIG = """
[agent]
id = "thcs-go-vap"
state_dir = "{folder}/state"
[broker]
url = "{url}"
reconnect_spread_s = 0.2
{broker}
[batch]
interval_s = 1
[[probes.reachability.target]]
name = "loopback"
scope = "lan_gateway"
method = "tcp"
address = "127.0.0.1:{port}"
"""


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.fixture
def start_broker(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    brokers: list[Mosquitto] = []

    def start(*settings: str, anonymous: bool = True) -> Mosquitto:
        broker = Mosquitto(tmp_path, *settings)
        if not anonymous:
            config = Path(broker.command[-1])
            config.write_text(config.read_text().replace("allow_anonymous true", "allow_anonymous false"))
        brokers.append(broker)
        broker.start()
        return broker

    yield start
    for broker in brokers:
        broker.kill()


def write_config(folder: Path, url: str, port: int, broker: str = "") -> Path:
    path = folder / "agent.toml"
    path.write_text(CONFIG.format(folder=folder, url=url, port=port, broker=broker))
    return path


def test_once_prints_a_round_as_json_and_as_a_table(
    tmp_path: Path, listener: int, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(write_config(tmp_path, "mqtt://127.0.0.1:1", listener))
    assert main(["once", "--json", "--config", config]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["agent"] == "thcs-go-vap"
    blocks = {block["m"]: block for block in found["blocks"]}
    assert {"system", "wan", "reachability"} <= set(blocks)
    (row,) = blocks["reachability"]["rows"]
    assert dict(zip(blocks["reachability"]["fields"], row[2]))["up"] == 1  # noqa: B905  # Python 3.9
    assert main(["once", "--config", config]) == 0
    table = capsys.readouterr().out
    assert "loopback" in table
    assert "uptime_s" in table
    assert not (tmp_path / "state").exists()


def test_a_running_agent_sends_and_says_goodbye_when_it_is_asked_to_stop(
    tmp_path: Path, listener: int, start_broker: Callable[..., Mosquitto]
) -> None:
    broker = start_broker()
    collector = Confirmer(broker.port)
    config = write_config(tmp_path, broker.url, listener)
    log = (tmp_path / "log").open("wb")
    agent = subprocess.Popen(
        [sys.executable, "-m", "schoolpulse_agent", "run", "--config", str(config)], stderr=log
    )
    measured: set[str] = set()

    def all_measured() -> bool:
        for batch in collector.of_kind("telemetry"):
            measured.update(block["m"] for block in batch["blocks"])
        return {"system", "wan", "reachability"} <= measured

    collector.wait_until(all_measured)
    (birth,) = collector.of_kind("birth")
    assert set(birth["probes"]) == {"system", "interface", "wan", "modem", "reachability"}
    soon_ms = time.time_ns() // 1_000_000 + 60_000
    for command in ({"id": "c1", "do": "send_birth"}, {"id": "c2", "do": "speed_test"}):
        collector.say("thcs-go-vap", wire.Kind.COMMAND, wire.dumps({**command, "expires": soon_ms}))
    collector.wait_until(
        lambda: len(collector.of_kind("birth")) == 2 and len(collector.of_kind("reply")) == 2
    )
    assert {reply["id"]: reply["ok"] for reply in collector.of_kind("reply")} == {"c1": True, "c2": False}
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(60) == 0
    log.close()
    collector.wait_until(lambda: collector.of_kind("state")[-1].get("reason") == "shutdown")
    text = (tmp_path / "log").read_text()
    assert "has stopped" in text
    assert "Traceback" not in text
    collector.close()


def test_a_second_agent_in_the_same_folder_is_refused(
    tmp_path: Path, listener: int, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path, "mqtt://127.0.0.1:1", listener)
    first = Runner(load(config), probes={})
    with pytest.raises(SpoolInUse):
        Runner(load(config), probes={})
    assert main(["run", "--config", str(config)]) == 1
    assert "state_dir" in capsys.readouterr().err
    first.stop()
    first.run()


# ---- TLS and passwords

AS_WE_ARE = "user root"
"""Started as root, mosquitto would change to a user that cannot read this test's files."""


def openssl(*arguments: str) -> None:
    subprocess.run([need("openssl"), *arguments], check=True, capture_output=True)


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.cert, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"),
            *("-keyout", str(self.key), "-out", str(self.cert)),
        )

    def issue(self, name: str) -> tuple[Path, Path]:
        """A certificate for `name`, and its key."""
        cert, key, request = (self.folder / f"{self.name}-{name}.{end}" for end in ("pem", "key", "csr"))
        extra = self.folder / "extra.cnf"
        extra.write_text("subjectAltName=IP:127.0.0.1\n" if name == "127.0.0.1" else "")
        openssl(
            *("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}"),
            *("-keyout", str(key), "-out", str(request)),
        )
        openssl(
            *("x509", "-req", "-in", str(request), "-CA", str(self.cert), "-CAkey", str(self.key)),
            *("-CAcreateserial", "-days", "2", "-extfile", str(extra), "-out", str(cert)),
        )
        key.chmod(0o600)
        return cert, key


def log_of_a_try(folder: Path, config: Path) -> str:
    """What an agent logs until it has connected, or said why it has not."""
    path = folder / "log"
    with path.open("wb") as log:
        agent = subprocess.Popen(
            [sys.executable, "-m", "schoolpulse_agent", "run", "--verbose", "--config", str(config)],
            stderr=log,
        )
        end = time.monotonic() + 60
        text = ""
        while "connected to" not in text and "no connection" not in text and time.monotonic() < end:
            time.sleep(0.05)  # polling another process's log
            text = path.read_text()
        agent.terminate()
        assert agent.wait(60) == 0
    return path.read_text()


def test_tls_verifies_the_broker_and_shows_a_certificate(
    tmp_path: Path, listener: int, start_broker: Callable[..., Mosquitto]
) -> None:
    ours, others = Authority(tmp_path, "ours"), Authority(tmp_path, "others")
    server_cert, server_key = ours.issue("127.0.0.1")
    cert, key = ours.issue("thcs-go-vap")
    broker = start_broker(
        AS_WE_ARE,
        f"cafile {ours.cert}",
        f"certfile {server_cert}",
        f"keyfile {server_key}",
        "require_certificate true",
        "use_identity_as_username true",
    )
    url = broker.url.replace("mqtt://", "mqtts://")
    pair = f'cert_file = "{cert}"\nkey_file = "{key}"\n'

    def connects(text: str) -> tuple[bool, str]:
        log = log_of_a_try(tmp_path, write_config(tmp_path, url, listener, text))
        return "connected to" in log, log

    assert connects(f'ca_file = "{ours.cert}"\n{pair}')[0]
    connected, text = connects(f'ca_file = "{others.cert}"\n{pair}')
    assert not connected
    assert "CERTIFICATE_VERIFY_FAILED" in text
    assert not connects(f'ca_file = "{ours.cert}"\n')[0]


def test_a_password_is_read_from_its_file_and_never_shown(
    tmp_path: Path, listener: int, start_broker: Callable[..., Mosquitto]
) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(
        [need("mosquitto_passwd"), "-b", "-c", str(passwords), "thcs-go-vap", "gia-huy-7"], check=True
    )
    broker = start_broker(AS_WE_ARE, f"password_file {passwords}", anonymous=False)
    secret = tmp_path / "secret"
    logs = {}
    for password in ("gia-huy-7", "wrong"):
        secret.write_text(password + "\n")
        secret.chmod(0o600)
        path = write_config(
            tmp_path, broker.url, listener, f'username = "thcs-go-vap"\npassword_file = "{secret}"\n'
        )
        logs[password] = log_of_a_try(tmp_path, path)
    assert "connected to" in logs["gia-huy-7"]
    assert "the broker refuses us: Not authorized" in logs["wrong"]
    assert "gia-huy-7" not in logs["gia-huy-7"]
