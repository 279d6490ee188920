"""The page in a real browser, live, in both languages, by keyboard, from a phone to a wall."""

from __future__ import annotations

import re

from page_backend import Backend, district, served
from page_paths import COLOURS, online, with_status
from playwright.sync_api import Page, expect

from schoolpulse.incidents.model import Cause, IncidentKind, SchoolStatus
from schoolpulse.registry.models import School


def tile(page: Page, school: School) -> str:
    return f'[data-school="{school.id}"] .tile'


def test_the_wall_shows_every_school_in_its_state(page: Page, backend: Backend, address: str) -> None:
    page.goto(address)
    expect(page.locator(".tile")).to_have_count(40)
    expect(page.locator("html")).to_have_attribute("lang", "vi")
    for item in backend.live.snapshot().schools:
        shown = page.locator(tile(page, item.school))
        expect(shown).to_have_attribute("data-status", item.status)
        words = {"down": "Mất kết nối", "on_backup": "Dùng dự phòng", "online": "Bình thường"}
        if item.status in words:
            expect(shown).to_contain_text(words[item.status])
    expect(page.locator("#kpi-percent")).to_have_text("85%")
    expect(page.locator("#kpi-of")).to_have_text("34/40 trường")
    expect(page.locator("#open-list li")).to_have_count(5)
    expect(page.locator("#open-list li").first).to_contain_text("Chưa rõ nguyên nhân")
    expect(page.locator("#area")).to_have_text("Gò Vấp, TP.HCM")
    expect(page.locator("#pulse")).to_contain_text("Trực tiếp")


def test_an_outage_turns_its_tile_without_reloading(page: Page, backend: Backend, address: str) -> None:
    page.goto(address)
    school = online(backend)
    shown = page.locator(tile(page, school))
    expect(shown).to_have_attribute("data-status", "online")
    page.evaluate("window.stayed = true")
    incident = backend.opens(school, IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.LINE_CUT, 5_000)
    expect(shown).to_have_attribute("data-status", "down")
    expect(shown).to_have_class(re.compile("changed"))
    expect(page.locator("#kpi-of")).to_have_text("33/40 trường")
    expect(page.locator("#spoken")).to_contain_text("Mất kết nối")
    row = page.locator("#open-list li", has_text="Đứt đường truyền").first
    first = row.locator(".for").inner_text()
    expect(row.locator(".for")).not_to_have_text(first)  # the duration lives
    assert page.locator(".tile").first.get_attribute("data-status") == "down", "worst first"
    backend.resolves(incident)
    expect(shown).to_have_attribute("data-status", "online")
    expect(page.locator("#open-list li")).to_have_count(5)
    assert page.evaluate("window.stayed") is True


def test_the_language_is_switched_and_remembered(page: Page, backend: Backend, address: str) -> None:
    page.goto(address)
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("#open-label")).to_contain_text("Open incidents")
    expect(page.locator('[data-status="down"]').first).to_contain_text("Down")
    page.goto(f"{address}/schools/{online(backend).id}")
    expect(page.locator("#state")).to_have_text("Online")
    page.goto(f"{address}/?lang=vi")
    expect(page.locator("#open-label")).to_contain_text("Sự cố đang mở")
    page.goto(address)
    expect(page.locator("html")).to_have_attribute("lang", "vi")


def test_everything_goes_by_keyboard(page: Page, backend: Backend, address: str) -> None:
    page.goto(address)
    expect(page.locator(".tile")).to_have_count(40)
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    target = with_status(backend, SchoolStatus.ON_BACKUP)
    page.keyboard.type("khong co truong nay")
    expect(page.locator(".tile")).to_have_count(0)
    expect(page.locator("#nothing")).to_have_text("Không có trường nào khớp.")
    page.keyboard.press("Escape")
    expect(page.locator(".tile")).to_have_count(40)
    expect(page.locator(".tile").first).to_be_focused()
    seen = set()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft", "ArrowUp", "End", "Home"):
        page.keyboard.press(key)
        seen.add(page.evaluate("document.activeElement.closest('[data-school]').dataset.school"))
    assert len(seen) >= 5
    expect(page.locator(".tile").first).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type(target.name.lower())
    expect(page.locator(".tile")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator(tile(page, target))).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#name")).to_have_text(target.name)
    page.keyboard.press("Escape")
    expect(page.locator(tile(page, target))).to_be_focused()


def test_schools_are_found_without_diacritics_by_area_and_by_state(
    page: Page, backend: Backend, address: str
) -> None:
    page.goto(address)
    expect(page.locator(".tile")).to_have_count(40)
    page.get_by_role("radio", name="Theo địa bàn").click()
    areas = {school.area[-1] for school in backend.registry.schools()}
    expect(page.locator(".area-name")).to_have_count(len(areas))
    page.reload()
    expect(page.locator(".area-name")).to_have_count(len(areas))
    page.locator("#search").fill("phuong 1")
    expected = sum(school.area[-1].startswith("Phường 1") for school in backend.registry.schools())
    expect(page.locator(".tile")).to_have_count(expected)
    page.locator("#search").fill("")
    page.get_by_role("button", name="Mất kết nối").click()
    expect(page.locator(".tile")).to_have_count(2)


