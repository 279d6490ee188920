"""Simulated probes for the real agent: they see the school's conditions, not the machine they run on."""

from __future__ import annotations

import bisect
import json
from collections.abc import Callable, Sequence

from schoolpulse_agent.probes.base import Probe, Reading, Round
from schoolpulse_sim.full.route import Route
from schoolpulse_sim.meter import Meter, Rows, blocks_text

INTERVALS_S = {"system": 60.0, "wan": 5.0, "reachability": 10.0, "device": 60.0}
"""The real agent's own rhythm."""


class View:
    """What the school is like now.

    Args:
        routes: by time.
        meter: the numbers.
        now_ms: the clock.
    """

    def __init__(self, routes: Sequence[Route], meter: Meter, now_ms: Callable[[], int]) -> None:
        self.meter = meter
        self.now_ms = now_ms
        self._routes = routes
        self._times = [route.at_ms for route in routes]

    def now(self) -> Route:
        """The route and conditions at this moment."""
        return self._routes[max(0, bisect.bisect_right(self._times, self.now_ms()) - 1)]


def readings_of(rows: Rows) -> list[Reading]:
    """`rows` as the agent's own readings; their time is that of the round."""
    return [
        Reading(
            block["m"],
            tuple((key, value) for key, value in zip(block["tags"], tags, strict=True) if value is not None),
            tuple(zip(block["fields"], fields, strict=True)),
        )
        for block in json.loads(blocks_text(rows))
        for _, tags, fields in block["rows"]
    ]


class Reachability:
    """Probes by scope; a change of any answer is news."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._before: dict[tuple[tuple[str, str], ...], bool] = {}

    def measure(self) -> Round:
        """One round."""
        view, route, rows = self._view, self._view.now(), Rows()
        view.meter.probe(rows, view.now_ms(), 0, route.conditions, route.active)
        readings = readings_of(rows)
        changes, again = [], False
        for reading in readings:
            target = tuple(tag for tag in reading.tags if tag[0] != "uplink")
            up = bool(dict(reading.fields)["up"])
            if self._before.get(target, up) != up:
                changes.append(f"{reading.tags[0][1]} {'answers' if up else 'does not answer'}")
                again = again or up
            self._before[target] = up
        return Round(readings, tuple(changes), reachable_again=again)


class Wan:
    """Uplinks; another one in use is a changed path."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._before: tuple[str, bool] | None = None

    def measure(self) -> Round:
        """One look."""
        route, rows = self._view.now(), Rows()
        self._view.meter.lines(rows, 0, route.conditions, route.active)
        seen = (route.active, route.conditions.carrier)
        before, self._before = self._before or seen, seen
        changes = (f"uplink {route.active} is in use",) if seen != before else ()
        return Round(readings_of(rows), changes, path_changed=seen[0] != before[0])


class Resources:
    """The machine and its interfaces."""

    def __init__(self, view: View) -> None:
        self._view = view

    def measure(self) -> Round:
        """One look."""
        view, route, rows = self._view, self._view.now(), Rows()
        view.meter.resources(rows, view.now_ms(), 0, route.conditions, route.active)
        return Round(readings_of(rows))


class Devices:
    """What stands behind the gateway."""

    def __init__(self, view: View) -> None:
        self._view = view

    def measure(self) -> Round:
        """One look."""
        view, rows = self._view, Rows()
        every_ms = round(INTERVALS_S["device"] * 1000)
        view.meter.devices(rows, view.now_ms(), 0, view.now().conditions, every_ms)
        return Round(readings_of(rows))


def make_probes(view: View) -> dict[str, Probe]:
    """All of them by name, as `INTERVALS_S` has them."""
    return {
        "system": Resources(view),
        "wan": Wan(view),
        "reachability": Reachability(view),
        "device": Devices(view),
    }
