"""A thousand agents do not come in the same second, and session numbers never come twice."""

from __future__ import annotations

import os
import random
from collections import Counter
from errno import EROFS
from pathlib import Path

import pytest
from fakes import FakeClock

from schoolpulse_agent.backoff import Backoff
from schoolpulse_agent.disk import MemoryDisk
from schoolpulse_agent.sessions import Sessions
from schoolpulse_agent.settings import BrokerSettings


def test_after_a_broker_restart_no_second_sees_more_than_a_twentieth_of_the_agents() -> None:
    defaults = BrokerSettings("broker")
    for seed in range(20):
        agents = [
            Backoff(defaults.reconnect_spread_s, defaults.reconnect_max_s, random.Random(seed * 1000 + n))
            for n in range(1000)
        ]
        seconds = Counter(int(agent.next()) for agent in agents)
        assert max(seconds.values()) <= 50
        # The broker is still away: the next tries are spread wider.
        assert max(Counter(int(agent.next()) for agent in agents).values()) <= 50


@pytest.mark.parametrize("away_s", [0.5, 3.0, 15.0, 60.0, 300.0, 3600.0])
def test_however_long_the_broker_was_away_the_agents_come_back_one_after_the_other(away_s: float) -> None:
    """A thousand agents lose their connection at second 0 and try by the real back-off until they succeed."""
    defaults = BrokerSettings("broker")
    for seed in range(2):
        tried: Counter[int] = Counter()
        came_back: Counter[int] = Counter()
        for n in range(1000):
            chance = random.Random(seed * 1000 + n)
            agent = Backoff(defaults.reconnect_spread_s, defaults.reconnect_max_s, chance)
            at_s = agent.next()
            while at_s < away_s:
                tried[int(at_s)] += 1
                at_s += agent.next()
            tried[int(at_s)] += 1
            came_back[int(at_s)] += 1
        assert sum(came_back.values()) == 1000
        assert max(came_back.values()) <= 50
        assert max(tried.values()) <= 50  # an attempt that is refused costs the broker something too
        assert max(came_back) - away_s <= defaults.reconnect_max_s + 1


def test_the_time_doubles_to_its_limit_and_begins_anew_after_good_times() -> None:
    class Last(random.Random):
        def uniform(self, a: float, b: float) -> float:
            return max(a, b)

    backoff = Backoff(10, 60, Last())
    assert [backoff.next() for _ in range(5)] == [10, 20, 40, 60, 60]
    backoff.reset()
    assert backoff.next() == 10


def test_sessions_rise_over_restarts_wipes_and_clocks_set_back() -> None:
    disk, path, clock = MemoryDisk(), Path("/state/session"), FakeClock()
    seen = [Sessions(path, clock, disk).next()]
    for _ in range(5):
        sessions = Sessions(path, clock, disk)
        seen += [sessions.next(), sessions.next()]
    clock.advance(-86_400 * 365)  # a router that lost the time
    seen.append(Sessions(path, clock, disk).next())
    clock.advance(86_400 * 400)
    disk.files.clear()  # set up anew
    seen.append(Sessions(path, clock, disk).next())
    assert seen == sorted(set(seen))


def test_sessions_rise_where_nothing_can_be_written() -> None:
    class ReadOnly(MemoryDisk):
        def replace(self, path: Path, data: bytes) -> None:
            raise OSError(EROFS, os.strerror(EROFS), f"{path}, {len(data)} bytes")

    clock = FakeClock()
    first = Sessions(Path("/state/session"), clock, ReadOnly()).next()
    clock.advance(2)
    assert Sessions(Path("/state/session"), clock, ReadOnly()).next() > first


def test_few_sessions_are_written_down() -> None:
    class Counting(MemoryDisk):
        writes = 0

        def replace(self, path: Path, data: bytes) -> None:
            self.writes += 1
            super().replace(path, data)

    disk = Counting()
    sessions = Sessions(Path("/state/session"), FakeClock(), disk)
    for _ in range(900):
        sessions.next()
    assert disk.writes == 1
