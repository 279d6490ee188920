"""What people do over the API, in a whole collector: incidents, maintenance, endpoints, users, tokens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from whole_collector import OWN, PASSWORD, Whole, whole_collector

API = "/api/v1"


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    with whole_collector(tmp_path) as made:
        yield made


def ask(whole: Whole, method: str, path: str, body: Any = None, who: str = "admin", expect: int = 200) -> Any:
    answer = whole.client.request(method, API + path, json=body, headers=whole.headers(who))
    assert answer.status_code == expect, answer.text
    return answer.json() if answer.content else None


def actions(whole: Whole) -> list[tuple[str, str, str]]:
    """Who did what to what, the last first."""
    return [(one["caller"], one["action"], one["subject"]) for one in ask(whole, "GET", "/audit")["items"]]


def test_an_incident_is_taken_on_and_talked_about(whole: Whole) -> None:
    incident = whole.ids["incident_id"]
    first = ask(whole, "POST", f"/incidents/{incident}/acknowledge", {"text": "gọi VNPT"}, "operator")
    whole.clock.advance(60)
    taken = whole.collector.live.snapshot().taken[incident]
    assert (taken.person, taken.at_ms) == ("operator", first["at_ms"]), "who looks on is told"
    again = ask(whole, "POST", f"/incidents/{incident}/acknowledge", {}, "operator")
    assert again == first
    ask(whole, "POST", f"/incidents/{incident}/notes", {"text": "14:00 đến"}, "admin", 201)
    listed = {one["id"]: one for one in ask(whole, "GET", "/incidents", who="viewer")["items"]}
    assert listed[incident]["acknowledged_by"] == "operator"
    assert listed[incident]["acknowledged_ms"] == first["at_ms"]
    notes = ask(whole, "GET", f"/incidents/{incident}", who="viewer")["notes"]
    assert [(one["kind"], one["person"], one["text"]) for one in notes] == [
        ("ack", "operator", "gọi VNPT"),
        ("note", "admin", "14:00 đến"),
    ]
    assert ("admin", "incident.note", incident) in actions(whole)
    assert ("operator", "incident.acknowledge", incident) in actions(whole)


def test_announced_work_mutes_at_once_and_is_ended(whole: Whole) -> None:
    now_ms = whole.clock.now_ms()
    mutes = whole.collector._incident_sink._mutes
    body = {"from_ms": now_ms - 1, "to_ms": now_ms + 3_600_000, "reason": "thay cáp", "school": OWN}
    made = ask(whole, "POST", "/maintenance", body, "operator", 201)
    assert mutes.reason(OWN, now_ms) == "maintenance"
    whole.clock.advance(60)
    ended = ask(whole, "POST", f"/maintenance/{made['id']}/end", who="operator")
    assert ended["to_ms"] == now_ms + 60_000
    assert mutes.reason(OWN, whole.clock.now_ms()) is None
    ask(whole, "POST", f"/maintenance/{whole.ids['window_id']}/end", who="operator", expect=204)
    ask(whole, "DELETE", f"/maintenance/{whole.ids['window_id']}", who="operator", expect=404)
    ask(whole, "DELETE", f"/maintenance/{made['id']}", who="operator", expect=204)
    assert ask(whole, "GET", "/maintenance?from=2020-01-01")["items"] == []


def test_windows_come_by_the_page_and_by_the_range(whole: Whole) -> None:
    now_ms = whole.clock.now_ms()
    for hour in range(5):
        begin_ms = now_ms + hour * 3_600_000
        body = {"from_ms": begin_ms, "to_ms": begin_ms + 1_800_000, "provider": "VNPT"}
        ask(whole, "POST", "/maintenance", body, expect=201)
    found, after = [], ""
    while True:
        page = ask(whole, "GET", f"/maintenance?limit=2{after}", who="viewer")
        found += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert len(found) == len(set(found)) == 6
    early = ask(whole, "GET", f"/maintenance?from={now_ms}&to={now_ms + 3_600_000}")["items"]
    assert [one["id"] for one in early] == found[:1]


REFUSED: list[tuple[Any, int, str | None]] = [
    ({"from_ms": 2, "to_ms": 1}, 422, "to_ms"),
    ({"from_ms": 1, "to_ms": 2, "school": "nobody"}, 404, None),
    ({"from_ms": -1, "to_ms": 2}, 422, "from_ms"),
    ({"from_ms": 1}, 422, "to_ms"),
    ({"from_ms": 1, "to_ms": 2, "reason": "a\nb"}, 422, "reason"),
    ({"from_ms": 1, "to_ms": 2, "provider": "x" * 65}, 422, "provider"),
]


def test_work_that_cannot_be_is_refused(whole: Whole) -> None:
    for body, status, where in REFUSED:
        problem = ask(whole, "POST", "/maintenance", body, expect=status)
        assert [one["where"] for one in problem.get("errors", [])] == ([where] if where else [])


def test_endpoints_show_how_they_do_and_nothing_secret(whole: Whole) -> None:
    (endpoint,) = ask(whole, "GET", "/endpoints", who="operator")["items"]
    assert endpoint["id"] == "ops"
    assert endpoint["target"] == "http://127.0.0.1"
    assert "whsec" not in str(endpoint)
    waiting = ask(whole, "GET", "/endpoints/ops/deliveries?state=pending&limit=1", who="operator")
    assert endpoint["pending"] == 2
    assert waiting["items"][0]["incident"] in {one["id"] for one in ask(whole, "GET", "/incidents")["items"]}
    rest = ask(whole, "GET", f"/endpoints/ops/deliveries?before={waiting['next']}")["items"]
    assert len(rest) == 1
    ask(whole, "GET", "/endpoints/nobody/deliveries", expect=404)


def test_the_test_button_says_how_it_went_and_not_too_often(whole: Whole) -> None:
    for _ in range(5):
        went = ask(whole, "POST", "/endpoints/ops/test", who="operator")
        assert went["delivered"] is False
        assert went["error"]
    ask(whole, "POST", "/endpoints/ops/test", who="operator", expect=429)
    ask(whole, "POST", "/endpoints/ops/enable", who="operator", expect=204)
    assert actions(whole)[0] == ("operator", "endpoint.enable", "ops")


def test_users_are_made_changed_and_disabled(whole: Whole) -> None:
    body = {"name": "Minh", "password": PASSWORD, "role": "operator", "schools": [OWN]}
    made = ask(whole, "POST", "/users", body, expect=201)
    assert (made["name"], made["schools"], made["disabled"]) == ("minh", [OWN], False)
    ask(whole, "POST", "/users", body, expect=409)
    ask(whole, "POST", "/users", body | {"name": "hoa", "schools": ["nobody"]}, expect=422)
    assert ask(whole, "PATCH", "/users/minh", {"role": "viewer"})["schools"] == [OWN]
    assert ask(whole, "PATCH", "/users/minh", {"schools": None})["schools"] is None
    ask(whole, "PATCH", "/users/lan.nguyen", {"disabled": True}, expect=409)
    ask(whole, "PATCH", "/users/nobody", {"disabled": True}, expect=404)
    login = {"name": "minh", "password": PASSWORD}
    ask(whole, "POST", "/session", login, "nobody")
    assert ask(whole, "PATCH", "/users/minh", {"disabled": True})["disabled"] is True
    ask(whole, "POST", "/session", login, "nobody", 401)
    first = ask(whole, "GET", "/users?limit=1")
    assert [one["name"] for one in first["items"]] == ["lan.nguyen"]
    assert [one["name"] for one in ask(whole, "GET", f"/users?after={first['next']}")["items"]] == ["minh"]
    assert PASSWORD not in str(ask(whole, "GET", "/audit?action=user"))


def test_a_token_works_until_it_is_revoked(whole: Whole) -> None:
    made = ask(whole, "POST", "/tokens", {"name": "màn hình", "role": "viewer"}, expect=201)
    whole.tokens["new"] = made["token"]
    ask(whole, "GET", "/schools", who="new")
    prefix = made["about"]["prefix"]
    assert ask(whole, "GET", f"/tokens/{prefix}")["used_ms"] == whole.clock.now_ms()
    ask(whole, "DELETE", f"/tokens/{prefix}", expect=204)
    ask(whole, "GET", "/schools", who="new", expect=401)
    assert ask(whole, "GET", f"/tokens/{prefix}")["works"] is False
    assert made["token"] not in str(ask(whole, "GET", "/audit")) + str(ask(whole, "GET", "/tokens"))


def test_the_log_is_asked_for_by_who_and_what_and_by_the_page(whole: Whole) -> None:
    for number in range(3):
        ask(whole, "POST", "/tokens", {"name": str(number), "role": "viewer"}, expect=201)
    ask(whole, "POST", "/endpoints/ops/enable", who="operator", expect=204)
    found = ask(whole, "GET", "/audit?action=token&limit=2")
    assert [one["detail"]["name"] for one in found["items"]] == ["2", "1"]
    rest = ask(whole, "GET", f"/audit?action=token.create&before={found['next']}")["items"]
    assert [one["detail"]["name"] for one in rest] == ["0"]
    assert {one["caller"] for one in ask(whole, "GET", "/audit?caller=operator")["items"]} == {"operator"}
    assert ask(whole, "GET", "/audit?to=2020-01-01")["items"] == []
