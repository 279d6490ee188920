"""Who has an answer already gets none."""

from __future__ import annotations

import pytest
from http_client import Client
from page_backend import Backend

from schoolpulse.registry.models import School


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_an_answer_is_sent_once_until_it_changes(
    client: Client, backend: Backend, school: School, encoding: str
) -> None:
    path = f"/api/v1/schools/{school.id}"
    first = client.get(path, headers={"Accept-Encoding": encoding})
    tag = first.headers["etag"]
    for seen in (tag, tag.removeprefix("W/"), f'"other", {tag}'):
        again = client.get(path, headers={"If-None-Match": seen, "Accept-Encoding": encoding})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    backend.speak(school, 12.0)
    changed = client.get(path, headers={"If-None-Match": tag, "Accept-Encoding": encoding})
    assert changed.status_code == 200
    assert changed.json()["now"]["reachability"]["national"]["rtt_ms"] == 12.0
    assert changed.headers["etag"] != tag


def test_refusals_have_none(client: Client) -> None:
    assert "etag" not in client.get("/api/v1/schools/nobody").headers
