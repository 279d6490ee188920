"""``ingest``: points a second from MQTT QoS 1 through the journal into InfluxDB, beside its bulk rate.

The collector runs in this process, so that the CPU of each of its threads can be told apart; mosquitto,
InfluxDB behind nginx, and the publisher are processes of their own, on the same cores. The bulk rate is
influxdb-client writing ready line protocol in requests of 5,000 points, four writers at a time, into the
same InfluxDB in the same run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import WriteOptions, WriteType
from parts import Part, free_port
from parts.influx import Influx
from parts.mosquitto import Mosquitto

from bench import _load
from bench._cpu import process_cpu_s, thread_cpu_s
from schoolpulse.app import Collector
from schoolpulse.config import Config

BULK_POINTS = 600_000
BULK_BATCH = 5_000
BULK_WRITERS = 4
RUNS = ((50, 16_000), (1, 100_000))
"""Points a message, and messages."""
DEADLINE_S = 300.0


def run() -> Iterator[dict[str, object]]:
    """One figure at 50 points a message and one at 1, then both again while InfluxDB is away."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        influx = Influx(folder / "influx")
        broker = Mosquitto(folder)
        influx.start()
        broker.start()
        try:
            for points, count in RUNS:
                database = f"bench{points}"
                influx.create_database("bulk")
                influx.create_database(database)
                bulk = _bulk_points_per_s(influx)
                influx.query('DROP DATABASE "bulk"')
                yield _measure(folder / database, influx, broker, database, points, count, bulk)
            influx.database.stop()
            for points, count in RUNS:
                yield _measure_away(folder / f"away{points}", influx, broker, points, count)
        finally:
            broker.stop()
            influx.proxy.stop()
            influx.database.stop()


def _bulk_points_per_s(influx: Influx) -> float:
    """InfluxDB's own rate for points of the same shape and as many series."""
    start_ns = time.time_ns() - 3_600_000_000_000
    batches = []
    for first in range(0, BULK_POINTS, BULK_BATCH):
        lines = (
            f"reachability,agent=gw-{n // 50 % _load.AGENTS},method=icmp,school=unassigned"
            f",scope=national,target=t{n % 50}"
            f" up=1,rtt_ms={4 + n % 50 / 8},jitter_ms=0.25,loss_ratio=0 {start_ns + n // 10_000 * 1_000_000}"
            for n in range(first, first + BULK_BATCH)
        )
        batches.append("\n".join(lines).encode())
    options = WriteOptions(write_type=WriteType.synchronous)
    with (
        InfluxDBClient(influx.url, "", org="-", enable_gzip=True) as client,
        ThreadPoolExecutor(BULK_WRITERS) as pool,
    ):
        api = client.write_api(write_options=options)
        begin = time.monotonic()
        for done in [pool.submit(api.write, "bulk", "-", batch) for batch in batches]:
            done.result()
        return BULK_POINTS / (time.monotonic() - begin)


def _config(folder: Path, influx: Influx, broker: Part, database: str) -> Config:
    return Config.model_validate(
        {
            "data_dir": folder,
            "http": {"port": free_port()},
            "broker": {"url": f"mqtt://127.0.0.1:{broker.port}", "client_id": folder.name},
            "store": {"kind": "influx", "url": influx.url, "database": database},
        }
    )


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

    def __init__(self, broker: Part, points: int, count: int) -> None:
        arguments = ["--port", str(broker.port), "--points", str(points), "--messages", str(count)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench._load", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.payload_bytes = int(json.loads(self._process.stdout.readline())["bytes"])
        self.pid = self._process.pid

    def go(self) -> None:
        """Send."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")
        self._process.stdin.flush()

    def wait(self) -> None:
        """Until everything was acknowledged by the broker."""
        self._process.communicate(timeout=DEADLINE_S)


def _wait_for(collector: Collector, figure: str, labels: dict[str, str], least: float) -> None:
    end = time.monotonic() + DEADLINE_S
    while (collector.metrics.registry.get_sample_value(figure, labels) or 0) < least:
        if time.monotonic() > end:
            raise TimeoutError(f"{figure} does not reach {least}")
        time.sleep(0.01)


def _measure(
    folder: Path, influx: Influx, broker: Part, database: str, points: int, count: int, bulk: float
) -> dict[str, object]:
    load = _Load(broker, points, count)
    collector = Collector(_config(folder, influx, broker, database))
    collector.start()
    try:
        _wait_for(collector, "schoolpulse_broker_connected", {}, 1)
        processes = {
            "broker": broker.pid,
            "influxdb": influx.database.pid,
            "proxy": influx.proxy.pid,
            "publisher": load.pid,
        }
        before = {name: process_cpu_s(pid) for name, pid in processes.items()} | thread_cpu_s()
        rss = _Rss()
        begin = time.monotonic()
        load.go()
        _wait_for(collector, "schoolpulse_points_written_total", {}, points * count)
        seconds = time.monotonic() - begin
        after = {
            name: process_cpu_s(pid) for name, pid in processes.items() if name != "publisher"
        } | thread_cpu_s()
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
        "bulk_points_per_s": round(bulk),
        "ratio": round(points * count / seconds / bulk, 3),
        "cpu_us_per_point": {name: round(us, 3) for name, us in spent.items() if us >= 0.001},
        "payload_mb_per_s": round(load.payload_bytes / seconds / 1e6, 1),
        "rss_mb": round(rss_mb, 1),
    }


def _measure_away(folder: Path, influx: Influx, broker: Part, points: int, count: int) -> dict[str, object]:
    """The same while InfluxDB is away: everything has to be journalled, and memory to stay where it is."""
    load = _Load(broker, points, count)
    collector = Collector(_config(folder, influx, broker, "nowhere"))
    collector.start()
    try:
        _wait_for(collector, "schoolpulse_broker_connected", {}, 1)
        rss = _Rss()
        begin = time.monotonic()
        load.go()
        _wait_for(collector, "schoolpulse_journalled_messages_total", {}, count)
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
