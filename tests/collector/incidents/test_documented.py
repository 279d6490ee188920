"""The timelines of ``docs/ops/incident-timelines.md`` are what the engine does, to the second.

A block is lines of `timelines`, then what follows from them behind ``->``. Before both may stand ``given``
lines: ``given s1..s9 of VNPT in P1 with backup`` (schools; without one, ``s1`` of VNPT), ``given closed until
1000`` (school hours begin then) and ``given work of VNPT until 1000`` (announced, for a provider);
behind it ``until 900`` where nothing more is heard until then.
Of incidents that are part of another only pages are shown.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from timelines import T0, _who, play, school, seconds

from schoolpulse.incidents.model import Cause, Change, Transition
from schoolpulse.incidents.mutes import CalendarSettings, PlannedMutes, SchoolCalendar, Window
from schoolpulse.incidents.roster import Roster
from schoolpulse.registry.models import School

PAGE = Path(__file__).parents[3] / "docs/ops/incident-timelines.md"
BLOCK = re.compile(r"^### ([^\n]+)\n(?:(?!### |```)[^\n]*\n)*```\n(.*?)^```", re.MULTILINE | re.DOTALL)
SCHOOLS = re.compile(r"(\S+) of (\S+)(?: in (\S+))?(?: with (backup))?")


def blocks() -> list[tuple[str, str]]:
    return BLOCK.findall(PAGE.read_text("utf-8"))


def said(transition: Transition) -> str:
    """What the page says of it."""
    incident = transition.incident
    whom = incident.device or incident.school or incident.provider or incident.scope.value
    words = [f"-> {seconds(transition.at_ms):g}", incident.kind.value, "of", whom, transition.change.value]
    words += [f"({incident.cause.value})", f"from {seconds(incident.start):g}"]
    if incident.end is not None:
        words.append(f"to {seconds(incident.end):g}")
    if transition.pages:
        words.append("all-clear" if transition.change is Change.RESOLVED else "PAGE")
    elif transition.change is Change.OPENED:
        words.append(f"no page: {transition.evidence[-1]['why']}")
    return " ".join(words)


def is_shown(transition: Transition) -> bool:
    pages = transition.pages and transition.change is not Change.RESOLVED
    return pages or transition.incident.parent is None


def parts(text: str) -> tuple[list[School], PlannedMutes, str, float, list[str]]:
    """The schools, the mutes, the timeline, its end and what is expected of it."""
    schools: list[School] = []
    windows: list[Window] = []
    timeline, expected, ends, calendar = [], [], 0.0, None
    for line in text.splitlines():
        if line.startswith("->"):
            expected.append(line)
        elif line == "given closed until 1000":
            calendar = SchoolCalendar(CalendarSettings(hours=("21:30", "24:00")))
            assert calendar.next_opening_ms(T0) == T0 + 1_000_000
        elif line.startswith("given work of "):
            *_, whose, _, end = line.split()
            windows.append(
                Window(id=f"w{len(windows)}", from_ms=T0, to_ms=T0 + int(end) * 1000, provider=whose)
            )
        elif line.startswith("given "):
            found = SCHOOLS.fullmatch(line.removeprefix("given "))
            assert found is not None, line
            area = (found[3],) if found[3] else ()
            schools += [school(one, found[2], backup=bool(found[4]), area=area) for one in _who(found[1])]
        elif line.startswith("until "):
            ends = float(line.removeprefix("until "))
        else:
            timeline.append(line)
            ends = max(ends, float(line.rpartition(":")[2].split()[0].rpartition("-")[2]))
    schools = schools or [school("s1")]
    mutes = PlannedMutes(calendar, windows)
    mutes.roster = Roster(schools)
    return schools, mutes, "\n".join(timeline), ends, expected


@pytest.mark.parametrize(("title", "text"), blocks(), ids=[title for title, _ in blocks()])
def test_a_timeline_of_the_page_is_what_happens(title: str, text: str) -> None:
    schools, mutes, timeline, ends, expected = parts(text)
    story = play(timeline, schools, mutes=mutes, until=ends)
    assert [said(one) for one in story.transitions if is_shown(one)] == expected, title


def test_every_cause_has_its_timeline() -> None:
    shown = set(re.findall(r"\((\w+)\) from", PAGE.read_text("utf-8")))
    # A crash is told by devices behind the gateway, which timelines of a few words do not have.
    assert {cause.value for cause in Cause} - shown == {"gateway_crash"}
    assert len(blocks()) >= 25
