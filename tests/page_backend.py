"""A small district in memory behind the real API and page: for their tests, and to look at.

``python tests/page_backend.py 200`` serves one on a loopback port until it is interrupted.
"""

from __future__ import annotations

import contextlib
import math
import random
import signal
import sys
import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import uvicorn
from access_parts import access_for
from fastapi import FastAPI
from parts import free_port

from schoolpulse.api.app import create_app
from schoolpulse.api.services import Services
from schoolpulse.clock import Clock, SystemClock
from schoolpulse.contract.models import Birth, Telemetry, Uplink
from schoolpulse.incidents.model import (
    Cause,
    Change,
    Incident,
    IncidentKind,
    SchoolStatus,
    Scope,
    Transition,
)
from schoolpulse.live import LiveView
from schoolpulse.messages import Received
from schoolpulse.metrics import Metrics
from schoolpulse.registry.models import Line, School
from schoolpulse.stores.base import Series, SeriesQuery, Window

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS

_PLACES = (
    "An Nhơn",
    "Bình Minh",
    "Chi Lăng",
    "Diên Hồng",
    "Gò Vấp",
    "Hạnh Thông",
    "Hoàng Diệu",
    "Hồng Gấm",
    "Hướng Dương",
    "Kim Đồng",
    "Lam Sơn",
    "Lê Hoàn",
    "Lê Quý Đôn",
    "Lê Thị Hồng Gấm",
    "Lương Thế Vinh",
    "Minh Khai",
    "Ngô Tất Tố",
    "Nguyễn Du",
    "Nguyễn Trãi",
    "Nguyễn Thượng Hiền",
    "Nguyễn Viết Xuân",
    "Phạm Ngũ Lão",
    "Phan Chu Trinh",
    "Phan Tây Hồ",
    "Quang Trung",
    "Sơn Ca",
    "Tân Sơn",
    "Tây Sơn",
    "Thông Tây Hội",
    "Trần Quang Khải",
    "Trần Văn Ơn",
    "Trưng Vương",
    "Võ Thị Sáu",
    "Vàng Anh",
    "Xóm Thuốc",
)
_LEVELS = {"mam_non": "Trường Mầm non", "tieu_hoc": "Trường Tiểu học", "thcs": "Trường THCS"}
_PROVIDERS = ("VNPT", "Viettel", "FPT Telecom", "CMC")


def district(count: int, seed: int = 7) -> list[School]:
    """`count` invented schools; every third has no backup, the last has no agent."""
    chance = random.Random(seed)
    names = [(level, place) for place in _PLACES for level in _LEVELS]
    names += [(level, f"{place} {number}") for number in range(2, 9) for level, place in names]
    chance.shuffle(names)
    schools = []
    wards = {
        ward: (10.815 + 0.05 * chance.random(), 106.64 + 0.06 * chance.random()) for ward in range(1, 18)
    }
    for number, (level, place) in enumerate(names[:count]):
        ward = chance.randint(1, 17)
        down = chance.choice([100.0, 150.0, 200.0, 300.0])
        lines = [
            Line(
                role="primary",
                provider=chance.choice(_PROVIDERS),
                technology="fibre",
                contracted_down_mbps=down,
                contracted_up_mbps=down,
            )
        ]
        if number % 3:
            lines.append(Line(role="backup", provider="Viettel", technology="4g"))
        schools.append(
            School(
                id=f"school-{number:03d}",
                name=f"{_LEVELS[level]} {place}",
                level=level,
                area=("TP.HCM", "Gò Vấp", f"Phường {ward}"),
                lat=None if number == 3 else round(wards[ward][0] + chance.gauss(0, 0.004), 5),
                lon=None if number == 3 else round(wards[ward][1] + chance.gauss(0, 0.004), 5),
                agent_id=None if number == count - 1 else f"agent-{number:03d}",
                lines=tuple(lines),
            )
        )
    return sorted(schools, key=lambda school: school.name)


class FakeRegistry:
    """Schools in memory, replaced as a whole, as the real registry's snapshot is."""

    def __init__(self, schools: Sequence[School]) -> None:
        self.replace(schools)

    def replace(self, schools: Sequence[School]) -> None:
        self._schools = tuple(schools)
        self._by_id = {school.id: school for school in schools}
        self._by_agent = {school.agent_id: school for school in schools if school.agent_id}

    def schools(self) -> Sequence[School]:
        return self._schools

    def school(self, school_id: str) -> School | None:
        return self._by_id.get(school_id)

    def school_of(self, agent_id: str) -> School | None:
        return self._by_agent.get(agent_id)


