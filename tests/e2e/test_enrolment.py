"""From a code on paper to points in the store, over TLS, with every real part; revoked, and back again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import urllib3
from deploy.broker import DEPLOY, ShippedBroker, secrets
from e2e.chaos import wait_until
from parts import Part
from parts.collector import CollectorProcess
from parts.nginx import Nginx

from schoolpulse.stores.sink import PRESENCE
from schoolpulse.stores.sqlite_audit import count

AGENT = "gw-thcs-1"
CSV = f"school_id,name,agent_id,provider,technology\nthcs-1,THCS Một,{AGENT},VNPT,fibre\n"
CONFIG = """\
# what the technician wrote before
[batch]
interval_s = 0.5
[broker]
reconnect_spread_s = 0.5
reconnect_max_s = 1.0
[probes.reachability]
enabled = false
[probes.system]
interval_s = 1
[[device]]
name = "self"
kind = "host"
method = "tcp"
address = "127.0.0.1"
port = 9
"""


class Centre:
    """A broker, a collector, TLS before it: what a district runs. And one school's gateway."""

    def __init__(self, folder: Path, parts: ExitStack) -> None:
        self.folder = folder
        secrets(folder, "--host", "127.0.0.1")
        self.broker = parts.enter_context(ShippedBroker(folder, DEPLOY / "mosquitto/mosquitto.conf"))
        tls = folder / "secrets/tls"
        self.collector = CollectorProcess(
            folder,
            f"""\
[broker]
url = "{self.broker.url}"
username = "collector"
password_file = "{folder}/secrets/broker_password"
ca_file = "{tls}/ca.crt"
[accounts]
kind = "dynsec"
password_file = "{folder}/secrets/accounts_password"
[enrolment]
broker_ca_file = "{tls}/ca.crt"
server_certificate_file = "{tls}/server.crt"
""",
        )
        schools = folder / "schools.csv"
        schools.write_text(CSV, "utf-8")
        self.collector.import_csv(schools)
        self.collector.start()
        parts.callback(self.collector.stop)
        self.proxy = Nginx(folder, self.collector.port, tls / "server.crt", tls / "server.key")
        self.proxy.start()
        parts.callback(self.proxy.stop)
        self.gateway = folder / "gateway"
        self.gateway.mkdir()
        self.config = self.gateway / "agent.toml"
        self.config.write_text(CONFIG)
        self.state_dir = self.gateway / "state"
        self.said: list[str] = []
        self._parts = parts

    def schoolpulse(self, *arguments: str, status: int = 0) -> dict[str, Any]:
        """What the command line answers."""
        found: dict[str, Any] = json.loads(
            self._run(
                "schoolpulse", *arguments, "--json", "--config", str(self.collector.config), status=status
            )
        )
        return found

    def enroll(self, code: str, *arguments: str, status: int = 0) -> str:
        """What the technician reads."""
        return self._run(
            "schoolpulse_agent",
            *("enroll", code, "--server", self.proxy.url, "--config", str(self.config)),
            *("--state-dir", str(self.state_dir), *arguments),
            status=status,
        )

    def start_agent(self) -> Part:
        """The real agent, until the test ends."""
        command = [
            sys.executable,
            "-m",
            "schoolpulse_agent",
            "run",
            "--verbose",
            "--config",
            str(self.config),
        ]
        agent = Part(command, 0, self.folder / "agent.log")
        with agent.log.open("ab") as log:
            agent._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        self._parts.callback(agent.stop)
        return agent

    def post(self, path: str, body: object) -> Any:
        """The collector's answer on this machine, where nobody is asked who they are yet."""
        url = f"http://127.0.0.1:{self.collector.port}/api/v1{path}"
        answer = urllib3.request("POST", url, json=body)
        assert answer.status < 300, answer.data
        return answer.json()

    def get(self, path: str) -> Any:
        """Likewise."""
        return self.collector.get(f"/api/v1{path}").json()

    def receipts(self) -> int:
        """Batches of the agent in the store."""
        return count(self.collector.data_dir / "points.db", leaving_out=PRESENCE, agent=AGENT).receipts

    def password(self) -> str:
        """The agent's."""
        return (self.gateway / "agent.password").read_text().strip()

    def _run(self, module: str, *arguments: str, status: int) -> str:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == status, done.stdout + done.stderr
        self.said.append(done.stderr)
        return done.stdout + done.stderr if module == "schoolpulse_agent" else done.stdout


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    with ExitStack() as parts:
        yield Centre(tmp_path, parts)


