"""Every route of the API as everybody: nobody, each role, and who is limited to another school.

A new route fails here until it has its line in `TABLE`: what it needs, and what somebody who sees only
another school is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pytest
from timelines import T0
from whole_collector import FOREIGN, OWN, PASSWORD, Whole, whole_collector

from schoolpulse.access.models import Role


class Far(Enum):
    """What a caller who is limited to `FOREIGN` is answered about `OWN`."""

    HIDDEN = "404, as if it were not there"
    LISTED = "what is OWN's is left out"
    SHARED = "what everybody is answered: it is no school's affair"
    REFUSED = "403: it is only for who is responsible for all schools"


@dataclass(frozen=True)
class Row:
    """What a route needs. `body`, `query` and `prepare` make a request of it that succeeds."""

    needs: str
    far: Far = Far.REFUSED
    body: Any = None
    query: str = ""
    prepare: Callable[[Whole], dict[str, str]] = lambda _: {}
    succeeds: bool = True


def new_user(whole: Whole) -> dict[str, str]:
    name = f"user{len(whole.collector.access.users.list())}"
    whole.collector.access.users.add(name, PASSWORD, Role.VIEWER)
    return {"name": name}


def new_window(whole: Whole) -> dict[str, str]:
    people = whole.collector._services().people
    assert people is not None
    taken = len(people.maintenance.after(0))
    window = people.maintenance.add(from_ms=T0 + 10**9 + taken, to_ms=T0 + 2 * 10**9, reason="", school=OWN)
    return {"window_id": window.id}


def new_command(whole: Whole) -> dict[str, str]:
    answer = whole.client.request(
        "POST",
        f"/api/v1/agents/gw-{OWN}/commands",
        json={"do": "send_birth"},
        headers=whole.headers("operator"),
    )
    return {"command_id": answer.json()["id"]}


def as_admin(whole: Whole, method: str, path: str, **arguments: Any) -> Any:
    answer = whole.client.request(method, f"/api/v1{path}", headers=whole.headers("admin"), **arguments)
    assert answer.status_code < 300, answer.text
    return answer.json() if answer.content else None


def new_school(whole: Whole) -> dict[str, str]:
    name = f"new-{len(whole.collector.registry.every_school())}"
    as_admin(whole, "POST", "/schools", json={"id": name, "name": "Trường Mới"})
    return {"school_id": name}


def closed_school(whole: Whole) -> dict[str, str]:
    made = new_school(whole)
    as_admin(whole, "POST", f"/schools/{made['school_id']}/close")
    return made


def new_line(whole: Whole) -> dict[str, str]:
    [line] = as_admin(whole, "POST", f"/schools/{FOREIGN}/lines", json={**LINE, "role": "backup"})["items"][
        -1:
    ]
    return {"school_id": FOREIGN, "line_id": str(line["id"])}


def new_device(whole: Whole) -> dict[str, str]:
    name = f"sw-{len(whole.collector.registry.devices())}"
    as_admin(whole, "POST", f"/schools/{OWN}/devices", json={"device_id": name, "kind": "switch"})
    return {"device_id": name}


def new_contact(whole: Whole) -> dict[str, str]:
    as_admin(whole, "PUT", f"/schools/{OWN}/contacts/Kho", json={"phone": "028 3894 0000"})
    return {"function": "Kho"}


def new_area(whole: Whole) -> dict[str, str]:
    name = f"Phường {len(whole.collector.registry.areas())}"
    areas = as_admin(whole, "POST", "/areas", json={"path": [name]})["items"]
    return {"area_id": str(next(area["id"] for area in areas if area["path"] == [name]))}


def new_preview(whole: Whole) -> dict[str, str]:
    file = ("a.csv", f"school_id,name\n{FOREIGN},Trường\n".encode())
    return {"token": as_admin(whole, "POST", "/import", files={"file": file})["token"]}


def new_classroom(whole: Whole) -> dict[str, str]:
    as_admin(whole, "PUT", f"/schools/{OWN}/classrooms/pc-1", json={})
    return {"agent_id": "pc-1"}


LINE = {"role": "primary", "provider": "VNPT", "technology": "fibre"}
WINDOW = {"from_ms": T0, "to_ms": T0 + 1, "school": OWN}
OPEN = Row("")

TABLE = {
    "GET /healthz": OPEN,
    "GET /readyz": Row("", succeeds=False),
    "GET /metrics": OPEN,
    "GET /api/v1/session": OPEN,
    "POST /api/v1/session": Row("", body={"name": "lan.nguyen", "password": PASSWORD}),
    "DELETE /api/v1/session": OPEN,
    "POST /api/v1/session/first": Row("", body={"name": "x", "password": PASSWORD}, succeeds=False),
    "PUT /api/v1/session/password": Row(
        "viewer", Far.SHARED, {"current": PASSWORD, "new": PASSWORD}, succeeds=False
    ),
    "GET /api/v1/users": Row("admin"),
    "POST /api/v1/users": Row("admin", body={"name": "somebody", "password": PASSWORD, "role": "viewer"}),
    "GET /api/v1/users/{name}": Row("admin"),
    "PATCH /api/v1/users/{name}": Row("admin", body={"disabled": True}, prepare=new_user),
    "PUT /api/v1/users/{name}/password": Row("admin", body={"password": PASSWORD}, prepare=new_user),
    "GET /api/v1/tokens": Row("admin"),
    "POST /api/v1/tokens": Row("admin", body={"name": "x", "role": "viewer"}),
    "GET /api/v1/tokens/{prefix}": Row("admin"),
    "DELETE /api/v1/tokens/{prefix}": Row("admin"),
    "GET /api/v1/audit": Row("admin"),
    "GET /api/v1/schools": Row("viewer", Far.LISTED),
    "GET /api/v1/schools/{school_id}": Row("viewer", Far.HIDDEN),
    "GET /api/v1/schools/{school_id}/series": Row(
        "viewer", Far.HIDDEN, query="measurement=reachability&field=rtt_ms"
    ),
    "GET /api/v1/events": Row("viewer", Far.HIDDEN, query=f"school={OWN}"),
    "GET /api/v1/incidents": Row("viewer", Far.LISTED),
    "GET /api/v1/incidents/{incident_id}": Row("viewer", Far.HIDDEN),
    "POST /api/v1/incidents/{incident_id}/acknowledge": Row("operator", Far.HIDDEN, {}),
    "POST /api/v1/incidents/{incident_id}/notes": Row("operator", Far.HIDDEN, {"text": "x"}),
    "GET /api/v1/schools/{school_id}/record": Row("viewer", Far.HIDDEN),
    "POST /api/v1/schools": Row("admin", body={"id": "x", "name": ""}, succeeds=False),
    "PATCH /api/v1/schools/{school_id}": Row("admin", body={"level": "thcs"}, succeeds=False),
    "POST /api/v1/schools/{school_id}/close": Row("admin", prepare=new_school),
    "POST /api/v1/schools/{school_id}/reopen": Row("admin", prepare=closed_school),
    "PUT /api/v1/schools/{school_id}/classrooms/{agent_id}": Row(
        "admin", body={"name": "Phòng Tin học"}, prepare=new_classroom
    ),
    "DELETE /api/v1/schools/{school_id}/classrooms/{agent_id}": Row("admin", prepare=new_classroom),
    "GET /api/v1/schools/{school_id}/lines": Row("viewer", Far.HIDDEN),
    "POST /api/v1/schools/{school_id}/lines": Row("admin", body=LINE, prepare=new_school),
    "PATCH /api/v1/schools/{school_id}/lines/{line_id}": Row(
        "admin", body={"provider": "FPT"}, prepare=new_line, succeeds=False
    ),
    "DELETE /api/v1/schools/{school_id}/lines/{line_id}": Row("admin", prepare=new_line, succeeds=False),
    "GET /api/v1/schools/{school_id}/devices": Row("viewer", Far.HIDDEN),
    "POST /api/v1/schools/{school_id}/devices": Row(
        "operator", Far.HIDDEN, {"device_id": "ap", "kind": "switch"}, succeeds=False
    ),
    "PATCH /api/v1/schools/{school_id}/devices/{device_id}": Row(
        "operator", Far.HIDDEN, {"room": "P1"}, prepare=new_device, succeeds=False
    ),
    "DELETE /api/v1/schools/{school_id}/devices/{device_id}": Row("operator", Far.HIDDEN, prepare=new_device),
    "GET /api/v1/devices": Row("viewer", Far.LISTED, prepare=new_device),
    "GET /api/v1/schools/{school_id}/contacts": Row("viewer", Far.HIDDEN),
    "PUT /api/v1/schools/{school_id}/contacts/{function}": Row(
        "operator", Far.HIDDEN, {"phone": "028 3894 0000"}, prepare=new_contact
    ),
    "DELETE /api/v1/schools/{school_id}/contacts/{function}": Row(
        "operator", Far.HIDDEN, prepare=new_contact
    ),
    "GET /api/v1/areas": Row("viewer", Far.SHARED),
    "POST /api/v1/areas": Row("admin", body={"path": [""]}, succeeds=False),
    "PATCH /api/v1/areas/{area_id}": Row("admin", body={"name": "x"}, prepare=new_area, succeeds=False),
    "DELETE /api/v1/areas/{area_id}": Row("admin", prepare=new_area),
    "POST /api/v1/import": Row("admin", succeeds=False),
    "GET /api/v1/import/{token}": Row("admin", prepare=new_preview),
    "POST /api/v1/import/{token}": Row("admin", prepare=new_preview),
    "DELETE /api/v1/import/{token}": Row("admin", prepare=new_preview),
    "GET /api/v1/registry/export": Row("viewer", Far.LISTED, query="format=csv"),
    "GET /api/v1/schools/{school_id}/lines/measured": Row("viewer", Far.HIDDEN),
    "GET /api/v1/registry/findings": Row("viewer", Far.LISTED, prepare=new_device),
    "GET /api/v1/registry/changes": Row("viewer", Far.LISTED),
    "GET /api/v1/kpi": Row("viewer", Far.SHARED),
    "GET /api/v1/reports/periods": Row("viewer", Far.SHARED),
    "GET /api/v1/reports": Row("viewer", Far.HIDDEN, query=f"school={OWN}"),
    "GET /api/v1/reports/download": Row("viewer", Far.HIDDEN, query=f"school={OWN}&form=json"),
    "GET /api/v1/export/giga": Row("viewer", Far.HIDDEN, query=f"school={OWN}"),
    "GET /api/v1/export/netjson/{school_id}": Row("viewer", Far.HIDDEN),
    "GET /api/v1/calendar": Row("viewer", Far.SHARED),
    "GET /api/v1/maintenance": Row("viewer", Far.LISTED),
    "POST /api/v1/maintenance": Row("operator", Far.HIDDEN, WINDOW),
    "POST /api/v1/maintenance/{window_id}/end": Row("operator", Far.HIDDEN, prepare=new_window),
    "DELETE /api/v1/maintenance/{window_id}": Row("operator", Far.HIDDEN, prepare=new_window),
    "GET /api/v1/endpoints": Row("operator"),
    "GET /api/v1/endpoints/{endpoint_id}": Row("operator"),
    "GET /api/v1/endpoints/{endpoint_id}/deliveries": Row("operator"),
    "POST /api/v1/endpoints/{endpoint_id}/test": Row("operator"),
    "POST /api/v1/endpoints/{endpoint_id}/enable": Row("operator"),
    "POST /api/v1/enrol": Row("", body={"code": "x", "password": "y" * 40}, succeeds=False),
    "GET /api/v1/agents": Row("viewer", Far.LISTED),
    "GET /api/v1/agents/{agent_id}": Row("viewer", Far.HIDDEN),
    "POST /api/v1/agents/{agent_id}/code": Row("admin", body={}),
    "POST /api/v1/agents/{agent_id}/password": Row("admin"),
    "POST /api/v1/agents/{agent_id}/certificate": Row("admin"),
    "POST /api/v1/agents/{agent_id}/revoke": Row("admin"),
    "GET /api/v1/agents/{agent_id}/commands": Row("viewer", Far.HIDDEN),
    "POST /api/v1/agents/{agent_id}/commands": Row("operator", Far.HIDDEN, {"do": "send_birth"}),
    "GET /api/v1/agents/{agent_id}/commands/{command_id}": Row("viewer", Far.HIDDEN, prepare=new_command),
}
"""Every route and what it needs; nothing for what is open to everybody."""

ROLES = ("viewer", "operator", "admin")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole_collector(tmp_path_factory.mktemp("whole")) as made:
        yield made


@pytest.fixture(scope="module")
def operations(whole: Whole) -> dict[str, dict[str, Any]]:
    """Every operation of the OpenAPI by its line in the table."""
    paths = whole.client.get("/api/v1/openapi.json").json()["paths"]
    return {f"{method.upper()} {path}": one for path, item in paths.items() for method, one in item.items()}


def test_every_route_stands_in_the_table(operations: dict[str, dict[str, Any]]) -> None:
    missing, gone = operations.keys() - TABLE.keys(), TABLE.keys() - operations.keys()
    assert not missing, (
        f"say in TABLE what these need, and what a foreign school's caller is answered: {missing}"
    )
    assert not gone, f"these are no routes any more: {gone}"


def test_the_openapi_says_the_same(operations: dict[str, dict[str, Any]]) -> None:
    for line, row in TABLE.items():
        said = [word for one in operations[line].get("security", []) for word in next(iter(one.values()))]
        expected = {row.needs, *(["all-schools"] if row.far is Far.REFUSED else [])} if row.needs else set()
        assert set(said) == expected, f"{line}: its parameter is of another type than the table says"


def ask(whole: Whole, line: str, who: str, ids: dict[str, str]) -> Any:
    row, (method, path) = TABLE[line], line.split(" ")
    address = path.format(**{**whole.ids, **ids}) + (f"?{row.query}" if row.query else "")
    return whole.client.request(method, address, json=row.body, headers=whole.headers(who))


@pytest.mark.parametrize("line", TABLE)
def test_a_route_as_everybody(whole: Whole, line: str) -> None:
    row = TABLE[line]
    ids = row.prepare(whole)
    if not row.needs:
        status = ask(whole, line, "nobody", ids).status_code
        assert status < 400 if row.succeeds else status not in (401, 500)
        return
    assert ask(whole, line, "nobody", ids).status_code == 401
    enough = ROLES.index(row.needs)
    for who in ROLES[:enough]:
        assert ask(whole, line, who, ids).status_code == 403, who
    if row.needs != "admin":  # whom nobody limits to schools
        check_far(whole, line, f"far_{row.needs}", ids)
    if line == "GET /api/v1/events":
        return  # never ends; test_events.py
    for who in ROLES[enough:]:
        status = ask(whole, line, who, row.prepare(whole) or ids).status_code
        assert status < 400 if row.succeeds else status not in (401, 404, 500), who


def check_far(whole: Whole, line: str, who: str, ids: dict[str, str]) -> None:
    far = TABLE[line].far
    answer = ask(whole, line, who, ids)
    if far is Far.HIDDEN:
        assert answer.status_code == 404
    elif far is Far.REFUSED:
        assert answer.status_code == 403
    elif far is Far.LISTED:
        assert answer.status_code == 200
        assert names_own(ask(whole, line, "admin", ids)), "nothing of the school is there to be left out"
        assert not names_own(answer)
    else:
        assert answer.status_code not in (401, 404, 500)


def names_own(answer: Any) -> bool:
    return f'"{OWN}"' in answer.text or f"gw-{OWN}" in answer.text


def test_who_sees_only_one_school_sees_that_one(whole: Whole) -> None:
    items = whole.client.get("/api/v1/schools", headers=whole.headers("far_viewer")).json()["items"]
    assert [one["id"] for one in items] == [FOREIGN]
    found = whole.client.get("/api/v1/incidents", headers=whole.headers("far_viewer")).json()["items"]
    assert {one["school"] for one in found} == {FOREIGN}
    answer = whole.client.request(
        "POST",
        f"/api/v1/incidents/{found[0]['id']}/acknowledge",
        json={},
        headers=whole.headers("far_operator"),
    )
    assert answer.json()["person"] == "far_operator"


def test_announcing_for_everybody_takes_somebody_who_answers_for_everybody(whole: Whole) -> None:
    body = {"from_ms": T0, "to_ms": T0 + 1}
    far, near = (
        whole.client.request("POST", "/api/v1/maintenance", json=body, headers=whole.headers(who))
        for who in ("far_operator", "operator")
    )
    assert (far.status_code, near.status_code) == (403, 201)
    shared = near.json()["id"]
    headers = whole.headers("far_operator")
    assert whole.client.request("DELETE", f"/api/v1/maintenance/{shared}", headers=headers).status_code == 403
