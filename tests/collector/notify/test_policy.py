"""The policy file: thresholds, routes, escalation, the morning's summary; and channels through Apprise."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from fakes import FakeClock
from receivers import receiver
from sqlalchemy import Engine as SqlEngine
from timelines import T0, Timeline, school, seconds

from schoolpulse.errors import ConfigError
from schoolpulse.incidents.people import Notes
from schoolpulse.incidents.policy import Policy
from schoolpulse.incidents.repository import IncidentRepository
from schoolpulse.incidents.sink import IncidentSink
from schoolpulse.local_time import ZONE
from schoolpulse.notify.channels.registry import channels
from schoolpulse.notify.delivery import Delivery
from schoolpulse.notify.outbox import Outbox
from schoolpulse.notify.policy import PolicyFile, Route, Summary, load_policy
from schoolpulse.notify.rounds import Rounds
from schoolpulse.notify.settings import EndpointSettings
from schoolpulse.registry.models import School

SCHOOLS = (school("s1", area=("HCM", "P1")), school("s2", "FPT", area=("HCM", "P2")))
OUTAGE = "0-300 speaks\ns2: 0-3000 speaks\n345 will\n1800 returns\n1801-3000 speaks"
apprise_warns = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its own use of the library
FILE = """
[engine]
silence_after_s = 60
witness_agents = ["gw-centre"]
paged_kinds = ["outage"]

[calendar]
hours = ["06:00", "18:00"]

[[route]]
endpoints = ["ops"]

[[route]]
endpoints = ["boss"]
kinds = ["outage"]
after_s = 900

