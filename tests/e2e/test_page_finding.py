"""Finding schools: the list by filter and column, the map by mouse and keyboard, both live."""

from __future__ import annotations

import re
from dataclasses import replace

from page_backend import Backend, district, served
from playwright.sync_api import Page, expect

from schoolpulse.incidents.model import Cause, IncidentKind, SchoolStatus


def test_the_list_filters_sorts_and_lives(page: Page, backend: Backend, address: str) -> None:
    page.goto(f"{address}/list")
    rows = page.locator("#table tbody tr")
    expect(rows).to_have_count(40)
    expect(rows.first).to_contain_text("Mất kết nối")
    page.get_by_label("Trạng thái").select_option("on_backup")
    expect(rows).to_have_count(2)
    page.reload()
    expect(rows).to_have_count(2)
    page.get_by_label("Trạng thái").select_option("")
    page.get_by_label("Nhà mạng").select_option("VNPT")
    vnpt = [one for one in backend.registry.schools() if one.lines[0].provider == "VNPT"]
    expect(rows).to_have_count(len(vnpt))
    page.get_by_role("button", name="Trường").click()
    names = rows.locator("td:nth-child(2)").all_inner_texts()
    page.get_by_role("button", name="Trường").click()
    assert rows.locator("td:nth-child(2)").all_inner_texts() == names[::-1]
    shown = next(
        one.school
        for one in backend.live.snapshot().schools
        if one.status is SchoolStatus.ONLINE and one.school in vnpt
    )
    backend.opens(shown, IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.LINE_CUT)
    expect(page.locator(f'tr[data-key="{shown.id}"]')).to_contain_text("Mất kết nối")
    page.locator("#search").fill("khong co truong nay")
    expect(page.locator("#none")).to_have_text("Không có trường nào khớp.")


def test_a_whole_city_is_listed(page: Page) -> None:
    some = district(840)
    schools = [replace(one, id=f"{one.id}-{part}", agent_id=None) for part in range(3) for one in some]
    assert len(schools) > 2_500
    with served(Backend(schools)) as address:
        page.goto(f"{address}/list")
        expect(page.locator("#table tbody tr")).to_have_count(len(schools))
        page.goto(f"{address}/map")
        expect(page.locator("#map .place")).to_have_count(len(schools) - 3)


def test_the_map_goes_by_keyboard_and_lives(page: Page, backend: Backend, address: str) -> None:
    page.goto(f"{address}/map")
    places = page.locator("#map .place")
    expect(places).to_have_count(39)
    expect(page.locator("#unplaced-count")).to_contain_text("1 ")
    page.locator("#map").focus()
    scale = page.locator("#scale").inner_text()
    page.keyboard.press("+")
    page.keyboard.press("+")
    page.keyboard.press("+")
    expect(page.locator("#scale")).not_to_have_text(scale)
    page.keyboard.press("0")
    expect(page.locator("#scale")).to_have_text(scale)
    page.keyboard.press("Enter")
    first = page.evaluate("document.activeElement.dataset.school")
    assert first
    expect(page.locator("#word")).not_to_be_empty()
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.dataset.school") != first
    chosen = page.evaluate("document.activeElement.dataset.school")
    school = backend.registry.school(chosen)
    assert school is not None
    backend.opens(school, IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.LINE_CUT)
    mark = page.locator(f'.place[data-school="{chosen}"]')
    expect(mark.locator("use")).to_have_class("ink-down")
    expect(mark).to_have_attribute("aria-label", re.compile("Mất kết nối"))
    expect(mark).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/schools/{chosen}$"))


def test_the_map_is_dragged_without_opening_a_school(page: Page, address: str) -> None:
    page.goto(f"{address}/map")
    mark = page.locator("#map .place").last
    expect(mark).to_be_visible()
    box = mark.bounding_box()
    assert box is not None
    x, y = box["x"] + 8, box["y"] + 8
    before = mark.get_attribute("transform")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 90, y + 40, steps=6)
    page.mouse.up()
    expect(mark).not_to_have_attribute("transform", str(before))
    expect(page).to_have_url(re.compile("/map"))