def test_a_school_that_is_imported_shows_without_reloading(
    page: Page, address: str, backend: Backend
) -> None:
    page.goto(address)
    expect(page.locator(".tile")).to_have_count(40)
    backend.registry.replace(district(41))
    expect(page.locator(".tile")).to_have_count(41)


def test_an_empty_registry_says_what_to_do(page: Page) -> None:
    with served(Backend([])) as address:
        page.goto(address)
        expect(page.locator("#nothing").get_by_role("link")).to_have_attribute("href", "/start")
        expect(page.locator("#kpi-percent")).to_have_text("–")
        expect(page.locator("#open-none")).to_be_visible()


def test_a_lost_connection_is_said_and_mends_itself(page: Page) -> None:
    backend = Backend(district(12))
    with served(backend) as address:
        port = int(address.rpartition(":")[2])
        page.goto(address)
        expect(page.locator("#pulse")).to_contain_text("Trực tiếp")
        expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator("#pulse")).to_have_text("Mất kết nối trang")
    expect(page.locator("#notice")).to_contain_text("Mất kết nối trang từ")
    again = Backend(district(14))
    with served(again, port):
        expect(page.locator(".tile")).to_have_count(14)
        expect(page.locator("#pulse")).to_contain_text("Trực tiếp")
        expect(page.locator("#notice")).to_be_hidden()


def test_a_schools_page_draws_its_charts(page: Page, backend: Backend, address: str) -> None:
    school = with_status(backend, SchoolStatus.ON_BACKUP)
    page.goto(f"{address}/schools/{school.id}")
    expect(page.locator("#name")).to_have_text(school.name)
    expect(page.locator("#state")).to_have_text("Dùng dự phòng")
    expect(page.locator("#since")).to_contain_text("từ ")
    for name in ("latency", "bandwidth", "loss"):
        expect(page.locator(f"#chart-{name} canvas")).to_be_visible()
        page.wait_for_function(COLOURS, arg=f"#chart-{name} canvas")
    expect(page.locator("#band .fill-online").first).to_be_visible()
    expect(page.locator("#history tr").first).to_contain_text("Đang diễn ra")
    expect(page.locator("#lines")).to_contain_text("Viettel · 4G")
    expect(page.locator("#lines .line", has_text="Dự phòng")).to_contain_text("Đang dùng")
    backend.store.asked.clear()
    page.get_by_role("radio", name="7 ngày").click()
    expect(page).to_have_url(re.compile("#7d$"))
    page.wait_for_function(COLOURS, arg="#chart-latency canvas")
    expect(page.locator("#range-text")).not_to_be_empty()
    assert {query.to_ms - query.from_ms for query in backend.store.asked} <= {
        7 * 86_400_000,
        7 * 86_400_000 + 1,
    }


def test_a_schools_page_lives(page: Page, backend: Backend, address: str) -> None:
    school = online(backend)
    page.goto(f"{address}/schools/{school.id}#1h")
    expect(page.locator("#state")).to_have_text("Bình thường")
    backend.speak(school, 77.0)
    expect(page.locator("#reach")).to_contain_text("77 ms")
    incident = backend.opens(school, IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.UNKNOWN, 1_000)
    expect(page.locator("#hero")).to_have_attribute("data-status", "down")
    expect(page.locator("#history tr")).to_have_count(1)
    expect(page.locator("#reach-label")).to_have_text("Độ trễ lần đo cuối")
    backend.resolves(incident)
    expect(page.locator("#hero")).to_have_attribute("data-status", "online")
    expect(page.locator("#history")).not_to_contain_text("Đang diễn ra")


def test_a_school_that_is_new_is_shown_close_up(page: Page, backend: Backend, address: str) -> None:
    backend.store.silent = [(0, backend.clock.now_ms() - 10 * 60_000)]
    page.goto(f"{address}/schools/{online(backend).id}")
    expect(page.get_by_role("radio", name="15 phút")).to_have_attribute("aria-checked", "true")
    page.wait_for_function(COLOURS, arg="#chart-latency canvas")
    page.get_by_role("radio", name="24 giờ").click()
    expect(page.locator("#range-text")).to_contain_text(re.compile("/.*/"))
    expect(page.get_by_role("radio", name="24 giờ")).to_have_attribute("aria-checked", "true")


def test_a_school_without_data_says_so(page: Page, backend: Backend, address: str) -> None:
    nobody = next(one for one in backend.registry.schools() if one.agent_id is None)
    backend.store.silent = [(0, 2**60)]
    page.goto(f"{address}/schools/{nobody.id}")
    expect(page.locator("#state")).to_have_text("Chưa rõ")
    expect(page.locator("#meaning")).to_contain_text("chưa được gắn thiết bị giám sát")
    expect(page.locator("#chart-latency .why")).to_have_text("Chưa có số liệu trong khoảng này")
    expect(page.locator("#history-none")).to_be_visible()
