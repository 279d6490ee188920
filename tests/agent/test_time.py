"""Nothing is stamped before the time is known, nothing twice, and each series' times rise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock

from schoolpulse_agent import kernel_clock
from schoolpulse_agent.clock import boot_id, newest_change_ms
from schoolpulse_agent.disk import MemoryDisk
from schoolpulse_agent.holding import Holding
from schoolpulse_agent.probes.base import Reading, Round
from schoolpulse_agent.recorder import MAX_SAMPLES, Recorder
from schoolpulse_agent.spool import MAX_BODY_BYTES, Spool
from schoolpulse_agent.timekeeper import TimeKeeper
from schoolpulse_agent.wire import MIN_TIME_MS, Confirm

NOW_MS = 1_790_000_000_000
HOUR_S = 3600.0


class Wrong(FakeClock):
    """A clock that can be set without time going by."""

    def set(self, now_ms: int) -> None:
        self._start_ms += now_ms - self._now_ms
        self._now_ms = now_ms


class Box:
    """A machine with a clock, a kernel's word on it, and everything from readings to the spool."""

    def __init__(self, *, now_ms: int = NOW_MS, synced: bool | None = False, battery: bool = False) -> None:
        self.clock = Wrong(now_ms)
        self.synced = synced
        self.battery = battery
        self.disk = MemoryDisk()
        self.notified = 0
        self.start(boot="b1")

    def start(self, boot: str) -> None:
        self.spool = Spool(Path("/spool"), max_bytes=1_000_000, disk=self.disk)
        self.holding = Holding(Path("/unstamped"), boot, self.disk)
        self.keeper = TimeKeeper(
            self.clock,
            is_synced=lambda: self.synced,
            survives_power_cuts=self.battery,
            wait_s=300,
            not_before_ms=NOW_MS - 1000,
        )
        self.recorder = Recorder(self.spool, self.holding, self.keeper, boot, self.notify)

    def notify(self) -> None:
        self.notified += 1

    def take(self, *values: int, changes: tuple[str, ...] = (), tag: str = "x") -> None:
        readings = [Reading("m", (("tag", tag),), (("value", value),)) for value in values]
        self.recorder.take(Round(readings, changes), self.clock.monotonic())

    def batches(self) -> list[dict[str, Any]]:
        return [json.loads(self.spool.read(seq) or b"") for seq in self.spool.pending()]

    def rows(self) -> list[tuple[int, Any]]:
        return [
            (row[0], row[2][0])
            for batch in self.batches()
            for block in batch["blocks"]
            for row in block["rows"]
        ]


# ---- is the time known


@pytest.mark.parametrize(
    ("synced", "battery", "now_ms", "up_s", "expected"),
    [
        (True, False, NOW_MS, 0, "synced"),
        (True, False, MIN_TIME_MS - 1, 0, None),  # the kernel says so of a time before schools measured
        (False, False, NOW_MS, 10, None),
        (False, False, NOW_MS, 300, "unsynced"),  # nobody will tell it better
        (None, False, NOW_MS, 300, "unsynced"),
        (False, True, NOW_MS, 0, "unsynced"),
        (False, True, NOW_MS - 60_000, 0, None),  # a battery clock that went backwards is empty
        (False, True, 0, 10_000, None),
    ],
)
def test_whether_the_time_is_believed(
    synced: bool | None, battery: bool, now_ms: int, up_s: float, expected: str | None
) -> None:
    box = Box(now_ms=now_ms, synced=synced, battery=battery)
    box.clock.advance(up_s)
    box.clock.set(now_ms)
    assert box.keeper.state() == expected


def test_the_kernel_is_asked() -> None:
    assert kernel_clock.is_synced() in {True, False}


def test_a_battery_or_a_host_clock_is_found(tmp_path: Path) -> None:
    assert not kernel_clock.survives_power_cuts(tmp_path)
    sources = tmp_path / "sys/devices/system/clocksource/clocksource0/available_clocksource"
    sources.parent.mkdir(parents=True)
    sources.write_text("tsc acpi_pm\n")
    assert not kernel_clock.survives_power_cuts(tmp_path)
    sources.write_text("kvm-clock tsc\n")
    assert kernel_clock.survives_power_cuts(tmp_path)
    (tmp_path / "sys/class/rtc/rtc0").mkdir(parents=True)
    sources.unlink()
    assert kernel_clock.survives_power_cuts(tmp_path)


def test_boot_ids_and_the_newest_file(tmp_path: Path) -> None:
    file = tmp_path / "boot_id"
    assert boot_id(file) == "unknown"
    assert newest_change_ms(tmp_path) == 0
    file.write_text("6f0ef228-7243-43a0-b735-35eb72b37a0e\n")
    assert boot_id(file) == "6f0ef228724343a0b73535eb72b37a0e"
    assert newest_change_ms(tmp_path) == int(file.stat().st_mtime * 1000)


# ---- before and after


