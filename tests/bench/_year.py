"""A year of a district of 200 schools in InfluxDB, as collector and rollups would have left it.

Schools, providers, wards and devices (50 each) are the simulator's. Written straight as line protocol, in
the tiers that are kept: what happened in a minute is played by a few rules instead of by gateways, since a
year of those is two hundred million messages.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import urllib3
from parts.influx import Influx

from schoolpulse.export.tiers import tier_table
from schoolpulse.stores.influx_settings import InfluxSettings
from schoolpulse.stores.line_protocol import lines_of
from schoolpulse_sim.district import Device, School, make_district
from schoolpulse_sim.scenario import DistrictSettings

SCHOOLS = 200
DEVICES = 50
HOUR_S = 3_600
DAY_S = 24 * HOUR_S
YEAR_S = 365 * DAY_S
RAW, FIVE, HOURS = "schoolpulse", "schoolpulse_5m", "schoolpulse_1h"
Span = tuple[str, int, int]
"""A database, how far back it is filled, and how far its points are apart, in seconds."""
TIERS: Sequence[Span] = ((HOURS, YEAR_S, HOUR_S), (FIVE, 8 * DAY_S, 300), (RAW, DAY_S, 60))
_BATCH = 20_000
_PARTS = (
    *("store", "incidents", "live"),
    *(f"reason_{number}" for number in range(30)),
    *("delivered", "failed", "telemetry", "state", "birth", "reply"),
)


def fill(influx: Influx, end_s: int) -> int:
    """Write it all up to `end_s`; how many points that were."""
    for name in (RAW, FIVE, HOURS):
        influx.create_database(name)
    influx.query(f'ALTER RETENTION POLICY "autogen" ON "{FIVE}" DURATION 730d SHARD DURATION 30d')
    influx.query(f'ALTER RETENTION POLICY "autogen" ON "{HOURS}" DURATION 3650d SHARD DURATION 180d')
    schools = make_district(DistrictSettings(schools=SCHOOLS, devices=(DEVICES, DEVICES)), 1).schools
    points = 0
    for database, span_s, step_s in TIERS:
        times = range(end_s - span_s, end_s, step_s)
        for lines in (
            _status(schools, times, step_s),
            _sums(schools, times, step_s),
            _devices_by_kind(schools, times, step_s),
            _one_school(schools[0], times, step_s),
            _collector(times, step_s),
            _deliveries(schools, times, step_s),
        ):
            points += _write(influx, database, lines)
        if database != RAW:
            points += _write(influx, database, _speed_tests(schools, times))
    points += _write(influx, RAW, _now(schools, end_s))
    points += _write(influx, RAW, _devices_down(schools, range(end_s - DAY_S, end_s, 60)))
    points += _write(influx, RAW, _devices_now(schools, end_s))
    points += _write(influx, RAW, _to_replace(schools, end_s))
    points += _write(influx, HOURS, _registry(schools, end_s))
    points += _write(influx, HOURS, _incidents(schools, end_s))
    points += _write(influx, HOURS, _tier_lines(end_s))
    return points


def _text(value: str) -> str:
    return value.replace(" ", "\\ ").replace(",", "\\,")


def _tags(school: School) -> str:
    of = f"name={_text(school.name)},ward={_text(school.ward)},provider={_text(school.provider)}"
    return f"school={school.id},{of},technology={school.technology},level={school.level}"


def _rolled(step_s: int, **fields: float) -> str:
    """Fields as that tier has them: as they came, or with the sum and the greatest, which are asked."""
    if step_s <= 60:
        return ",".join(f"{name}={value}" for name, value in fields.items())
    minutes = step_s // 60
    return ",".join(
        f"{name}={value},{name}_sum={value * minutes},{name}_max={value}" for name, value in fields.items()
    )


def _is_down(number: int, at_s: int) -> bool:
    """Each school is without its line for an hour every six weeks or so."""
    return (at_s // HOUR_S + number * 7) % 997 == 0


def _status(schools: Sequence[School], times: range, step_s: int) -> Iterator[str]:
    lines = [
        [
            f"status,{_tags(school)} "
            + _rolled(
                step_s,
                code=5 * down,
                connected=1 - down,
                broadband=1 - down,
                measured=1,
                rtt_ms=3 + number % 40,
                loss_ratio=0.001,
                far_rtt_ms=60,
                rx_bps=1e6,
                tx_bps=1e5,
                contracted_down_mbps=school.down_mbps,
            )
            for down in (0, 1)
        ]
        for number, school in enumerate(schools)
    ]
    for at_s in times:
        for number, states in enumerate(lines):
            yield f"{states[_is_down(number, at_s)]} {at_s}"


def _sums(schools: Sequence[School], times: range, step_s: int) -> Iterator[str]:
    groups = {tag: Counter(_text(getattr(school, tag)) for school in schools) for tag in ("ward", "provider")}
    for at_s in times:
        down = [school for number, school in enumerate(schools) if _is_down(number, at_s)]
        is_open = 6 <= at_s // HOUR_S % 24 + 7 < 18
        for tag, counted in groups.items():
            lost = Counter(_text(getattr(school, tag)) for school in down)
            for name, count in counted.items():
                connected = count - lost[name]
                fields = _rolled(
                    step_s,
                    schools=count,
                    connected=connected,
                    broadband=connected,
                    measured=count,
                    **({"open_connected": connected, "open_measured": count} if is_open else {}),
                    rtt_total_ms=4.2 * count,
                    rtt_schools=count,
                    loss_total=0.001 * count,
                    loss_schools=count,
                )
                yield f"{tag}_status,{tag}={name} {fields} {at_s}"


def _devices_by_kind(schools: Sequence[School], times: range, step_s: int) -> Iterator[str]:
    kinds = Counter(device.kind for school in schools for device in school.devices)
    for at_s in times:
        for kind, count in kinds.items():
            telling = count if kind in {"projector", "display"} else 0
            fields = _rolled(step_s, devices=count, up=count - 2, telling=telling, used=telling // 3)
            yield f"device_kind,kind={kind} {fields} {at_s}"


def _every_device(schools: Sequence[School]) -> list[tuple[School, Device]]:
    return [(school, device) for school in schools for device in school.devices]


def _devices_down(schools: Sequence[School], times: range) -> Iterator[str]:
    """A dozen are down at any time, for twelve hours each."""
    tags = [
        f"device_down,school={school.id},name={_text(school.name)},ward={_text(school.ward)}"
        f",device={device.name},kind={device.kind} down=1"
        for school, device in _every_device(schools)
    ]
    for at_s in times:
        for number in range(12):
            yield f"{tags[(at_s // (12 * HOUR_S) * 12 + number) * 7919 % len(tags)]} {at_s}"


def _one_school(school: School, times: range, step_s: int) -> Iterator[str]:
    of = f"agent={school.agent_id},school={school.id}"
    lines = [
        f"reachability,{of},method=icmp,scope={scope},target={scope},uplink=wan "
        + _rolled(step_s, up=1, rtt_ms=4, jitter_ms=0.3, loss_ratio=0)
        for scope in ("lan_gateway", "isp_edge", "national", "international")
    ]
    lines += [
        f"wan,{of},uplink=wan,role=primary,technology=fibre " + _rolled(step_s, active=1, carrier=1),
        f"wan,{of},uplink=wwan,role=backup,technology=4g " + _rolled(step_s, active=0, carrier=1),
        f"system,{of} " + _rolled(step_s, memory_used_ratio=0.4, disk_used_ratio=0.2, temperature_c=50),
    ]
    for at_s in times:
        for line in lines:
            yield f"{line} {at_s}"


def _collector(times: range, step_s: int) -> Iterator[str]:
    fields = {
        "store": ("sink_position", "behind", "sink_failing"),
        "incidents": ("sink_position", "behind", "sink_failing"),
        "live": ("sink_position", "behind", "sink_failing"),
        "delivered": ("webhook_attempts", "attempted_new"),
        "failed": ("webhook_attempts", "attempted_new"),
    }
    for at_s in times:
        yield (
            "collector,of=- "
            + _rolled(
                step_s,
                points_written=at_s,
                points_refused=0,
                journalled_messages=at_s,
                journal_bytes=5e6,
                journal_blocked=0,
                broker_connected=1,
                discarded_batches=0,
                discarded_new=0,
                refused_new=0,
                webhooks_pending=0,
            )
            + f" {at_s}"
        )
        for part in _PARTS:
            names = fields.get(part, ("quarantined_messages",))
            if part in {"reason_1", "reason_2"}:
                names = (*names, "quarantined_new")
            yield f"collector,of={part} {_rolled(step_s, **dict.fromkeys(names, 3))} {at_s}"


def _deliveries(schools: Sequence[School], times: range, step_s: int) -> Iterator[str]:
    for at_s in times:
        if step_s > 60:
            yield f"delivery {_rolled(step_s, delay_ms=350, points=40)},delay_ms_p95=900 {at_s}"
            continue
        for school in schools:
            tags = f"agent={school.agent_id},school={school.id},stream=s{school.index}"
            for late_s in (0, 30):
                yield f"delivery,{tags} seq={at_s},points=40,delay_ms={300 + school.index} {at_s + late_s}"


def _speed_tests(schools: Sequence[School], times: range) -> Iterator[str]:
    """Four a day and school, in the tiers that the rollups of hours make."""
    for at_s in range(times[0], times[-1], 6 * HOUR_S):
        for school in schools:
            fields = _rolled(HOUR_S, down_mbps=71.5, up_mbps=33, down_ratio=0.8, up_ratio=0.7)
            yield f"line_speed,{_tags(school)} {fields} {at_s + school.index % 6 * HOUR_S}"


def _now(schools: Sequence[School], end_s: int) -> Iterator[str]:
    for at_s in range(end_s - 2 * HOUR_S, end_s, 60):
        for school in schools:
            fields = f'code=0,state="online",lat={school.lat},lon={school.lon},since_ms=1,heard_ms=1,rtt_ms=4'
            more = f",loss_ratio=0,devices_up=50,devices_total=50,contracted_down_mbps={school.down_mbps}"
            yield f"school_now,{_tags(school)} {fields}{more} {at_s}"


def _devices_now(schools: Sequence[School], end_s: int) -> Iterator[str]:
    for at_s in range(end_s - 2 * HOUR_S, end_s, 300):
        for school, device in _every_device(schools):
            tags = f"agent={school.agent_id},device={device.name},kind={device.kind},school={school.id}"
            yield f"device,{tags} up=1,uptime_s=86400,rtt_ms=1 {at_s}"


def _to_replace(schools: Sequence[School], end_s: int) -> Iterator[str]:
    fields = {
        "ups": "charge_ratio=0.9,remaining_s=900",
        "printer": "supply_ratio=0.4",
        "projector": "lamp_h=900",
    }
    for at_s in range(end_s - DAY_S, end_s, 300):
        for school, device in _every_device(schools):
            if device.kind in fields:
                tags = f"agent={school.agent_id},device={device.name},school={school.id}"
                yield f"{device.kind},{tags} {fields[device.kind]} {at_s}"


def _registry(schools: Sequence[School], end_s: int) -> Iterator[str]:
    for at_s in range(end_s - YEAR_S, end_s, DAY_S):
        for school in schools:
            text = f'label="{school.name} [{school.id}]",name="{school.name}",ward="{school.ward}"'
            more = f'provider="{school.provider}",technology="fibre",contracted_down_mbps={school.down_mbps}'
            yield f"school,school={school.id} {text},{more} {at_s + HOUR_S}"


def _incidents(schools: Sequence[School], end_s: int) -> Iterator[str]:
    """Ten a day: losses of lines, and devices."""
    causes = ("line_cut", "power_cut", "provider_outage", "unknown", "device_failure")
    for number in range(3_650):
        school, cause = schools[number * 7 % SCHOOLS], causes[number % 5]
        device = school.devices[number % DEVICES]
        is_device = cause == "device_failure"
        kind, name = ("device_down", device.name) if is_device else ("outage", "-")
        tags = f"school={school.id},provider={_text(school.provider)},kind={kind},scope=school,device={name}"
        text = f'id="i{number}",name="{school.name}",ward="{school.ward}",cause="{cause}"'
        text += f',device_kind="{device.kind}"' if is_device else ""
        text += ',title_vi="Mất kết nối",title_en="Connection lost"'
        more = f"open={int(number < 5)},start_ms=1,duration_s=600,detect_s=30,pages=1"
        yield f"incident,{tags} {text},{more} {end_s - number * YEAR_S // 3_650 - 1}"


def _tier_lines(end_s: int) -> Iterator[str]:
    settings = InfluxSettings(kind="influx", retention_days=90)
    for at, line in enumerate(lines_of(tier_table(settings, end_s * 1000), []), start=1):
        yield f"{line.rsplit(' ', 1)[0]} {end_s - at}"


def _write(influx: Influx, database: str, lines: Iterable[str]) -> int:
    rest, written = iter(lines), 0
    url = f"{influx.direct_url}/write?db={database}&precision=s"
    while batch := list(islice(rest, _BATCH)):
        body = gzip.compress("\n".join(batch).encode(), 1)
        for _ in range(10):
            response = urllib3.request(
                "POST", url, body=body, headers={"Content-Encoding": "gzip"}, timeout=120
            )
            if response.status == 204:
                break
            if b"timeout" not in response.data:  # it is busy with what it has
                raise RuntimeError(response.data.decode())
        written += len(batch)
    return written
