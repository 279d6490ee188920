"""What days without a line leave in the spool: measured in virtual time with the agent's own code."""

from __future__ import annotations

from pathlib import Path

import pytest
from virtual_agent import DAY_S, Online, VirtualAgent

from schoolpulse_agent.disk import MemoryDisk

HOUR_S = 3600.0


def dead(second: float) -> bool:
    """A line that dies after an hour."""
    return second < HOUR_S


def flapping(second: float) -> bool:
    """A line that comes and goes every two and a half minutes: changes are reported one by one."""
    return second < HOUR_S or int(second / 150) % 2 == 0


@pytest.mark.parametrize("online", [dead, flapping])
def test_seven_days_without_the_collector_fit_into_the_spool(tmp_path: Path, online: Online) -> None:
    agent = VirtualAgent(tmp_path, online, MemoryDisk())
    agent.run_until(HOUR_S)
    before = agent.spool.stats
    agent.run_until(HOUR_S + DAY_S / 8)
    after = agent.spool.stats
    assert after.lost == 0
    assert after.owed - before.owed >= DAY_S / 8 / agent.settings.batch.interval_s - 1
    week = (after.bytes - before.bytes) * 8 * 7
    assert 0 < week <= agent.settings.spool.max_bytes / 2, f"{week / 1e6:.1f} MB"
