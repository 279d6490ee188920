"""Measurement `speedtest`: now and then, at moments nobody can foresee, within hours and a budget of data.

M-Lab asks background tests to come at exponentially distributed intervals, on average every 6 hours and
clamped to 36 minutes and 15 hours, so that they sample the line evenly and never all at once.
"""

from __future__ import annotations

import json
import logging
import random
import threading
from pathlib import Path
from typing import Any, Callable, NamedTuple

from schoolpulse_agent.clock import Clock
from schoolpulse_agent.probes.base import ProbeKind, Reading, Round, Surroundings, file_text
from schoolpulse_agent.probes.interface import parse_net_dev
from schoolpulse_agent.probes.routes import default_routes
from schoolpulse_agent.probes.wan import active_uplink, located
from schoolpulse_agent.settings import Uplink
from schoolpulse_agent.toml_table import Table

log = logging.getLogger(__name__)

MEAN_S, LEAST_S, MOST_S = 6 * 3600.0, 36 * 60.0, 15 * 3600.0
PUT_OFF_S = 600.0
FIRST_BACK_OFF_S = 60.0
_LOOK_S = 1.0
_DAY_MS = 86_400_000


class Own(NamedTuple):
    """Section ``[probes.speedtest]``."""

    server: str = ""
    from_h: int = 6
    to_h: int = 22
    monthly_mb: int = 20_000
    max_mb: int = 250
    busy_mbps: float = 2.0
    utc_offset_h: float = 7.0


