"""``report``: a year's report of a district of 200 schools, from the store's hours to the signed form.

The record: 24 hours a day of 365 days that each school was heard, four speed tests a day, 50 devices each,
an incident a school and three days. Once with the embedded store, by the command as somebody calls it, and
once with InfluxDB's hours.
"""

from __future__ import annotations

import gzip
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import urllib3
from fakes import FakeClock
from parts.influx import Influx
from report_facts import CALENDAR, facts
from sqlalchemy import insert

from schoolpulse.config import load
from schoolpulse.incidents import tables
from schoolpulse.incidents.model import Incident
from schoolpulse.incidents.repository import IncidentRepository, body_of
from schoolpulse.local_time import HOUR_MS, day_of
from schoolpulse.registry.models import School
from schoolpulse.registry.repository import Registry
from schoolpulse.reports.facts import Facts, Sources
from schoolpulse.reports.forms import FORMS
from schoolpulse.reports.maker import Reports
from schoolpulse.reports.period import Period, between
from schoolpulse.reports.settings import ReportSettings
from schoolpulse.stores.base import PointStore
from schoolpulse.stores.influx import InfluxStore
from schoolpulse.stores.influx_settings import InfluxSettings
from schoolpulse.stores.sqlite_schema import open_to_write

SCHOOLS = 200
DEVICES = 50
DAYS = 365
DAY_MS = 24 * HOUR_MS
TEST_MS = 6 * HOUR_MS
_BATCH = 50_000


def run() -> Iterator[dict[str, object]]:
    """The embedded store, then InfluxDB."""
    now_ms = time.time_ns() // 1_000_000
    period = between(day_of(now_ms - DAYS * DAY_MS), day_of(now_ms - DAY_MS))
    found = facts(SCHOOLS, period)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = _configure(folder)
        fill_state(config, found)
        fill_sqlite(folder / "points.db", found, period)
        yield from _by_command(config, folder, period)
        with Influx(folder / "influx") as part:
            _fill_influx(part, found, period)
            settings = InfluxSettings(
                kind="influx", url=part.url, retention_days=90, rollups_path=folder / "rollups.db"
            )
            yield _in_process(InfluxStore(settings), config, period)


def _configure(folder: Path) -> Path:
    (folder / "policy.toml").write_text("[calendar]\n", "utf-8")
    config = folder / "collector.toml"
    keep = "raw_days = 14\nfive_minute_days = 30\n"
    config.write_text(
        f'data_dir = "{folder}"\npolicy_file = "{folder}/policy.toml"\n[store]\nkind = "sqlite"\n{keep}',
        "utf-8",
    )
    return config


