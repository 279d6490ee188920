"""A classroom's agent is no gateway: its silence is no outage, and its voice is no proof of a line."""

from __future__ import annotations

from dataclasses import replace

from timelines import play, school

from schoolpulse.incidents.model import SchoolStatus
from schoolpulse.registry.models import Classroom

SCHOOL = replace(school("s1"), classrooms=(Classroom("gw-pc", "7A1"),))


def test_a_classrooms_pc_that_is_switched_off_is_no_outage() -> None:
    story = play(
        """
        0-7200       speaks
        pc: 0-300    speaks
        pc: 345      will
        """,
        [SCHOOL],
    )
    assert story.transitions == []
    assert story.engine.statuses() == {"s1": SchoolStatus.ONLINE}


def test_a_classrooms_pc_that_speaks_does_not_hide_a_dead_line() -> None:
    alone = play("0-300 speaks\n345 will", [SCHOOL])
    story = play("0-300 speaks\n345 will\npc: 0-900 speaks lean", [SCHOOL])
    assert story.pages == alone.pages == [(355, "s1")]
    assert story.engine.statuses() == {"s1": SchoolStatus.DOWN}
