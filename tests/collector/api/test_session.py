"""Signing in over the API, what a browser is given, and what foreign pages may not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from access_parts import engine_in_memory
from fakes import FakeClock
from http_client import Client
from page_backend import Backend
from sqlalchemy import Engine, text

from schoolpulse.access.access import Access
from schoolpulse.access.models import CONSOLE, Role
from schoolpulse.access.settings import AccessSettings
from schoolpulse.api.app import MAX_BODY_BYTES, create_app

PASSWORD = "bốn từ không ai đoán"
OTHER = "một câu khác hẳn đi"
LOGIN = {"name": "lan", "password": PASSWORD}


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = engine_in_memory()
    yield engine
    engine.dispose()


@pytest.fixture
def access(engine: Engine, clock: FakeClock) -> Access:
    made = Access(engine, clock)
    made.users.add("lan", PASSWORD, Role.ADMIN)
    return made


def client_of(backend: Backend, access: Access, public_url: str = "") -> Client:
    return Client(create_app(replace(backend.services, access=access, public_url=public_url)))


@pytest.fixture
def asking(backend: Backend, access: Access) -> Client:
    """A collector on loopback with one user."""
    return client_of(backend, access)


def cookie_of(answer: Any) -> dict[str, str]:
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


def sign_in(client: Client, **headers: str) -> Any:
    return client.request("POST", "/api/v1/session", json=LOGIN, headers=headers)


def test_signing_in_and_out(asking: Client, access: Access) -> None:
    assert asking.get("/api/v1/session").json()["state"] == "login"
    assert asking.get("/api/v1/schools").status_code == 401
    answer = sign_in(asking)
    assert answer.json() == {"state": "in", "name": "lan", "kind": "user", "role": "admin", "schools": None}
    said = answer.headers["set-cookie"]
    assert "HttpOnly" in said
    assert "SameSite=strict" in said
    assert "Path=/" in said
    assert "Secure" not in said
    assert "Domain" not in said
    cookie = cookie_of(answer)
    assert asking.get("/api/v1/schools", headers=cookie).status_code == 200
    assert asking.get("/api/v1/session", headers=cookie).json()["name"] == "lan"
    out = asking.request("DELETE", "/api/v1/session", headers=cookie)
    assert out.status_code == 204
    assert "Max-Age=0" in out.headers["set-cookie"]
    assert asking.get("/api/v1/schools", headers=cookie).status_code == 401
    assert access.audit.list()[0].action == "session.begin"


def test_behind_https_the_cookie_is_for_https_and_this_host_alone(backend: Backend, access: Access) -> None:
    client = client_of(backend, access, "https://giamsat.example.vn")
    said = sign_in(client).headers["set-cookie"]
    assert said.startswith("__Host-schoolpulse-session=")
    assert "Secure" in said
    cookie = {"Cookie": said.partition(";")[0]}
    assert client.get("/api/v1/schools", headers=cookie).status_code == 200
    plain = {"Cookie": cookie["Cookie"].removeprefix("__Host-")}
    assert client.get("/api/v1/schools", headers=plain).status_code == 401


@pytest.mark.parametrize("body", [{"name": "lan", "password": "x"}, {"name": "hoa", "password": PASSWORD}])
def test_who_guesses_learns_nothing_of_names(asking: Client, body: dict[str, str]) -> None:
    answer = asking.request("POST", "/api/v1/session", json=body)
    assert answer.status_code == 401
    assert answer.json()["detail"] == "Name or password is wrong."
    assert "set-cookie" not in answer.headers


def test_guessing_ends_in_waiting(asking: Client) -> None:
    statuses = [
        asking.request("POST", "/api/v1/session", json={"name": "lan", "password": "x"}) for _ in range(12)
    ]
    assert [one.status_code for one in statuses] == [401] * 10 + [429] * 2
    assert int(statuses[-1].headers["retry-after"]) == 30


def test_ones_own_password(asking: Client, access: Access) -> None:
    here, elsewhere = cookie_of(sign_in(asking)), cookie_of(sign_in(asking))

    def change(current: str, new: str) -> Any:
        body = {"current": current, "new": new}
        return asking.request("PUT", "/api/v1/session/password", json=body, headers=here)

    assert change("wrong", OTHER).json()["errors"][0]["where"] == "current"
    assert change(PASSWORD, "short").status_code == 422
    changed = change(PASSWORD, OTHER)
    assert changed.status_code == 204
    assert asking.get("/api/v1/schools", headers=elsewhere).status_code == 401
    assert asking.get("/api/v1/schools", headers=here).status_code == 401
    assert asking.get("/api/v1/schools", headers=cookie_of(changed)).status_code == 200
    assert sign_in(asking).status_code == 401


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:9999"},
]
OURS = [
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://127.0.0.1:8080"},
    {"Origin": "https://giamsat.example.vn"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_foreign_page_changes_nothing(backend: Backend, access: Access, headers: dict[str, str]) -> None:
    client = client_of(backend, access, "https://giamsat.example.vn")
    assert sign_in(client, **headers).status_code == 403
    everything_open = Client(backend.app)
    answer = everything_open.request(
        "POST", "/api/v1/users", json={**LOGIN, "role": "admin"}, headers=headers
    )
    assert answer.status_code == 403
    assert not backend.services.access.has_users()


@pytest.mark.parametrize("headers", OURS)
def test_our_own_page_and_programs_may(backend: Backend, access: Access, headers: dict[str, str]) -> None:
    client = client_of(backend, access, "https://giamsat.example.vn")
    assert sign_in(client, **headers).status_code == 200


def test_a_token_needs_no_origin(asking: Client, access: Access) -> None:
    _, token = access.tokens.create(CONSOLE, Role.ADMIN)
    headers = {"Authorization": f"bearer {token}", "Origin": "https://dashboard.example"}
    body = {"name": "hoa", "password": OTHER, "role": "viewer"}
    assert asking.request("POST", "/api/v1/users", json=body, headers=headers).status_code == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:8080"},
        {"Host": ""},
        {"X-Forwarded-For": "192.0.2.1"},
        {"Forwarded": "for=192.0.2.1"},
        {"Via": "1.1 proxy"},
    ],
)
def test_open_to_this_machine_under_its_own_name_only(client: Client, headers: dict[str, str]) -> None:
    assert client.get("/api/v1/session").json()["state"] == "open"
    assert client.get("/api/v1/schools", headers=headers).status_code == 401
    assert client.get("/api/v1/session", headers=headers).json()["state"] == "set_up"


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "127.1.2.3:80", "[::1]:8080", "LOCALHOST."])
def test_this_machines_own_names(client: Client, host: str) -> None:
    assert client.get("/api/v1/schools", headers={"Host": host}).status_code == 200


def test_the_first_administrator_on_this_machine_closes_the_door(client: Client) -> None:
    answer = client.request("POST", "/api/v1/session/first", json=LOGIN)
    assert answer.status_code == 201
    assert client.get("/api/v1/schools").status_code == 401
    assert client.get("/api/v1/schools", headers=cookie_of(answer)).status_code == 200
    assert client.request("POST", "/api/v1/session/first", json=LOGIN).status_code in (409, 422)


def test_the_first_administrator_from_elsewhere_needs_the_code(
    backend: Backend, engine: Engine, clock: FakeClock
) -> None:
    access = Access(engine, clock, listens_on="0.0.0.0")
    client = client_of(backend, access)
    assert client.get("/api/v1/schools").status_code == 401, "not even on this machine"
    said = access.first_steps("http://192.0.2.1/")
    assert said is not None
    code = said.split()[-1]
    assert client.request("POST", "/api/v1/session/first", json=LOGIN).status_code == 422
    answer = client.request("POST", "/api/v1/session/first", json={**LOGIN, "code": code})
    assert answer.status_code == 201
    assert access.first_steps("http://192.0.2.1/") is None


def test_the_code_cannot_be_guessed(backend: Backend, engine: Engine, clock: FakeClock) -> None:
    client = client_of(backend, Access(engine, clock, listens_on="0.0.0.0"))
    guesses = [
        client.request("POST", "/api/v1/session/first", json={**LOGIN, "code": f"{number:04x}"})
        for number in range(12)
    ]
    assert [one.status_code for one in guesses] == [422] * 10 + [429] * 2


@pytest.mark.parametrize(
    ("path", "next_"),
    [("/", "/"), ("/schools/x?lang=en", "/schools/x%3Flang%3Den"), ("//evil.example/", None)],
)
def test_pages_lead_to_the_login(asking: Client, path: str, next_: str | None) -> None:
    answer = asking.get(path)
    assert answer.status_code == 303
    if next_ is not None:
        assert answer.headers["location"] == f"/login?next={next_}"
    assert answer.headers["location"].startswith("/login?next=")
    assert answer.headers["x-frame-options"] == "DENY"


def test_what_is_open_while_signing_in_is_asked_for(asking: Client) -> None:
    for path in ("/login", "/static/css/base.css", "/healthz", "/readyz", "/api/v1/openapi.json"):
        assert asking.get(path).status_code == 200, path
    assert asking.get("/", headers=cookie_of(sign_in(asking))).status_code == 200


@pytest.mark.parametrize(
    ("metrics", "listens_on", "headers", "status"),
    [
        ("auto", "127.0.0.1", {}, 200),
        ("auto", "127.0.0.1", {"X-Forwarded-For": "192.0.2.1"}, 401),
        ("auto", "0.0.0.0", {}, 401),
        ("open", "0.0.0.0", {}, 200),
        ("guarded", "127.0.0.1", {}, 401),
    ],
)
def test_who_may_read_the_collectors_own_figures(
    backend: Backend,
    engine: Engine,
    clock: FakeClock,
    metrics: Any,
    listens_on: str,
    headers: Any,
    status: int,
) -> None:
    access = Access(engine, clock, settings=AccessSettings(metrics=metrics), listens_on=listens_on)
    access.users.add("lan", PASSWORD, Role.ADMIN)
    client = client_of(backend, access)
    assert client.get("/metrics", headers=headers).status_code == status
    _, far = access.tokens.create(CONSOLE, Role.VIEWER, schools=["s1"])
    _, near = access.tokens.create(CONSOLE, Role.VIEWER)
    for token, closed in ((far, 403), (near, 200)):
        sent = {"Authorization": f"Bearer {token}", **headers}
        assert client.get("/metrics", headers=sent).status_code == (closed if status == 401 else 200)


def test_a_large_body_is_refused_before_it_is_read(asking: Client, access: Access) -> None:
    _, token = access.tokens.create(CONSOLE, Role.ADMIN)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    read = 0

    async def endless() -> Any:
        nonlocal read
        while True:
            read += 65_536
            yield b"x" * 65_536

    answer = asking.request("POST", "/api/v1/users", content=endless(), headers=headers)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert read <= MAX_BODY_BYTES + 2 * 65_536
    headers["Content-Length"] = "1000000000"
    answer = asking.request("POST", "/api/v1/users", content=endless(), headers=headers)
    assert answer.status_code == 413


def test_of_strangers_less_is_read(asking: Client) -> None:
    async def much() -> Any:
        pytest.fail("nobody knows who sends it, and it is read")
        yield b""

    assert asking.request("POST", "/api/v1/users", content=much()).status_code == 401


def test_while_the_database_is_away_nobody_is_known(asking: Client, access: Access, engine: Engine) -> None:
    _, token = access.tokens.create(CONSOLE, Role.ADMIN)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE access_token"))
        connection.execute(text("DROP TABLE access_session"))
    for headers in ({"Authorization": f"Bearer {token}"}, {"Cookie": "schoolpulse-session=x"}):
        answer = asking.get("/api/v1/schools", headers=headers)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
    answer = sign_in(asking)
    assert answer.status_code == 503, "and no route makes a mistake of it"
    assert asking.get("/healthz").status_code == 200
