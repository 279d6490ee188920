"""What holds for every answer, and the page's files: headers, problems, languages, caching, packing."""

from __future__ import annotations

import gzip
import json

import pytest
from http_client import Client
from page_backend import Backend

from schoolpulse.registry.models import School

EVERYWHERE = [
    "/",
    "/schools/nobody",
    "/static/css/base.css",
    "/healthz",
    "/api/v1/schools",
    "/api/v1/nothing",
    "/metrics",
]


@pytest.mark.parametrize("path", EVERYWHERE)
def test_every_answer_has_the_security_headers(client: Client, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy, "no foreign address"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_answers_of_the_api_stay_out_of_caches(client: Client) -> None:
    assert client.get("/api/v1/schools").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/static/nothing.js", 404),
        ("GET", "/static/../pages/wall.html", 404),
        ("GET", "/static/%2e%2e/pages/wall.html", 404),
        ("GET", "/static/" + "x" * 300, 422),
        ("POST", "/api/v1/schools", 405),
        ("DELETE", "/api/v1/incidents/x", 405),
    ],
)
def test_refusals_are_problem_documents(client: Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"].startswith("urn:schoolpulse:problem:")
    assert problem["title"]
    assert problem["detail"]


def test_the_openapi_document_names_every_route_its_problems_and_examples(client: Client) -> None:
    document = client.get("/api/v1/openapi.json").json()
    series = document["paths"]["/api/v1/schools/{school_id}/series"]["get"]
    assert {"200", "404", "422", "503"} <= set(series["responses"])
    assert series["responses"]["404"]["content"]["application/problem+json"]["example"]["status"] == 404
    named = {parameter["name"] for parameter in series["parameters"]}
    assert named == {"school_id", "measurement", "field", "from", "to", "step", "by"}
    schemas = document["components"]["schemas"]
    missing = {
        reference
        for reference in _references(document)
        if reference.removeprefix("#/components/schemas/") not in schemas
    }
    assert missing == set()


def _references(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(_references(value) for value in node.values()))
    if isinstance(node, list):
        return set[str]().union(*(_references(value) for value in node))
    return set()


@pytest.mark.parametrize(
    ("path", "cookie", "language"),
    [
        ("/", "", "vi"),
        ("/", "schoolpulse-lang=en", "en"),
        ("/?lang=en", "", "en"),
        ("/?lang=vi", "schoolpulse-lang=en", "vi"),
        ("/?lang=fr", "", "vi"),
        ("/", "schoolpulse-lang=klingon", "vi"),
    ],
)
def test_the_language_is_asked_for_or_remembered(
    client: Client, path: str, cookie: str, language: str
) -> None:
    answer = client.get(path, headers={"Cookie": cookie})
    assert answer.headers["content-language"] == language
    assert f'<html lang="{language}">' in answer.text
    assert ("Open incidents" in answer.text) == (language == "en")
    assert ("Sự cố đang mở" in answer.text) == (language == "vi")
    asked = path in {"/?lang=en", "/?lang=vi"}
    assert ("set-cookie" in answer.headers) == asked


def test_a_school_has_a_page_and_a_stranger_has_none(client: Client, school: School) -> None:
    assert client.get(f"/schools/{school.id}").status_code == 200
    answer = client.get("/schools/nobody")
    assert answer.status_code == 404
    assert "Không có trường này" in answer.text


def test_the_chart_library_and_the_texts_come_from_here(client: Client) -> None:
    library = client.get("/static/vendor/chart.js")
    assert library.headers["content-type"].startswith("text/javascript")
    assert b"Chart.js v4" in library.content[:200]
    texts = client.get("/static/i18n/vi.json").json()
    assert texts["web.status.down"] == "Mất kết nối"
    assert texts["kind.outage"]
    assert texts["cause.line_cut"]


def test_files_are_asked_for_again_only_when_they_changed(client: Client) -> None:
    first = client.get("/static/css/base.css", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in first.headers
    again = client.get("/static/css/base.css", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = client.get("/static/css/base.css", headers={"If-None-Match": '"something else"'})
    assert other.status_code == 200
    assert client.get("/").headers["etag"] != client.get("/?lang=en").headers["etag"]


def test_what_is_large_is_packed(client: Client, backend: Backend) -> None:
    for path in ("/static/vendor/chart.js", "/api/v1/schools"):
        answer = client.get(path, headers={"Accept-Encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip", path
    assert len(gzip.compress(json.dumps(client.get("/api/v1/schools").json()).encode())) < 3_000
