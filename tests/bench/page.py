"""``page``: the wall of 200 schools with a year of data behind it, and what 50 who watch it cost.

The collector is a process of its own, its registry, incidents and hours those of the report's benchmark; the
simulator's 200 gateways speak as in production. At the server: the page, and everything that its stream
sends first. In the browser: from asking until every school stands there, with nothing cached.
``SCHOOLPULSE_BENCH_WATCH_S`` (60) is how long is watched with and without viewers.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from parts.chromium import chromium
from parts.collector import CollectorProcess
from parts.mosquitto import Mosquitto
from report_facts import facts

from bench._cpu import process_cpu_s
from bench.report import DAY_MS, DAYS, fill_sqlite, fill_state
from schoolpulse.local_time import day_of
from schoolpulse.reports.period import between
from schoolpulse_sim.district import make_district
from schoolpulse_sim.scenario import DistrictSettings

SCHOOLS = 200
VIEWERS = 50
TIMES = 20
SEED = 1
SCENARIO = '[scenario]\ntitle = "Nothing goes wrong"\n[district]\nschools = 200\ndevices = [10, 20]\n'
HEARD_LIMIT_S = 180.0
ALL_THERE = f"""() => document.querySelectorAll(".tile").length === {SCHOOLS} && performance.now()"""


def run() -> Iterator[dict[str, object]]:
    """The wall at the server, in the browser, and its viewers."""
    watch_s = float(os.environ.get("SCHOOLPULSE_BENCH_WATCH_S", "60"))
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        broker = Mosquitto(folder)
        broker.start()
        stack.callback(broker.stop)
        collector = CollectorProcess(folder, f'[broker]\nurl = "{broker.url}"\n')
        _fill(collector)
        collector.start()
        stack.callback(collector.stop)
        stack.enter_context(_simulated(folder, broker))
        _wait_until_heard(collector)
        yield {"what": "server", "schools": SCHOOLS, **_at_the_server(collector)}
        yield {"what": "browser", "schools": SCHOOLS, **_in_the_browser(collector)}
        alone = _cpu_ratio(collector, watch_s)
        with _viewers(collector.port) as bytes_read:
            before = bytes_read()
            watched = _cpu_ratio(collector, watch_s)
            per_viewer = (bytes_read() - before) / VIEWERS / watch_s
        yield {
            "what": "viewers",
            "viewers": VIEWERS,
            "cpu_ratio_alone": round(alone, 4),
            "cpu_ratio_watched": round(watched, 4),
            "cpu_ratio_of_viewers": round(watched - alone, 4),
            "bytes_per_s_each": round(per_viewer),
        }


def _fill(collector: CollectorProcess) -> None:
    """A year's record, of schools at which the simulator's gateways stand."""
    now_ms = time.time_ns() // 1_000_000
    period = between(day_of(now_ms - DAYS * DAY_MS), day_of(now_ms - DAY_MS))
    found = facts(SCHOOLS, period)
    gateways = make_district(DistrictSettings(schools=SCHOOLS), SEED).schools
    schools = [
        replace(school, agent_id=gateway.agent_id)
        for school, gateway in zip(found.schools, gateways, strict=True)
    ]
    collector.data_dir.mkdir(parents=True)
    found = replace(found, schools=schools)
    fill_state(collector.config, found)
    fill_sqlite(collector.data_dir / "points.db", found, period)


@contextlib.contextmanager
def _simulated(folder: Path, broker: Mosquitto) -> Iterator[None]:
    scenario = folder / "steady.toml"
    scenario.write_text(SCENARIO, "utf-8")
    command = [sys.executable, "-m", "schoolpulse_sim", "run", "--scenario", str(scenario)]
    command += ["--seed", str(SEED), "--broker", broker.url]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _wait_until_heard(collector: CollectorProcess) -> None:
    end_s = time.monotonic() + HEARD_LIMIT_S
    while True:
        items = collector.get("/api/v1/schools").json()["items"]
        if sum(1 for item in items if item["now"] and item["now"]["reachability"]) >= 0.95 * SCHOOLS:
            return
        if time.monotonic() > end_s:
            raise TimeoutError("the district does not speak")
        time.sleep(1)  # polling another process


def _at_the_server(collector: CollectorProcess) -> dict[str, object]:
    """The page itself and its first event, one after the other."""
    found = []
    for _ in range(TIMES):
        began = time.perf_counter()
        assert collector.get("/").status == 200
        page_ms = (time.perf_counter() - began) * 1_000
        began = time.perf_counter()
        size = _first_event(collector.port)
        found.append((page_ms, (time.perf_counter() - began) * 1_000, size))
    whole = [page_ms + event_ms for page_ms, event_ms, _ in found]
    return {
        "median_ms": round(statistics.median(whole), 1),
        "worst_ms": round(max(whole), 1),
        "page_ms": round(statistics.median(one for one, _, _ in found), 1),
        "first_event_ms": round(statistics.median(one for _, one, _ in found), 1),
        "first_event_kb": round(found[0][2] / 1_000),
    }


def _ask(port: int) -> socket.socket:
    asked = socket.create_connection(("127.0.0.1", port), timeout=30)
    asked.sendall(
        b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
        b"Accept-Encoding: gzip\r\n\r\n"
    )
    return asked


def _first_event(port: int) -> int:
    with _ask(port) as asked:
        read = b""
        while b"event: snapshot" not in read or not read.endswith(b"\n\n\r\n"):
            read += asked.recv(1 << 16)
        return len(read)


def _in_the_browser(collector: CollectorProcess) -> dict[str, object]:
    address = f"http://127.0.0.1:{collector.port}/"
    found, busy = list[float](), list[float]()
    with chromium() as browser:
        for _ in range(TIMES // 2):
            context = browser.new_context(viewport={"width": 1920, "height": 1080})
            page = context.new_page()
            tools = context.new_cdp_session(page)
            tools.send("Performance.enable", {"timeDomain": "threadTicks"})
            page.goto(address, wait_until="commit")
            found.append(float(page.wait_for_function(ALL_THERE, polling=10).json_value()))
            metrics = tools.send("Performance.getMetrics")["metrics"]
            busy += [one["value"] * 1_000 for one in metrics if one["name"] == "TaskDuration"]
            context.close()
    return {
        "median_ms": round(statistics.median(found)),
        "worst_ms": round(max(found)),
        "thread_cpu_ms": round(statistics.median(busy)),
    }


def _cpu_ratio(collector: CollectorProcess, watch_s: float) -> float:
    began_s, before = time.monotonic(), process_cpu_s(collector.pid)
    time.sleep(watch_s)  # the measurement itself
    return (process_cpu_s(collector.pid) - before) / (time.monotonic() - began_s)


@contextlib.contextmanager
def _viewers(port: int) -> Iterator[Callable[[], int]]:
    """Fifty streams that are read as they come; gives how many bytes that were."""
    over = threading.Event()
    total = 0

    def drain() -> None:
        nonlocal total
        while not over.is_set():
            for key, _ in chosen.select(timeout=0.5):
                assert isinstance(key.fileobj, socket.socket)
                total += len(key.fileobj.recv(1 << 20))

    with selectors.DefaultSelector() as chosen, contextlib.ExitStack() as stack:
        for _ in range(VIEWERS):
            chosen.register(stack.enter_context(_ask(port)), selectors.EVENT_READ)
        thread = threading.Thread(target=drain, name="viewers")
        thread.start()
        time.sleep(5)  # until each has its first event
        try:
            yield lambda: total
        finally:
            over.set()
            thread.join()
