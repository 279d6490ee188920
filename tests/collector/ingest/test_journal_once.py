"""Any interleaving of commits, failures, trims and restarts keeps each (agent, stream, seq) exactly once."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from collector.ingest.messages_in import NOW_MS, incoming
from fakes import FakeClock
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from schoolpulse.contract.models import Telemetry
from schoolpulse.errors import JournalFull
from schoolpulse.ingest.incoming import Fate
from schoolpulse.ingest.journal import Journal
from schoolpulse.metrics import Metrics
from schoolpulse_agent.wire import parse_confirm

Key = tuple[str, str, int]
_BATCHES = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["s", "t"]), st.integers(1, 12)), max_size=6
)


class JournalMachine(RuleBasedStateMachine):
    """A journal, and beside it the list of what it said that it took."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.taken: list[Key] = []
        self.journal = self._open()

    def _open(self) -> Journal:
        clock = FakeClock(NOW_MS)
        return Journal(self.folder / "j.db", max_bytes=1 << 30, metrics=Metrics(), clock=clock)

    def teardown(self) -> None:
        self.journal.close()
        shutil.rmtree(self.folder)

    @rule(keys=_BATCHES)
    def commit(self, keys: list[Key]) -> None:
        group = [incoming(seq, agent=agent, stream=stream) for agent, stream, seq in keys]
        fates = self.journal.commit(group).fates
        for key, fate in zip(keys, fates, strict=True):
            assert fate is (Fate.DUPLICATE if key in self.taken else Fate.JOURNALLED)
            if fate is Fate.JOURNALLED:
                self.taken.append(key)

    @rule(keys=_BATCHES)
    def commit_while_the_disk_takes_nothing(self, keys: list[Key]) -> None:
        self.journal._writer.execute("PRAGMA query_only=ON")
        try:
            self.journal.commit([incoming(seq, agent=agent, stream=stream) for agent, stream, seq in keys])
        except JournalFull:
            pass
        else:
            assert not keys
        finally:
            self.journal._writer.execute("PRAGMA query_only=OFF")

    @rule()
    def restart(self) -> None:
        self.journal.close()
        self.journal = self._open()

    @rule()
    def crash(self) -> None:
        """Another process opens what is on disk, as it is after a kill: nothing was closed properly."""
        copy = Path(tempfile.mkdtemp())
        for file in self.folder.iterdir():
            shutil.copy(file, copy)
        self.journal.close()
        shutil.rmtree(self.folder)
        self.folder = copy
        self.journal = self._open()

    @rule(keep=st.integers(0, 10))
    def trim(self, keep: int) -> None:
        last = self.journal.last_position
        removed = self.journal.trim(last - keep)
        assert removed <= len(self.taken)

    @invariant()
    def the_journal_ends_with_what_was_taken_last(self) -> None:
        found = [
            (message.agent_id, message.body.stream, message.body.seq)
            for message in self.journal.read(0, 10_000)
            if isinstance(message.body, Telemetry)
        ]
        assert found == self.taken[len(self.taken) - len(found) :]

    @invariant()
    def confirms_say_what_was_taken_and_nothing_else(self) -> None:
        for agent, stream in {key[:2] for key in self.taken}:
            (payload,) = self.journal.confirms(agent, stream)
            confirm = parse_confirm(payload)
            said = set(range(1, confirm.through + 1))
            for first, last in confirm.also:
                said |= set(range(first, last + 1))
            assert said == {seq for *owner, seq in self.taken if owner == [agent, stream]}


JournalMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestJournalOnce = JournalMachine.TestCase
