"""Agents on the real page: a code is made, shown once and used, the account revoked; commands and answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from queue import Queue
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from page_real import RealPage
from paho.mqtt.enums import CallbackAPIVersion
from playwright.sync_api import Locator, Page, expect

from schoolpulse_agent.wire import Kind, topic

ROOM = "room-1"
CODE = re.compile(r"^[0-9A-Z]{4}(-[0-9A-Z]{4}){2}$")


def row_of(page: Page, agent_id: str) -> Locator:
    return page.locator(f'#table tr[data-key="{agent_id}"]')


def make_code(page: Page, real: RealPage) -> str:
    """A code for a classroom of the first school, as it is read from the dialogue."""
    school = real.district.schools[0]
    page.get_by_role("button", name="Tạo mã ghi danh").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Trường").select_option(school.id)
    dialog.get_by_label("Tên phòng học").fill("Phòng 101")
    expect(dialog.get_by_label("Mã thiết bị giám sát")).to_have_value(re.compile("-phong-101$"))
    dialog.get_by_label("Mã thiết bị giám sát").fill(ROOM)
    dialog.get_by_role("button", name="Tạo mã ghi danh").click()
    expect(dialog.locator(".code")).to_have_text(CODE)
    expect(dialog).to_contain_text("Dùng một lần, đến")
    code = dialog.locator(".code").inner_text()
    command = f"schoolpulse-agent enroll {code} --server {real.address}"
    expect(dialog.locator("pre")).to_have_text(command)
    dialog.get_by_role("button", name="Đóng").click()
    expect(dialog).to_be_hidden()
    return code


def test_a_code_is_made_used_and_its_account_revoked(page: Page, real: RealPage) -> None:
    page.goto(f"{real.address}/agents")
    last = real.district.schools[-1]  # the first one is renamed by another test
    expect(row_of(page, last.agent_id)).to_contain_text(last.name)
    code = make_code(page, real)
    row = row_of(page, ROOM)
    for words in ("Phòng 101", "Phòng học", "Mã đang chờ được dùng", "Mã chờ dùng đến"):
        expect(row).to_contain_text(words)
    assert code not in page.content()

    body = {"code": code, "password": "p" * 43}
    assert page.request.post(f"{real.address}/api/v1/enrol", data=body).ok
    page.reload()
    expect(row).to_contain_text("Đã ghi danh")
    expect(row).to_contain_text("Được kết nối")

    row.get_by_role("button", name="Thu hồi").click()
    dialog = page.get_by_role("dialog", name=f"Thu hồi {ROOM}")
    dialog.get_by_role("button", name="Thôi").click()
    assert real.get(f"agents/{ROOM}")["enrolment"] == "enrolled"
    row.get_by_role("button", name="Thu hồi").click()
    dialog.get_by_role("button", name="Thu hồi").click()
    expect(dialog).to_be_hidden()
    expect(row).to_contain_text("Đã khoá")
    expect(row.get_by_role("button", name="Thu hồi")).to_have_count(0)
    agent = real.get(f"agents/{ROOM}")
    assert (agent["enrolment"], agent["account"]["active"]) == ("revoked", False)

    page.get_by_label("Ghi danh").select_option("revoked")
    expect(page.locator("#table tbody tr")).to_have_count(1)


class Answering:
    """A broker's client in the place of an agent: takes its commands, and answers as it is told to."""

    def __init__(self, real: RealPage, agent_id: str) -> None:
        self.commands: Queue[dict[str, Any]] = Queue()
        self._subscribed: Queue[bool] = Queue()
        self._agent_id = agent_id
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_message = lambda _, __, message: self.commands.put(json.loads(message.payload))
        self._client.on_subscribe = lambda *_: self._subscribed.put(True)
        self._client.connect("127.0.0.1", real.broker.port)
        self._client.loop_start()
        self._client.subscribe(topic(agent_id, Kind.COMMAND), qos=1)
        self._subscribed.get(timeout=30)

    def answer(self, **outcome: Any) -> dict[str, Any]:
        """Waits for the next command and answers it; gives the command."""
        command = self.commands.get(timeout=30)
        reply = {"id": command["id"], "at": command["expires"] - 1, **outcome}
        self._client.publish(topic(self._agent_id, Kind.REPLY), json.dumps(reply), qos=1).wait_for_publish(30)
        return command

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def answering(real: RealPage) -> Iterator[Answering]:
    found = Answering(real, real.district.schools[1].agent_id)
    yield found
    found.stop()


def test_an_agent_is_told_what_to_do_and_its_answer_shown(
    page: Page, real: RealPage, answering: Answering
) -> None:
    agent_id = real.district.schools[1].agent_id
    page.goto(f"{real.address}/agents")
    row_of(page, agent_id).get_by_role("button", name="Lệnh").click()
    orders = page.locator("#orders")
    expect(orders.get_by_role("heading")).to_have_text(f"Lệnh cho {agent_id}")
    expect(orders).to_contain_text("Chưa gửi lệnh nào.")

    orders.get_by_label("Việc cần làm").select_option("Đo ngay: modem 4G/5G")
    orders.get_by_role("button", name="Gửi lệnh").click()
    expect(orders.locator("tbody tr")).to_contain_text("Đã gửi, chờ trả lời")
    command = answering.answer(ok=False, error="no such probe runs here")
    assert (command["do"], command["probe"]) == ("run_probe", "modem")
    expect(orders.locator("tbody tr")).to_contain_text("Thiết bị từ chối")
    expect(orders.locator("tbody tr")).to_contain_text("Thiết bị không chạy phép đo này")

    orders.get_by_label("Việc cần làm").select_option("Khai báo lại thiết bị")
    orders.get_by_role("button", name="Gửi lệnh").click()
    assert answering.answer(ok=True)["do"] == "send_birth"
    expect(orders.locator("tbody tr")).to_have_count(2)
    expect(orders.locator("tbody tr").first).to_contain_text("Đã nhận làm")
