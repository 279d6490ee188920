"""How fast dashboards answer: every query of the district's boards over a day, a month and a year.

200 schools: a year of hours and 45 days of 5-minute windows of their states, a day as it came, 10 devices
each over 90 days of hours, one school's probes, incidents. Written straight as line protocol.
"""

from __future__ import annotations

import gzip
import json
import statistics
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import urllib3
from dashboards.grafana import View, opened
from parts.influx import Influx

from schoolpulse.export.tiers import tier_table
from schoolpulse.stores.influx_settings import InfluxSettings
from schoolpulse.stores.line_protocol import lines_of

ROOT = Path(__file__).parents[2]
SCHOOLS = 200
DAY_S = 86_400
TRIES = 5
RANGES_DAYS = (1, 30, 365)
BOARDS = ("district", "school", "providers", "devices", "incidents")
_BATCH = 20_000
_ROLLED = (
    "code={c},code_max={c},connected={k},connected_sum={k},broadband=1,broadband_sum=12,measured=1,"
    "measured_sum=12,rtt_ms={r},loss_ratio=0.001,rx_bps=1e6,rx_bps_max=3e6,tx_bps=1e5,tx_bps_max=3e5,contracted_down_mbps=150"
)
_NOW = (
    'code=0,state="online",lat=10.8,lon=106.6,since_ms=1,heard_ms=1,rtt_ms=4,devices_up=10,'
    "contracted_down_mbps=150"
)


def run(folder: Path) -> Iterator[dict[str, object]]:
    """Fill an InfluxDB in `folder` and ask it."""
    end_s = time.time_ns() // 1_000_000_000 // 3_600 * 3_600
    with Influx(folder) as influx:
        _fill(influx, end_s)
        for board in BOARDS:
            model = json.loads((ROOT / f"dashboards/vi/{board}.json").read_text("utf-8"))
            for days in RANGES_DAYS:
                view = opened(influx, "schoolpulse", model, end_s * 1000, days * DAY_S * 1000)
                for panel in model["panels"]:
                    yield _ask(view, board, panel, days)


def _ask(view: View, board: str, panel: dict[str, Any], days: int) -> dict[str, object]:
    spent_ms = []
    for _ in range(TRIES):
        begin = time.monotonic()
        view.panel(panel)
        spent_ms.append((time.monotonic() - begin) * 1000)
    return {
        "store": "influx",
        "query": f"{board}: {panel['title']}",
        "queries": len(panel["targets"]),
        "range_days": days,
        "median_ms": round(statistics.median(spent_ms), 1),
        "p95_ms": round(max(spent_ms), 1),
    }


def _fill(influx: Influx, end_s: int) -> None:
    for name in ("schoolpulse", "schoolpulse_5m", "schoolpulse_1h"):
        influx.create_database(name)
    influx.query('ALTER RETENTION POLICY "autogen" ON "schoolpulse_5m" DURATION 730d SHARD DURATION 30d')
    influx.query('ALTER RETENTION POLICY "autogen" ON "schoolpulse_1h" DURATION 3650d SHARD DURATION 180d')
    _write(influx, "schoolpulse_1h", _status(end_s - 365 * DAY_S, end_s, 3_600))
    _write(influx, "schoolpulse_5m", _status(end_s - 45 * DAY_S, end_s, 300))
    _write(influx, "schoolpulse", _status(end_s - DAY_S, end_s, 60))
    _write(influx, "schoolpulse", _now(end_s - 600, end_s))
    _write(influx, "schoolpulse_1h", _records(end_s))
    _write(influx, "schoolpulse_1h", _devices(end_s - 90 * DAY_S, end_s, 3_600))
    _write(influx, "schoolpulse", _devices(end_s - 3_600, end_s, 60))
    for name, days, step_s in (
        ("schoolpulse_1h", 365, 3_600),
        ("schoolpulse_5m", 45, 300),
        ("schoolpulse", 1, 60),
    ):
        _write(influx, name, _probes(end_s - days * DAY_S, end_s, step_s))
    settings = InfluxSettings(kind="influx", retention_days=90)
    table = [line.rsplit(" ", 1)[0] for line in lines_of(tier_table(settings, end_s * 1000), [])]
    tiers = [f"{line} {end_s - at}" for at, line in enumerate(table, start=1)]
    _write(influx, "schoolpulse_1h", tiers)


def _tags(number: int) -> str:
    provider = ("VNPT", "Viettel", "FPT", "CMC")[number % 4]
    of = f"name=Trường\\ {number},ward=Phường\\ {number % 15},provider={provider}"
    return f"school=s{number},{of},technology=fibre,level=thcs"


def _status(from_s: int, to_s: int, step_s: int) -> Iterator[str]:
    tags = [_tags(number) for number in range(SCHOOLS)]
    for at_s in range(from_s, to_s, step_s):
        for number, one in enumerate(tags):
            down = (at_s // step_s + number) % 997 == 0
            fields = _ROLLED.format(c=5 if down else 0, k=0 if down else 12, r=3 + (at_s + number) % 40)
            yield f"status,{one} {fields} {at_s}"


def _now(from_s: int, to_s: int) -> Iterator[str]:
    for at_s in range(from_s, to_s, 60):
        for number in range(SCHOOLS):
            yield f"school_now,{_tags(number)} {_NOW} {at_s}"


def _records(end_s: int) -> Iterator[str]:
    for number in range(SCHOOLS):
        text = f'label="Trường {number} [s{number}]",name="Trường {number}",ward="Phường {number % 15}"'
        more = f'provider="P{number % 4}",technology="fibre",contracted_down_mbps=150'
        yield f"school,school=s{number} {text},{more} {end_s - 3_600}"
    for number in range(SCHOOLS * 15):
        tags = f"school=s{number % SCHOOLS},provider=VNPT,kind=outage,scope=school,device=-"
        fields = f'id="i{number}",name="Trường {number % SCHOOLS}",ward="Phường 1",cause="line_cut",open=0,'
        fields += (
            'start_ms=1,duration_s=600,detect_s=30,pages=1,title_vi="Mất kết nối",title_en="Connection lost"'
        )
        yield f"incident,{tags} {fields} {end_s - number * 9_000}"


def _devices(from_s: int, to_s: int, step_s: int) -> Iterator[str]:
    kinds = ("switch", "access_point", "display", "printer", "host")
    tags = [
        f"device=d{number},kind={kinds[number % 5]},school=s{school}"
        for school in range(SCHOOLS)
        for number in range(10)
    ]
    for at_s in range(from_s, to_s, step_s):
        for one in tags:
            yield f"device,{one} up=1 {at_s}"


def _probes(from_s: int, to_s: int, step_s: int) -> Iterator[str]:
    for at_s in range(from_s, to_s, step_s):
        for scope in ("lan_gateway", "isp_edge", "national", "international"):
            tags = f"agent=gw-0,method=icmp,school=s0,scope={scope},target={scope}"
            yield f"reachability,{tags} rtt_ms=4,loss_ratio=0 {at_s}"


def _write(influx: Influx, database: str, lines: Iterable[str]) -> None:
    rest = iter(lines)
    url = f"{influx.direct_url}/write?db={database}&precision=s"
    while batch := list(islice(rest, _BATCH)):
        body = gzip.compress("\n".join(batch).encode(), 1)
        response = urllib3.request("POST", url, body=body, headers={"Content-Encoding": "gzip"}, timeout=120)
        if response.status != 204:
            raise RuntimeError(response.data.decode())
