"""What is exported imports again to the same registry, as CSV and as XLSX."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from fakes import FakeClock
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from schoolpulse.database import metadata
from schoolpulse.registry import tables
from schoolpulse.registry.columns import KINDS
from schoolpulse.registry.export_file import to_csv, to_xlsx
from schoolpulse.registry.importing import make_plan, read_file
from schoolpulse.registry.models import Contact, Device, Line, School
from schoolpulse.registry.plan import Plan, Recorded
from schoolpulse.registry.repository import Registry
from schoolpulse.registry.schools import tidy

DAY_MS = 86_400_000
T0 = 1_789_999_200_000

LETTERS = st.sampled_from("aăâbcdđeêghiklmnoôơpqrstuưvxyÀẾỘỮ 0123456789,;\"'()&<>.:_")
NAMES = st.text(LETTERS, min_size=1, max_size=20).map(lambda text: " ".join(text.split()) or "x")
WORDS = st.sampled_from(["", "Phòng 1", 'Máy "A", B', "Tiếng Việt"])
MBPS = st.one_of(st.none(), st.integers(0, 10**8).map(lambda n: n / 10_000), st.integers(1, 1_000).map(float))
# A spreadsheet's numbers have 16 digits.
DEGREES = st.integers(-90 * 10**7, 90 * 10**7).map(lambda n: n / 10**7)
TIMES = st.integers(0, 3_000 * DAY_MS)


@st.composite
def lines(draw: st.DrawFn) -> Line:
    return tidy(
        Line(
            role=draw(st.sampled_from(["primary", "backup"])),
            provider=draw(st.one_of(st.just(""), NAMES)),
            technology=draw(st.sampled_from(["fibre", "4g", "5g", "unknown"])),
            contracted_down_mbps=draw(MBPS),
            contracted_up_mbps=draw(MBPS),
            cost_per_month=draw(st.one_of(st.none(), st.integers(0, 10**9).map(float))),
            currency="VND",
        )
    )


@st.composite
def registries(draw: st.DrawFn) -> Registry:
    registry = empty()
    ids = draw(st.lists(st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True), max_size=4, unique=True))
    with registry.change("test") as (writer, _):
        for number, school_id in enumerate(ids):
            school = School(
                id=school_id,
                name=draw(NAMES),
                level=draw(st.sampled_from(["", "thcs", "mam_non"])),
                area=tuple(draw(st.lists(NAMES, max_size=3))),
                lat=draw(st.one_of(st.none(), DEGREES)),
                lon=draw(st.one_of(st.none(), DEGREES)),
            )
            writer.save_school(school, None)
            writer.set_agent(school_id, draw(st.sampled_from([None, f"gw-{number}"])))
            for line in draw(st.lists(lines(), max_size=3)):
                periods = writer.line_periods(school_id, line.role)
                from_ms = draw(TIMES) if periods else draw(st.one_of(st.none(), TIMES))
                writer.begin_line(school_id, line, from_ms)
            if draw(st.booleans()):
                writer.end_line(school_id, "backup", draw(TIMES))
            devices = draw(st.lists(NAMES, max_size=3, unique=True))
            for above, device_id in zip(["", *devices], devices, strict=False):
                device = Device(
                    school_id=school_id,
                    device_id=device_id,
                    kind="switch",
                    name=draw(WORDS),
                    room=draw(WORDS),
                    parent=above,
                    bought_on=draw(st.one_of(st.none(), st.dates(date(2000, 1, 1), date(2050, 1, 1)))),
                )
                writer.save_device(device, None)
            if draw(st.booleans()):
                contact = Contact(school_id=school_id, function="Văn phòng", phone="+84 28 3894 0000")
                writer.save_contact(contact, None)
            if draw(st.integers(0, 4)) == 0:
                writer.close_school(school_id, draw(TIMES))
    return registry


def empty() -> Registry:
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    metadata.create_all(engine, tables=[table for table in metadata.tables.values() if table in OWN])
    return Registry(engine, FakeClock(T0))


OWN = [value for value in vars(tables).values() if value in metadata.tables.values()]


@contextmanager
def disposed(*registries: Registry) -> Iterator[None]:
    try:
        yield
    finally:
        for registry in registries:
            registry._engine.dispose()


def plan_for(registry: Registry, data: bytes) -> Plan:
    return make_plan(read_file(data), registry.recorded(), T0)


def said(recorded: Recorded) -> object:
    schools = sorted(recorded.snapshot.every, key=lambda school: school.id)
    return [(school, school.history) for school in schools], recorded.devices, recorded.contacts


@settings(max_examples=12, deadline=None)
@given(registries())
def test_a_workbook_imports_to_the_same(registry: Registry) -> None:
    copy = empty()
    with disposed(registry, copy):
        data = to_xlsx(registry.recorded())
        plan = plan_for(copy, data)
        assert plan.mistakes == [] or not registry.every_school()
        if not registry.every_school():
            return
        copy.apply(plan, by="test")
        assert said(copy.recorded()) == said(registry.recorded())
        again = plan_for(registry, data)
        assert (again.items, again.steps, again.mistakes) == ([], [], [])
        assert set(again.missing.values() and [len(found) for found in again.missing.values()]) <= {0}


@settings(max_examples=8, deadline=None)
@given(registries())
def test_the_files_of_each_kind_import_to_the_same(registry: Registry) -> None:
    """Schools by a file that names no lines: those stand, with their dates, in the file of lines."""
    copy = empty()
    with disposed(registry, copy):
        if not registry.every_school():
            return
        recorded = registry.recorded()
        for kind in KINDS:
            if kind == "schools":
                data = to_xlsx(recorded)
                found = read_file(data)
                found.records = [record for record in found.records if record.kind == "schools"]
                for record in found.records:
                    # Closing comes last: it ends lines that are not there yet.
                    assert isinstance(record.values, dict)
                    record.values.pop("closed_on")
                plan = make_plan(found, copy.recorded(), T0)
            else:
                plan = plan_for(copy, to_csv(recorded, kind))
            assert plan.mistakes == []
            copy.apply(plan, by="test")
        assert said(copy.recorded())[1:] == said(recorded)[1:]  # type: ignore[index]
        again = plan_for(registry, to_csv(recorded))
        assert (again.items, again.mistakes) == ([], [])
