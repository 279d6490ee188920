"""Where schools hung, by the day: moves, corrections, and the abolition of the districts in one import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from fakes import FakeClock
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from schoolpulse.local_time import DAY_MS, day_of, midnight_ms
from schoolpulse.registry.areas import AreaTaken, remove_area
from schoolpulse.registry.export_file import to_csv
from schoolpulse.registry.importing import make_plan, read_file
from schoolpulse.registry.models import AreaPeriod, School
from schoolpulse.registry.moves import Since, hang
from schoolpulse.registry.plan import Plan
from schoolpulse.registry.repository import Registry

OLD = ("TP.HCM", "Gò Vấp", "Phường 10")
NEW = ("TP.HCM", "Phường Thông Tây Hội")
OTHER = ("TP.HCM", "Phường An Nhơn")
SCHOOL = School(id="s1", name="Trường Một", level="thcs", area=OLD)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def registry(sql: Engine, clock: FakeClock) -> Registry:
    registry = Registry(sql, clock)
    registry.upsert([SCHOOL])
    return registry


def move(registry: Registry, area: tuple[str, ...], since: Since) -> School:
    """Say where the school hangs; how it then stands, in memory as in the database."""
    with registry.change("admin") as (writer, known):
        before = known.by_id["s1"]
        writer.save_school(replace(before, area=area), before, area_since=since)
    (found,) = registry.schools()
    (loaded,) = Registry(registry._engine, registry._clock).schools()
    assert (found, found.areas) == (loaded, loaded.areas)
    return found


def test_a_school_that_moved_hung_elsewhere_before(registry: Registry, clock: FakeClock) -> None:
    today = day_of(clock.now_ms())
    school = move(registry, NEW, "today")
    assert school.area == NEW
    assert school.area_on(today) == NEW
    assert school.area_on(today - timedelta(days=1)) == OLD
    begun_ms = midnight_ms(today)
    assert school.areas_between(0, begun_ms) == [AreaPeriod(OLD, None, begun_ms)]
    assert school.areas_between(begun_ms, begun_ms + 1) == [AreaPeriod(NEW, begun_ms, None)]
    (change,) = registry.changes(school_ids=["s1"], limit=1)
    assert change.fields == {
        "area": ("TP.HCM/Gò Vấp/Phường 10", "TP.HCM/Phường Thông Tây Hội"),
        "area_from": (None, today.isoformat()),
    }


def test_a_wrong_entry_put_right_is_no_move(registry: Registry, clock: FakeClock) -> None:
    assert move(registry, OTHER, "always").areas == ()
    begun_ms = midnight_ms(day_of(clock.now_ms()))
    move(registry, OLD, "today")
    assert move(registry, NEW, "today").areas == (
        AreaPeriod(OTHER, None, begun_ms),
        AreaPeriod(NEW, begun_ms, None),
    )
    clock.advance(3 * 86_400)
    assert move(registry, OLD, "always").areas[-1] == AreaPeriod(OLD, begun_ms, None), "that of now"
    assert move(registry, OTHER, "always").areas == (), "it never moved"


def test_a_school_that_hung_nowhere_was_only_not_recorded(registry: Registry) -> None:
    registry.upsert([replace(SCHOOL, id="s2", area=())])
    registry.upsert([replace(SCHOOL, id="s2", area=NEW)])
    found = registry.school("s2")
    assert found is not None
    assert (found.area, found.areas) == (NEW, ())


def test_a_move_to_come_happens_on_its_day(registry: Registry, clock: FakeClock) -> None:
    next_week_ms = midnight_ms(day_of(clock.now_ms())) + 7 * DAY_MS
    school = move(registry, NEW, next_week_ms)
    assert (school.area, school.area_at(next_week_ms)) == (OLD, NEW)
    assert move(registry, OTHER, "today").area_at(next_week_ms) == NEW, "what is to come stays"
    assert not registry.refresh()
    clock.advance(7 * 86_400)
    assert registry.refresh()
    assert registry.schools()[0].area == NEW


def test_an_area_in_which_a_school_hung_stays(registry: Registry) -> None:
    move(registry, NEW, "today")
    with registry.change("admin") as (writer, _):
        left = next(area for area in registry.areas() if area.path == OLD)
        with pytest.raises(AreaTaken):
            remove_area(writer, left)


def test_the_districts_are_abolished_in_one_import(sql: Engine, clock: FakeClock) -> None:
    registry = Registry(sql, clock)
    registry.upsert(
        School(id=f"s{n:03}", name=f"Trường {n}", level="thcs", area=(*OLD[:2], f"Phường {n % 16}"))
        for n in range(200)
    )
    rows = [f"s{n:03},Trường {n},TP.HCM/Phường Mới {n % 6},2026-07-01" for n in range(200)]
    plan = planned(registry, "Mã trường,Tên trường,Địa bàn,Chuyển từ ngày", *rows, clock=clock)
    assert plan.mistakes == []
    assert plan.count("schools", "changed") == 200
    assert plan.items[0].fields == {
        "area": ("TP.HCM/Gò Vấp/Phường 0", "TP.HCM/Phường Mới 0"),
        "area_from": ("", "2026-07-01"),
    }
    registry.apply(plan, by="import")
    for school in registry.schools():
        assert (len(school.area_on(date(2026, 6, 30))), len(school.area_on(date(2026, 7, 1)))) == (3, 2)
    again = planned(registry, "school_id,name,area,area_from", *rows, clock=clock)
    assert again.count("schools", "same") == 200
    exported = make_plan(read_file(to_csv(registry.recorded())), registry.recorded(), clock.now_ms())
    assert exported.count("schools", "same") == 200
    assert [area.path for area in registry.areas() if area.path[1:2] == ("Gò Vấp",)], "for the old figures"


def planned(registry: Registry, *rows: str, clock: FakeClock) -> Plan:
    return make_plan(read_file("\n".join(rows).encode()), registry.recorded(), clock.now_ms())


@pytest.mark.parametrize(
    ("since", "areas"),
    [("", 2), ("từ trước", 1), ("2026-01-01", 2)],
)
def test_an_import_says_from_which_day(registry: Registry, clock: FakeClock, since: str, areas: int) -> None:
    row = f"s1,Trường Một,{'/'.join(NEW)},{since}"
    registry.apply(planned(registry, "school_id,name,area,area_from", row, clock=clock), by="import")
    school = registry.schools()[0]
    assert school.area == NEW
    assert len(school.areas or [NEW]) == areas
    if since.startswith("2026"):
        assert school.areas[1].from_ms == midnight_ms(date(2026, 1, 1))


AREAS = st.sampled_from([(), ("A",), ("A", "B"), ("C",)])
SINCE: st.SearchStrategy[Since] = st.one_of(st.integers(0, 40), st.sampled_from(["today", "always"]))


@given(st.lists(st.tuples(AREAS, SINCE), max_size=8))
def test_a_school_always_hangs_somewhere_whatever_is_said(
    steps: Sequence[tuple[tuple[str, ...], Since]],
) -> None:
    periods = hang([], ("A",), "today", today_ms=20, now_ms=25)
    for area, since in steps:
        before = periods
        periods = hang(periods, area, since, today_ms=20, now_ms=25)
        at = since if isinstance(since, int) else 25
        assert area_at(periods, max(at, 25)) == area
        if isinstance(since, int):
            for earlier in range(-1, min(since, 25)):
                was, now = area_at(before, earlier), area_at(periods, earlier)
                assert now == was, "the past stays"
        assert (periods[0].from_ms, periods[-1].to_ms) == (None, None)
        for first, second in pairwise(periods):
            assert first.to_ms == second.from_ms
            assert first.area != second.area


def area_at(periods: Sequence[AreaPeriod], at_ms: int) -> tuple[str, ...]:
    (found,) = [period.area for period in periods if period.covers(at_ms)]
    return found
