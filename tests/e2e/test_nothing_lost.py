"""Nothing a school measured is lost or counted twice, whatever is killed in between."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from e2e.chaos import Batch, FleetProcess, World, read_ledgers, wait_until
from parts import free_port
from parts.collector import CollectorProcess
from parts.influx import Influx
from parts.mosquitto import Mosquitto

Stored = tuple[Counter[Batch], dict[Batch, int], int]
"""How often each batch stands in the store, its points by its receipt, and all points that are there."""


def start_fleets(folder: Path, broker_url: str, stop_file: Path) -> list[FleetProcess]:
    fleets = [FleetProcess(folder, broker_url, first, stop_file) for first in range(1, 51, 10)]
    for fleet in fleets:
        fleet.start()
    return fleets


def report(
    capsys: pytest.CaptureFixture[str], done: Counter[str], persisted: dict[Batch, int], stored: Stored
) -> None:
    times, receipts, points = stored
    with capsys.disabled():
        print(  # noqa: T201  # the counts are what this test is for
            f"\n  killed: {dict(done)}"
            f"\n  batches persisted by {len({stream for stream, _ in persisted})} spools: {len(persisted)}"
            f"\n  batches in the store: {len(times)}, lost: {len(persisted.keys() - times.keys())},"
            f" doubled: {sum(count - 1 for count in times.values())}"
            f"\n  points by receipts: {sum(receipts.values())}, points in the store: {points}"
        )


def check(persisted: dict[Batch, int], stored: Stored, fleet_kills: int) -> None:
    times, receipts, points = stored
    assert persisted.keys() - times.keys() == set(), "lost"
    assert set(times.values()) == {1}, "doubled"
    # A process killed between its append and its ledger's line persisted one batch more than it noted.
    unnoted = times.keys() - persisted.keys()
    assert len(unnoted) <= 10 * fleet_kills
    by_stream: dict[str, set[int]] = {}
    for stream, seq in times:
        by_stream.setdefault(stream, set()).add(seq)
    assert all(seqs == set(range(1, max(seqs) + 1)) for seqs in by_stream.values()), "a stream has a gap"
    assert all(receipts[batch] == count for batch, count in persisted.items())
    assert points == sum(receipts.values()), "points were lost or doubled inside a batch"


def test_with_mosquitto_and_influxdb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Collector killed 20 times, broker 5 with its queue, agents 8, InfluxDB away for a third of it."""
    broker = Mosquitto(tmp_path)
    influx = Influx(tmp_path / "influx")
    store = f'[store]\nkind = "influx"\nurl = "{influx.url}"\ndatabase = "schools"\n'
    collector = CollectorProcess(tmp_path, f'[broker]\nurl = "{broker.url}"\n{store}')
    stop_file = tmp_path / "enough"

    def break_broker() -> None:
        broker.kill()
        broker.start()

    broker.start()
    influx.start()
    influx.create_database("schools")
    collector.start()
    fleets = start_fleets(tmp_path, broker.url, stop_file)
    try:
        world = World(collector, fleets, break_broker, influx.kill, influx.start)
        done = world.torment(20231005, collector_kills=20, broker_kills=5, fleet_kills=8)
        stop_file.touch()
        wait_until(lambda: all(fleet.finished for fleet in fleets), "an agent waits for a confirm")
        persisted = dict(read_ledgers(tmp_path / "gateways"))
        wait_until(
            lambda: len(influx_receipts(influx)[0]) >= len(persisted), "the store does not get everything"
        )
        stored = influx_receipts(influx)
        report(capsys, done, persisted, stored)
        check(persisted, stored, done["fleet"])
    finally:
        for fleet in fleets:
            fleet.kill()
        collector.stop()
        influx.stop()
        broker.stop()


def influx_receipts(influx: Influx) -> Stored:
    rows = influx.rows('SELECT "stream", "seq", "points" FROM "delivery"', "schools")
    times: Counter[Batch] = Counter()
    receipts: dict[Batch, int] = {}
    for _, stream, seq, points in rows:
        batch = (str(stream), int(float(str(seq))))
        times[batch] += 1
        receipts[batch] = int(float(str(points)))
    [[_, points_stored]] = influx.rows('SELECT COUNT("rtt_ms") FROM "reachability"', "schools") or [[0, 0]]
    return times, receipts, int(str(points_stored))


def test_with_the_embedded_broker_and_sqlite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same with nothing installed: killing the collector kills its broker too."""
    port = free_port()
    collector = CollectorProcess(tmp_path, f'[embedded_broker]\nname = "rumqttd"\nport = {port}\n')
    stop_file = tmp_path / "enough"
    collector.start()
    fleets = start_fleets(tmp_path, f"mqtt://127.0.0.1:{port}", stop_file)
    try:
        done = World(collector, fleets).torment(1105, collector_kills=8, broker_kills=0, fleet_kills=3)
        stop_file.touch()
        wait_until(lambda: all(fleet.finished for fleet in fleets), "an agent waits for a confirm")
        persisted = dict(read_ledgers(tmp_path / "gateways"))
        points_db = collector.data_dir / "points.db"
        wait_until(
            lambda: len(sqlite_receipts(points_db)[0]) >= len(persisted), "the store does not get everything"
        )
        stored = sqlite_receipts(points_db)
        report(capsys, done, persisted, stored)
        check(persisted, stored, done["fleet"])
    finally:
        for fleet in fleets:
            fleet.kill()
        collector.stop()


def sqlite_receipts(file: Path) -> Stored:
    connection = sqlite3.connect(file)
    try:
        rows = connection.execute(
            "SELECT stream, seq, points FROM delivery JOIN stream ON id = stream_id"
        ).fetchall()
        [points_stored] = connection.execute(
            "SELECT COUNT(*) FROM value JOIN series ON id = series_id"
            " WHERE measurement = 'reachability' AND field = 'rtt_ms'"
        ).fetchone()
    finally:
        connection.close()
    times = Counter((stream, seq) for stream, seq, _ in rows)
    return times, {(stream, seq): points for stream, seq, points in rows}, points_stored
