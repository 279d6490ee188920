"""Measurement `classroom`: a classroom's PC or display: how long it is up, its load, whether it is in use.

Nothing about who: see docs/decisions/0107 for what is looked at and what never is. The machine is looked at
each round; what is sent is coarser, and so tells a lesson from a break and not what anybody did.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from schoolpulse_agent.probes import tools, usage
from schoolpulse_agent.probes.base import ProbeKind, Reading, Round, Surroundings, file_text
from schoolpulse_agent.probes.system import disk_used, hottest, parse_load, parse_memory_used, parse_uptime
from schoolpulse_agent.settings import CLASSROOM
from schoolpulse_agent.toml_table import Table
from schoolpulse_agent.wire import FieldValue

_LOOK_AGAIN_S = 3600.0


class Own(NamedTuple):
    """Section ``[probes.classroom]``. After `idle_after_s` without input or sound nobody uses it."""

    report_s: float = 300.0
    idle_after_s: float = 600.0


class Look(NamedTuple):
    """One look: whether a display is on, and whether the machine is in use; None where nobody can tell."""

    display_on: bool | None
    in_use: bool | None


class ClassroomProbe:
    """Looks each round, reports now and then, and at once when use begins or ends.

    Args:
        run: runs another program; a seam for tests.
    """

    def __init__(self, own: Own, surroundings: Surroundings, run: tools.Run = tools.run) -> None:
        self._own = own
        self._clock = surroundings.clock
        self._root = surroundings.root
        self._state_dir = surroundings.state_dir
        self._run = run
        self._no_busctl_until = 0.0
        self._inputs: int | None = None
        self._active_at: float | None = None
        self._cpu: tuple[int, int] | None = None
        self._looks: list[Look] = []
        self._before: Look | None = None
        self._reported_at: float | None = None

    def measure(self) -> Round:
        """A reading when it is time, or when use began or ended."""
        now = self._clock.monotonic()
        look = self._look(now)
        before, self._before = self._before, look
        changed = before is not None and bool(before.in_use) != bool(look.in_use)
        self._looks.append(look)
        due = self._reported_at is None or now - self._reported_at >= self._own.report_s - 0.5
        if not (due or changed):
            return Round([])
        self._reported_at = now
        reading = self._reading(look)
        self._looks.clear()
        return Round([reading], ("in use" if look.in_use else "not in use any more",) if changed else ())

    def _look(self, now: float) -> Look:
        display = usage.display_on(self._root)
        inputs = usage.input_count(self._root)
        touched = inputs is not None and self._inputs is not None and inputs != self._inputs
        self._inputs = inputs
        sound = usage.sound_runs(self._root)
        # A film runs without a hand on the mouse; a desktop that calls itself idle is believed but for that.
        if sound or (touched and not self._desktop_is_idle(now)):
            self._active_at = now
        lively = self._active_at is not None and now - self._active_at < self._own.idle_after_s
        witnessed = lively or inputs is not None or display is False
        return Look(display, lively and display is not False if witnessed else None)

    def _desktop_is_idle(self, now: float) -> bool:
        if now < self._no_busctl_until:
            return False
        said = self._run(usage.IDLE_HINT)
        if said.missing:
            self._no_busctl_until = now + _LOOK_AGAIN_S
        return not said.trouble and usage.parse_idle_hint(said.text) is True

    def _reading(self, look: Look) -> Reading:
        proc = self._root / "proc"
        fields: tuple[tuple[str, FieldValue], ...] = (
            ("uptime_s", parse_uptime(file_text(proc / "uptime"))),
            ("load_1m", parse_load(file_text(proc / "loadavg"))),
            ("cpu_used_ratio", self._cpu_used(proc)),
            ("memory_used_ratio", parse_memory_used(file_text(proc / "meminfo"))),
            ("disk_used_ratio", disk_used(self._state_dir)),
            ("temperature_c", hottest(self._temperatures())),
            ("display_on", None if look.display_on is None else int(look.display_on)),
            ("in_use", None if look.in_use is None else int(look.in_use)),
            ("used_ratio", self._used_ratio()),
        )
        return Reading("classroom", (), fields)

    def _used_ratio(self) -> float | None:
        """In how many of the looks since the last report the machine was in use."""
        known = [look.in_use for look in self._looks if look.in_use is not None]
        return round(sum(known) / len(known), 2) if known else None

    def _cpu_used(self, proc: Path) -> float | None:
        """The share of all processors' time that was work since the last report."""
        before, self._cpu = self._cpu, usage.parse_cpu(file_text(proc / "stat"))
        if before is None or self._cpu is None or self._cpu[1] <= before[1]:
            return None
        worked, passed = self._cpu[0] - before[0], self._cpu[1] - before[1]
        return round(min(1.0, max(0.0, worked / passed)), 4)

    def _temperatures(self) -> list[str]:
        return [
            file_text(zone) for zone in sorted((self._root / "sys/class/thermal").glob("thermal_zone*/temp"))
        ]


def _read(table: Table) -> Own:
    default = Own()
    return Own(
        report_s=table.number("report_s", default.report_s, 60, 3600),
        idle_after_s=table.number("idle_after_s", default.idle_after_s, 60, 7200),
    )


KIND = ProbeKind(interval_s=60, read=_read, create=ClassroomProbe, roles=(CLASSROOM,))
