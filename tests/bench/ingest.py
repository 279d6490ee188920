"""``ingest``: points a second from MQTT QoS 1 through the journal into InfluxDB, beside its bulk rate.

The collector has a process to itself for each figure, its main thread waits, and its registry knows every
agent. mosquitto, InfluxDB behind nginx, and the publisher run on the same cores. The bulk rate is the better
of two runs, right before and right after, of influxdb-client writing ready line protocol into the same
InfluxDB, in requests of 5,000 points, four writers at a time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import psutil
from parts import free_port
from parts.influx import Influx
from parts.mosquitto import Mosquitto
from prometheus_client import Counter, Gauge

from bench import _load
from bench._cpu import process_cpu_s, thread_cpu_s
from schoolpulse.app import Collector
from schoolpulse.config import Config
from schoolpulse.registry.models import Line, School

RUNS = ((50, 16_000), (1, 100_000))
"""Points a message, and messages."""
DEADLINE_S = 300.0
POLL_S = 0.05


@dataclass(frozen=True)
class _Parts:
    """Where the parts are that a collector's process speaks to."""

    folder: Path
    influx_url: str
    broker_port: int
    pids: dict[str, int]


def run() -> Iterator[dict[str, object]]:
    """One figure at 50 points a message and one at 1, then both again while InfluxDB is away."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        influx = Influx(folder / "influx")
        broker = Mosquitto(folder)
        influx.start()
        broker.start()
        pids = {"broker": broker.pid, "influxdb": influx.database.pid, "proxy": influx.proxy.pid}
        parts = _Parts(folder, influx.url, broker.port, pids)
        try:
            for points, count in RUNS:
                before = _bulk_points_per_s(influx)
                figure = _alone(_measure, parts, points, count)
                bulk = max(before, _bulk_points_per_s(influx))
                ratio = round(float(str(figure["points_per_s"])) / bulk, 3)
                yield {**figure, "bulk_points_per_s": round(bulk), "ratio": ratio}
            influx.database.stop()
            for points, count in RUNS:
                yield _alone(_measure_away, parts, points, count)
        finally:
            broker.stop()
            influx.proxy.stop()
            influx.database.stop()


def _alone(
    measure: Callable[[_Parts, int, int], dict[str, object]], parts: _Parts, points: int, count: int
) -> dict[str, object]:
    """`measure` in a process of its own, whose memory is that of one collector."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(measure, parts, points, count).result()


def _bulk_points_per_s(influx: Influx) -> float:
    """InfluxDB's own rate into an empty database."""
    influx.create_database("bulk")
    arguments = ["--url", influx.url, "--database", "bulk"]
    answer = subprocess.run(
        [sys.executable, "-m", "bench._bulk", *arguments],
        check=True,
        stdout=subprocess.PIPE,
        timeout=DEADLINE_S,
    )
    influx.query('DROP DATABASE "bulk"')
    return float(answer.stdout)


def _collector(parts: _Parts, name: str) -> Collector:
    config = Config.model_validate(
        {
            "data_dir": parts.folder / name,
            "http": {"port": free_port()},
            "broker": {"url": f"mqtt://127.0.0.1:{parts.broker_port}", "client_id": name},
            "store": {"kind": "influx", "url": parts.influx_url, "database": name},
        }
    )
    collector = Collector(config)
    line = Line(role="primary", provider="VNPT", technology="fibre")
    collector.registry.upsert(
        School(id=f"s{n}", name=f"School {n}", level="thcs", agent_id=f"gw-{n}", lines=(line,))
        for n in range(_load.AGENTS)
    )
    return collector


class _Rss:
    """The most memory this process held since it was made, sampled twice a second."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._most = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="rss", daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """The most, in MB."""
        self._end.set()
        self._thread.join()
        return self._most / 1e6

    def _watch(self) -> None:
        while True:
            self._most = max(self._most, self._process.memory_info().rss)
            if self._end.wait(0.5):
                return


class _Load:
    """The publisher's process: ready when made, sends when told."""

    def __init__(self, port: int, points: int, count: int) -> None:
        arguments = ["--port", str(port), "--points", str(points), "--messages", str(count)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench._load", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.payload_bytes = int(json.loads(self._process.stdout.readline())["bytes"])

    def go(self) -> None:
        """Send."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")
        self._process.stdin.flush()

    def wait(self) -> None:
        """Until everything was acknowledged by the broker."""
        self._process.communicate(timeout=DEADLINE_S)


def _wait_for(figure: Counter | Gauge, least: float) -> None:
    end = time.monotonic() + DEADLINE_S
    while next(iter(figure.collect())).samples[0].value < least:
        if time.monotonic() > end:
            raise TimeoutError(f"{figure} does not reach {least}")
        time.sleep(POLL_S)


def _measure(parts: _Parts, points: int, count: int) -> dict[str, object]:
    load = _Load(parts.broker_port, points, count)
    collector = _collector(parts, f"points{points}")
    collector.start()
    try:
        _wait_for(collector.metrics.broker_connected, 1)
        before = {name: process_cpu_s(pid) for name, pid in parts.pids.items()} | thread_cpu_s()
        rss = _Rss()
        begin = time.monotonic()
        load.go()
        _wait_for(collector.metrics.points_written, points * count)
        seconds = time.monotonic() - begin
        after = {name: process_cpu_s(pid) for name, pid in parts.pids.items()} | thread_cpu_s()
        rss_mb = rss.stop()
        load.wait()
    finally:
        collector.stop()
    spent = {name: (after[name] - before.get(name, 0.0)) * 1e6 / (points * count) for name in sorted(after)}
    return {
        "store": "influx 1.6.7",
        "points_per_message": points,
        "messages_per_s": round(count / seconds),
        "points_per_s": round(points * count / seconds),
        "cpu_us_per_point": {name: round(us, 3) for name, us in spent.items() if us >= 0.001},
        "payload_mb_per_s": round(load.payload_bytes / seconds / 1e6, 1),
        "rss_mb": round(rss_mb, 1),
    }


def _measure_away(parts: _Parts, points: int, count: int) -> dict[str, object]:
    """The same while InfluxDB is away: everything has to be journalled, and memory to stay where it is."""
    load = _Load(parts.broker_port, points, count)
    collector = _collector(parts, f"away{points}")
    collector.start()
    try:
        _wait_for(collector.metrics.broker_connected, 1)
        rss = _Rss()
        begin = time.monotonic()
        load.go()
        _wait_for(collector.metrics.journalled, count)
        seconds = time.monotonic() - begin
        load.wait()
        rss_mb = rss.stop()
    finally:
        collector.stop()
    return {
        "store": "away",
        "points_per_message": points,
        "messages_per_s": round(count / seconds),
        "points_per_s": round(points * count / seconds),
        "rss_mb": round(rss_mb, 1),
    }
