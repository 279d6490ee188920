"""The registry over the API: what is written is there, meant for what was looked at, and on the record."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from page_backend import Backend, district, served
from registry_backend import with_registry

from schoolpulse.api.imports import KEEP_MS
from schoolpulse.registry.models import Line, School
from schoolpulse.registry.sheets import MAX_BYTES
from schoolpulse.stores.base import Series, Window

API = "/api/v1"
NEW = {"id": "moi", "name": "Trường Mới", "area": ["TP.HCM", "Gò Vấp"], "agent_id": "gw-moi"}
LINE = {"role": "primary", "provider": "VNPT", "technology": "fibre", "contracted_down_mbps": 200}


@pytest.fixture
def backend(clock: Any) -> Iterator[Backend]:
    with with_registry(district(3), clock) as made:
        yield made


def ask(client: Any, method: str, path: str, status: int, **arguments: Any) -> Any:
    answer = client.request(method, API + path, **arguments)
    assert answer.status_code == status, answer.text
    return answer


def test_a_school_is_added_changed_and_closed(client: Any, backend: Backend) -> None:
    added = ask(client, "POST", "/schools", 201, json={**NEW, "lines": [LINE]})
    assert added.headers["location"] == f"{API}/schools/moi"
    assert ask(client, "GET", "/schools/moi", 200).json()["agent_id"] == "gw-moi", "the wall has it at once"
    tag = ask(client, "GET", "/schools/moi/record", 200).headers["etag"]
    assert tag == added.headers["etag"]
    ask(client, "POST", "/schools", 409, json=NEW)
    ask(client, "PATCH", "/schools/moi", 428, json={"name": "Khác"})
    changed = ask(
        client, "PATCH", "/schools/moi", 200, json={"area": ["TP.HCM", "Phường 3"]}, headers={"If-Match": tag}
    )
    assert changed.json()["area"] == ["TP.HCM", "Phường 3"]
    ask(client, "PATCH", "/schools/moi", 412, json={"name": "Khác"}, headers={"If-Match": tag})
    ask(client, "POST", "/schools/moi/close", 204)
    ask(client, "POST", "/schools/moi/close", 409)
    items = ask(client, "GET", "/schools", 200).json()["items"]
    assert "moi" not in [one["id"] for one in items]
    closed = ask(client, "GET", "/schools/moi/record", 200).json()
    assert closed["closed_ms"] == backend.clock.now_ms()
    assert [(one["agent_id"], one["valid_to_ms"]) for one in closed["agents"]] == [
        ("gw-moi", closed["closed_ms"])
    ]
    actions = [entry.action for entry in backend.services.audit.list()]
    assert actions[:3] == ["school.close", "school.change", "school.add"]
    changes = ask(client, "GET", "/registry/changes?school=moi&limit=2", 200).json()
    assert [one["action"] for one in changes["items"]] == ["closed", "removed"]
    more = ask(client, "GET", f"/registry/changes?school=moi&before={changes['next']}", 200).json()
    assert more["items"][-1]["action"] == "added"


def test_a_school_moves_from_a_day_on_and_a_wrong_entry_is_no_move(client: Any, backend: Backend) -> None:
    tag = ask(client, "POST", "/schools", 201, json=NEW).headers["etag"]
    for area, day, periods in (
        (
            ["TP.HCM", "Phường 3"],
            {"area_from": "2025-07-01"},
            [(NEW["area"], None), (["TP.HCM", "Phường 3"], 0)],
        ),
        (["TP.HCM", "Phường 4"], {"area_from": None}, [(NEW["area"], None), (["TP.HCM", "Phường 4"], 0)]),
        (NEW["area"], {"area_from": None}, [(NEW["area"], None)]),
    ):
        body = {"area": area, **day}
        moved = ask(client, "PATCH", "/schools/moi", 200, json=body, headers={"If-Match": tag})
        found = [(one["area"], one["valid_from_ms"]) for one in moved.json()["areas"]]
        assert found == [(path, at if at is None else 1_751_302_800_000) for path, at in periods]
        assert moved.headers["etag"] != tag
        tag = moved.headers["etag"]


def test_an_agent_is_not_taken_from_a_school_by_the_way(client: Any, backend: Backend) -> None:
    there = next(one for one in backend.registry.schools() if one.agent_id)
    refused = ask(client, "POST", "/schools", 409, json={**NEW, "agent_id": there.agent_id})
    assert there.id in refused.json()["detail"]
    assert backend.registry.school("moi") is None


def test_lines_over_time(client: Any, backend: Backend) -> None:
    ask(client, "POST", "/schools", 201, json={**NEW, "lines": [LINE]})
    new = {**LINE, "provider": "FPT", "cost_per_month": 900_000, "valid_from": "2026-03-01"}
    items = ask(client, "POST", "/schools/moi/lines", 201, json=new).json()["items"]
    assert [(one["provider"], one["current"], one["currency"]) for one in items] == [
        ("VNPT", False, ""),
        ("FPT", True, "VND"),
    ]
    before = ask(client, "GET", "/schools/moi/lines?to=2026-02-01", 200).json()["items"]
    assert [one["provider"] for one in before] == ["VNPT"]
    path, tag = f"/schools/moi/lines/{items[1]['id']}", {"If-Match": items[1]["etag"]}
    ask(client, "PATCH", path, 409, json={"valid_from": "2026-02-01"}, headers=tag)
    ended = ask(client, "PATCH", path, 200, json={"valid_to": "2026-08-01"}, headers=tag).json()["items"]
    assert not ended[1]["current"]
    school = backend.registry.school("moi")
    assert school is not None
    assert school.lines == ()
    ask(client, "DELETE", path, 412, headers=tag)
    left = ask(client, "DELETE", path, 200, headers={"If-Match": ended[1]["etag"]}).json()["items"]
    assert [one["provider"] for one in left] == ["VNPT"]
    ask(client, "DELETE", path, 404, headers=tag)


def test_devices_recorded_and_seen(client: Any, backend: Backend, school: School) -> None:
    backend.speak(school)  # with twelve access points
    path = f"/schools/{school.id}/devices"
    ask(client, "POST", path, 201, json={"device_id": "ap-3", "kind": "access_point", "room": "P12"})
    ask(client, "POST", path, 201, json={"device_id": "may/1", "kind": "ups"})
    items = {one["device_id"]: one for one in ask(client, "GET", path, 200).json()["items"]}
    assert items["ap-3"]["state"] == "both"
    assert items["ap-3"]["recorded"]["room"] == "P12"
    assert items["ap-3"]["measured"] == {"kind": "access_point", "up": False, "in_use": None}
    assert (items["ap-1"]["state"], items["may/1"]["state"]) == ("seen_only", "recorded_only")
    tag = items["may/1"]["recorded"]["etag"]
    ask(client, "PATCH", f"{path}/may/1", 422, json={"parent": "nichts"}, headers={"If-Match": tag})
    ask(client, "PATCH", f"{path}/may/1", 422, json={"parent": "may/1"}, headers={"If-Match": tag})
    ask(client, "PATCH", f"{path}/may/1", 200, json={"parent": "ap-3"}, headers={"If-Match": tag})
    ask(client, "DELETE", f"{path}/ap-3", 409)
    seen, after = [], ""
    while True:
        page = ask(client, "GET", f"/devices?limit=5&kind=access_point{after}", 200).json()
        seen += [one["device_id"] for one in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert len(seen) == len(set(seen)) == 12
    only = ask(client, "GET", "/devices?state=recorded_only", 200).json()["items"]
    assert [one["device_id"] for one in only] == ["may/1"]
    ask(client, "DELETE", f"{path}/may/1", 204)


def test_an_area_is_renamed_with_all_below_it(client: Any, backend: Backend) -> None:
    areas = {tuple(one["path"]): one for one in ask(client, "GET", "/areas", 200).json()["items"]}
    area = areas["TP.HCM", "Gò Vấp"]
    assert area["schools"] == 3
    path, tag = f"/areas/{area['id']}", {"If-Match": area["etag"]}
    ask(client, "PATCH", path, 200, json={"name": "Hạnh Thông"}, headers=tag)
    assert {school.area[:2] for school in backend.registry.schools()} == {("TP.HCM", "Hạnh Thông")}
    ask(client, "DELETE", path, 409)
    ask(client, "PATCH", path, 412, json={"name": "x"}, headers=tag)
    above = areas["TP.HCM",]
    child = ask(client, "GET", "/areas", 200).json()["items"][1]
    circle = {"parent_id": child["id"]}
    ask(client, "PATCH", f"/areas/{above['id']}", 409, json=circle, headers={"If-Match": above["etag"]})


def upload(client: Any, data: bytes, status: int = 201) -> Any:
    return ask(client, "POST", "/import", status, files={"file": ("truong.csv", data)}).json()


def test_an_import_is_looked_at_and_then_done(client: Any, backend: Backend, clock: Any) -> None:
    data = "school_id,name\nmoi,Trường Mới\n".encode()
    preview = upload(client, data)
    assert preview["counts"] == {"schools": {"new": 1, "changed": 0, "same": 0, "missing": 3}}
    assert backend.registry.school("moi") is None
    done = ask(client, "POST", f"/import/{preview['token']}", 200).json()
    assert done["counts"] == preview["counts"]
    assert backend.registry.school("moi") is not None
    ask(client, "POST", f"/import/{preview['token']}", 404)
    stale = upload(client, "school_id,name\nmoi,Tên Khác\n".encode())["token"]
    ask(client, "POST", "/schools", 201, json={**NEW, "id": "moi-2"})
    assert "changed since" in ask(client, "POST", f"/import/{stale}", 409).json()["detail"]
    late = upload(client, data)["token"]
    clock.advance(KEEP_MS / 1000)
    ask(client, "POST", f"/import/{late}", 404)
    assert backend.services.audit.list(action="registry.import")[0].detail["schools"]["new"] == 1


def test_an_upload_with_mistakes_has_no_token(client: Any) -> None:
    preview = upload(client, "Mã trường,Tên trường,Vĩ độ\nmoi,Trường Mới,bắc\n".encode())
    assert (preview["token"], preview["items_total"]) == (None, 0)
    [mistake] = preview["mistakes"]
    assert (mistake["row"], mistake["column"], mistake["code"]) == (2, "lat", "number")
    assert mistake["message"] == {"vi": "không phải số từ -90 đến 90", "en": "not a number from -90 to 90"}


def test_a_file_of_another_kind_is_a_problem(client: Any) -> None:
    problem = upload(client, "school_id,name\n".encode("utf-16"), 422)
    assert problem["errors"][0]["code"] == "utf16"
    assert "UTF-8" in problem["errors"][0]["message_vi"]


def test_a_file_of_a_gigabyte_is_refused_before_it_is_read(backend: Backend) -> None:
    with served(backend) as url:
        address = httpx.URL(url)
        with socket.create_connection((address.host, address.port), 30) as connection:
            connection.sendall(
                b"POST /api/v1/import HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1073741824\r\n"
                b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
            )
            answer = connection.makefile("rb").read(2_000)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"urn:schoolpulse:problem:too-large" in answer

        def endless() -> Iterator[bytes]:
            yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
            for _ in range(3 * MAX_BYTES // 65_536):
                yield bytes(65_536)

        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        try:
            sent = httpx.post(
                f"{url.rstrip('/')}{API}/import", content=endless(), headers=headers, timeout=60
            )
        except httpx.TransportError:
            return  # it hung up while we still sent, which says as much
        assert sent.status_code == 413
        assert sent.json()["type"] == "urn:schoolpulse:problem:too-large"


def test_the_export_is_what_the_caller_sees(client: Any, backend: Backend) -> None:
    answer = ask(client, "GET", "/registry/export?format=csv", 200)
    assert answer.headers["content-disposition"].startswith('attachment; filename="schools-2026-')
    assert answer.content.startswith(b"\xef\xbb\xbfschool_id,name,")
    preview = upload(client, ask(client, "GET", "/registry/export", 200).content)
    assert preview["items_total"] == 0
    assert preview["counts"]["schools"]["same"] == 3


def test_a_line_that_delivers_less_than_was_contracted(client: Any, backend: Backend, school: School) -> None:
    now_ms = backend.clock.now_ms()
    tests = [30.0, 38.0, 35.0, 45.0, 400.0]
    windows = [Window(now_ms - n * 3_600_000, mbps, mbps, mbps, 1) for n, mbps in enumerate(tests, 1)]
    devices = [Series({"device": "ap-1", "kind": "printer"}, [Window(now_ms - 1, 1, 1, 1, 9)])]
    answers = {
        "down_mbps": [Series({"role": "primary"}, windows)],
        "up_mbps": [Series({"role": "primary"}, [])],
        "up": devices,
    }
    backend.store.query = lambda query: answers[query.field]  # type: ignore[method-assign]  # the seam of this test
    line = Line(role="primary", provider="VNPT", technology="fibre", contracted_down_mbps=200.0)
    ask(client, "POST", f"/schools/{school.id}/devices", 201, json={"device_id": "ap-1", "kind": "ups"})
    ask(client, "POST", f"/schools/{school.id}/devices", 201, json={"device_id": "ap-2", "kind": "ups"})
    registry = backend.services.records.registry if backend.services.records else None
    assert registry is not None
    registry.upsert([School(id=school.id, name=school.name, level="", agent_id="a", lines=(line,))])
    [measured] = ask(client, "GET", f"/schools/{school.id}/lines/measured", 200).json()["items"]
    assert (measured["tests"], measured["down_mbps"], measured["up_mbps"]) == (5, 38.0, None)
    found = ask(client, "GET", f"/registry/findings?school={school.id}", 200).json()
    assert [(one["kind"], one["subject"], one["measured"], one["tests"]) for one in found["items"]] == [
        ("speed_below_contract", "primary down", "38 Mbps", 5),
        ("device_kind_differs", "ap-1", "printer", None),
        ("device_never_seen", "ap-2", "", None),
    ]
    assert found["items"][0]["recorded"] == "fibre 200 Mbps"
    seen, after = [], ""
    while True:
        page = ask(client, "GET", f"/registry/findings?limit=1&kind=no_agent{after}", 200).json()
        seen += page["items"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert [one["kind"] for one in seen] == ["no_agent"]


def test_a_change_of_provider_starts_the_measuring_anew(
    client: Any, backend: Backend, school: School
) -> None:
    now_ms = backend.clock.now_ms()
    old = [Window(now_ms - n * 86_400_000, 5.0, 5.0, 5.0, 1) for n in range(10, 20)]
    answer = [Series({"role": "primary"}, old)]
    backend.store.query = lambda query: answer[: len(query.field)]  # type: ignore[method-assign]  # the seam of this test
    ask(client, "POST", f"/schools/{school.id}/lines", 201, json=LINE)
    [measured, *_] = ask(client, "GET", f"/schools/{school.id}/lines/measured", 200).json()["items"]
    assert (measured["tests"], measured["down_mbps"], measured["deviations"]) == (0, None, [])
