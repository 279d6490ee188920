"""The journal full, on a disk that takes nothing, damaged, and written by other versions."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from collector.ingest.journals import D, J, Open, Q, seqs_in
from collector.ingest.messages_in import NOW_MS, incoming, state
from fakes import FakeClock

from schoolpulse.errors import JournalFull
from schoolpulse.ingest.incoming import Incoming
from schoolpulse.ingest.journal import Journal
from schoolpulse.metrics import Metrics


def test_space_comes_back(reopen: Open) -> None:
    held = reopen()
    empty = held.used_bytes()
    for seq in range(1, 200):
        held.commit([incoming(seq, rows=500)])
    full = held.used_bytes()
    while held.trim(held.last_position):
        pass
    assert full > 1_000_000
    assert held.used_bytes() - empty < 100_000


def test_a_full_journal_takes_nothing_and_goes_on_when_there_is_room(reopen: Open) -> None:
    held = reopen(max_bytes=400_000)
    groups = [[incoming(seq, rows=100)] for seq in range(1, 1000)]
    with pytest.raises(JournalFull, match="limit of 400000 bytes") as caught:
        _ = [held.commit(group) for group in groups]
    seq = len(seqs_in(held)) + 1
    assert caught.value.hint
    assert seqs_in(held) == list(range(1, seq))
    assert held.confirms("a", "s") == [b'{"stream":"s","through":%d,"also":[]}' % (seq - 1)]
    held.set_cursor("store", held.last_position)
    assert held.trim(held.cursor("store")) > 0
    assert held.commit([incoming(seq, rows=100)]).fates == [J]


@pytest.mark.parametrize(
    ("damage", "undo", "hint"),
    [
        ("PRAGMA max_page_count={pages}", "PRAGMA max_page_count=1000000", "disk is full"),
        ("PRAGMA query_only=ON", "PRAGMA query_only=OFF", "read-only"),
    ],
)
def test_a_disk_that_takes_nothing_changes_nothing(reopen: Open, damage: str, undo: str, hint: str) -> None:
    held = reopen()
    held.commit([incoming(1)])
    (pages,) = held._writer.execute("PRAGMA page_count").fetchone()
    held._writer.execute(damage.format(pages=pages))
    group = [
        incoming(2, rows=1000),
        state(),
        Incoming.of("x", b"", NOW_MS),
        incoming(9, agent="b", rows=1000),
    ]
    for _ in range(3):
        with pytest.raises(JournalFull) as caught:
            held.commit(group)
        assert hint in caught.value.hint
    assert (seqs_in(held), len(held.streams()), held.dead_letters()) == ([1], 1, [])
    held._writer.execute(undo)
    assert held.commit(group).fates == [J, J, Q, J]
    assert held.commit(group).fates == [D, J, Q, D]


def test_a_damaged_journal_is_moved_aside_and_positions_still_rise(
    reopen: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    held = reopen()
    held.commit([incoming(seq) for seq in range(1, 500)])
    last = held.last_position
    held.close()
    (tmp_path / "j.db").write_bytes(b"this is no database " * 1000)
    held = Journal(tmp_path / "j.db", max_bytes=1 << 30, metrics=Metrics(), clock=FakeClock(NOW_MS + 5_000))
    assert "damaged" in caplog.text
    assert (tmp_path / f"j.db.damaged-{NOW_MS + 5_000}").exists()
    held.commit([incoming(500)])
    assert held.read(last, 5)[0].position == held.last_position > last
    held.close()


def test_a_journal_of_a_newer_version_is_left_alone(reopen: Open, tmp_path: Path) -> None:
    reopen().close()
    connection = sqlite3.connect(tmp_path / "j.db")
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(JournalFull, match="newer version"):
        reopen()
    connection = sqlite3.connect(tmp_path / "j.db")
    connection.execute("PRAGMA user_version=1")
    connection.close()
    reopen()


def test_a_message_that_an_earlier_version_took_goes_to_quarantine_and_the_rest_is_read(reopen: Open) -> None:
    held = reopen()
    held.commit([incoming(seq) for seq in (1, 2, 3)])
    held._writer.execute("UPDATE messages SET payload=X'7b7d' WHERE position=?", (held.last_position - 1,))
    held = reopen()
    assert [seqs_in(held), seqs_in(held)] == [[1, 3], [1, 3]]
    assert held.dead_letter_counts() == {"missing_field": 1}
