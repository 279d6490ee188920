"""The real collector behind the page: its own process, a real broker, a simulated district if asked for."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from parts.collector import CollectorProcess
from parts.mosquitto import Mosquitto

from schoolpulse.notify.signing import new_secret
from schoolpulse_sim.district import make_district
from schoolpulse_sim.scenario import load_scenario

SEED = 8
SCENARIO = """\
[scenario]
title = "One line is cut and stays so"
[district]
schools = {schools}
devices = [1, 3]
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
at = "{cut_at}s"
lasts = "600s"
where = {{ backup = false }}
[[event]]
kind = "line_cut"
at = "{cut_at}s"
lasts = "600s"
where = {{ backup = true }}
"""
POLICY = """\
[engine]
silence_after_s = 20
will_grace_s = 2
overdue_after_s = 4
gone_after_s = 6
hold_s = 6
[calendar]
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
hours = ["00:00", "24:00"]
public_holidays = false
closed = []
closed_dates = [{closed}]
"""
"""Somebody is told at whatever hour a test runs; a week of the next month is closed, to be seen."""


class RealPage:
    """A running collector, at `address`, that knows no school yet."""

    def __init__(self, folder: Path, webhook: str, schools: int, cut_at_s: int) -> None:
        self.folder = folder
        self.broker = Mosquitto(folder)
        self.scenario = folder / "scenario.toml"
        self.scenario.write_text(SCENARIO.format(schools=schools, cut_at=cut_at_s), "utf-8")
        self.district = make_district(load_scenario(str(self.scenario)).district, SEED)
        self.registry = folder / "registry.csv"
        self.registry.write_bytes(self.district.registry_csv())
        far = [(datetime.now(UTC) + timedelta(days=days)).date().isoformat() for days in range(20, 27)]
        (folder / "policy.toml").write_text(POLICY.format(closed=", ".join(far)), "utf-8")
        settings = f'[broker]\nurl = "{self.broker.url}"\n'
        if webhook:
            settings += f'[[endpoints]]\nid = "ops"\nurl = "{webhook}"\nallow_private = true\n'
            settings += f'secret = "{new_secret()}"\n'
        self.collector = CollectorProcess(folder, settings)
        text = self.collector.config.read_text("utf-8")
        self.collector.config.write_text(f'policy_file = "{folder / "policy.toml"}"\n{text}', "utf-8")

    @property
    def address(self) -> str:
        """Where its page is."""
        return f"http://127.0.0.1:{self.collector.port}"

    def get(self, path: str) -> Any:
        """The JSON at a path of the API."""
        return self.collector.get(f"/api/v1/{path}").json()

    @contextmanager
    def simulated(self) -> Iterator[None]:
        """The district lives while this lasts."""
        command = [sys.executable, "-m", "schoolpulse_sim", "run", "--scenario", str(self.scenario)]
        command += ["--seed", str(SEED), "--broker", self.broker.url]
        with (self.folder / "sim.log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()


@contextmanager
def real_page(
    folder: Path, *, webhook: str = "", schools: int = 12, cut_at_s: int = 15, registered: bool = True
) -> Iterator[RealPage]:
    """The collector, its registry filled unless not `registered`; `webhook` is told of incidents."""
    page = RealPage(folder, webhook, schools, cut_at_s)
    with ExitStack() as stack:
        page.broker.start()
        stack.callback(page.broker.stop)
        if registered:
            page.collector.import_csv(page.registry)
        page.collector.start()
        stack.callback(page.collector.stop)
        yield page
