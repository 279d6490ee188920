"""Tickets: degraded lines and devices behind the gateway."""

from __future__ import annotations

from timelines import T0, Gateway, Story, _batch, _ms, school, seconds

from schoolpulse.contract.models import Block, Row, Telemetry
from schoolpulse.incidents.engine import Engine
from schoolpulse.incidents.evidence import evidence_of
from schoolpulse.incidents.model import Cause, IncidentKind, Transition
from schoolpulse.incidents.policy import Policy
from schoolpulse.incidents.roster import Roster
from schoolpulse.messages import Received

LAN = {
    "switch-1": "",
    "ap-1": "switch-1",
    "pc-1": "switch-1",
    "pc-2": "ap-1",
    "printer-1": "",
    "display-1": "",
}


def block(m: str, tags: list[str], fields: list[str], rows: list[Row]) -> Block:
    return Block(m=m, tags=tags, fields=fields, rows=rows)


def hear(story: dict[int, list[Block]], until: int) -> Story:
    """A school that speaks each 30 s; from each given second on, with these blocks."""
    engine = Engine(Policy(), Roster([school("s1")]))
    gateway = Gateway("gw-s1")
    transitions: list[Transition] = []
    now: list[Block] = []
    for second in range(0, until + 1, 30):
        now = story.get(second, now)
        base = _batch(gateway, second, [], [])
        blocks = [
            one.model_copy(update={"rows": [(_ms(second), tags, fields) for _, tags, fields in one.rows]})
            for one in now
        ]
        body = Telemetry.model_validate(base.model_dump() | {"blocks": [one.model_dump() for one in blocks]})
        event = evidence_of(Received(second + 1, _ms(second), "gw-s1", body))
        assert event is not None
        transitions += engine.apply(event)
    return Story(transitions, engine)


def devices(*down: str) -> list[Block]:
    rows: list[Row] = [(T0, [name, "x", parent or None], [name not in down]) for name, parent in LAN.items()]
    return [block("device", ["device", "kind", "parent"], ["up"], rows)]


def quality(loss: float, rtt_ms: float) -> list[Block]:
    rows: list[Row] = [(T0, ["vnix", "national", "icmp"], [1, rtt_ms, loss])]
    return [block("reachability", ["target", "scope", "method"], ["up", "rtt_ms", "loss_ratio"], rows)]


def speed(down_mbps: float) -> list[Block]:
    return [block("speedtest", ["role"], ["down_mbps", "up_mbps"], [(T0, ["primary"], [down_mbps, 20.0])])]


def test_a_device_is_a_ticket_and_not_a_page() -> None:
    story = hear({0: devices(), 600: devices("printer-1"), 1200: devices()}, 2400)
    incident = story.only
    assert (incident.kind, incident.cause) == (IncidentKind.DEVICE_DOWN, Cause.DEVICE_FAILURE)
    assert incident.device == "printer-1"
    assert [seconds(incident.start), seconds(incident.end)] == [600, 1200]
    assert story.pages == []


def test_a_dead_switch_is_the_incident_and_what_hangs_on_it_is_not() -> None:
    story = hear({0: devices(), 600: devices("switch-1", "ap-1"), 1200: devices()}, 2400)
    assert (story.only.device, story.only.cause) == ("switch-1", Cause.PARENT_DEVICE_FAILURE)


def test_a_child_that_stays_down_when_its_parent_is_back_is_its_own_incident() -> None:
    story = hear({0: devices(), 600: devices("switch-1", "ap-1"), 1200: devices("ap-1")}, 2400)
    assert [one.device for one in story.incidents] == ["switch-1", "ap-1"]


def test_a_building_without_mains_is_not_twenty_tickets() -> None:
    story = hear({0: devices(), 600: devices("pc-1", "pc-2", "printer-1", "display-1")}, 2400)
    assert story.transitions == []


def test_a_device_that_blinks_is_nothing() -> None:
    assert hear({0: devices(), 600: devices("pc-1"), 720: devices()}, 2400).transitions == []


def test_loss_for_a_long_time_is_a_ticket_and_a_short_burst_is_none() -> None:
    burst = hear({0: quality(0, 5), 600: quality(0.2, 5), 900: quality(0, 5)}, 3600)
    assert burst.transitions == []
    story = hear({0: quality(0, 5), 600: quality(0.1, 5), 3600: quality(0, 5)}, 7200)
    assert (story.only.kind, story.only.cause) == (IncidentKind.DEGRADED, Cause.DEGRADED_LINE)
    assert 600 <= seconds(story.only.start) <= 900
    assert 3600 <= seconds(story.only.end) <= 4500
    assert story.pages == []


def test_delay_and_speed_below_the_contract_are_tickets_too() -> None:
    assert hear({0: quality(0, 5), 600: quality(0, 200)}, 3600).only.kind is IncidentKind.DEGRADED
    assert hear({0: speed(90), 600: speed(20)}, 3600).only.kind is IncidentKind.DEGRADED
    assert hear({0: speed(90), 600: speed(60)}, 3600).transitions == []
