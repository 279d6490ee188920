"""A whole collector, wired as in earnest but not started, with people who may do more and less.

Two schools, an incident at each, work announced, an endpoint that nobody answers behind, a user and a token
of each role, and of a viewer and an operator who are limited to the second school.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from fakes import FakeClock
from fastapi import FastAPI
from http_client import Client
from parts import free_port
from timelines import T0, Timeline
from timelines import school as school_named

from schoolpulse.access.models import CONSOLE, Role
from schoolpulse.api.app import create_app
from schoolpulse.app import Collector
from schoolpulse.config import Config
from schoolpulse.incidents.model import Incident
from schoolpulse.registry.models import Contact, Device

OWN, FOREIGN = "s1", "s2"
"""The schools: what is asked about, and the only one that the limited callers see."""
PASSWORD = "bốn từ không ai đoán"
CUT = """
    0          link up
    s1,s2: 0-300 speaks
    s1: 345    will
    s2: 345    will
"""


@dataclass
class Whole:
    """The collector, its application, and what there is to ask about."""

    collector: Collector
    app: FastAPI
    client: Client
    clock: FakeClock
    tokens: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    """Of each thing, by the name that paths give it: ``incident_id``, ``window_id``, ..."""

    def headers(self, who: str) -> dict[str, str]:
        """What `who` (``viewer``, ``operator``, ``admin``, ``far_viewer``, ``far_operator``) sends."""
        return {"Authorization": f"Bearer {self.tokens[who]}"} if who in self.tokens else {}


def config_for(folder: Path) -> Config:
    """A configuration of everything that the API shows something of."""
    endpoint = {
        "id": "ops",
        "url": f"http://127.0.0.1:{free_port()}/hook",
        "secret": "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "allow_private": True,
    }
    return Config.model_validate(
        {"data_dir": folder, "http": {"port": free_port()}, "endpoints": [endpoint], "area": ["Gò Vấp"]}
    )


@contextlib.contextmanager
def whole_collector(folder: Path) -> Iterator[Whole]:
    """A collector with its data in `folder`."""
    clock = FakeClock(T0)
    collector = Collector(config_for(folder), clock=clock)
    try:
        app = create_app(collector._services())
        whole = Whole(collector, app, Client(app), clock)
        _fill(whole)
        yield whole
    finally:
        collector.stop()


def _fill(whole: Whole) -> None:
    collector, access = whole.collector, whole.collector.access
    collector.registry.upsert([school_named(OWN, backup=True), school_named(FOREIGN)])
    incidents = {incident.school: incident for incident in _let_it_happen(whole)}
    for who, role, schools in (
        ("viewer", Role.VIEWER, None),
        ("operator", Role.OPERATOR, None),
        ("admin", Role.ADMIN, None),
        ("far_viewer", Role.VIEWER, [FOREIGN]),
        ("far_operator", Role.OPERATOR, [FOREIGN]),
    ):
        _, whole.tokens[who] = access.tokens.create(CONSOLE, role, name=who, schools=schools)
    access.users.add("lan.nguyen", PASSWORD, Role.ADMIN)
    people = collector._services().people
    assert people is not None
    window = people.maintenance.add(from_ms=T0 + 10_000_000, to_ms=T0 + 20_000_000, reason="cáp", school=OWN)
    token, _ = access.tokens.create(CONSOLE, Role.VIEWER, name="to be revoked")
    with collector.registry.change("console") as (writer, known):
        writer.save_device(Device(school_id=OWN, device_id="sw-own", kind="switch"), None)
        writer.save_contact(Contact(school_id=OWN, function="Kho"), None)
        line = known.by_id[OWN].history[0]
    whole.ids |= {
        "device_id": "sw-own",
        "function": "Kho",
        "line_id": str(line.id),
        "area_id": str(collector.registry.areas()[-1].id) if collector.registry.areas() else "1",
        "school_id": OWN,
        "incident_id": incidents[OWN].id,
        "window_id": window.id,
        "endpoint_id": "ops",
        "name": "lan.nguyen",
        "prefix": token.prefix,
        "agent_id": f"gw-{OWN}",
    }


def _let_it_happen(whole: Whole) -> list[Incident]:
    collector = whole.collector
    sinks: tuple[Any, ...] = (collector._incident_sink, collector.live)
    for at_ms, together in groupby(Timeline(CUT).messages, key=lambda message: message.received_ms):
        messages = list(together)
        whole.clock.advance((at_ms - whole.clock.now_ms()) / 1000)
        for sink in sinks:
            sink.idle(at_ms)
            sink.process(messages, messages[-1].position)
    whole.clock.advance(600)
    for sink in sinks:
        sink.idle(whole.clock.now_ms())
    return list(collector.incidents.open())
