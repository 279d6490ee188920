"""The first start: from a collector that knows nobody to the first school's data, by pressing and typing."""

from __future__ import annotations

import re
from pathlib import Path

from page_real import real_page
from playwright.sync_api import Browser, Page, expect

PASSWORD = "một hai ba bốn năm"


def sign_in(page: Page, name: str) -> None:
    page.get_by_label("Tên đăng nhập").fill(name)
    page.get_by_label("Mật khẩu").fill(PASSWORD)
    page.get_by_role("button", name="Đăng nhập").click()


def test_from_nothing_to_the_first_data(page: Page, browser: Browser, tmp_path: Path) -> None:
    with real_page(tmp_path, registered=False, schools=3, cut_at_s=500) as real:
        school = real.district.schools[0]
        page.goto(real.address)
        page.locator("#nothing").get_by_role("link").click()

        step = page.locator("#step-account")
        expect(step).to_have_attribute("data-state", "next")
        step.get_by_label("Tên đăng nhập").fill("lan.nguyen")
        step.get_by_label("Mật khẩu").fill(PASSWORD)
        step.get_by_role("button", name="Tạo và đăng nhập").click()
        expect(step).to_have_attribute("data-state", "done")

        step = page.locator("#step-school")
        expect(step).to_have_attribute("data-state", "next")
        step.get_by_label("Tên trường").fill("Trường THCS Gò Vấp")
        expect(step.get_by_label("Mã trường")).to_have_value("thcs-go-vap")
        step.get_by_label("Địa bàn").fill("TP.HCM / Gò Vấp / Phường 10")
        step.get_by_label("Nhà mạng").fill("VNPT")
        step.get_by_label("Hợp đồng tải xuống (Mbps)").fill("200")
        step.get_by_role("button", name="Thêm trường").click()
        expect(step).to_have_attribute("data-state", "done")

        step = page.locator("#step-agent")
        expect(step).to_have_attribute("data-state", "next")
        step.get_by_label("Mã thiết bị giám sát").fill(school.agent_id)
        step.get_by_role("button", name="Tạo mã ghi danh").click()
        expect(step.locator(".code")).to_have_text(re.compile(r"^[0-9A-Z-]{10,}$"))
        expect(step.locator("pre")).to_contain_text("schoolpulse-agent enroll")

        step = page.locator("#step-data")
        expect(step).to_have_attribute("data-state", "next")
        with real.simulated():
            expect(step).to_have_attribute("data-state", "done")
            step.get_by_role("link").click()
            expect(page.locator(".tile")).to_have_attribute("data-status", "online")

        page.goto(f"{real.address}/users")
        page.get_by_role("button", name="Thêm người dùng").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Tên đăng nhập").fill("hieu.truong")
        dialog.get_by_label("Mật khẩu").fill(PASSWORD)
        dialog.get_by_role("button", name="Thêm người dùng").click()
        expect(page.locator("#users tbody tr")).to_have_count(2)
        look_as_viewer(browser, real.address)


def look_as_viewer(browser: Browser, address: str) -> None:
    """Somebody else is asked who they are; a viewer is offered nothing that would be refused."""
    viewer = browser.new_context().new_page()
    viewer.goto(f"{address}/maintenance")
    expect(viewer).to_have_url(re.compile("/login"))
    viewer.get_by_label("Tên đăng nhập").fill("hieu.truong")
    viewer.get_by_label("Mật khẩu").fill("sai rồi sai rồi")
    viewer.get_by_role("button", name="Đăng nhập").click()
    expect(viewer.get_by_role("alert")).to_have_text("Tên hoặc mật khẩu không đúng.")
    sign_in(viewer, "hieu.truong")
    expect(viewer).to_have_url(re.compile("/maintenance"))
    expect(viewer.locator("#calendar li").first).to_be_visible()
    expect(viewer.get_by_role("button", name="Báo trước bảo trì")).to_be_hidden()
    expect(viewer.get_by_role("link", name="Danh bạ")).to_be_hidden()
    viewer.goto(f"{address}/agents")
    row = viewer.locator("#table tbody tr")
    row.get_by_role("button", name="Lệnh").click()
    expect(viewer.locator("#sent-none")).to_be_visible()
    expect(viewer.get_by_role("button", name="Gửi lệnh")).to_be_hidden()
    expect(viewer.get_by_role("button", name="Tạo mã")).to_have_count(0)
    expect(viewer.get_by_role("button", name="Thu hồi")).to_have_count(0)
    viewer.get_by_role("button", name="Đăng xuất").click()
    expect(viewer).to_have_url(re.compile("/login"))
    viewer.context.close()
