"""Classrooms' machines on the pages of devices and of their school, without loading anything again."""

from __future__ import annotations

from typing import Any

from classroom_reports import ROOM, report
from page_backend import district, served
from playwright.sync_api import Page, expect
from registry_backend import with_registry

from schoolpulse.contract.models import State


def test_a_lesson_begins_and_the_machine_is_switched_off(page: Page) -> None:
    with with_registry(district(3)) as backend, served(backend) as address:
        registry: Any = backend.registry
        school = registry.schools()[0]
        registry.assign_classroom(ROOM.agent_id, school.id, ROOM.name, by="test")
        of_school = page.context.new_page()
        page.goto(f"{address}/devices")
        of_school.goto(f"{address}/schools/{school.id}")
        rows = [one.locator(f'tr[data-key$="{ROOM.agent_id}"]') for one in (page, of_school)]
        now_ms = backend.clock.now_ms
        told = (
            (report(now_ms(), in_use=0), "không ai dùng"),
            (report(now_ms() + 1, in_use=1, seq=2), "đang được dùng từ"),
            (State(online=False, boot="b", session=1), "Đang tắt từ"),
        )
        for row in rows:
            expect(row).to_contain_text("Có hồ sơ nhưng không thấy")
            expect(row).to_contain_text(ROOM.name)
        for body, words in told:
            backend.receive(ROOM.agent_id, body)
            for row in rows:
                expect(row).to_contain_text(words)
        expect(rows[0]).not_to_contain_text("Wi-Fi")
        page.get_by_label("Hoạt động").select_option("off")
        expect(page.locator("#table tbody tr")).to_have_count(1)
        of_school.close()