def test_samples_from_before_the_time_is_known_are_stamped_once_when_it_is() -> None:
    box = Box(now_ms=MIN_TIME_MS)  # what a router without a battery believes
    box.take(1)
    box.clock.advance(30)
    box.recorder.flush()
    box.take(2)
    box.clock.advance(30)
    assert box.batches() == []
    box.synced = True
    box.clock.set(NOW_MS)
    box.take(3)
    box.recorder.flush()
    assert box.rows() == [(NOW_MS - 60_000, 1), (NOW_MS - 30_000, 2), (NOW_MS, 3)]
    assert [batch["clock"] for batch in box.batches()] == ["repaired", "repaired", "synced"]
    assert box.notified
    box.recorder.flush()
    assert len(box.rows()) == 3


def test_a_restart_in_the_same_boot_finds_what_was_held_and_stamps_it_the_same() -> None:
    box = Box(now_ms=MIN_TIME_MS)
    box.take(1)
    box.recorder.flush()
    held = dict(box.disk.files)
    held = {path: bytearray(data) for path, data in held.items()}
    box.clock.advance(60)
    box.start(boot="b1")
    box.synced = True
    box.clock.set(NOW_MS)
    box.recorder.flush()
    assert box.rows() == [(NOW_MS - 60_000, 1)]
    # Killed before the holding knew that it had been moved: the offset was written first, so the same
    # sample gets the same time, though the clock has been corrected by a second since.
    offset = box.disk.files[Path("/unstamped/offset")]
    box.disk.files.clear()
    box.disk.files.update(held)
    box.disk.files[Path("/unstamped/offset")] = offset
    box.clock.set(NOW_MS + 1000)
    box.start(boot="b1")
    assert box.rows() == [(NOW_MS - 60_000, 1)]


def test_what_another_boot_held_gets_no_invented_time(caplog: pytest.LogCaptureFixture) -> None:
    box = Box(now_ms=MIN_TIME_MS)
    box.take(1)
    box.recorder.flush()
    box.synced = True
    box.clock.set(NOW_MS)
    box.start(boot="b2")
    box.take(2)
    box.recorder.flush()
    assert box.rows() == [(NOW_MS, 2)]
    assert "1 batches of an earlier start" in caplog.text
    assert len(box.holding) == 0


def test_while_the_time_is_not_known_nothing_empty_is_held() -> None:
    box = Box(now_ms=MIN_TIME_MS)
    box.recorder.flush()
    assert len(box.holding) == 0


# ---- rising times


def test_the_times_of_a_series_rise_through_a_small_step_back() -> None:
    box = Box(synced=True)
    box.take(1)
    box.clock.set(NOW_MS - 2000)
    box.take(2, 3)
    box.clock.advance(5)
    box.take(4)
    box.recorder.flush()
    assert box.rows() == [(NOW_MS, 1), (NOW_MS + 1, 2), (NOW_MS + 2, 3), (NOW_MS + 3000, 4)]


def test_other_series_do_not_matter_and_a_clock_far_ahead_is_left_behind() -> None:
    box = Box(synced=True)
    box.take(1)
    box.take(2, tag="y")
    box.clock.set(NOW_MS - 86_400_000)
    box.take(3)
    box.recorder.flush()
    assert box.rows() == [(NOW_MS, 1), (NOW_MS, 2), (NOW_MS - 86_400_000, 3)]


def test_a_sample_is_as_old_as_its_measurement() -> None:
    box = Box(synced=True)
    began = box.clock.monotonic()
    box.clock.advance(3)
    early = Reading("m", (), (("value", 1),), at=began - 10)
    box.recorder.take(Round([early, early._replace(at=None)]), began)
    box.recorder.flush()
    assert [at for at, _ in box.rows()] == [NOW_MS - 10_000, NOW_MS]


# ---- batches


def test_news_closes_the_batch_at_once() -> None:
    box = Box(synced=True)
    box.take(1)
    assert box.batches() == []
    box.take(2, changes=("uplink wan is not in use any more",))
    assert [value for _, value in box.rows()] == [1, 2]
    assert box.notified == 1


def test_an_empty_batch_says_that_the_agent_lives() -> None:
    box = Box(synced=True)
    box.recorder.flush()
    assert [batch["blocks"] for batch in box.batches()] == [[]]


def test_large_batches_are_split_and_all_of_them_fit() -> None:
    box = Box(synced=True)
    for n in range(MAX_SAMPLES // 2):
        box.take(n, tag="x" * 250 + f"{n:04}")
        box.take(n, tag="y" * 250 + f"{n:04}")
    bodies = [box.spool.read(seq) or b"" for seq in box.spool.pending()]
    assert len(bodies) > 1
    assert all(0 < len(body) <= MAX_BODY_BYTES for body in bodies)
    assert len(box.rows()) == MAX_SAMPLES


def test_confirmed_batches_do_not_come_back_from_holding() -> None:
    box = Box(now_ms=MIN_TIME_MS)
    box.take(1)
    box.recorder.flush()
    box.synced = True
    box.clock.set(NOW_MS)
    box.recorder.flush()
    box.spool.confirm(Confirm(box.spool.stream, box.spool.last_seq))
    box.holding.close()
    box.spool.close()
    box.start(boot="b1")
    assert box.rows() == []
