"""``registry``: 50,000 schools in SQLite: what a change of one costs, and what a huge import does to others.

``whole`` is the baseline: what every change cost before only the changed school was read anew, and what
another process's change still costs. While the import is applied, another connection writes as incidents and
their outbox do; how long the slowest of its transactions took is how long a page can be late.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from sqlalchemy import Engine, insert
from sqlalchemy.exc import OperationalError

from schoolpulse.clock import SystemClock
from schoolpulse.database import connect
from schoolpulse.incidents import tables as incident_tables
from schoolpulse.registry.importing import make_plan, read_file
from schoolpulse.registry.models import Contact, Line, School
from schoolpulse.registry.moves import Since
from schoolpulse.registry.repository import Registry
from schoolpulse.registry.writing import Writer

SCHOOLS = 50_000
WARDS = 3_300
TIMES = 20
PAUSE_S = 0.02


def run() -> Iterator[dict[str, object]]:
    """The import, the whole load, and changes of one school."""
    with tempfile.TemporaryDirectory() as name:
        engine = connect(f"sqlite:///{Path(name) / 'state.db'}")
        try:
            yield {"what": "import", "schools": SCHOOLS, **_import(engine, "VNPT")}
            yield {"what": "import_again", "schools": SCHOOLS, **_import(engine, "Viettel")}
            whole_s = _median_s(lambda _: Registry(engine), 3)
            yield {"what": "whole", "schools": SCHOOLS, "s": round(whole_s, 3)}
            registry = Registry(engine)
            for what, change in CHANGES.items():
                taken_s = _median_s(partial(_change, registry, change), TIMES)
                yield {
                    "what": what,
                    "schools": SCHOOLS,
                    "ms": round(taken_s * 1000, 1),
                    "times_quicker": round(whole_s / taken_s),
                }
            quiet_s = _median_s(lambda _: registry.refresh(), TIMES)
            yield {"what": "refresh", "schools": SCHOOLS, "ms": round(quiet_s * 1000, 2)}
        finally:
            engine.dispose()


def _csv(provider: str) -> bytes:
    lines = ["school_id,name,level,area,agent_id,provider,technology,contracted_down_mbps"]
    lines += [
        f"s{n:05},Trường {n:05},thcs,VN/T{n % WARDS % 34}/P{n % WARDS},gw-{n:05},{provider},fibre,200"
        for n in range(SCHOOLS)
    ]
    return "\n".join(lines).encode()


def _import(engine: Engine, provider: str) -> dict[str, object]:
    """All schools in one transaction, while somebody else writes."""
    registry = Registry(engine)
    began_s = time.perf_counter()
    plan = make_plan(read_file(_csv(provider)), registry.recorded(), SystemClock().now_ms())
    assert not plan.mistakes
    planned_s = time.perf_counter()
    with _others(engine) as others:
        registry.apply(plan, by="import")
        applied_s = time.perf_counter()
    return {
        "plan_s": round(planned_s - began_s, 2),
        "apply_s": round(applied_s - planned_s, 2),
        "others_writes": others.writes,
        "others_failed": others.failed,
        "others_longest_s": round(others.longest_s, 2),
    }


@dataclass(slots=True)
class _Others:
    writes: int = 0
    failed: int = 0
    longest_s: float = 0.0
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def _others(engine: Engine) -> Iterator[_Others]:
    """A thread that writes small transactions all the time, and counts those that fail."""
    found = _Others()

    def write() -> None:
        while not found.over.wait(PAUSE_S):
            began_s = time.perf_counter()
            try:
                with engine.begin() as connection:
                    row = {"name": f"bench-{time.monotonic_ns()}", "position": 1, "body": "{}"}
                    connection.execute(insert(incident_tables.cursor).values(row))
                found.writes += 1
            except OperationalError:
                found.failed += 1
            found.longest_s = max(found.longest_s, time.perf_counter() - began_s)

    thread = threading.Thread(target=write, name="others")
    thread.start()
    try:
        yield found
    finally:
        found.over.set()
        thread.join()


def _median_s(do: Callable[[int], object], times: int) -> float:
    taken = []
    for number in range(times):
        began_s = time.perf_counter()
        do(number)
        taken.append(time.perf_counter() - began_s)
    return statistics.median(taken)


Change = Callable[[Writer, School, int], None]


def _change(registry: Registry, change: Change, number: int) -> None:
    with registry.change("bench") as (writer, known):
        change(writer, known.by_id[f"s{number * 1_000:05}"], number)


def _rename(writer: Writer, school: School, number: int) -> None:
    writer.save_school(replace(school, name=f"Trường đổi tên {number}"), school)


def _move(writer: Writer, school: School, number: int) -> None:
    since: Since = "today"
    writer.save_school(replace(school, area=("VN", "T0", f"P{number + 1}")), school, area_since=since)


def _sign(writer: Writer, school: School, number: int) -> None:
    writer.begin_line(school.id, Line(role="backup", provider="", technology="4g"), None)


def _place(writer: Writer, school: School, number: int) -> None:
    writer.set_agent(school.id, f"gw-moi-{number}")


def _note(writer: Writer, school: School, number: int) -> None:
    writer.save_contact(Contact(school_id=school.id, function="Văn phòng", phone="028 3894 0000"), None)


CHANGES: dict[str, Change] = {
    "rename": _rename,
    "move": _move,
    "line": _sign,
    "agent": _place,
    "contact": _note,
}
