"""Silence, backup, recovery, flapping, goodbyes: each rule as a timeline."""

from __future__ import annotations

import pytest
from timelines import play, school, seconds

from schoolpulse.incidents.model import Cause, IncidentKind, SchoolStatus


def test_an_ordinary_day_says_nothing() -> None:
    story = play("0-7200 speaks")
    assert story.transitions == []
    assert story.engine.statuses() == {"s1": SchoolStatus.ONLINE}


def test_a_school_never_heard_is_unknown_and_no_outage() -> None:
    story = play("", [school("s1")])
    assert story.transitions == []
    assert story.engine.statuses() == {"s1": SchoolStatus.UNKNOWN}


def test_a_cut_without_backup_opens_after_the_will_and_its_grace() -> None:
    story = play(
        """
        0-300    speaks
        345      will
        """
    )
    incident = story.only
    assert (incident.kind, incident.cause) == (IncidentKind.OUTAGE, Cause.UNKNOWN)
    assert [seconds(incident.start), seconds(incident.detected_at), seconds(incident.confirmed_at)] == [
        300,
        345,
        355,
    ]
    assert story.pages == [(355, "s1")]
    assert story.engine.statuses() == {"s1": SchoolStatus.DOWN}
    assert incident.end is None


def test_without_a_will_the_heartbeat_deadline_and_five_seconds() -> None:
    story = play("0-300 speaks")
    assert story.pages == [(425, "s1")]


def test_the_line_comes_back_and_the_backlog_tells_the_cause_and_the_true_start() -> None:
    story = play(
        """
        0-300     speaks
        345       will
        900       returns
        901-1500  speaks
        905       late 310-890 dead
        """,
        until=1500,
    )
    incident = story.only
    assert incident.cause is Cause.LINE_CUT
    assert seconds(incident.start) == 310
    assert seconds(incident.end) == 900
    assert seconds(incident.resolved_at) == 1200
    assert story.pages == [(355, "s1")]
    assert story.engine.statuses() == {"s1": SchoolStatus.ONLINE}


def test_a_power_cut_shows_by_a_new_boot_long_after_the_silence_began() -> None:
    story = play(
        """
        0-300     speaks
        345       will
        1800      boots 40
        1810-2400 speaks
        """,
        until=2400,
    )
    assert story.only.cause is Cause.POWER_CUT


def test_a_restart_shows_by_a_new_boot_at_once() -> None:
    story = play(
        """
        0-300     speaks
        345       will
        420       boots 90
        430-1200  speaks
        """,
        until=1200,
    )
    assert story.only.cause is Cause.GATEWAY_REBOOT


def test_the_gateway_before_the_agent_crashed() -> None:
    story = play(
        """
        0-300     speaks
        345       will
        600       returns
        601-1200  speaks
        605       late 310-590 dead gateway
        """,
        until=1200,
    )
    assert story.only.cause is Cause.GATEWAY_CRASH


def test_an_agent_that_measured_nothing_meanwhile_was_not_running() -> None:
    story = play(
        """
        0-300     speaks
        345       will
        600       returns
        630-1200  speaks
        """,
        until=1200,
    )
    assert story.only.cause is Cause.AGENT_STOPPED


def test_a_planned_stop_is_no_outage() -> None:
    story = play(
        """
        0-300     speaks
        310       stops
        """,
        until=1200,
    )
    assert story.transitions == []
    assert story.engine.statuses() == {"s1": SchoolStatus.STOPPED}


def test_a_short_reconnect_is_no_outage() -> None:
    story = play(
        """
        0-300     speaks
        310       will
        316       returns
        330-1200  speaks
        """,
        until=1200,
    )
    assert story.transitions == []


def test_the_will_of_an_older_session_is_ignored() -> None:
    story = play(
        """
        0-300     speaks
        305       returns
        310-1200  speaks
        """,
        until=1200,
    )
    late = play(
        """
        0-300     speaks
        305       returns
        310-1200  speaks
        """,
        until=1200,
    )
    assert story.transitions == late.transitions == []


def test_what_fails_again_within_the_hold_rejoins_its_incident() -> None:
    story = play(
        """
        0-300     speaks
        345       will
        600       returns
        601-640   speaks
        660       will
        900       returns
        901-1500  speaks
        """,
        until=1500,
    )
    assert seconds(story.only.end) == 900
    assert len(story.pages) == 1


def test_thirty_flaps_in_ten_minutes_are_one_page() -> None:
    flaps = "\n".join(f"{300 + 20 * n} will\n{300 + 20 * n + 8} returns" for n in range(30))
    story = play(f"0-290 speaks\n{flaps}\n905-2400 speaks", until=2400)
    assert len(story.pages) == 1
    assert len(story.incidents) == 1
    assert seconds(story.only.end) == 888
    assert story.only.cause is Cause.LINE_CUT


def test_a_minute_of_silence_that_was_over_before_it_was_noticed_is_recorded_and_pages_nobody() -> None:
    story = play(
        """
        0-300     speaks
        362       returns
        370-1200  speaks
        """,
        until=1200,
    )
    assert story.pages == []
    assert (seconds(story.only.start), seconds(story.only.end)) == (300, 362)


def test_on_backup_pages_within_seconds_of_the_evidence() -> None:
    story = play(
        """
        0-300     speaks
        312       will
        316       returns
        318-900   speaks backup
        901-1800  speaks
        """,
        [school("s1", backup=True)],
        until=1800,
    )
    incident = story.only
    assert (incident.kind, incident.cause) == (IncidentKind.ON_BACKUP, Cause.LINE_CUT)
    assert story.pages == [(324, "s1")]
    assert seconds(incident.start) == 298
    assert seconds(incident.end) == 881


def test_silence_while_changing_over_to_the_backup_is_the_same_incident() -> None:
    story = play(
        """
        0-300     speaks
        330       will
        350       returns
        352-900   speaks backup
        """,
        [school("s1", backup=True)],
        until=900,
    )
    assert story.only.kind is IncidentKind.ON_BACKUP
    assert len(story.pages) == 1
    assert story.engine.statuses() == {"s1": SchoolStatus.ON_BACKUP}


def test_the_backup_fails_too() -> None:
    story = play(
        """
        0-300     speaks
        310-600   speaks backup
        650       will
        """,
        [school("s1", backup=True)],
        until=900,
    )
    assert [incident.kind for incident in story.incidents] == [IncidentKind.ON_BACKUP, IncidentKind.OUTAGE]
    assert story.engine.statuses() == {"s1": SchoolStatus.DOWN}


def test_late_samples_never_open_an_incident() -> None:
    story = play(
        """
        0-600     speaks
        605       late 100-400 dead
        610-1200  speaks
        """,
        until=1200,
    )
    assert story.transitions == []


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ("dns", IncidentKind.DNS_ONLY),
        ("captive", IncidentKind.CAPTIVE_PORTAL),
        ("abroad", IncidentKind.INTERNATIONAL_ONLY),
        ("dead", IncidentKind.OUTAGE),
    ],
)
def test_what_the_probes_of_a_speaking_school_say(how: str, kind: IncidentKind) -> None:
    story = play(
        f"""
        0-300     speaks
        330-900   speaks {how}
        930-1800  speaks
        """,
        until=1800,
    )
    assert story.only.kind is kind
    assert seconds(story.only.start) == 310
    assert seconds(story.only.end) == 910


def test_a_probe_that_never_answered_opens_nothing() -> None:
    assert play("0-1800 speaks dead", until=1800).transitions == []