def _by_command(config: Path, folder: Path, period: Period) -> Iterator[dict[str, object]]:
    for form in FORMS:
        out = folder / f"report.{form}"
        days = ["--from", str(period.first), "--to", str(period.last), "--out", str(out)]
        command = [sys.executable, "-m", "schoolpulse", "report", *days, "--config", str(config), "--json"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.monotonic()
        said = subprocess.run(command, check=True, capture_output=True)
        seconds = time.monotonic() - begin
        figures = json.loads(said.stdout)
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = usage.ru_utime + usage.ru_stime - before.ru_utime - before.ru_stime
        yield {
            "store": "sqlite",
            "form": form,
            "schools": figures["schools"],
            "days": DAYS,
            "measured_hours": figures["measured_hours"],
            "outages": figures["outages"],
            "bytes": figures["bytes"],
            "seconds": round(seconds, 2),
            "cpu_s": round(cpu_s, 2),
            "rss_mb": round(usage.ru_maxrss / 1024),
        }


def _in_process(store: PointStore, config: Path, period: Period) -> dict[str, object]:
    database = load(config).open_state()
    incidents = IncidentRepository(database)
    sources = Sources(
        registry=Registry(database), incidents=incidents, store=store, first_seen=incidents.first_seen_all
    )
    begin = time.monotonic()
    report = Reports(sources, FakeClock(period.to_ms), CALENDAR).make(period)
    computed_s = time.monotonic() - begin
    body = FORMS["pdf"].write(report, "vi", ReportSettings())
    figures = {
        "store": "influx",
        "form": "pdf",
        "schools": report.whole.schools,
        "days": DAYS,
        "measured_hours": report.whole.hours.measured_hours,
        "outages": report.whole.outages.count,
        "bytes": len(body),
        "computed_s": round(computed_s, 2),
        "seconds": round(time.monotonic() - begin, 2),
    }
    store.close()
    database.dispose()
    return figures


def fill_state(config: Path, found: Facts) -> None:
    """Write registry and incidents."""
    database = load(config).open_state()
    Registry(database).upsert(found.schools)
    rows = [_row(incident) for incident in found.incidents]
    with database.begin() as connection:
        connection.execute(insert(tables.incident), rows)
        connection.execute(
            insert(tables.first_seen),
            [{"school": school, "at_ms": at_ms} for school, at_ms in found.first_seen.items()],
        )
    database.dispose()


def _row(incident: Incident) -> dict[str, object]:
    return {
        "id": incident.id,
        "school": incident.school,
        "kind": incident.kind.value,
        "start_ms": incident.start,
        "end_ms": incident.end,
        "resolved_ms": incident.resolved_at,
        "number": 1,
        "live": False,
        "body": body_of(incident),
    }


Series = tuple[str, str, dict[str, str], int, int, int]
"""Measurement, field, tags; from, to and how far apart in ms."""


def _series(schools: Sequence[School], period: Period) -> Iterator[Series]:
    begin, end = period.from_ms, period.to_ms
    for school in schools:
        tags = {"agent": f"gw-{school.id}", "school": school.id}
        yield "system", "uptime_s", tags, begin, end, HOUR_MS
        line = tags | {"role": "primary", "server": "centre", "uplink": "eth0"}
        for name in ("down_mbps", "up_mbps"):
            yield "speedtest", name, line, begin, end, TEST_MS
        for number in range(DEVICES):
            device = tags | {"device": f"d{number}", "kind": "display"}
            yield "device", "up", device, end - 14 * DAY_MS, end, HOUR_MS


def fill_sqlite(path: Path, found: Facts, period: Period) -> None:
    """Write the hours of a year into an embedded store."""
    chance = random.Random(1)
    connection = open_to_write(path)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("BEGIN")
    for series_id, (measurement, name, tags, begin, end, step) in enumerate(
        _series(found.schools, period), 1
    ):
        connection.execute("INSERT OR IGNORE INTO field VALUES (?, ?, 0)", (measurement, name))
        text = json.dumps(tags, sort_keys=True)
        connection.execute("INSERT INTO series VALUES (?, ?, ?, ?)", (series_id, measurement, name, text))
        pairs = [(key, value, series_id) for key, value in tags.items()]
        connection.executemany("INSERT INTO series_tag VALUES (?, ?, ?)", pairs)
        value = chance.uniform(20, 200)
        rows = ((series_id, at_ms, value, value, value * 4, 4) for at_ms in range(begin, end, step))
        connection.executemany("INSERT INTO hours VALUES (?, ?, ?, ?, ?, ?)", rows)
    connection.execute("COMMIT")
    connection.close()


def _fill_influx(influx: Influx, found: Facts, period: Period) -> None:
    for name in ("schoolpulse", "schoolpulse_5m", "schoolpulse_1h"):
        influx.create_database(name)
    influx.query('ALTER RETENTION POLICY "autogen" ON "schoolpulse_1h" DURATION 3650d SHARD DURATION 180d')
    lines = _lines(_series(found.schools, period))
    url = f"{influx.direct_url}/write?db=schoolpulse_1h&precision=s"
    while batch := list(islice(lines, _BATCH)):
        body = gzip.compress("\n".join(batch).encode(), 1)
        answer = urllib3.request("POST", url, body=body, headers={"Content-Encoding": "gzip"}, timeout=120)
        if answer.status != 204:
            raise RuntimeError(answer.data.decode())


def _lines(series: Iterable[Series]) -> Iterator[str]:
    for measurement, name, tags, begin, end, step in series:
        head = ",".join([measurement, *(f"{key}={value}" for key, value in sorted(tags.items()))])
        fields = f"{name}=50,{name}_sum=200,{name}_min=50,{name}_max=50,{name}_count=4"
        for at_ms in range(begin, end, step):
            yield f"{head} {fields} {at_ms // 1000}"
