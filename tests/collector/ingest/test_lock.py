"""Two collectors on one journal: the second says so and leaves everything as it was."""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from collector.ingest.journals import Open, seqs_in
from collector.ingest.messages_in import NOW_MS, incoming
from fakes import FakeClock

from schoolpulse.errors import UsageError
from schoolpulse.ingest.journal import Journal
from schoolpulse.metrics import Metrics


def another(path: Path) -> Journal:
    return Journal(path, max_bytes=1 << 30, metrics=Metrics(), clock=FakeClock(NOW_MS))


def test_the_second_is_refused_and_told_what_to_do(reopen: Open, tmp_path: Path) -> None:
    held = reopen()
    held.commit([incoming(1)])
    with pytest.raises(UsageError) as refused:
        another(tmp_path / "j.db")
    assert str(refused.value) == f"another collector works on {tmp_path} (process {os.getpid()})"
    assert "data_dir" in refused.value.hint
    held.commit([incoming(2)])
    assert seqs_in(reopen()) == [1, 2], "closed and opened again, as by a restart"


def test_a_folder_that_takes_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        another(tmp_path / "nowhere" / "j.db")


def hold(path: Path, ready: Connection) -> None:
    """Hold it until killed; a child process."""
    journal = another(path)
    ready.send(journal.last_position)
    signal.pause()


def test_one_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    here, there = context.Pipe()
    child = context.Process(target=hold, args=(tmp_path / "j.db", there))
    child.start()
    assert here.poll(60)
    here.recv()
    with pytest.raises(UsageError, match=f"process {child.pid}"):
        another(tmp_path / "j.db")
    child.kill()
    child.join()
    another(tmp_path / "j.db").close()
