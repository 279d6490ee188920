"""What simulated storms and months have shown, each as the smallest timeline that shows it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from timelines import T0, Timeline, play, school, seconds

from schoolpulse.contract.models import Telemetry
from schoolpulse.incidents.engine import Engine
from schoolpulse.incidents.evidence import Heard, evidence_of
from schoolpulse.incidents.model import Cause, IncidentKind, Transition
from schoolpulse.incidents.policy import Policy
from schoolpulse.incidents.roster import Roster
from schoolpulse.incidents.samples import UplinkSeen
from schoolpulse.messages import Received


def test_a_change_to_the_backup_is_seen_though_its_batch_was_overtaken() -> None:
    """Found in a storm: the batch that told of it came ten seconds late, after the next one."""
    text = "0-300 speaks\n311 returns\n312-312 speaks lean\n341-341 speaks backup cut"
    messages = Timeline(text).messages
    late = replace(
        Timeline("0-300 speaks\n311 returns\n311-311 speaks backup cut").messages[-1],
        received_ms=T0 + 321_000,
    )
    body = late.body
    assert isinstance(body, Telemetry)
    overtaken = replace(late, body=body.model_copy(update={"seq": body.seq - 1}))
    cases: dict[str, list[Received]] = {
        "lost": [],
        "overtaken": [overtaken],
        "too late": [replace(overtaken, received_ms=T0 + 336_000)],
    }
    found = {}
    for name, more in cases.items():
        engine = Engine(Policy(), Roster([school("s1", backup=True)]))
        transitions: list[Transition] = []
        for message in sorted([*messages, *more], key=lambda one: one.received_ms):
            event = evidence_of(message)
            assert event is not None
            transitions += engine.apply(event)
        transitions += engine.advance(T0 + 400_000)
        found[name] = [(one.incident.kind.value, seconds(one.at_ms)) for one in transitions if one.pages]
    assert found == {
        "lost": [("on_backup", 347)],
        "overtaken": [("on_backup", 327)],
        "too late": [("on_backup", 347)],
    }


def test_a_cut_line_at_a_school_that_loses_its_power_later_began_with_the_cut() -> None:
    """Found in a storm: the record began when the gateway died, hours after the school was cut off."""
    story = play(
        """
        0-300      speaks
        345        will
        4000       boots 60
        4001-6000  speaks
        4005       late 310-2990 dead boot1
        """,
        until=6000,
    )
    assert (story.only.cause, seconds(story.only.start)) == (Cause.LINE_CUT, 310)


@pytest.mark.parametrize(("backup", "kind"), [(False, IncidentKind.OUTAGE), (True, IncidentKind.ON_BACKUP)])
def test_a_line_that_flaps_under_a_living_connection_is_an_outage_without_a_backup(
    backup: bool, kind: IncidentKind
) -> None:
    """Found in a storm: a school without any backup was said to be on it."""
    engine = Engine(Policy(), Roster([school("s1", backup=backup)]))
    transitions: list[Transition] = []
    for message in Timeline("0-600 speaks").messages:
        event = evidence_of(message)
        if isinstance(event, Heard) and message.received_ms > T0 + 300_000:
            at_ms = message.received_ms
            looks = [
                UplinkSeen(at_ms - back, "fibre", "primary", True, back == 5_000) for back in (15_000, 5_000)
            ]
            if backup:
                looks.append(UplinkSeen(at_ms - 15_000, "lte", "backup", False, True))
            event = event._replace(uplinks=tuple(looks))
        assert event is not None
        transitions += engine.apply(event)
    assert [(one.incident.kind, one.incident.cause) for one in transitions if one.pages] == [
        (kind, Cause.LINE_CUT)
    ]


@pytest.mark.parametrize(
    ("after", "pages"),
    [
        ("445 will", [455]),
        ("445 will\n452 returns\n452-900 speaks lean", []),
        ("", [496]),
        ("401-700 speaks backup cut", [407]),
    ],
)
def test_an_outage_within_the_hold_of_one_that_paged_nobody_is_paged(after: str, pages: list[float]) -> None:
    """The first was over before it was noticed; what rejoins it must not be lost with it."""
    story = play(f"0-300 speaks lean\n370 returns\n371-400 speaks lean\n{after}", until=600)
    assert story.incidents[0].start == T0 + 300_000
    assert [at for at, _ in story.pages] == pages
    assert len(story.incidents) == 1
