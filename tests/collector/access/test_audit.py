"""The audit log."""

from __future__ import annotations

from access_parts import access_for
from fakes import FakeClock

from schoolpulse.access.models import CONSOLE, Caller, Role

LAN = Caller("lan", Role.OPERATOR, frozenset({"s1"}))


def test_what_was_done_is_found_again() -> None:
    clock = FakeClock()
    access = access_for(clock)
    audit = access.audit
    audit.record(LAN, "maintenance.add", "w1", {"school": "s1", "role": Role.VIEWER})
    clock.advance(1)
    audit.record(CONSOLE, "maintenance_other.add", "x")
    audit.record(CONSOLE, "user.add", "hoa")
    newest, _, first = audit.list()
    assert (newest.caller, newest.kind, newest.action) == ("console", "console", "user.add")
    assert first.detail == {"school": "s1", "role": "viewer"}
    assert (first.caller, first.role, first.subject) == ("lan", Role.OPERATOR, "w1")
    assert [one.action for one in audit.list(action="maintenance")] == ["maintenance.add"]
    assert [one.id for one in audit.list(caller="lan")] == [first.id]
    assert [one.id for one in audit.list(before=newest.id, limit=1)] == [newest.id - 1]
    assert [one.id for one in audit.list(from_ms=first.at_ms, to_ms=first.at_ms + 1)] == [first.id]


def test_entries_are_bounded_and_dropped_after_their_time() -> None:
    clock = FakeClock()
    access = access_for(clock)
    audit = access.audit
    audit.record(LAN, "room.verb", "s" * 1000, {"text": "x" * 10_000})
    (entry,) = audit.list()
    assert len(entry.subject) == 200
    assert entry.detail == {"left_out_characters": 10_011}
    clock.advance(1_096 * 86_400)
    audit.record(LAN, "room.verb", "later")
    assert [one.subject for one in audit.list()] == ["later"]
