"""The registry on a real SQLite database."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from schoolpulse.registry.models import Line, School
from schoolpulse.registry.repository import Registry


@pytest.fixture
def engine(sql: Engine) -> Engine:
    return sql


FIBRE = Line(role="primary", provider="VNPT", technology="fibre", contracted_down_mbps=200.0)
BACKUP = Line(role="backup", provider="", technology="4g")
SCHOOL = School(
    id="thcs-01",
    name="THCS Gò Vấp 1",
    level="thcs",
    area=("TP.HCM", "Gò Vấp", "Phường 10"),
    lat=10.83,
    lon=106.67,
    agent_id="gw-01",
    lines=(FIBRE, BACKUP),
)


def test_a_school_comes_back_whole_after_a_restart(engine: Engine) -> None:
    Registry(engine).upsert([SCHOOL])
    assert Registry(engine).schools() == (SCHOOL,)
    assert Registry(engine).school_of("gw-01") == SCHOOL
    assert SCHOOL.line("backup") == BACKUP


def test_an_unknown_agent_belongs_to_no_school(engine: Engine) -> None:
    assert Registry(engine).school_of("stranger") is None
    assert Registry(engine).school("nowhere") is None


def test_replacing_a_school_keeps_nothing_of_the_old(engine: Engine) -> None:
    registry = Registry(engine)
    registry.upsert([SCHOOL])
    plain = School(id="thcs-01", name="THCS Gò Vấp Một", level="thcs", area=("TP.HCM", "Phường Hạnh Thông"))
    registry.upsert([plain])
    assert registry.schools() == (plain,)
    assert registry.school_of("gw-01") is None


def test_an_agent_moves_with_the_last_word(engine: Engine) -> None:
    registry = Registry(engine)
    registry.upsert([SCHOOL])
    other = School(id="thcs-02", name="THCS Hai", level="thcs", agent_id="gw-01")
    registry.upsert([other])
    assert registry.school_of("gw-01") == other
    first = registry.school("thcs-01")
    assert first is not None
    assert first.agent_id is None


def test_areas_of_any_depth_share_their_upper_levels(engine: Engine) -> None:
    registry = Registry(engine)
    wards = [("TP.HCM", "Gò Vấp", "Phường 1"), ("TP.HCM", "Gò Vấp", "Phường 3"), ("TP.HCM", "An Nhơn")]
    registry.upsert(
        School(id=f"s{n}", name=f"Trường {n}", level="tieu_hoc", area=area) for n, area in enumerate(wards)
    )
    assert [school.area for school in registry.schools()] == wards


def test_a_running_collector_takes_up_what_another_process_imported(engine: Engine) -> None:
    running, other = Registry(engine), Registry(engine)
    assert not running.refresh()
    other.upsert([SCHOOL])
    assert running.school_of("gw-01") is None
    assert running.refresh()
    assert running.school_of("gw-01") == SCHOOL
    assert not running.refresh()
