"""What a probe is: it looks at one source and says what it saw and whether that is news."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, NamedTuple, Protocol

from schoolpulse_agent.clock import Clock
from schoolpulse_agent.settings import GATEWAY, Device, Uplink
from schoolpulse_agent.toml_table import Table
from schoolpulse_agent.wire import FieldValue


class Reading(NamedTuple):
    """One row of one measurement. `at` is the steady clock's second, where it is not that of the round."""

    measurement: str
    tags: tuple[tuple[str, str], ...]
    fields: tuple[tuple[str, FieldValue], ...]
    at: float | None = None


class Round(NamedTuple):
    """What one round saw.

    `changes` says in a sentence each what is different from the round before and must be known at once;
    `path_changed` that traffic takes another way out than before; `reachable_again` that something
    answers that did not.
    """

    readings: list[Reading]
    changes: tuple[str, ...] = ()
    path_changed: bool = False
    reachable_again: bool = False


class Probe(Protocol):
    """One source. Its rounds never overlap."""

    def measure(self) -> Round:
        """Look once. May raise; then this round has no readings and the next comes as planned."""
        ...


class Surroundings(NamedTuple):
    """What probes look at: the machine under `root` (so that tests can give another), lines, devices."""

    uplinks: tuple[Uplink, ...]
    clock: Clock
    state_dir: Path
    root: Path = Path("/")
    devices: tuple[Device, ...] = ()
    generations: dict[str, str] | None = None
    """By the name of an uplink what its modem last said that it is on (``4g``); one probe tells another."""


class ProbeKind(NamedTuple):
    """A kind of probe, as the registry lists it.

    Args:
        interval_s: how often it looks, if not configured.
        read: reads its own keys from its section and notes what is wrong with them.
        create: makes a probe from what `read` returned.
        from_two: its readings are differences, so that the first round has none.
        is_wanted: whether there is anything to look at, given what `read` returned and the devices.
        roles: of the agents that it is for.
    """

    interval_s: float
    read: Callable[[Table], Any]
    create: Callable[[Any, Surroundings], Probe]
    from_two: bool = False
    is_wanted: Callable[[Any, tuple[Device, ...]], bool] = lambda _own, _devices: True
    roles: tuple[str, ...] = (GATEWAY,)


def read_nothing(_table: Table) -> None:
    """For a kind without keys of its own."""


def file_text(path: Path) -> str:
    """A small file of the kernel's, stripped; empty where it is not there or cannot be read now."""
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
