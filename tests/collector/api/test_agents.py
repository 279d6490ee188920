"""Agents over the API: codes, enrolment without signing in, accounts, commands, and who sees them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from whole_collector import FOREIGN, OWN, Whole, whole_collector

AGENT = f"gw-{OWN}"
PASSWORD = "p" * 43


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole_collector(tmp_path_factory.mktemp("whole")) as whole:
        yield whole


@pytest.fixture
def whole(shared: Whole) -> Whole:
    shared.clock.advance(3600)  # so that nobody's wrong tries count in the next test
    return shared


def post(whole: Whole, path: str, body: Any = None, who: str = "admin") -> httpx.Response:
    return whole.client.request("POST", f"/api/v1{path}", json=body or {}, headers=whole.headers(who))


def get(whole: Whole, path: str, who: str = "viewer") -> Any:
    answer = whole.client.get(f"/api/v1{path}", headers=whole.headers(who))
    assert answer.status_code == 200, answer.text
    return answer.json()


def enrol(whole: Whole, code: str, password: str = PASSWORD) -> httpx.Response:
    return whole.client.request("POST", "/api/v1/enrol", json={"code": code, "password": password})


def audited(whole: Whole) -> list[tuple[str, str]]:
    return [(entry.action, entry.subject) for entry in whole.collector.access.audit.list(limit=5)]


def test_a_code_is_made_used_and_shown_no_more(whole: Whole) -> None:
    made = post(whole, f"/agents/{AGENT}/code", {"school_id": OWN, "expires_s": 3600}).json()
    assert made["expires_ms"] == whole.clock.now_ms() + 3_600_000
    assert get(whole, f"/agents/{AGENT}")["enrolment"] == "code"
    answer = enrol(whole, made["code"])
    assert answer.status_code == 200
    welcome = answer.json()
    assert welcome["agent_id"] == welcome["broker"]["username"] == AGENT
    assert welcome["ready"]
    agent = get(whole, f"/agents/{AGENT}")
    assert (agent["enrolment"], agent["school_id"], agent["code"]) == ("enrolled", OWN, None)
    assert audited(whole)[:2] == [("agent.enrol", AGENT), ("agent.code", AGENT)]
    assert enrol(whole, made["code"]).json() == welcome  # its answer may have been lost
    assert len(audited(whole)) == len(set(audited(whole)))
    assert enrol(whole, made["code"], "q" * 43).status_code == 403
    everything = repr(whole.collector.access.audit.list()) + repr(get(whole, "/agents"))
    assert made["code"] not in everything
    assert PASSWORD not in everything


def test_a_revoked_agent_is_shown_as_such(whole: Whole) -> None:
    post(whole, f"/agents/{AGENT}/password")
    answer = post(whole, f"/agents/{AGENT}/revoke").json()
    assert (answer["enrolment"], answer["account"]["active"]) == ("revoked", False)
    assert audited(whole)[0] == ("agent.revoke", AGENT)
    assert post(whole, "/agents/nobody/revoke").status_code == 404


def test_a_device_that_is_no_agent_of_ours_gets_an_account(whole: Whole) -> None:
    answer = post(whole, "/agents/box-7/password").json()
    assert answer["username"] == "box-7"
    assert len(answer["password"]) >= 32
    assert get(whole, "/agents/box-7")["enrolment"] == "enrolled"
    assert post(whole, "/agents/box-8/certificate").json()["account"]["by_certificate"]
    assert post(whole, "/agents/collector/password").status_code == 422


def test_wrong_codes_are_refused_alike_and_not_for_long(whole: Whole) -> None:
    code = post(whole, f"/agents/{AGENT}/code").json()["code"]
    answers = [enrol(whole, text) for text in ("7K3F-9QWX-2MTY", "nonsense", code[:-1] + "!", "x") * 3]
    statuses = [answer.status_code for answer in answers]
    assert statuses == [403] * 10 + [429] * 2
    assert len({answer.text for answer in answers[:10]}) == 1
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert enrol(whole, code).status_code == 429  # the right one has to wait too
    whole.clock.advance(60)
    assert enrol(whole, code).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        None,
        {"code": "x"},
        {"code": "x", "password": "short"},
        {"code": "x", "password": "p" * 200},
        {"code": "x" * 100, "password": PASSWORD},
        {"code": "x", "password": "a b" * 20},
        {"code": 7, "password": PASSWORD},
    ],
)
def test_what_is_no_enrolment_is_refused_without_being_repeated(whole: Whole, body: Any) -> None:
    answer = whole.client.request("POST", "/api/v1/enrol", json=body)
    assert answer.status_code == 422
    assert PASSWORD not in answer.text


def test_a_large_body_is_not_read(whole: Whole) -> None:
    assert enrol(whole, "x", "p" * 300_000).status_code in (401, 413)


def test_a_command_is_made_shown_and_audited(whole: Whole) -> None:
    body = {"do": "set_interval", "probe": "wan", "interval_s": 15, "expires_s": 60}
    made = post(whole, f"/agents/{AGENT}/commands", body, "operator").json()
    assert (made["state"], made["arguments"]) == ("waiting", {"probe": "wan", "interval_s": 15.0})
    assert made["made_by"] == "operator"
    assert get(whole, f"/agents/{AGENT}/commands/{made['id']}") == made
    assert get(whole, f"/agents/{AGENT}/commands")["items"][0] == made
    assert audited(whole)[0] == ("agent.command", AGENT)
    other = get(whole, "/agents/box-7/commands") if _knows(whole, "box-7") else {"items": []}
    assert other == {"items": []}


@pytest.mark.parametrize(
    "body", [{"do": "sh"}, {"do": "run_probe"}, {"do": "set_interval", "probe": "wan", "interval_s": 0}, {}]
)
def test_what_is_no_command_is_refused(whole: Whole, body: Any) -> None:
    assert post(whole, f"/agents/{AGENT}/commands", body, "operator").status_code == 422


def test_who_is_limited_to_a_school_sees_its_agent_only(whole: Whole) -> None:
    post(whole, "/agents/box-9/password")
    ids = {item["id"] for item in get(whole, "/agents", "far_viewer")["items"]}
    assert ids == {f"gw-{FOREIGN}"}
    assert {AGENT, "box-9", f"gw-{FOREIGN}"} <= {item["id"] for item in get(whole, "/agents")["items"]}
    for path in (f"/agents/{AGENT}", "/agents/box-9", "/agents/nobody"):
        answer = whole.client.get(f"/api/v1{path}", headers=whole.headers("far_viewer"))
        assert answer.status_code == 404


def test_a_classroom_is_shown_as_one(whole: Whole) -> None:
    post(whole, "/agents/room-101/code", {"school_id": OWN, "classroom": "Phòng 101"})
    room = get(whole, "/agents/room-101")
    assert (room["role"], room["school_id"], room["enrolment"]) == ("classroom", OWN, "code")
    assert room["classroom"] == "Phòng 101"
    gateway = get(whole, f"/agents/{AGENT}")
    assert (gateway["role"], gateway["classroom"]) == ("gateway", None)


def test_what_the_agent_said_of_itself_is_shown(whole: Whole) -> None:
    agent = get(whole, f"/agents/{AGENT}")
    assert agent["heard_ms"] is not None
    assert agent["role"] == "gateway"


def _knows(whole: Whole, agent_id: str) -> bool:
    return any(item["id"] == agent_id for item in get(whole, "/agents")["items"])


def test_the_files_of_the_whole_hold_no_secret(whole: Whole, tmp_path: Path) -> None:
    code = post(whole, f"/agents/{AGENT}/code").json()["code"]
    enrol(whole, code, "s" * 43)
    whole.collector._database.dispose()
    data = b"".join(path.read_bytes() for path in whole.collector._config.data_dir.glob("state.db*"))
    assert code.encode() not in data
    assert code.replace("-", "").encode() not in data
