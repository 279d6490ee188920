"""Availability from incidents: known, unknown, on backup; nothing counted twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schoolpulse.incidents.model import Cause, Incident, IncidentKind, Scope
from schoolpulse.incidents.sla import availability


def incident(
    kind: IncidentKind,
    start: int,
    end: int | None,
    *,
    school: str | None = "s1",
    cause: Cause = Cause.LINE_CUT,
) -> Incident:
    return Incident(
        id=f"{kind}{start}",
        kind=kind,
        cause=cause,
        scope=Scope.SCHOOL if school else Scope.SELF,
        school=school,
        provider=None,
        start=start,
        end=end,
        detected_at=start,
        confirmed_at=start,
    )


def test_what_is_down_on_backup_and_unknown() -> None:
    found = availability(
        "s1",
        [
            incident(IncidentKind.OUTAGE, 100, 200),
            incident(IncidentKind.ON_BACKUP, 150, 300),
            incident(IncidentKind.OUTAGE, 500, 600, school="s2"),
            incident(IncidentKind.BLIND, 180, 400, school=None, cause=Cause.MONITORING_BLIND),
            incident(IncidentKind.OUTAGE, 700, 800, cause=Cause.AGENT_STOPPED),
            incident(IncidentKind.OUTAGE, 950, None),
            incident(IncidentKind.DNS_ONLY, 850, 900),
        ],
        0,
        1000,
    )
    assert (found.down_ms, found.on_backup_ms, found.unknown_ms, found.failures) == (150, 0, 300, 3)
    assert found.connected_ratio == (700 - 150) / 700
    assert found.broadband_ratio == found.connected_ratio


def test_nothing_known_is_no_figure() -> None:
    found = availability("s1", [], 0, 1000, [(0, 1000)])
    assert found.broadband_ratio is None
    assert found.connected_ratio is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from([IncidentKind.OUTAGE, IncidentKind.ON_BACKUP, IncidentKind.BLIND]),
            st.integers(0, 900),
            st.integers(1, 300),
        ),
        max_size=12,
    )
)
def test_the_parts_never_exceed_the_whole(spans: list[tuple[IncidentKind, int, int]]) -> None:
    incidents = [
        incident(kind, start, start + length, school=None if kind is IncidentKind.BLIND else "s1")
        for kind, start, length in spans
    ]
    found = availability("s1", incidents, 100, 900)
    assert 0 <= found.down_ms + found.on_backup_ms + found.unknown_ms <= 800
    each = [
        [IncidentKind.BLIND, IncidentKind.ON_BACKUP, IncidentKind.OUTAGE].index(kind)
        if start <= at < start + length
        else -1
        for at in range(100, 900)
        for kind, start, length in spans
    ]
    by_moment = [
        max(each[at : at + len(spans)], default=-1) for at in range(0, len(each), max(1, len(spans)))
    ]
    assert found.down_ms == by_moment.count(2)
