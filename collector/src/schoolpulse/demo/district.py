"""A living district: broker, collector, page, simulated schools, the real agent, and somebody who is told."""

from __future__ import annotations

import csv
import json
import socket
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from schoolpulse.app import Collector
from schoolpulse.config import Config
from schoolpulse.demo.children import Child
from schoolpulse.demo.receiver import Receiver
from schoolpulse.demo.show import Show, Summary, Watcher
from schoolpulse.errors import SchoolPulseError
from schoolpulse.incidents.policy import Policy
from schoolpulse.notify.signing import new_secret
from schoolpulse.registry.csv_file import read_schools
from schoolpulse.registry.models import Line, School
from schoolpulse.stores import sqlite_audit
from schoolpulse.stores.sink import PRESENCE

AREA = ("TP.HCM", "Gò Vấp")
HERE = School(
    id="may-nay",
    name="Máy này (agent thật)",
    level="",
    area=(*AREA, "Tại chỗ"),
    agent_id="may-nay",
    lines=(Line(role="primary", provider="", technology="unknown"),),
)
"""This very machine, measured by the real agent among the simulated schools."""
POLICY = Policy(hold_ms=15_000)
"""As in production, but for the wait before an incident is resolved: nobody watches that long."""
PAGE_PORT = 8080
READY_TIMEOUT_S = 120.0
DRAIN_TIMEOUT_S = 30.0
TICK_S = 0.1

_AGENT = """\
[agent]
id = "{agent_id}"
state_dir = "{folder}/agent"
[broker]
url = "{broker}"
[batch]
interval_s = 10
[probes.reachability]
interval_s = 5
{targets}"""
_TARGETS = """\
[[probes.reachability.target]]
name = "gateway"
scope = "lan_gateway"
method = "icmp"
address = "gateway"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a demonstration is asked for.

    `probe_internet` lets the real agent ask its default targets; without it, it asks this machine's own
    gateway only, so that a closed network is no outage.
    """

    schools: int = 40
    seed: int = 1
    scenario: str = "smart-classrooms"
    duration_s: float | None = None
    port: int | None = None
    probe_internet: bool = False


