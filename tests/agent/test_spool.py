"""The spool keeps what it took, through kills, cuts, garbage and full disks, and never numbers twice."""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from schoolpulse_agent import segments
from schoolpulse_agent.disk import MemoryDisk, SystemDisk
from schoolpulse_agent.errors import SpoolInUse
from schoolpulse_agent.spool import MAX_BODY_BYTES, Spool
from schoolpulse_agent.wire import Confirm

ROOMY = 1_000_000


class StubbornDisk(SystemDisk):
    """A disk that refuses to write while `refusal` is set."""

    def __init__(self, refusal: int | None = None) -> None:
        self.refusal = refusal

    def write_at(self, path: Path, offset: int, data: bytes) -> None:
        if self.refusal is not None:
            raise OSError(self.refusal, os.strerror(self.refusal))
        super().write_at(path, offset, data)


def body(number: int) -> bytes:
    return b'{"n":%d}' % number


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes that no packing makes smaller, the same for the same seed."""
    return random.Random(seed).randbytes(size)


def fill(spool: Spool, count: int) -> list[int]:
    return [spool.append(body(n)) for n in range(1, count + 1)]


def segment_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*-*/*.seg"))


def reopen(spool: Spool, max_bytes: int = ROOMY) -> Spool:
    spool.close()
    return Spool(spool.folder, max_bytes=max_bytes)


def test_numbers_begin_at_1_and_are_contiguous_over_restarts(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=ROOMY)
    assert fill(spool, 3) == [1, 2, 3]
    again = reopen(spool)
    assert again.stream == spool.stream
    assert again.append(body(4)) == 4
    assert [again.read(seq) for seq in (1, 2, 3, 4)] == [body(n) for n in (1, 2, 3, 4)]
    again.close()


def test_two_spools_have_different_streams(tmp_path: Path) -> None:
    streams = {Spool(tmp_path / str(n), max_bytes=ROOMY).stream for n in range(5)}
    assert len(streams) == 5
    assert all(len(stream) == 32 for stream in streams)


def test_only_one_process_works_in_a_folder(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=ROOMY)
    with pytest.raises(SpoolInUse, match="another agent already works"):
        Spool(tmp_path, max_bytes=ROOMY)
    reopen(spool).close()


def test_what_is_confirmed_is_forgotten_for_good(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=ROOMY)
    fill(spool, 10)
    assert spool.confirm(Confirm(spool.stream, 3, ((5, 6), (9, 9)))) == 6
    assert spool.confirm(Confirm(spool.stream, 3, ((5, 6),))) == 0
    pending = spool.pending()
    assert (list(pending), list(reversed(pending))) == ([4, 7, 8, 10], [10, 8, 7, 4])
    assert (len(pending), pending.oldest, pending.newest, 7 in pending, 6 in pending) == (
        4,
        4,
        10,
        True,
        False,
    )
    assert spool.read(5) is None
    again = reopen(spool)
    assert list(again.pending()) == [4, 7, 8, 10]
    again.close()


def test_a_confirm_of_a_strange_stream_changes_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=ROOMY)
    fill(spool, 3)
    assert spool.confirm(Confirm("f" * 32, 3)) == 0
    assert len(spool.pending()) == 3
    spool.close()


def test_whole_confirmed_segments_are_deleted_wherever_they_are(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=16 * 1024)
    for n in range(200):
        spool.append(body(n) * 5)
    files = segment_files(tmp_path)
    assert len(files) > 4
    second, third = int(files[1].stem), int(files[2].stem)
    spool.confirm(Confirm(spool.stream, 0, ((second, third - 1),)))
    assert segment_files(tmp_path) == [files[0], *files[2:]]
    spool.confirm(Confirm(spool.stream, 200))
    assert segment_files(tmp_path) == [files[-1]]  # the one that is written to
    again = reopen(spool, 16 * 1024)
    assert (again.last_seq, len(again.pending()), again.discarded_through) == (200, 0, None)
    assert again.append(b"{}") == 201
    again.close()


def test_a_full_spool_gives_up_its_oldest_segment_and_says_through_where(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=16 * 1024)
    for n in range(1, 1001):
        spool.append(body(n) * 4)
    oldest = spool.pending().oldest
    assert oldest is not None
    assert oldest > 1
    assert spool.discarded_through == oldest - 1
    assert sum(file.stat().st_size for file in segment_files(tmp_path)) <= 16 * 1024
    assert spool.read(oldest) == body(oldest) * 4
    assert spool.stats.lost == oldest - 1
    again = reopen(spool, 16 * 1024)
    assert again.discarded_through == oldest - 1
    # Nothing that is still owed is counted as discarded, even when the newest are confirmed first.
    again.confirm(Confirm(again.stream, 0, ((oldest + 1, 1000),)))
    assert again.discarded_through == oldest - 1
    # What the collector has counted as a gap, it need not be told again.
    again.confirm(Confirm(again.stream, 1000))
    assert again.discarded_through is None
    again.close()


def test_a_body_that_fits_no_message_is_refused_and_uses_no_number(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=ROOMY)
    with pytest.raises(ValueError, match="fits no message"):
        spool.append(b"x" * (MAX_BODY_BYTES + 1))
    assert spool.append(b"x" * MAX_BODY_BYTES) == 1
    spool.close()


def test_a_segment_cut_at_any_byte_loses_at_most_its_end_and_no_number_is_used_twice(tmp_path: Path) -> None:
    original = tmp_path / "original"
    spool = Spool(original, max_bytes=ROOMY)
    fill(spool, 4)
    spool.close()
    (file,) = segment_files(original)
    size = file.stat().st_size
    for cut in range(size):
        folder = tmp_path / f"cut-{cut}"
        shutil.copytree(original, folder)
        (copy,) = segment_files(folder)
        os.truncate(copy, cut)
        held = len(segments.scan(copy.read_bytes(), spool.stream, 1).records)
        again = Spool(folder, max_bytes=ROOMY)
        assert [again.read(seq, spool.stream) for seq in range(1, held + 1)] == [
            body(n) for n in range(1, held + 1)
        ], cut
        assert list(again.pending(spool.stream)) == list(range(1, held + 1)), cut
        # Numbers past the cut may have been sent: never again in this stream.
        assert again.stream != spool.stream, cut
        assert again.append(body(99)) == 1, cut
        assert again.read(1) == body(99), cut
        again.close()
        shutil.rmtree(folder)


@pytest.mark.parametrize("garbage", [b"\0" * 8, b"\xff" * 3, b"\xf5SPR" + b"\0" * 12])
def test_garbage_written_over_any_byte_is_passed_over(tmp_path: Path, garbage: bytes) -> None:
    original = tmp_path / "original"
    spool = Spool(original, max_bytes=ROOMY)
    fill(spool, 4)
    spool.close()
    (file,) = segment_files(original)
    data = file.read_bytes()
    begins = [offset for _, offset in segments.scan(data, spool.stream, 1).records]
    for at in range(len(data)):
        folder = tmp_path / "spoiled"
        shutil.copytree(original, folder)
        (copy,) = segment_files(folder)
        copy.write_bytes(data[:at] + garbage + data[at + len(garbage) :])
        again = Spool(folder, max_bytes=ROOMY)
        owed = list(again.pending(spool.stream))
        assert [again.read(seq, spool.stream) for seq in owed] == [body(n) for n in owed], at
        hit = {n for n, begin in enumerate(begins, start=1) if begin < at + len(garbage)} - {
            n for n, begin in enumerate(begins[1:], start=1) if begin <= at
        }
        assert set(owed) | hit >= {1, 2, 3, 4}, at
        given_before = (again.stream, again.append(body(99)))
        assert given_before not in {(spool.stream, n) for n in (1, 2, 3, 4)}, at
        again.close()
        shutil.rmtree(folder)


def test_a_spoiled_middle_is_counted_lost_and_the_stream_goes_on(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=ROOMY)
    fill(spool, 5)
    spool.close()
    (file,) = segment_files(tmp_path)
    data = file.read_bytes()
    at = data.index(body(3))
    file.write_bytes(data[:at] + b"XXX" + data[at + 3 :])
    again = Spool(tmp_path, max_bytes=ROOMY)
    assert again.stream == spool.stream
    assert list(again.pending()) == [1, 2, 4, 5]
    assert again.discarded_through is None  # 1 and 2 are still owed
    again.confirm(Confirm(again.stream, 2))
    assert again.discarded_through == 3
    assert again.append(body(6)) == 6
    again.close()


def test_damage_that_comes_while_running_is_found_when_read(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=ROOMY)
    fill(spool, 3)
    (file,) = segment_files(tmp_path)
    data = file.read_bytes()
    file.write_bytes(data.replace(body(1), b'{"n":7}'))
    assert spool.read(1) is None
    assert list(spool.pending()) == [2, 3]
    assert spool.discarded_through == 1
    spool.close()


@pytest.mark.parametrize("missing", ["newest segment", "all segments", "folder"])
def test_what_vanished_without_a_trace_begins_a_new_stream(tmp_path: Path, missing: str) -> None:
    spool = Spool(tmp_path, max_bytes=16 * 1024)
    for n in range(200):
        spool.append(body(n) * 5)
    spool.confirm(Confirm(spool.stream, 100))
    spool.close()
    files = segment_files(tmp_path)
    for file in files[-1:] if missing == "newest segment" else files:
        file.unlink()
    if missing == "folder":
        shutil.rmtree(files[0].parent)
    again = Spool(tmp_path, max_bytes=16 * 1024)
    assert again.stream != spool.stream
    assert again.append(b"{}") == 1
    again.close()


def test_a_lost_record_of_confirms_only_means_sending_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=ROOMY)
    fill(spool, 5)
    spool.confirm(Confirm(spool.stream, 3))
    spool.close()
    (state,) = tmp_path.glob("*-*/confirmed.json")
    data = state.read_bytes()
    for spoiled in (data[:-1], b"", data.replace(b"3", b"4"), b"\xff" * 9):
        state.write_bytes(spoiled)
        again = Spool(tmp_path, max_bytes=ROOMY)
        assert (again.stream, list(again.pending())) == (spool.stream, [1, 2, 3, 4, 5])
        again.confirm(Confirm(spool.stream, 3))
        again.close()


def test_an_old_copy_of_the_spool_does_not_use_numbers_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "now", max_bytes=ROOMY)
    fill(spool, 3)
    spool.close()
    shutil.copytree(tmp_path / "now", tmp_path / "backup")
    later = Spool(tmp_path / "now", max_bytes=ROOMY)
    fill(later, 4)
    later.close()
    restored = Spool(tmp_path / "backup", max_bytes=ROOMY)
    assert restored.append(b"new") == 4  # the collector took another batch for this number
    restored.confirm(Confirm(spool.stream, 7))
    assert restored.stream != spool.stream
    assert [restored.read(seq) for seq in restored.pending()] == [b"new"]
    assert not restored.pending(spool.stream)
    restored.close()


def test_a_former_stream_is_dropped_when_nothing_of_it_is_owed(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=ROOMY)
    fill(spool, 2)
    spool.close()
    (file,) = segment_files(tmp_path)
    os.truncate(file, file.stat().st_size - 1)
    again = Spool(tmp_path, max_bytes=ROOMY)
    again.append(body(1))
    assert again.streams() == (again.stream, spool.stream)
    assert again.confirm(Confirm(spool.stream, 5)) == 2  # more than we know of: fine, it is former
    assert again.streams() == (again.stream,)
    assert not file.parent.exists()
    again.close()


@pytest.mark.parametrize("refusal", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_disk_that_refuses_is_gone_round_in_memory_and_said_once(
    tmp_path: Path, refusal: int, caplog: pytest.LogCaptureFixture
) -> None:
    disk = StubbornDisk()
    spool = Spool(tmp_path, max_bytes=ROOMY, disk=disk)
    fill(spool, 2)
    on_disk = spool.stream
    disk.refusal = refusal
    numbers = [spool.append(body(n)) for n in range(10, 15)]
    assert numbers == [1, 2, 3, 4, 5]
    assert spool.stream != on_disk  # what dies with the process must not share numbers with what does not
    assert not spool.stats.on_disk
    assert [r.message for r in caplog.records if "kept in memory" in r.message] == [caplog.records[0].message]
    assert spool.confirm(Confirm(spool.stream, 2)) == 2
    assert set(spool.streams()) == {spool.stream, on_disk}
    in_memory = spool.stream
    disk.refusal = None
    while not spool.stats.on_disk:
        spool.append(b"{}")
    again = reopen(spool)
    assert again.read(3, in_memory) == body(12)
    assert again.read(1, on_disk) == body(1)
    assert 2 not in again.pending(in_memory)
    again.close()


def test_memory_is_bounded_too(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=ROOMY, disk=StubbornDisk(errno.ENOSPC))
    big = noise(100_000)
    for _ in range(30):
        spool.append(big)
    assert len(spool.pending()) * len(big) <= ROOMY
    assert spool.last_seq in spool.pending()
    assert spool.discarded_through is not None
    spool.close()


def test_a_spool_opens_on_a_disk_that_cannot_be_written(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", max_bytes=ROOMY, disk=StubbornDisk(errno.EROFS))
    assert spool.append(b"{}") == 1
    assert spool.read(1) == b"{}"
    spool.close()


KILLED = """
import sys
from pathlib import Path
from schoolpulse_agent.spool import Spool
spool = Spool(Path(sys.argv[1]), max_bytes=1_000_000)
n = 0
while True:
    n += 1
    seq = spool.append(b'{"n":%d}' % n + b" " * (n % 300))
    sys.stdout.write(f"{spool.stream} {seq} {n}\\n")
    sys.stdout.flush()
