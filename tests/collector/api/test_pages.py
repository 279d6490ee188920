"""Each page's frame: served, in both languages, its own entry of the navigation marked, its files there."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest
from fakes import FakeClock
from http_client import Client
from page_backend import Backend, district
from pydantic import ValidationError

from schoolpulse.access.models import CONSOLE, Role
from schoolpulse.api.app import create_app
from schoolpulse.incidents.mutes import CalendarSettings
from schoolpulse.web.assets import static_assets
from schoolpulse.web.routes import PAGES
from schoolpulse.web.settings import PageSettings

MONDAY_MS = 1_790_557_200_000  # 2026-09-28, 08:00 in Vietnam
TILES = "https://tiles.example.vn/osm/{z}/{x}/{y}.png"


@pytest.fixture
def backend() -> Backend:
    return Backend(district(3), FakeClock(MONDAY_MS))


@pytest.mark.parametrize("path", sorted(PAGES))
@pytest.mark.parametrize("language", ["vi", "en"])
def test_every_page_is_served_with_its_files(backend: Backend, path: str, language: str) -> None:
    answer = Client(backend.app).get(path.format(thing_id="x"), params={"lang": language})
    assert answer.status_code == 200
    assert f'<html lang="{language}">' in answer.text
    assert "{{" not in answer.text
    assert answer.text.count('aria-current="page"') == (0 if path == "/login" else 1)
    named = set(re.findall(r'(?:href|src)="/static/([^"#]+)', answer.text))
    assert named <= set(static_assets())
    assert len(re.findall("<h1", answer.text)) == 1


def test_a_school_that_one_does_not_see_is_missing(backend: Backend) -> None:
    near, far, _ = backend.registry.schools()
    _, token = backend.services.access.tokens.create(CONSOLE, Role.VIEWER, schools=[near.id])
    near_page, foreign, none = (
        Client(backend.app).get(f"/schools/{school_id}", headers={"Authorization": f"Bearer {token}"})
        for school_id in (near.id, far.id, "nobody")
    )
    assert near_page.status_code == 200
    assert (foreign.status_code, foreign.text) == (404, none.text)


def test_a_pages_modules_are_named_all(backend: Backend) -> None:
    text = Client(backend.app).get("/map").text
    preloads = set(re.findall(r'modulepreload" href="/static/(js/[a-z-]+\.js)', text))
    assert {"js/district.js", "js/map-ground.js", "js/map-controls.js", "js/texts.js"} <= preloads
    assert "js/school.js" not in preloads
    fetched = re.findall(r'preload" as="fetch" href="([^"]+)" crossorigin', text)
    assert fetched == ["/static/i18n/vi.json", "/api/v1/session"]


def test_the_policy_admits_images_from_the_tiles_host_and_no_other(backend: Backend) -> None:
    plain = Client(backend.app).get("/map").headers["content-security-policy"]
    assert "img-src 'self';" in plain
    settings = PageSettings(tile_url=TILES, tile_credit="© <b>us</b>")
    answer = Client(create_app(replace(backend.services, page=settings))).get("/map")
    policy = answer.headers["content-security-policy"]
    assert policy == plain.replace("img-src 'self'", "img-src 'self' https://tiles.example.vn")
    assert f'data-tiles="{TILES}"' in answer.text
    assert "&lt;b&gt;us" in answer.text


@pytest.mark.parametrize(
    "wrong",
    [
        "ftp://tiles.example.vn/{z}/{x}/{y}.png",
        "https://tiles.example.vn/{z}/{x}.png",
        "https://tiles.example.vn; script-src *//{z}/{x}/{y}",
        "https://user@tiles.example.vn/{z}/{x}/{y}.png",
    ],
)
def test_an_address_that_is_no_tile_servers_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError):
        PageSettings(tile_url=wrong)


def test_the_calendar_says_which_days_are_open(backend: Backend) -> None:
    settings = CalendarSettings(closed_dates=(date(2026, 9, 29),), open_dates=(date(2026, 10, 4),))
    client = Client(create_app(replace(backend.services, calendar=settings)))
    found = client.get("/api/v1/calendar", params={"months": 2}).json()
    assert (found["today"], found["always"], found["hours"]) == ("2026-09-28", False, ["06:30", "17:30"])
    days = found["open_days"]
    assert "2026-09-28" in days
    assert "2026-09-29" not in days, "closed that day"
    assert "2026-10-03" in days, "a Saturday"
    assert "2026-10-04" in days, "a Sunday made up for"
    assert "2026-10-11" not in days, "a Sunday"
    assert (days[0], days[-1]) == ("2026-09-01" if "2026-09-01" in days else days[0], "2026-10-31")


def test_without_a_calendar_it_is_always_open(backend: Backend) -> None:
    found = Client(backend.app).get("/api/v1/calendar").json()
    assert found["always"] is True
    assert found["open_days"] == []
    assert Client(backend.app).get("/api/v1/calendar", params={"months": 99}).status_code == 422
