"""Many schools at once: a provider, an area, ourselves. One page, and no school blamed for another."""

from __future__ import annotations

import pytest
from timelines import play, school, seconds

from schoolpulse.incidents.model import Cause, IncidentKind, SchoolStatus, Scope
from schoolpulse.incidents.policy import Policy

DISTRICT = [
    *(school(f"a{n}", "VNPT", area=(f"P{n % 9}",)) for n in range(1, 67)),
    *(school(f"b{n}", "Viettel", area=(f"P{n % 9}",)) for n in range(1, 135)),
]


def test_a_provider_outage_over_sixty_schools_is_one_page() -> None:
    cut = "\n".join(f"a{n}: {345 + n % 30} will" for n in range(1, 61))
    back = "\n".join(
        f"a{n}: {1200 + n % 15} returns\na{n}: {1216 + n % 15}-2400 speaks lean\n"
        f"a{n}: 1225 late 310-1190 dead"
        for n in range(1, 61)
    )
    story = play(
        "a1..a60: 0-330 speaks spread lean\na61..a66: 0-2400 speaks spread lean\n"
        f"b1..b134: 0-2400 speaks spread lean\n{cut}\n{back}",
        DISTRICT,
        until=2400,
    )
    assert [page[1] for page in story.pages] == ["provider"]
    (whole,) = [one for one in story.incidents if one.scope is Scope.PROVIDER]
    assert (whole.kind, whole.cause, whole.provider) == (IncidentKind.OUTAGE, Cause.PROVIDER_OUTAGE, "VNPT")
    inside = [one for one in story.incidents if one.scope is Scope.SCHOOL]
    assert len(inside) == 60
    assert {one.parent for one in inside} == {whole.id}
    assert {one.cause for one in inside} == {Cause.PROVIDER_OUTAGE}
    assert 1200 <= seconds(whole.end) <= 1220


def test_a_school_still_down_after_its_providers_outage_is_paged_for_itself() -> None:
    cut = "\n".join(f"a{n}: {345 + n % 30} will" for n in range(1, 61))
    back = "\n".join(f"a{n}: 1200 returns\na{n}: 1201-3600 speaks lean" for n in range(2, 61))
    story = play(
        f"a1..a60: 0-330 speaks spread lean\nb1..b134: 0-3600 speaks spread lean\n{cut}\n{back}",
        DISTRICT,
        until=3600,
    )
    assert [page[1] for page in story.pages] == ["provider", "a1"]


def test_two_schools_of_a_provider_are_two_incidents() -> None:
    story = play("a1..a66: 0-300 speaks\na3..a66: 301-900 speaks\na1..a2: 340 will", DISTRICT[:66], until=900)
    assert sorted(page[1] for page in story.pages) == ["a1", "a2"]


def test_a_street_without_power_is_one_incident_of_its_area() -> None:
    mixed = [school(f"c{n}", f"P{n % 4}", area=("Phường 9",)) for n in range(1, 9)]
    rest = DISTRICT[:40]
    boots = "\n".join(f"c{n}: {1800 + n} boots 30\nc{n}: {1802 + n}-2700 speaks" for n in range(1, 7))
    story = play(
        "a1..a40: 0-2700 speaks spread lean\nc1..c8: 0-300 speaks\nc7..c8: 301-2700 speaks\n"
        f"c1..c6: 345 will\n{boots}",
        [*mixed, *rest],
        until=2700,
    )
    assert [page[1] for page in story.pages] == ["district"]
    (whole,) = [one for one in story.incidents if one.scope is Scope.DISTRICT]
    assert whole.cause is Cause.POWER_CUT
    assert {one.cause for one in story.incidents} == {Cause.POWER_CUT}


def test_when_everybody_falls_silent_it_is_us() -> None:
    story = play(
        "a1..a66: 0-330 speaks spread lean\nb1..b134: 0-330 speaks spread lean\n"
        "a1..a66: 1200-2400 speaks spread lean\nb1..b134: 1200-2400 speaks spread lean",
        DISTRICT,
        until=2400,
    )
    incident = story.only
    assert (incident.kind, incident.cause, incident.scope) == (
        IncidentKind.BLIND,
        Cause.MONITORING_BLIND,
        Scope.SELF,
    )
    assert len(story.pages) == 1
    assert 1200 <= seconds(incident.end) <= 1230
    assert set(story.engine.statuses().values()) == {SchoolStatus.ONLINE}


def test_a_provider_with_most_of_the_schools_is_not_us_while_the_others_speak() -> None:
    big = [*(school(f"a{n}", "VNPT") for n in range(1, 41)), *(school(f"b{n}", "FPT") for n in range(1, 9))]
    story = play("a1..a40: 0-300 speaks spread lean\nb1..b8: 0-900 speaks spread lean", big, until=900)
    assert [page[1] for page in story.pages] == ["provider"]


def test_the_collectors_own_link_down_blames_no_school_and_rearms_with_grace() -> None:
    story = play(
        """
        s1: 0-300     speaks
        s2: 0-300     speaks
        310           link down
        s1: 311       will
        1000          link up
        s1: 1030      returns
        s1: 1031-1500 speaks
        """,
        [school("s1"), school("s2", "FPT")],
        until=1500,
    )
    assert [(at, who) for at, who in story.pages] == [(325, "self"), (1185, "s2")]
    assert [one.kind for one in story.incidents] == [IncidentKind.BLIND, IncidentKind.OUTAGE]


def test_a_link_that_flaps_is_one_blindness_and_a_blink_is_none() -> None:
    assert play("0-900 speaks\n310 link down\n320 link up", until=900).transitions == []
    story = play("0-1800 speaks\n310 link down\n400 link up\n450 link down\n600 link up", until=1800)
    assert len(story.pages) == 1
    assert seconds(story.only.end) == 600


def test_a_witness_whose_line_is_dead_says_that_it_is_ours() -> None:
    text = "w: 0-300 speaks\nw: 301-1500 speaks dead\ns1: 0-330 speaks"
    policy = Policy(witness_agents=frozenset({"gw-w"}))
    assert [one.kind for one in play(text, policy=policy, until=1500).incidents] == [IncidentKind.BLIND]
    assert [one.kind for one in play(text, until=1500).incidents] == [IncidentKind.OUTAGE]


@pytest.mark.parametrize(("share", "scope"), [(0.9, Scope.DISTRICT), (0.2, Scope.SCHOOL)])
def test_a_cut_sea_cable_is_one_note_and_no_school_is_down(share: float, scope: Scope) -> None:
    count = round(40 * share)
    story = play(
        f"a1..a40: 0-300 speaks\na1..a{count}: 330-900 speaks abroad\na{count + 1}..a40: 330-1800 speaks\n"
        f"a1..a{count}: 930-1800 speaks",
        DISTRICT[:40],
        until=1800,
    )
    assert {one.kind for one in story.incidents} == {IncidentKind.INTERNATIONAL_ONLY}
    assert {one.scope for one in story.incidents} == {scope}
    if scope is Scope.DISTRICT:
        assert len(story.incidents) == len(story.pages) == 1
        assert seconds(story.only.start) == 310
        assert 900 <= seconds(story.only.end) <= 930
    else:
        assert story.pages == []