class Demo:
    """One demonstration, in a folder of its own that goes with it."""

    def __init__(self, options: Options, show: Show) -> None:
        self._options = options
        self._show = show
        self._first_point_s: float | None = None

    def run(self, end: threading.Event) -> Summary:
        """Play until `end` is set or the duration is over, then stop everything and draw the balance.

        Raises:
            SchoolPulseError: a part does not start, or ends by itself.
        """
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="schoolpulse-demo-")))
            secret = new_secret()
            receiver = Receiver(secret, self._show.webhook)
            receiver.start()
            stack.callback(receiver.stop)
            config = self._config(folder, receiver.url, secret)
            collector = Collector(config, policy=POLICY)
            stack.callback(collector.stop)
            self._show.line(f"SchoolPulse: {collector.url}   (Ctrl-C ends it)")
            collector.start()
            broker = config.broker_settings.url
            agent = self._start_agent(folder, broker)
            stack.callback(agent.stop)
            district = self._start_district(folder, broker)
            stack.callback(district.stop)
            self._register(collector, folder / "registry.csv", district, end)
            self._watch(collector, (agent, district), Watcher(folder / "district.log"), end)
            self._show.say("ending: agents first, then the collector")
            agent.stop()
            district.stop()
            self._drain(collector)
            return self._balance(collector, folder, receiver)

    def _config(self, folder: Path, receiver_url: str, secret: str) -> Config:
        return Config.model_validate(
            {
                "data_dir": folder / "collector",
                "area": AREA,
                "http": {"port": self._options.port or _free_port(PAGE_PORT)},
                "embedded_broker": {"port": _free_port()},
                "endpoints": [{"id": "demo", "url": receiver_url, "secret": secret, "allow_private": True}],
            }
        )

    def _start_agent(self, folder: Path, broker: str) -> Child:
        config = folder / "agent.toml"
        targets = "" if self._options.probe_internet else _TARGETS
        config.write_text(
            _AGENT.format(agent_id=HERE.agent_id, folder=folder, broker=broker, targets=targets), "utf-8"
        )
        return Child("schoolpulse_agent", ["run", "--config", str(config)], folder / "agent.log")

    def _start_district(self, folder: Path, broker: str) -> Child:
        options = self._options
        arguments = ["run", "--scenario", options.scenario, "--broker", broker]
        arguments += ["--schools", str(options.schools), "--seed", str(options.seed)]
        arguments += ["--classrooms", str(folder / "classrooms.csv")]
        arguments += ["--registry", str(folder / "registry.csv")]
        arguments += ["--truth", str(folder / "truth.jsonl"), "--summary", str(folder / "district.json")]
        return Child("schoolpulse_sim", arguments, folder / "district.log")

    def _register(self, collector: Collector, file: Path, district: Child, end: threading.Event) -> None:
        deadline_s = self._show.elapsed_s() + READY_TIMEOUT_S
        while not file.exists():
            district.check()
            if collector.clock.wait(end, TICK_S):
                return
            if self._show.elapsed_s() > deadline_s:
                raise SchoolPulseError(
                    "the simulated district does not start", hint="is the machine very busy?"
                )
        schools = read_schools(file.read_bytes(), parent_area=AREA)
        collector.registry.upsert([*schools, HERE])
        rooms = self._register_classrooms(collector, file.with_name("classrooms.csv"))
        also = f", {rooms} classrooms" if rooms else ""
        self._show.say(f"{len(schools)} simulated schools{also}, and the real agent measuring this machine")

    @staticmethod
    def _register_classrooms(collector: Collector, file: Path) -> int:
        """The agents in classrooms, which the registry file has no column for; how many."""
        rows = list(csv.DictReader(file.read_text("utf-8-sig").splitlines()))
        with collector.registry.change("demo") as (writer, _):
            for row in rows:
                writer.set_classroom(row["school_id"], row["agent_id"], row["name"])
        return len(rows)

    def _watch(
        self, collector: Collector, children: tuple[Child, ...], events: Watcher, end: threading.Event
    ) -> None:
        duration_s = self._options.duration_s
        while duration_s is None or self._show.elapsed_s() < duration_s:
            if collector.clock.wait(end, TICK_S):
                return
            for child in children:
                child.check()
            if self._first_point_s is None and collector.live.heard_ms is not None:
                self._first_point_s = self._show.elapsed_s()
                self._show.say("the first point is on the page")
            for line in events.new_lines():
                if " begins at " in line or " ends at " in line:
                    self._show.say(f"district  {line.rpartition(': ')[2]}")

    def _drain(self, collector: Collector) -> None:
        """Until every sink has what was journalled: nothing new comes in any more."""
        deadline_s = self._show.elapsed_s() + DRAIN_TIMEOUT_S
        never = threading.Event()
        while not collector.caught_up and self._show.elapsed_s() < deadline_s:
            collector.clock.wait(never, TICK_S)

    def _balance(self, collector: Collector, folder: Path, receiver: Receiver) -> Summary:
        """Sent is what the district made and keeps no more, and what our own agent's batches hold."""
        district = json.loads((folder / "district.json").read_text("utf-8"))
        points_db = folder / "collector" / "points.db"
        everything = sqlite_audit.count(points_db, leaving_out=PRESENCE)
        ours = sqlite_audit.count(points_db, leaving_out=PRESENCE, agent=HERE.agent_id)
        sent = int(district["points_made"]) - int(district["points_waiting"]) + ours.receipt_points
        return Summary(
            agents=int(district["agents"]) - int(district["classrooms"]) + 1,
            classrooms=int(district["classrooms"]),
            points_sent=sent,
            points_stored=everything.points,
            points_lost=max(0, sent - everything.points),
            points_duplicated=max(0, everything.points - sent),
            incidents=len(collector.incidents.list(limit=1_000)),
            webhooks_delivered=receiver.delivered,
            first_point_s=None if self._first_point_s is None else round(self._first_point_s, 2),
        )


def _free_port(wanted: int = 0) -> int:
    """`wanted` where nobody listens on it, else any free loopback port."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
