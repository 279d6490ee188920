"""Our body of version 4 beside what a real Alertmanager sends to the same receiver."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3
from parts import Part, free_port, need
from receivers import Receiver, receiver
from timelines import play, school

from schoolpulse.notify.channels.alertmanager import alertmanager_body
from schoolpulse.notify.channels.base import Note
from schoolpulse.notify.message import text_of
from schoolpulse.notify.settings import EndpointSettings

CONFIG = """
route: {{receiver: ops, group_by: [incident], group_wait: 0s, group_interval: 1s}}
receivers: [{{name: ops, webhook_configs: [{{url: '{url}', send_resolved: true}}]}}]
"""


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as state:
        yield state


def their_body(folder: Path, hook: Receiver, labels: dict[str, str]) -> dict[str, Any]:
    """What a real Alertmanager makes of an alert with `labels`."""
    program = need("prometheus-alertmanager")
    (folder / "alertmanager.yml").write_text(CONFIG.format(url=hook.url))
    port = free_port()
    command = [
        program,
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    part = Part(command, port, folder / "alertmanager.log")
    part.start()
    try:
        alert = {"labels": labels, "annotations": {"summary": "s"}, "startsAt": datetime.now(UTC).isoformat()}
        with urllib3.PoolManager() as pool:
            answer = pool.request("POST", f"http://127.0.0.1:{port}/api/v2/alerts", json=[alert])
        assert answer.status == 200, answer.data
        hook.wait_for(bool)
    finally:
        part.stop()
    body: dict[str, Any] = json.loads(hook.calls[0].body)
    return body


def shape(value: Any) -> Any:
    """Keys and types; the labels and annotations are free, and so are their values."""
    if isinstance(value, dict):
        free = {"labels", "annotations", "groupLabels", "commonLabels", "commonAnnotations"}
        return {key: "texts" if key in free else shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return type(value).__name__


def test_our_body_has_the_shape_of_alertmanagers_own(tmp_path: Path, hook: Receiver) -> None:
    story = play("0-300 speaks\n345 will", until=600)
    transition = story.transitions[0]
    endpoint = EndpointSettings.model_validate(
        {"id": "ops", "url": hook.url, "format": "alertmanager", "allow_private": True}
    )
    text = text_of(transition, school("s1"), "en")
    ours = json.loads(
        alertmanager_body(Note("m", transition.at_ms, text, transition, school("s1")), endpoint)
    )
    theirs = their_body(tmp_path, hook, ours["alerts"][0]["labels"])
    assert shape(ours) == shape(theirs)
    assert ours["version"] == theirs["version"] == "4"
    assert ours["receiver"] == theirs["receiver"]
    assert ours["groupLabels"] == theirs["groupLabels"]
    assert ours["commonLabels"] == theirs["commonLabels"]
    assert ours["alerts"][0]["endsAt"] == theirs["alerts"][0]["endsAt"], (
        "how an alert without an end is written"
    )