class FakeIncidents:
    """Incidents in memory, with their transitions."""

    def __init__(self) -> None:
        self._record: dict[str, list[Transition]] = {}

    def add(self, transition: Transition) -> None:
        self._record.setdefault(transition.incident.id, []).append(transition)

    def list(
        self,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        school: str | None = None,
        schools: Collection[str] | None = None,
        open_only: bool = False,
        limit: int = 100,
        before: str | None = None,
    ) -> Sequence[Incident]:
        found = sorted(
            (record[-1].incident for record in self._record.values()),
            key=lambda incident: (incident.start, incident.id),
            reverse=True,
        )
        if before is not None:
            found = found[[incident.id for incident in found].index(before) + 1 :]
        return [
            incident
            for incident in found
            if (school is None or incident.school == school)
            and (schools is None or incident.school in schools)
            and (not open_only or incident.resolved_at is None)
            and (to_ms is None or incident.start < to_ms)
            and (from_ms is None or incident.end is None or incident.end > from_ms)
        ][:limit]

    def get(self, incident_id: str) -> Incident | None:
        record = self._record.get(incident_id)
        return record[-1].incident if record else None

    def transitions(self, incident_id: str) -> Sequence[Transition]:
        return self._record.get(incident_id, [])


class FakeStore:
    """A store that answers with smooth made-up curves, or with what a test puts in `error`."""

    def __init__(self) -> None:
        self.asked: list[SeriesQuery] = []
        self.error: Exception | None = None
        self.silent: list[tuple[int, int]] = []

    def query(self, query: SeriesQuery) -> Sequence[Series]:
        self.asked.append(query)
        if self.error is not None:
            raise self.error
        shape = _SHAPES.get((query.measurement, query.field))
        if shape is None:
            return []
        return [
            Series(
                {tag: "icmp" if tag == "method" else value for tag in query.group_by},
                [self._window(at, base, query) for at in self._times(query)],
            )
            for value, base in shape.items()
        ]

    def _times(self, query: SeriesQuery) -> list[int]:
        first = -(-query.from_ms // query.step_ms) * query.step_ms
        times = range(first, query.to_ms, query.step_ms)
        return [at for at in times if not any(start <= at < end for start, end in self.silent)]

    @staticmethod
    def _window(at: int, base: float, query: SeriesQuery) -> Window:
        hour = (at / HOUR_MS + 7) % 24
        busy = max(0.05, math.sin((hour - 6) / 12 * math.pi)) if 6 < hour < 18 else 0.05
        noise = random.Random(f"{at}{base}{query.field}").uniform(-1, 1)
        calm = query.measurement != "interface"
        mean = base * ((1 + 0.15 * busy + 0.06 * noise) if calm else busy * (0.8 + 0.25 * noise))
        if query.field == "loss_ratio":
            mean = max(0.0, noise - 0.9)
        return Window(at, mean, mean * 0.9, mean * 1.2, max(1, query.step_ms // 10_000))


_SHAPES: dict[tuple[str, str], dict[str, float]] = {
    ("reachability", "rtt_ms"): {"lan_gateway": 0.6, "isp_edge": 3.2, "national": 8.5, "international": 46.0},
    ("reachability", "loss_ratio"): {"national": 0.0, "international": 0.01},
    ("reachability", "up"): {"national": 1.0},
    ("interface", "rx_bps"): {"eth0": 68e6},
    ("interface", "tx_bps"): {"eth0": 12e6},
    ("system", "uptime_s"): {"": 600_000.0},
}


class Backend:
    """The services over a district in memory, and hands to make things happen in it."""

    def __init__(
        self,
        schools: Sequence[School],
        clock: Clock | None = None,
        tick_s: float = 0.2,
        *,
        listens_on: str = "127.0.0.1",
    ) -> None:
        self.clock = clock or SystemClock()
        self.registry = FakeRegistry(schools)
        self.incidents = FakeIncidents()
        self.store = FakeStore()
        self.live = LiveView(self.registry, self.clock)
        self.parts = {"journal": "ok", "store": "ok"}
        self._position = 0
        self.services = Services(
            access=access_for(self.clock, listens_on),
            registry=self.registry,
            store=self.store,
            incidents=self.incidents,
            live=self.live,
            metrics=Metrics(),
            clock=self.clock,
            version="0.0.test",
            ready=lambda: dict(self.parts),
            tick_s=tick_s,
        )

    @cached_property
    def app(self) -> FastAPI:
        """The application; made when somebody asks for it."""
        return create_app(self.services)

    def receive(self, agent_id: str, body: Any, *, retained: bool = False) -> None:
        self._position += 1
        message = Received(self._position, self.clock.now_ms(), agent_id, body, retained)
        self.live.process([message], self._position)

    def speak(self, school: School, rtt_ms: float = 8.4, *, backup: bool = False) -> None:
        """Let the school's agent send one batch."""
        if school.agent_id:
            batch = telemetry(self.clock.now_ms(), rtt_ms, backup=backup, seq=self._position + 1)
            self.receive(school.agent_id, batch)

    def opens(
        self, school: School, kind: IncidentKind, status: SchoolStatus, cause: Cause, ago_ms: int = 0
    ) -> Incident:
        """An incident of `school` that began `ago_ms` ago."""
        now_ms = self.clock.now_ms()
        line = school.line("primary")
        incident = Incident(
            id=f"i-{school.id}-{kind}-{now_ms - ago_ms}",
            kind=kind,
            cause=cause,
            scope=Scope.SCHOOL,
            school=school.id,
            provider=line.provider if line else None,
            start=now_ms - ago_ms,
            detected_at=now_ms - ago_ms + 12_000,
            confirmed_at=now_ms - ago_ms + 20_000,
            paged_at=(now_ms - ago_ms + 20_000,),
        )
        self._tell(Transition(incident, 1, Change.OPENED, incident.confirmed_at, pages=True))
        self.live.on_status(school.id, status, incident.start)
        return incident

    def amends(self, incident: Incident, **changes: Any) -> Incident:
        """What is known of `incident` changes."""
        after = replace(incident, **changes)
        self._tell(Transition(after, 2, Change.AMENDED, self.clock.now_ms(), pages=False))
        return after

    def resolves(self, incident: Incident, ago_ms: int = 0) -> Incident:
        """The end of `incident`, `ago_ms` ago."""
        end = self.clock.now_ms() - ago_ms
        after = replace(incident, end=end, resolved_at=end)
        self._tell(Transition(after, 2, Change.RESOLVED, end, pages=False))
        if after.school:
            self.live.on_status(after.school, SchoolStatus.ONLINE, end)
        return after

    def _tell(self, transition: Transition) -> None:
        self.incidents.add(transition)
        self.live.on_transition(transition)


def telemetry(at_ms: int, rtt_ms: float = 8.4, *, backup: bool = False, seq: int = 1) -> Telemetry:
    """A batch with a row of each measurement that the page shows."""
    interface, technology, role = ("wwan0", "4g", "backup") if backup else ("eth0", "fibre", "primary")
    scopes = {"lan_gateway": 0.07, "isp_edge": 0.4, "national": 1.0, "international": 5.2}
    return Telemetry.model_validate(
        {
            "v": 1,
            "stream": "s1",
            "seq": seq,
            "boot": "b1",
            "clock": "synced",
            "sent_at": at_ms,
            "blocks": [
                {
                    "m": "reachability",
                    "tags": ["target", "scope", "method"],
                    "fields": ["up", "rtt_ms", "jitter_ms", "loss_ratio"],
                    "rows": [
                        (at_ms, [f"t-{scope}", scope, "icmp"], [True, rtt_ms * factor, 0.3, 0.0])
                        for scope, factor in scopes.items()
                    ],
                },
                {
                    "m": "wan",
                    "tags": ["uplink", "technology", "role", "interface"],
                    "fields": ["active", "carrier"],
                    "rows": [(at_ms, [interface, technology, role, interface], [True, True])],
                },
                {
                    "m": "interface",
                    "tags": ["name"],
                    "fields": ["rx_bps", "tx_bps"],
                    "rows": [(at_ms, [interface], [41_300_000.0, 6_200_000.0]), (at_ms, ["lo"], [9.0, 9.0])],
                },
                {"m": "system", "tags": [], "fields": ["uptime_s"], "rows": [(at_ms, [], [777_600.0])]},
                {
                    "m": "device",
                    "tags": ["device", "kind"],
                    "fields": ["up"],
                    "rows": [
                        (at_ms, [f"ap-{number}", "access_point"], [number != 3]) for number in range(12)
                    ],
                },
            ],
        }
    )


def birth(at_ms: int) -> Birth:
    """What an agent says of itself."""
    return Birth(
        v=1,
        agent_version="0.1.0",
        boot="b1",
        session=1,
        at=at_ms,
        uptime_s=777_600.0,
        hardware="GL.iNet MT3000",
        os="OpenWrt 23.05",
        uplinks=[Uplink(name="eth0", role="primary", technology="fibre")],
    )


def lively(count: int, seed: int = 7) -> Backend:
    """A district on an ordinary day: most schools fine, a few not, each kind of state present."""
    backend = Backend(district(count, seed))
    chance = random.Random(seed)
    schools = [school for school in backend.registry.schools() if school.agent_id]
    silent = set(range(0, len(schools), 37))
    for number, school in enumerate(schools):
        if number in silent:
            continue
        backend.receive(str(school.agent_id), birth(backend.clock.now_ms()), retained=True)
        backend.speak(school, chance.uniform(4, 19))
        backend.live.on_status(
            school.id, SchoolStatus.ONLINE, backend.clock.now_ms() - chance.randint(1, 900) * HOUR_MS
        )
    backup = [
        school for number, school in enumerate(schools) if school.line("backup") and number not in silent
    ]
    alone = [school for school in schools if not school.line("backup")]
    events = (
        (alone[3], IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.LINE_CUT, 12 * MINUTE_MS + 5_000),
        (alone[8], IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.UNKNOWN, 95_000),
        (backup[2], IncidentKind.ON_BACKUP, SchoolStatus.ON_BACKUP, Cause.PROVIDER_OUTAGE, 3 * HOUR_MS),
        (backup[5], IncidentKind.ON_BACKUP, SchoolStatus.ON_BACKUP, Cause.LINE_CUT, 26 * HOUR_MS),
        (backup[9], IncidentKind.DEGRADED, SchoolStatus.DEGRADED, Cause.DEGRADED_LINE, 41 * MINUTE_MS),
    )
    for school, kind, status, cause, ago_ms in events:
        backend.speak(school, 31.0, backup=status is SchoolStatus.ON_BACKUP)
        backend.opens(school, kind, status, cause, ago_ms)
    past = backend.opens(
        backup[2], IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.POWER_CUT, 3 * HOUR_MS + 40 * MINUTE_MS
    )
    backend.resolves(past, 3 * HOUR_MS + 5 * MINUTE_MS)
    backend.live.on_status(backup[2].id, SchoolStatus.ON_BACKUP, backend.clock.now_ms() - 3 * HOUR_MS)
    backend.live.on_status(backup[12].id, SchoolStatus.STOPPED, backend.clock.now_ms() - 2 * HOUR_MS)
    return backend


@contextlib.contextmanager
def served(backend: Backend, port: int | None = None) -> Iterator[str]:
    """The backend's application on a real loopback port; gives its address."""
    port = port or free_port()
    config = uvicorn.Config(backend.app, "127.0.0.1", port, log_level="warning", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="page-backend")
    thread.start()
    try:
        while not server.started and thread.is_alive():
            thread.join(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        backend.live.close()
        server.should_exit = True
        thread.join(30)


def _main() -> None:
    backend = lively(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with served(backend, int(sys.argv[2]) if len(sys.argv) > 2 else None) as address:
        sys.stdout.write(address + "\n")
        sys.stdout.flush()
        chance = random.Random()
        while not ended.wait(2):
            schools = backend.live.snapshot().schools
            for item in chance.sample(list(schools), max(1, len(schools) // 12)):
                if item.status is not SchoolStatus.DOWN:
                    backend.speak(
                        item.school, chance.uniform(4, 19), backup=item.status is SchoolStatus.ON_BACKUP
                    )


if __name__ == "__main__":
    _main()