def test_a_code_makes_an_agent_and_a_revocation_ends_it(centre: Centre) -> None:
    made = centre.schoolpulse("agents", "code", "thcs-1")
    code = made["code"]
    assert made["agent"] == AGENT

    short = code[: len("7K3F-9QWX-2MTY")]
    assert "--ca" in centre.enroll(short, status=1)  # without its pin nobody vouches for this authority
    said = centre.enroll(code)
    assert f"{AGENT} (THCS Một)" in said
    assert "lets it in" in said
    for secret in ("agent.toml", "agent.password"):
        assert (centre.gateway / secret).stat().st_mode & 0o777 == 0o600
    assert "# what the technician wrote before" in centre.config.read_text()
    assert not (centre.state_dir / "enrolling").exists()
    assert "used before" in centre.enroll(code, status=1)  # by another password: the first is forgotten

    centre.start_agent()
    wait_until(lambda: centre.receipts() > 2, "points are stored")
    agent = centre.get(f"/agents/{AGENT}")
    assert (agent["enrolment"], agent["account"]["owed"], agent["account"]["trouble"]) == (
        "enrolled",
        False,
        "",
    )

    _commands_are_answered(centre)
    first_password = centre.password()

    revoked = centre.post(f"/agents/{AGENT}/revoke", {})
    assert (revoked["enrolment"], revoked["account"]["owed"]) == ("revoked", False)
    log = centre.folder / "agent.log"
    wait_until(lambda: "Not authorized" in log.read_text(), "the revoked agent is refused")
    before = centre.receipts()
    kept = centre.state_dir / "spool"
    stream = sorted(path.name for path in kept.iterdir())

    again = centre.schoolpulse("agents", "code", "thcs-1")["code"]
    centre.enroll(again)
    assert centre.password() != first_password
    # The agent that ran all the time takes the new password by itself, and sends what it kept.
    wait_until(lambda: centre.receipts() > before + 2, "what it kept is stored")
    assert sorted(path.name for path in kept.iterdir()) == stream
    held = count(centre.collector.data_dir / "points.db", leaving_out=PRESENCE, agent=AGENT)
    assert held.points == held.receipt_points
    assert centre.collector.metrics()["schoolpulse_discarded_batches_total"] == 0

    _nobody_told(centre, code, again, first_password, centre.password())


def _commands_are_answered(centre: Centre) -> None:
    order = centre.post(f"/agents/{AGENT}/commands", {"do": "run_probe", "probe": "system"})
    assert order["state"] == "waiting"
    path = f"/agents/{AGENT}/commands/{order['id']}"
    wait_until(lambda: centre.get(path)["state"] == "answered", "the agent answers")
    refused = centre.schoolpulse(
        "agents", "command", AGENT, "run-probe", "nothing", "--wait", "--expires", "60s", status=1
    )
    assert refused["state"] == "refused"
    assert "no such probe" in refused["error"]
    assert [one["state"] for one in centre.get(f"/agents/{AGENT}/commands")["items"]] == [
        "refused",
        "answered",
    ]


def _nobody_told(centre: Centre, *told: str) -> None:
    """No secret stands in any log, nor in what commands say on standard error."""
    hidden = {*told, *(code.replace("-", "") for code in told)}
    hidden |= {
        (centre.folder / "secrets" / name).read_text().strip()
        for name in ("broker_password", "accounts_password")
    }
    logs = [centre.folder / name for name in ("collector.log", "agent.log", "mosquitto.log", "nginx.log")]
    texts = [path.read_text(errors="replace") for path in logs]
    assert all(texts), "each has a log"
    texts += [text for text in centre.said if "once, until" not in text]
    for secret in hidden:
        assert not any(secret in text for text in texts)
    database = b"".join(
        path.read_bytes() for path in centre.collector.data_dir.glob("state.db*") if path.exists()
    )
    for code in told[:2]:
        assert code.encode() not in database