[summary]
at = "07:00"
"""


class Fixed:
    def schools(self) -> tuple[School, ...]:
        return SCHOOLS


def endpoint(name: str, **more: object) -> EndpointSettings:
    values: dict[str, object] = {"id": name, "url": "http://127.0.0.1:9/", "allow_private": True}
    return EndpointSettings.model_validate(values | {"secret": "whsec_" + "A" * 32} | more)


def outbox_with(sql: SqlEngine, *routes: Route) -> Outbox:
    names = ("ops", "boss", "p2")
    look_up = {one.id: one for one in SCHOOLS}.get
    return Outbox(sql, [endpoint(name) for name in names], channels(), school=look_up, routes=routes)


def hear(sql: SqlEngine, outbox: Outbox, first: int = 0, last: int = 1500) -> None:
    """A part of the outage, in seconds: at first s1 is cut, in the second half it comes back."""
    sink = IncidentSink(policy=Policy(), registry=Fixed(), sql_engine=sql, outbox=outbox)
    messages = [one for one in Timeline(OUTAGE).messages if first <= seconds(one.received_ms) < last]
    sink.process(messages, messages[-1].position)


def told(outbox: Outbox) -> dict[str, list[str]]:
    return {
        name: [json.loads(row.body)["type"] for row in reversed(outbox.history.page(name))]
        for name in ("ops", "boss", "p2")
    }


def test_the_file_says_what_the_engine_and_the_calendar_go_by(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(FILE)
    policy = load_policy(path)
    assert policy.thresholds().silence_after_ms == 60_000
    assert policy.thresholds().hold_ms == Policy().hold_ms
    assert policy.thresholds().witness_agents == {"gw-centre"}
    assert policy.mutes().reason("s1", T0) == "closed"
    assert load_policy(None).thresholds() == Policy()
    assert load_policy(None).mutes().reason("s1", T0) is None
    assert PolicyFile().summary is None


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("[engine]\nsilence_after = 9", "engine.silence_after", "did you mean silence_after_s?"),
        ("[engine]\nhold_s = -1", "engine.hold_s", "greater than or equal to 0"),
        ("[[route]]\nendpoints = []", "route.0.endpoints", "at least 1"),
        ('[summary]\nat = "7 am"', "summary.at", "a time of day"),
        ('[[route]]\nendpoints = ["a"]\nkinds = ["outrage"]', "route.0.kinds", "outage"),
    ],
)
def test_mistakes_are_named_with_a_hint(tmp_path: Path, text: str, where: str, said: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_policy(path)
    assert any(where in one.where and said in str(one) for one in caught.value.problems)


def test_a_route_narrows_by_kind_and_area_and_the_all_clear_follows_the_page(sql: SqlEngine) -> None:
    outbox = outbox_with(sql, Route(endpoints=("ops",)), Route(endpoints=("p2",), area="HCM/P2"))
    hear(sql, outbox)
    assert told(outbox) == {"ops": ["incident.opened"], "boss": [], "p2": []}
    hear(sql, outbox, 1500, 3000)
    assert told(outbox) == {"ops": ["incident.opened", "incident.resolved"], "boss": [], "p2": []}


def test_nobody_acknowledged_so_the_next_is_told_once(sql: SqlEngine) -> None:
    outbox = outbox_with(sql, Route(endpoints=("ops",)), Route(endpoints=("boss",), after_s=900))
    hear(sql, outbox)
    rounds = Rounds(sql, outbox, None, FakeClock())
    rounds.step(T0 + 355_000 + 899_000)
    assert told(outbox)["boss"] == []
    for _ in range(2):
        rounds.step(T0 + 355_000 + 900_000)
    assert told(outbox)["boss"] == ["incident.opened"]
    hear(sql, outbox, 1500, 3000)
    assert told(outbox)["boss"] == ["incident.opened", "incident.resolved"]


def test_an_acknowledged_incident_is_not_escalated(sql: SqlEngine) -> None:
    outbox = outbox_with(sql, Route(endpoints=("ops",)), Route(endpoints=("boss",), after_s=900))
    hear(sql, outbox)
    (incident,) = IncidentRepository(sql).open()
    notes = Notes(sql)
    notes.acknowledge(incident.id, at_ms=T0, person="Lan", text="gọi nhà mạng")
    Rounds(sql, outbox, None, FakeClock()).step(T0 + 2_000_000)
    assert told(outbox)["boss"] == []
    assert [one.text for one in notes.of(incident.id)] == ["gọi nhà mạng"]


def test_a_message_waits_for_the_hours_of_its_route(sql: SqlEngine) -> None:
    outbox = outbox_with(sql, Route(endpoints=("ops",), hours=("06:00", "18:00")))
    hear(sql, outbox)  # at 21:19
    rounds = Rounds(sql, outbox, None, FakeClock())
    morning = round(datetime(2026, 9, 22, 6, 0, tzinfo=ZONE).timestamp() * 1000)
    rounds.step(morning - 1000)
    assert told(outbox)["ops"] == []
    rounds.step(morning)
    assert told(outbox)["ops"] == ["incident.opened"]


def test_what_is_still_open_at_seven_is_told_once(sql: SqlEngine) -> None:
    outbox = outbox_with(sql)
    hear(sql, outbox)
    rounds = Rounds(sql, outbox, Summary(endpoints=("boss",)), FakeClock())
    seven = round(datetime(2026, 9, 22, 7, 0, tzinfo=ZONE).timestamp() * 1000)
    for at_ms in (seven - 1000, seven, seven + 5000, seven + 4_000_000):
        rounds.step(at_ms)
    assert told(outbox)["boss"] == ["incident.opened", "summary"]
    data = json.loads(outbox.history.page("boss")[0].body)["data"]
    assert data["title"] == "☀️ Còn 1 sự cố chưa khắc phục"
    assert data["text"] == "Trường s1: Mất kết nối, từ 21:18 21/09/2026"
    assert len(data["incidents"]) == 1


@apprise_warns
def test_apprise_delivers_to_what_it_knows(sql: SqlEngine) -> None:
    with receiver() as there:
        target = there.url.replace("http://", "json://")
        settings = EndpointSettings.model_validate({"id": "ops", "format": "apprise", "apprise_url": target})
        assert target not in repr(settings)
        look_up = {one.id: one for one in SCHOOLS}.get
        outbox = Outbox(sql, [settings], channels(), school=look_up)
        hear(sql, outbox)
        assert Delivery(outbox, FakeClock(T0 + 3_600_000)).deliver_due() == 1
    body = json.loads(there.calls[0].body)
    assert body["title"] == "🔴 Trường s1: Mất kết nối"
    assert outbox.pending() == 0


@apprise_warns
def test_an_apprise_address_that_means_nothing_is_kept_and_said(sql: SqlEngine) -> None:
    settings = EndpointSettings.model_validate({"id": "ops", "format": "apprise", "apprise_url": "smoke://"})
    outbox = Outbox(sql, [settings], channels(), school={one.id: one for one in SCHOOLS}.get)
    hear(sql, outbox)
    Delivery(outbox, FakeClock(T0 + 3_600_000)).deliver_due()
    assert outbox.endpoints()[0].error == "not an address that Apprise knows"
    assert outbox.pending() == 1
