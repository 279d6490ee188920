"""What is kept up in memory with each change is what would be loaded; an import keeps nobody waiting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from fakes import FakeClock
from sqlalchemy import Engine, insert

from schoolpulse.local_time import DAY_MS
from schoolpulse.registry import tables
from schoolpulse.registry.areas import move_area, read_areas
from schoolpulse.registry.importing import make_plan, read_file
from schoolpulse.registry.models import Contact, Line, School
from schoolpulse.registry.plan import RegistryMoved
from schoolpulse.registry.repository import Registry
from schoolpulse.registry.snapshot import Snapshot, load
from schoolpulse.registry.writing import Writer

FIBRE = Line(role="primary", provider="VNPT", technology="fibre")
SCHOOLS = [
    School(
        id=f"s{n}", name=f"Trường {n}", level="thcs", area=("A", f"P{n}"), agent_id=f"gw-{n}", lines=(FIBRE,)
    )
    for n in range(5)
]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def registry(sql: Engine, clock: FakeClock) -> Registry:
    registry = Registry(sql, clock)
    registry.upsert(SCHOOLS)
    return registry


def whole(snapshot: Snapshot) -> object:
    every = [(one, one.history, one.areas) for one in snapshot.every]
    return replace(snapshot, until_ms=None), every


def rename(writer: Writer, school: School) -> None:
    writer.save_school(replace(school, name="A Trường Đầu Tiên"), school)


def swap(writer: Writer, school: School) -> None:
    writer.set_agent(school.id, "gw-3")
    writer.set_agent("s3", "gw-1")


def pass_round(writer: Writer, school: School) -> None:
    writer.set_agent(school.id, "gw-new")
    writer.set_agent("s4", "gw-new")
    writer.set_agent("s2", "gw-1")


def teach(writer: Writer, school: School) -> None:
    writer.set_classroom(school.id, "pc-1", "Phòng Tin học")
    writer.set_classroom("s2", "gw-4", "")


CHANGES: list[Callable[[Writer, School], object]] = [
    rename,
    swap,
    pass_round,
    teach,
    lambda writer, school: writer.save_school(replace(school, area=("B",)), school, area_since=1_000),
    lambda writer, school: writer.begin_line(school.id, replace(FIBRE, provider="FPT"), 1_000),
    lambda writer, school: writer.close_school(school.id, writer.at_ms),
    lambda writer, school: writer.save_school(replace(school, id="s9", area=("A", "P1", "X")), None),
]


@pytest.mark.parametrize("change", CHANGES)
def test_after_a_change_it_is_as_if_all_were_loaded(
    registry: Registry, sql: Engine, clock: FakeClock, change: Callable[[Writer, School], object]
) -> None:
    untouched, before = registry.school("s0"), registry.schools()
    clock.advance(3 * 86_400)
    with registry.change("test") as (writer, known):
        change(writer, known.by_id["s1"])
        assert registry.schools() is before, "readers see the old one until it is done"
    with sql.connect() as connection:
        assert whole(registry.snapshot()) == whole(load(connection, clock.now_ms()))
    assert registry.school("s0") is untouched, "only what changed was read"
    assert registry.schools() is not before
    assert not registry.refresh()


def test_what_is_not_in_memory_changes_nothing_there(registry: Registry) -> None:
    before = registry.schools()
    with registry.change("test") as (writer, _):
        writer.save_contact(Contact(school_id="s1", function="Văn phòng", phone="028 3894 0000"), None)
    assert registry.schools() is before
    assert not registry.refresh()


def test_an_area_renamed_is_renamed_for_every_school_below(registry: Registry) -> None:
    with registry.change("test") as (writer, _):
        (top,) = [area for area in read_areas(writer.connection) if area.path == ("A",)]
        move_area(writer, top, "C", None)
    assert {school.area[0] for school in registry.schools()} == {"C"}


def test_others_write_while_an_import_is_made_ready(
    registry: Registry, sql: Engine, clock: FakeClock
) -> None:
    rows = [f"s{n},Trường {n},B/P{n},FPT,fibre" for n in range(1, 200)]
    text = "\n".join(["school_id,name,area,provider,technology", *rows])
    plan = make_plan(read_file(text.encode()), registry.recorded(), clock.now_ms())
    written = []

    def incident(writer: Writer) -> None:
        with sql.begin() as connection:  # would wait for the import, and give up
            connection.execute(insert(tables.area).values(name="another's"))
        written.append(writer.at_ms)

    plan.steps.append(incident)
    registry.apply(plan, by="import")
    assert written == [clock.now_ms()]
    assert {school.line("primary", clock.now_ms() + DAY_MS) for school in registry.schools()[1:]} == {
        replace(FIBRE, provider="FPT")
    }


def test_an_import_of_what_another_process_has_changed_is_refused(
    registry: Registry, sql: Engine, clock: FakeClock
) -> None:
    text = b"school_id,name\ns1,Kh\xc3\xa1c"
    plan = make_plan(read_file(text), registry.recorded(), clock.now_ms())
    Registry(sql, clock).upsert([replace(SCHOOLS[2], level="")])
    with pytest.raises(RegistryMoved):
        registry.apply(plan, by="import")
    with sql.connect() as connection:
        assert load(connection, clock.now_ms()).by_id["s1"].name == "Trường 1"
