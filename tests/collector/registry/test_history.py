"""What the registry was on a day: lines with their periods, agents that moved, the record of changes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from fakes import FakeClock
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from schoolpulse.registry.models import Classroom, Line, LinePeriod, School
from schoolpulse.registry.periods import begin, day_start, end
from schoolpulse.registry.repository import Registry

DAY_MS = 86_400_000
VNPT = Line(role="primary", provider="VNPT", technology="fibre", contracted_down_mbps=200.0)
VIETTEL = replace(VNPT, provider="Viettel", cost_per_month=1_100_000.0, currency="VND")
SCHOOL = School(id="s1", name="Trường Một", level="thcs", agent_id="gw-1", lines=(VNPT,))


@pytest.fixture
def registry(sql: Engine, clock: FakeClock) -> Registry:
    registry = Registry(sql, clock)
    registry.upsert([SCHOOL])
    return registry


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_a_line_that_changes_provider_leaves_the_days_before_to_the_old_one(
    registry: Registry, clock: FakeClock
) -> None:
    clock.advance(10 * 86_400)
    registry.upsert([replace(SCHOOL, lines=(VIETTEL,))])
    changed_ms = day_start(clock.now_ms())
    school = registry.school("s1")
    assert school is not None
    assert school.lines == (VIETTEL,)
    assert school.line("primary", changed_ms - 1) == VNPT
    assert school.line("primary", changed_ms) == VIETTEL
    assert registry.lines_between("s1", 0, changed_ms) == [LinePeriod(VNPT, None, changed_ms)]
    both = registry.lines_between("s1", changed_ms - DAY_MS, changed_ms + DAY_MS)
    assert [period.line.provider for period in both] == ["VNPT", "Viettel"]
    assert both[0].overlap(changed_ms - DAY_MS, changed_ms + DAY_MS) == (changed_ms - DAY_MS, changed_ms)
    assert registry.lines_between("nobody", 0, 1) == ()


def test_a_mistake_put_right_on_the_same_day_is_no_change_of_contract(registry: Registry) -> None:
    registry.upsert([replace(SCHOOL, lines=(VIETTEL,))])
    registry.upsert([replace(SCHOOL, lines=(replace(VIETTEL, contracted_up_mbps=50.0),))])
    school = registry.school("s1")
    assert school is not None
    assert [period.line.provider for period in school.history] == ["VNPT", "Viettel"]


def test_a_line_begins_by_itself_when_its_day_comes(registry: Registry, clock: FakeClock) -> None:
    tomorrow_ms = day_start(clock.now_ms()) + DAY_MS
    with registry.change("admin") as (writer, _):
        writer.begin_line("s1", VIETTEL, tomorrow_ms)
    assert registry.schools()[0].lines == (VNPT,)
    assert not registry.refresh()
    clock.advance(86_400)
    assert registry.refresh()
    assert registry.schools()[0].lines == (VIETTEL,)
    assert not registry.refresh()


def test_an_agent_that_moved_belongs_to_where_it_stood(registry: Registry, clock: FakeClock) -> None:
    other = School(id="s2", name="Trường Hai", level="thcs")
    registry.upsert([other])
    assert registry.school_of("gw-1", 0) == SCHOOL  # what it measured before it was recorded
    clock.advance(60)
    registry.assign_agent("gw-1", "s2", by="admin")
    moved_ms = clock.now_ms()
    at_the_old, at_the_new = registry.school_of("gw-1", moved_ms - 1), registry.school_of("gw-1", moved_ms)
    assert at_the_old is not None
    assert at_the_new is not None
    assert (at_the_old.id, at_the_new.id) == ("s1", "s2")
    assert [(one.agent_id, one.from_ms, one.to_ms) for one in registry.agents_of("s1")] == [
        ("gw-1", None, moved_ms)
    ]
    assert [(one.agent_id, one.from_ms, one.to_ms) for one in registry.agents_of("s2")] == [
        ("gw-1", moved_ms, None)
    ]
    with pytest.raises(KeyError):
        registry.assign_agent("gw-1", "nowhere", by="admin")


def test_a_replaced_agent_is_remembered(registry: Registry, clock: FakeClock) -> None:
    clock.advance(60)
    registry.assign_agent("gw-2", "s1", by="admin")
    replaced_ms = clock.now_ms()
    assert registry.school_of("gw-1") is None
    assert registry.school_of("gw-1", replaced_ms) is None
    before = registry.school_of("gw-1", replaced_ms - 1)
    assert before is not None
    assert before.id == "s1"
    assert [one.agent_id for one in registry.agents_of("s1")] == ["gw-1", "gw-2"]


def test_a_school_has_one_gateway_and_many_classrooms(registry: Registry, clock: FakeClock) -> None:
    with registry.change("admin") as (writer, _):
        writer.set_classroom("s1", "pc-1", "Phòng Tin học")
        writer.set_classroom("s1", "pc-2", "")
        writer.set_classroom("s1", "pc-2", "Phòng 12")
    school = registry.school("s1")
    assert school is not None
    assert school.agent_id == "gw-1"
    assert school.classrooms == (Classroom("pc-2", "Phòng 12"), Classroom("pc-1", "Phòng Tin học"))
    assert registry.school_of("pc-1") == registry.school_of("gw-1") == school
    registry.assign_agent("gw-2", "s1", by="admin")
    clock.advance(60)
    with registry.change("admin") as (writer, _):
        assert writer.remove_classroom("s1", "pc-1")
        assert not writer.remove_classroom("s1", "gw-2")
    assert registry.school_of("pc-1") is None
    assert registry.school_of("pc-1", clock.now_ms() - 1) is not None
    with registry.change("admin") as (writer, _):
        writer.close_school("s1", clock.now_ms())
    assert registry.school_of("pc-2") is None


def test_a_closed_school_leaves_the_wall_and_stays_on_the_record(
    registry: Registry, clock: FakeClock
) -> None:
    clock.advance(10 * 86_400)
    closed_ms = clock.now_ms()
    with registry.change("admin") as (writer, _):
        writer.close_school("s1", closed_ms)
    assert registry.schools() == ()
    assert [school.id for school in registry.every_school()] == ["s1"]
    school = registry.school("s1")
    assert school is not None
    assert (school.closed_ms, school.lines, school.agent_id) == (closed_ms, (), None)
    assert school.line("primary", closed_ms - 1) == VNPT
    assert registry.school_of("gw-1") is None
    registry.upsert([SCHOOL])
    assert [school.id for school in registry.schools()] == ["s1"]
    assert registry.school_of("gw-1") == SCHOOL


def test_every_change_is_on_the_record(registry: Registry, clock: FakeClock) -> None:
    clock.advance(10 * 86_400)
    registry.upsert(
        [replace(SCHOOL, name="Trường Mới", area=("TP.HCM", "Gò Vấp"), lines=(VIETTEL,))], by="an"
    )
    found = [(one.kind, one.subject, one.action) for one in registry.changes(from_ms=clock.now_ms())]
    assert found == [
        ("line", "primary", "added"),
        ("line", "primary", "changed"),
        ("school", "s1", "changed"),
        ("area", "TP.HCM/Gò Vấp", "added"),
        ("area", "TP.HCM", "added"),
    ]
    school = next(one for one in registry.changes(school_ids=["s1"]) if one.kind == "school")
    assert (school.by, school.at_ms) == ("an", clock.now_ms())
    assert school.fields == {"name": ("Trường Một", "Trường Mới"), "area": (None, "TP.HCM/Gò Vấp")}
    assert registry.changes(before=school.id, to_ms=clock.now_ms(), limit=1)[0].by == "console"


def test_what_fails_half_way_leaves_nothing(registry: Registry) -> None:
    before = registry.changes()

    def change_half() -> None:
        with registry.change("admin") as (writer, known):
            writer.save_school(replace(SCHOOL, name="Trường Khác"), known.by_id["s1"])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        change_half()
    assert registry.schools() == (SCHOOL,)
    assert registry.changes() == before
    assert not registry.refresh()


def test_two_processes_write_one_after_the_other(registry: Registry, sql: Engine, clock: FakeClock) -> None:
    other = Registry(sql, clock)
    other.upsert([School(id="s2", name="Trường Hai", level="thcs")])
    with registry.change("admin") as (_, known):
        assert set(known.by_id) == {"s1", "s2"}


LINES = st.sampled_from([VNPT, VIETTEL, replace(VNPT, technology="cable")])
TIMES = st.one_of(st.none(), st.integers(0, 20))


@given(st.lists(st.one_of(st.tuples(LINES, TIMES, TIMES), st.integers(0, 20)), max_size=8))
def test_periods_never_overlap_whatever_is_done(
    steps: list[tuple[Line, int | None, int | None] | int],
) -> None:
    periods: list[LinePeriod] = []
    for step in steps:
        if isinstance(step, int):
            periods = end(periods, step)
            assert not any(period.covers(at) for period in periods for at in range(step, 25))
            continue
        line, from_ms, to_ms = step
        before = periods
        try:
            periods = begin(periods, line, from_ms, to_ms)
        except ValueError:
            continue
        at = -1 if from_ms is None else from_ms
        assert [period.line for period in periods if period.covers(at)] == [line]
        for earlier in range(-1, at):
            assert _at(before, earlier) == _at(periods, earlier), "the past stays"
        for first, second in pairwise(periods):
            assert first.to_ms is not None
            assert second.from_ms is not None
            assert first.to_ms <= second.from_ms


def _at(periods: list[LinePeriod], at_ms: int) -> Line | None:
    return next((period.line for period in periods if period.covers(at_ms)), None)