"""


def test_a_killed_process_loses_nothing_that_append_returned(tmp_path: Path) -> None:
    returned: dict[tuple[str, int], int] = {}
    for turn in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for _ in range(20 + turn * 7):
            stream, seq, count = process.stdout.readline().split()
            assert (stream, int(seq)) not in returned
            returned[stream, int(seq)] = int(count)
        process.kill()
        process.wait(30)
        for line in process.stdout.read().splitlines():
            if len(line.split()) == 3 and line.endswith(tuple("0123456789")):
                stream, seq, last = line.split()
                returned.setdefault((stream, int(seq)), int(last))
        process.stdout.close()
    spool = Spool(tmp_path, max_bytes=ROOMY)
    for (stream, number_in_stream), number in returned.items():
        found = spool.read(number_in_stream, stream)
        assert found is not None
        assert found.startswith(b'{"n":')
        assert str(number).encode() in found
    spool.close()


def test_threads_share_a_spool(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=ROOMY)
    numbers: list[int] = []

    def work() -> None:
        for _ in range(50):
            seq = spool.append(b"{}")
            numbers.append(seq)
            spool.confirm(Confirm(spool.stream, 0, ((seq, seq),)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 201))
    assert not spool.pending()
    spool.close()


class SpoolMachine(RuleBasedStateMachine):
    """Any order of appending, confirming, restarting and cutting, against a plain dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.disk = MemoryDisk()
        self.spool = self.open()
        self.model: dict[tuple[str, int], bytes] = {}
        self.given: set[tuple[str, int]] = set()
        self.count = 0

    def open(self) -> Spool:
        return Spool(Path("/spool"), max_bytes=100_000, disk=self.disk)

    @rule(size=st.integers(0, 2000))
    def append(self, size: int) -> None:
        self.count += 1
        content = body(self.count) + noise(size, self.count)
        seq = self.spool.append(content)
        batch = (self.spool.stream, seq)
        assert batch not in self.given
        self.given.add(batch)
        self.model[batch] = content

    @precondition(lambda self: bool(self.model))
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        stream, seq = data.draw(st.sampled_from(list(self.model)))  # by age: ids are random
        last = data.draw(st.integers(seq, seq + 5))
        last = min(last, max(s for st_, s in self.given if st_ == stream))
        self.spool.confirm(Confirm(stream, 0, ((seq, last),)))
        for number in range(seq, last + 1):
            self.model.pop((stream, number), None)

    @rule()
    def restart(self) -> None:
        self.spool.close()
        self.spool = self.open()

    @rule()
    def crash(self) -> None:
        """What was confirmed since the last save may come back; nothing else may."""
        self.spool = self.open()
        back = {(s, n) for s in self.spool.streams() for n in self.spool.pending(s)}
        assert back >= set(self.model)
        for stream, seq in sorted(back - set(self.model), key=lambda batch: batch[1]):
            content = self.spool.read(seq, stream)
            assert content is not None
            self.model[stream, seq] = content

    @precondition(lambda self: self.disk.files)
    @rule(data=st.data())
    def cut(self, data: st.DataObject) -> None:
        """Power fails, and the newest file is shorter than it was."""
        self.spool.close()
        files = sorted(path for path in self.disk.files if path.suffix == ".seg")
        if files:
            file = self.disk.files[files[-1]]
            del file[data.draw(st.integers(0, len(file))) :]
        self.spool = self.open()
        left = {(s, n) for s in self.spool.streams() for n in self.spool.pending(s)}
        assert left <= set(self.model)
        self.model = {batch: content for batch, content in self.model.items() if batch in left}

    @invariant()
    def holds_the_model(self) -> None:
        owed = {(s, n): self.spool.read(n, s) for s in self.spool.streams() for n in self.spool.pending(s)}
        assert owed == self.model


SpoolMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestSpoolMachine = SpoolMachine.TestCase