class Budget:
    """What speed tests have used this month, by uplink; kept on disk, written once a test."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            kept = json.loads(path.read_text("utf-8"))
            self._month, self._used = str(kept["month"]), {str(k): int(v) for k, v in kept["used"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self._month, self._used = "", {}

    def used(self, uplink: str, month: str) -> int:
        """Bytes used over `uplink` in `month` (``2026-11``)."""
        return self._used.get(uplink, 0) if month == self._month else 0

    def add(self, uplink: str, month: str, count: int) -> None:
        """Note `count` bytes more. What cannot be written is remembered until the agent ends."""
        if month != self._month:
            self._month, self._used = month, {}
        self._used[uplink] = self._used.get(uplink, 0) + count
        try:
            new = self._path.with_suffix(".new")
            new.write_text(json.dumps({"month": self._month, "used": self._used}), "utf-8")
            new.replace(self._path)
        except OSError as error:
            log.warning("the speed tests' data budget cannot be kept: %s", error.strerror)


class SpeedtestProbe:
    """Asked often whether it is time; seldom is."""

    def __init__(
        self,
        own: Own,
        surroundings: Surroundings,
        *,
        test: Callable[[Own, str], tuple[Any, str]] | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self._own = own
        self._uplinks = surroundings.uplinks
        self._clock: Clock = surroundings.clock
        self._root = surroundings.root
        self._test = test or _run
        self._chance = chance or random.Random()  # noqa: S311 - spreads tests; guards nothing
        self._budget = Budget(surroundings.state_dir / "speedtest.json")
        self._due_at = self._clock.monotonic() + self._gap_s()
        self._back_off_s = FIRST_BACK_OFF_S
        self._asked_for = False

    def test_now(self) -> None:
        """At the next look, whatever the schedule and the hour say; budget and busy line still count."""
        self._asked_for = True

    def measure(self) -> Round:
        """A test if it is time for one and nothing speaks against it."""
        now = self._clock.monotonic()
        asked_for, self._asked_for = self._asked_for, False
        if now < self._due_at and not asked_for:
            return Round([])
        uplink = self._uplink()
        reason = self._against(uplink, asked_for=asked_for)
        if uplink is None or reason:
            log.info("no speed test now: %s", reason)
            self._due_at = now + PUT_OFF_S
            return Round([])
        return self._do(uplink)

    def _do(self, uplink: Uplink) -> Round:
        try:
            found, server = self._test(self._own, uplink.interface)
        except OSError as error:
            self._due_at = self._clock.monotonic() + self._back_off_s
            self._back_off_s = min(self._back_off_s * 2, MEAN_S)
            log.warning("the speed test failed: %s", error.strerror or error)
            return Round([])
        self._back_off_s = FIRST_BACK_OFF_S
        self._due_at = self._clock.monotonic() + self._gap_s()
        self._budget.add(uplink.name, self._month(), found.bytes_used)
        tags = (("uplink", uplink.name), ("role", uplink.role), ("server", server))
        said = f"speed test over {uplink.name}: {found.down_mbps} Mbps down, {found.up_mbps} Mbps up"
        return Round([Reading("speedtest", tags, tuple(found._asdict().items()))], (said,))

    def _against(self, uplink: Uplink | None, *, asked_for: bool) -> str:
        """What speaks against a test now; empty if nothing."""
        own = self._own
        if uplink is None:
            return "no line is in use"
        if uplink.is_metered:
            return f"{uplink.name} is paid for by the megabyte"
        hour = (self._local_ms() % _DAY_MS) // 3_600_000
        if not asked_for and not own.from_h <= hour < own.to_h:
            return "it is not within the allowed hours"
        worst = 2 * own.max_mb * 1_000_000
        if self._budget.used(uplink.name, self._month()) + worst > own.monthly_mb * 1_000_000:
            return f"the month's data budget of {uplink.name} is used up"
        return "the line is busy" if self._is_busy(uplink) else ""

    def _is_busy(self, uplink: Uplink) -> bool:
        """Whether people are using the line: a test would disturb them, and they it."""
        before = self._octets(uplink)
        self._clock.wait(threading.Event(), _LOOK_S)
        moved = self._octets(uplink) - before
        return moved * 8 / _LOOK_S > self._own.busy_mbps * 1e6

    def _octets(self, uplink: Uplink) -> int:
        counters = parse_net_dev(file_text(self._root / "proc/net/dev")).get(uplink.interface)
        return max(counters.rx_bytes, counters.tx_bytes) if counters else 0

    def _uplink(self) -> Uplink | None:
        routes = default_routes(self._root)
        return active_uplink(located(self._uplinks, routes, ""), routes)

    def _gap_s(self) -> float:
        return min(MOST_S, max(LEAST_S, self._chance.expovariate(1 / MEAN_S)))

    def _local_ms(self) -> int:
        return self._clock.now_ms() + round(self._own.utc_offset_h * 3_600_000)

    def _month(self) -> str:
        import time  # noqa: PLC0415 - only for this conversion

        return time.strftime("%Y-%m", time.gmtime(self._local_ms() / 1000))


def _run(own: Own, interface: str) -> tuple[Any, str]:
    """Test against the first server that works."""
    from schoolpulse_agent.ndt7 import client, locate  # noqa: PLC0415 - ssl and http, needed four times a day

    trouble: OSError = OSError("no server was named")
    for target in locate.targets(own.server):
        try:
            limits = client.Limits(max_bytes=own.max_mb * 1_000_000)
            return client.run_test(target, limits, interface=interface), target.name
        except OSError as error:  # noqa: PERF203 - four servers, each a try of its own
            trouble = error
    raise trouble


def _read(table: Table) -> Own:
    default = Own()
    own = Own(
        server=table.text("server", matching=r"mlab|(wss?|https?)://[A-Za-z0-9._:\[\]-]{1,253}(/.*)?"),
        from_h=table.whole("from_h", default.from_h, 0, 23),
        to_h=table.whole("to_h", default.to_h, 1, 24),
        monthly_mb=table.whole("monthly_mb", default.monthly_mb, 0, 10_000_000),
        max_mb=table.whole("max_mb", default.max_mb, 1, 2000),
        busy_mbps=table.number("busy_mbps", default.busy_mbps, 0, 100_000),
        utc_offset_h=table.number("utc_offset_h", default.utc_offset_h, -12, 14),
    )
    if own.from_h >= own.to_h:
        table.wrong("to_h", "must come after from_h", "like from_h = 6 and to_h = 22")
    return own


KIND = ProbeKind(
    interval_s=60, read=_read, create=SpeedtestProbe, is_wanted=lambda own, _devices: bool(own.server)
)
