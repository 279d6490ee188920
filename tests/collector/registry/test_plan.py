"""What an import would do, before it is done; and that exactly this is done."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock
from openpyxl import Workbook
from sqlalchemy import Engine

from schoolpulse.local_time import midnight_ms
from schoolpulse.registry.importing import make_plan, read_file
from schoolpulse.registry.models import Contact, Device, Line, School
from schoolpulse.registry.periods import day_start
from schoolpulse.registry.plan import Plan, RegistryMoved
from schoolpulse.registry.repository import Registry
from schoolpulse.registry.values import day

DAY_S = 86_400
AREA = ("TP.HCM", "Gò Vấp")
VNPT = Line(role="primary", provider="VNPT", technology="fibre", contracted_down_mbps=200.0)
SCHOOL = School(
    id="s1", name="Trường Một", level="thcs", area=(*AREA, "Phường 1"), agent_id="gw-1", lines=(VNPT,)
)
OTHER = School(id="s2", name="Trường Hai", level="", area=AREA, agent_id="gw-2")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def registry(sql: Engine, clock: FakeClock) -> Registry:
    registry = Registry(sql, clock)
    registry.upsert([SCHOOL, OTHER])
    clock.advance(30 * DAY_S)
    return registry


def plan_for(registry: Registry, data: bytes | str, clock: FakeClock) -> Plan:
    data = data.encode() if isinstance(data, str) else data
    return make_plan(read_file(data), registry.recorded(), clock.now_ms(), AREA)


def book(**sheets: list[tuple[Any, ...]]) -> bytes:
    made = Workbook(write_only=True)
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    buffer = io.BytesIO()
    made.save(buffer)
    return buffer.getvalue()


def said(plan: Plan) -> list[str]:
    return [str(mistake.problem()) for mistake in plan.mistakes]


def test_new_changed_same_and_missing(registry: Registry, clock: FakeClock) -> None:
    text = "school_id,name,provider,technology\ns1,Trường Một,FPT,fibre\ns3,Trường Ba,,\n"
    plan = plan_for(registry, text, clock)
    assert {word: plan.count("schools", word) for word in ("new", "changed", "same")} == {
        "new": 1,
        "changed": 1,
        "same": 0,
    }
    assert plan.missing == {"schools": ["s2"]}
    today = day_start(clock.now_ms())
    shown = {(item.kind, item.school_id, item.action): item.fields for item in plan.items}
    assert shown["line", "s1", "new"]["provider"] == ("", "FPT")
    assert shown["line", "s1", "changed"].keys() == {"valid_to"}
    assert shown["school", "s3", "new"]["name"] == ("", "Trường Ba")
    registry.apply(plan, by="an")
    first, missing = registry.school("s1"), registry.school("s2")
    assert first is not None
    assert missing == OTHER, "nothing is deleted silently"
    assert first.line("primary", today - 1) == VNPT
    now = first.line("primary")
    assert now is not None
    assert (now.provider, now.contracted_down_mbps) == ("FPT", 200.0), "what the file lacks stays"
    assert first.agent_id == "gw-1"
    assert {change.by for change in registry.changes(from_ms=clock.now_ms())} == {"an"}


def test_vietnamese_headers_semicolons_and_a_title_above_them(registry: Registry, clock: FakeClock) -> None:
    text = (
        "DANH SÁCH TRƯỜNG;;;;;\n;;;;;\n"
        "Mã trường;Tên trường;Cấp học;Phường;Nhà mạng;Công nghệ\n"
        "s3;Trường Ba;Tiểu học;Phường 3;Viettel;Cáp quang\n"
    )
    plan = plan_for(registry, text, clock)
    assert said(plan) == []
    registry.apply(plan, by="an")
    school = registry.school("s3")
    assert school is not None
    assert (school.level, school.area) == ("tieu_hoc", (*AREA, "Phường 3"))
    assert school.lines == (Line(role="primary", provider="Viettel", technology="fibre"),)


def test_a_workbook_of_every_sheet_is_one_import(registry: Registry, clock: FakeClock) -> None:
    data = book(
        notes=[("Cập nhật tháng 9",)],
        schools=[("school_id", "name", "lat"), ("s1", "Trường Một", 10.83), (3, "Trường Ba", None)],
        lines=[
            ("Mã trường", "Vai trò", "Nhà mạng", "Công nghệ", "Từ ngày", "Đến ngày"),
            ("s1", "chính", "VNPT", "fibre", None, "2026-09-01"),
            ("s1", "chính", "Viettel", "fibre", "01/09/2026", None),
            ("3", "dự phòng", "", "4g", None, None),
        ],
        devices=[
            ("school_id", "device_id", "kind", "parent", "bought_on"),
            ("s1", "ap-1", "access_point", "sw-1", day("2025-08-15")),
            ("s1", "sw-1", "switch", None, None),
        ],
        contacts=[("school_id", "function", "phone"), ("s1", "Văn phòng", "028 3894 0000")],
    )
    plan = plan_for(registry, data, clock)
    assert said(plan) == []
    assert [str(one.problem()) for one in plan.warnings] == [
        "notes: sheet: a sheet without a column that is known; it was left out"
    ]
    registry.apply(plan, by="an")
    first, third = registry.school("s1"), registry.school("3")
    assert first is not None
    assert third is not None
    changed_ms = midnight_ms(day("2026-09-01"))
    assert [(one.line.provider, one.from_ms, one.to_ms) for one in first.history] == [
        ("VNPT", None, changed_ms),
        ("Viettel", changed_ms, None),
    ]
    assert third.lines == (Line(role="backup", provider="", technology="4g"),)
    assert registry.devices("s1") == [
        Device(
            school_id="s1", device_id="ap-1", kind="access_point", parent="sw-1", bought_on=day("2025-08-15")
        ),
        Device(school_id="s1", device_id="sw-1", kind="switch"),
    ]
    assert registry.contacts() == [Contact(school_id="s1", function="Văn phòng", phone="028 3894 0000")]


def test_every_mistake_at_once_by_sheet_row_and_column(registry: Registry, clock: FakeClock) -> None:
    data = book(
        schools=[("school_id", "name", "lat", "ward", "area"), ("s4", "Bốn", "10,8", "P1", "TP.HCM/P2")],
        lines=[
            ("school_id", "role", "technology", "valid_from", "valid_to"),
            ("s4", "primary", "fibre", None, None),
            ("s9", "primary", "fibre", "hôm qua", None),
            ("s1", "both", "fibre", None, None),
            ("s1", "primary", "fibre", "2026-09-02", "2026-09-01"),
            ("nobody", "primary", "fibre", None, None),
        ],
        devices=[
            ("school_id", "device_id", "kind", "parent"),
            ("s1", "a", "Switch!", None),
            ("s1", "b", "switch", "a"),
            ("s1", "c", "switch", "x"),
            ("s1", "d", "switch", "e"),
            ("s1", "e", "switch", "d"),
        ],
        contacts=[("school_id", "function", "phone", "email"), ("s1", "Kho", "hỏi bảo vệ", "a b")],
    )
    plan = plan_for(registry, data, clock)
    assert {(one.sheet, one.row, one.where, one.code) for one in plan.mistakes} == {
        ("schools", 2, "lat", "number"),
        ("lines", 3, "valid_from", "date"),
        ("lines", 4, "role", "choice"),
        ("lines", 5, "valid_to", "ends_before"),
        ("lines", 6, "school_id", "no_school"),
        ("devices", 2, "kind", "word"),
        ("devices", 4, "parent", "no_parent"),
        ("devices", 5, "parent", "parent_circle"),
        ("devices", 6, "parent", "parent_circle"),
        ("contacts", 2, "phone", "phone"),
        ("contacts", 2, "email", "email"),
    }
    assert "lines: valid_from: not a date (write 2026-09-01 or 01/09/2026)" in "\n".join(said(plan))
    before = registry.recorded()
    with pytest.raises(Exception, match="mistakes"):
        registry.apply(plan, by="an")
    assert registry.recorded() == before


def test_a_plan_is_for_the_registry_that_it_was_made_against(registry: Registry, clock: FakeClock) -> None:
    plan = plan_for(registry, "school_id,name\ns1,Tên Mới\n", clock)
    registry.upsert([School(id="s5", name="Trường Năm", level="")])
    with pytest.raises(RegistryMoved):
        registry.apply(plan, by="an")
    assert registry.school("s1") == SCHOOL


def test_agents_that_change_places(registry: Registry, clock: FakeClock) -> None:
    swap = plan_for(registry, "school_id,name,agent_id\ns1,Trường Một,gw-2\ns2,Trường Hai,gw-1\n", clock)
    assert swap.warnings == []
    registry.apply(swap, by="an")
    assert [(one.id, one.agent_id) for one in registry.schools()] == [("s2", "gw-1"), ("s1", "gw-2")]
    moved = plan_for(registry, "school_id,name,agent_id\ns3,Trường Ba,gw-1\n", clock)
    assert [str(one.problem()) for one in moved.warnings] == [
        "line 2: agent_id: gw-1 stands at s2 and moves here"
    ]
    registry.apply(moved, by="an")
    second = registry.school("s2")
    assert second is not None
    assert second.agent_id is None


def test_a_school_that_the_file_closes_and_one_that_it_opens_again(
    registry: Registry, clock: FakeClock
) -> None:
    registry.apply(plan_for(registry, "school_id,name,closed_on\ns1,Trường Một,2026-10-01\n", clock), by="an")
    assert [school.id for school in registry.schools()] == ["s2"]
    closed = registry.school("s1")
    assert closed is not None
    assert closed.closed_ms == midnight_ms(day("2026-10-01"))
    plan = plan_for(registry, "school_id,name\ns1,Trường Một\n", clock)
    assert plan.items[0].fields == {"closed_on": ("2026-10-01", "")}
    registry.apply(plan, by="an")
    assert {school.id for school in registry.schools()} == {"s1", "s2"}


def test_the_sample_of_the_documentation_imports(registry: Registry, clock: FakeClock) -> None:
    sample = (Path(__file__).parents[3] / "deploy/registry-sample.csv").read_bytes()
    plan = plan_for(registry, sample, clock)
    assert said(plan) == []
    registry.apply(plan, by="an")
    school = registry.school("thcs-an-nhon")
    assert school is not None
    assert [(line.role, line.technology) for line in school.lines] == [("primary", "fibre"), ("backup", "4g")]
    assert school.history[0].from_ms == midnight_ms(day("2025-09-01"))


def test_names_of_persons_have_no_column(registry: Registry, clock: FakeClock) -> None:
    plan = plan_for(registry, "school_id,function,Họ tên\ns1,Kho,Nguyễn Văn A\n", clock)
    assert [one.code for one in plan.mistakes] == ["unknown_column"]


def test_lines_in_both_places_are_a_mistake(registry: Registry, clock: FakeClock) -> None:
    data = book(
        schools=[("school_id", "name", "provider", "technology"), ("s1", "Trường Một", "FPT", "fibre")],
        lines=[("school_id", "role", "technology"), ("s1", "primary", "fibre")],
    )
    assert [one.code for one in plan_for(registry, data, clock).mistakes] == ["both_say_lines"]


def test_a_line_that_costs_something_costs_dong(registry: Registry, clock: FakeClock) -> None:
    text = "school_id,name,provider,technology,cost_per_month,valid_from\ns1,A,FPT,fibre,990000,15/09/2026\n"
    registry.apply(plan_for(registry, text, clock), by="an")
    school = registry.school("s1")
    assert school is not None
    assert [(one.line.provider, one.line.currency, one.from_ms) for one in school.history] == [
        ("VNPT", "", None),
        ("FPT", "VND", midnight_ms(day("2026-09-15"))),
    ]
