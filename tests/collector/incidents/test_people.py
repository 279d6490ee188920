"""What people add, on both databases, and an engine that hears of it at once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine as SqlEngine
from timelines import T0, Timeline, play, school

from schoolpulse.incidents.model import Change
from schoolpulse.incidents.mutes import PlannedMutes, Window
from schoolpulse.incidents.people import MAX_TEXT, Maintenance, Note, Notes
from schoolpulse.incidents.policy import Policy
from schoolpulse.incidents.repository import IncidentRepository
from schoolpulse.incidents.roster import Roster
from schoolpulse.incidents.sink import IncidentSink
from schoolpulse.incidents.state import EngineState
from schoolpulse.registry.models import School

HOUR_MS = 3_600_000


class Fixed:
    def schools(self) -> list[School]:
        return [school("s1"), school("s2")]


def an_outage(sql: SqlEngine) -> str:
    """An incident on the record; its id."""
    story = play("0-300 speaks\n345 will", until=400)
    with sql.begin() as connection:
        IncidentRepository(sql).save(connection, story.transitions, EngineState(), ((), ()), 1)
    return story.only.id


def test_taking_on_twice_is_once_a_person(sql: SqlEngine) -> None:
    told: list[Note] = []
    notes, incident = Notes(sql, told.append), an_outage(sql)
    first = notes.acknowledge(incident, person="Lan", at_ms=T0, text="gọi VNPT")
    assert first is not None
    assert notes.acknowledge(incident, person="Lan", at_ms=T0 + 9) == first
    second = notes.acknowledge(incident, person="Minh", at_ms=T0 + 10)
    word = notes.remark(incident, person="Minh", at_ms=T0 + 11, text="x" * 3 * MAX_TEXT)
    assert second is not None
    assert word is not None
    assert len(word.text) == MAX_TEXT
    assert list(notes.of(incident)) == [first, second, word]
    assert notes.acknowledged([incident, "i0"]) == {incident: first}
    assert told == [first, second, word]
    assert notes.acknowledge("i0", person="Lan", at_ms=T0) is None
    assert notes.remark("i0", person="Lan", at_ms=T0, text="nobody's") is None


def test_windows_are_announced_once_ended_and_taken_back(sql: SqlEngine) -> None:
    told: list[int] = []
    windows = Maintenance(sql, lambda: told.append(1))
    first = windows.add(from_ms=1000, to_ms=2000, reason="fibre works", school="s1")
    assert windows.add(from_ms=1000, to_ms=2000, reason="fibre works", school="s1") == first
    second = windows.add(from_ms=1500, to_ms=9000, reason="")
    assert list(windows.after(0)) == [first, second]
    assert list(windows.after(2000)) == [second]
    assert list(windows.touching(0, 1500)) == [first]
    assert list(windows.touching(0, None, limit=1)) == [first]
    with pytest.raises(ValueError, match="after it begins"):
        windows.add(from_ms=5, to_ms=5, reason="")
    ended = windows.end(second.id, 3000)
    assert ended is not None
    assert (ended.to_ms, windows.get(second.id)) == (3000, ended)
    assert windows.end(second.id, 4000) == ended, "it is over already"
    assert windows.end(first.id, 500) is None, "it has not begun"
    assert windows.get(first.id) is None
    assert windows.remove(second.id)
    assert not windows.remove(second.id)
    assert len(told) == 5


@pytest.mark.parametrize("restarted", [False, True])
def test_what_waits_for_a_window_is_paged_when_it_is_taken_back(sql: SqlEngine, restarted: bool) -> None:
    def sink() -> IncidentSink:
        return IncidentSink(policy=Policy(), registry=Fixed(), sql_engine=sql)

    running = sink()
    windows = Maintenance(sql, running.take_up_windows)
    window = windows.add(from_ms=T0, to_ms=T0 + HOUR_MS, reason="", school="s1")
    messages = Timeline("0 link up\ns1: 0-300 speaks\ns2: 0-330 speaks\ns1: 345 will").messages
    running.process(messages, messages[-1].position)
    running.idle(T0 + 360_000)
    repository = IncidentRepository(sql)
    assert [one.paged_at for one in repository.open()] == [()]
    if restarted:
        Maintenance(sql).remove(window.id)
        running = sink()
    else:
        windows.remove(window.id)
    next_message = replace(Timeline("s2: 360-360 speaks").messages[-1], position=messages[-1].position + 1)
    running.process([next_message], next_message.position)
    assert [one.paged_at for one in repository.open()] == [(T0 + 360_000,)]


MANY = [school(f"s{n}", area=("HCM", "P1" if n < 9 else "P2")) for n in range(1, 13)]
OUT = "s1..s12: 0-300 speaks spread lean\ns1..s12: 345 will"


@pytest.mark.parametrize(
    ("windows", "pages"),
    [
        ([{"provider": "VNPT"}], [(1000.0, "provider")]),
        ([{}], [(1000.0, "provider")]),
        ([{"area": "HCM/P1"}, {"area": "HCM/P2"}], [(1000.0, "provider")]),
        ([{"provider": "FPT"}], [(355.0, "provider")]),
        ([{"school": "s1"}], [(355.0, "provider")]),
    ],
)
def test_an_incident_of_many_is_muted_where_all_of_its_schools_are(
    windows: list[dict[str, str]], pages: list[tuple[float, str]]
) -> None:
    mutes = PlannedMutes(
        None, [Window(id=f"w{n}", from_ms=T0, to_ms=T0 + 1_000_000, **one) for n, one in enumerate(windows)]
    )
    mutes.roster = Roster([*MANY, *OTHERS])
    story = play(OUT + WELL, [*MANY, *OTHERS], mutes=mutes, until=1500)
    assert story.pages == pages
    assert len(story.incidents) == 13


OTHERS = [school(f"o{n}", "FPT") for n in range(1, 31)]
WELL = "\no1..o30: 0-2500 speaks spread lean"


def test_one_school_that_is_not_muted_is_enough_for_a_page() -> None:
    mutes = PlannedMutes(None, [Window(id="w", from_ms=T0, to_ms=T0 + 1_000_000, area="HCM/P1")])
    mutes.roster = Roster([*MANY, *OTHERS])
    text = "s1..s12: 0-300 speaks lean\ns9..s12: 301-330 speaks lean\ns1..s8: 345 will\ns9..s12: 372 will"
    story = play(text + WELL, [*MANY, *OTHERS], mutes=mutes, until=900)
    assert story.pages == [(382.0, "provider")]


def test_what_is_over_before_the_window_is_pages_nobody() -> None:
    mutes = PlannedMutes(None, [Window(id="w", from_ms=T0, to_ms=T0 + 1_000_000, provider="VNPT")])
    mutes.roster = Roster([*MANY, *OTHERS])
    text = OUT + "\ns1..s12: 600 returns\ns1..s12: 601-2500 speaks lean"
    story = play(text + WELL, [*MANY, *OTHERS], mutes=mutes, until=2000)
    assert story.pages == []
    assert not any(one.pages for one in story.transitions if one.change is Change.RESOLVED)


def test_our_own_blindness_waits_for_the_end_of_a_window_too() -> None:
    mutes = PlannedMutes(None, [Window(id="w", from_ms=T0, to_ms=T0 + 1_000_000)])
    story = play("0 link up\n0-300 speaks\n310 link down\n2000 link up", mutes=mutes, until=1500)
    assert story.pages == [(1000.0, "self")]
    over = play(
        "0 link up\n0-300 speaks\n310 link down\n400 link up\n401-1500 speaks", mutes=mutes, until=1500
    )
    assert over.pages == []
