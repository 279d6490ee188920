"""``schoolpulse-sim snmp``: one device, alone or as part of a scenario's school."""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Sequence

from schoolpulse.errors import UsageError
from schoolpulse_sim.conditions import Change, make_timeline
from schoolpulse_sim.district import School, make_district
from schoolpulse_sim.faults import make_schedule
from schoolpulse_sim.scenario import load_scenario
from schoolpulse_sim.snmp.device import LiveDevice
from schoolpulse_sim.snmp.profiles import PROFILES
from schoolpulse_sim.snmp.server import Access, SnmpServer
from schoolpulse_sim.timing import DAY

HORIZON_MS = 30 * DAY


def serve(options: argparse.Namespace, done: threading.Event, ready: Callable[[], None]) -> None:
    """Answer until `done`; calls `ready` when the port is open.

    Raises:
        UsageError: no such profile, school or scenario.
        OSError: the port cannot be opened.
    """
    if options.profile not in PROFILES:
        raise UsageError(f"no profile {options.profile!r}", hint=f"there are {', '.join(PROFILES)}")
    started_ms = now_ms()
    name = options.name or f"{options.profile.replace('_', '-')}-1"
    timeline: Sequence[Change] = ()
    if options.scenario:
        timeline = _timeline(options, started_ms)
    device = LiveDevice(name, options.profile, seed=options.seed, started_ms=started_ms, timeline=timeline)
    access = Access(options.community, options.user, options.auth_key, options.priv_key)
    server = SnmpServer(now_ms, host=options.host, access=access)
    server.add(device, options.port)
    server.start()
    try:
        ready()
        done.wait()
    finally:
        server.stop()


def now_ms() -> int:
    """The machine's clock."""
    return time.time_ns() // 1_000_000


def _timeline(options: argparse.Namespace, started_ms: int) -> Sequence[Change]:
    scenario = load_scenario(options.scenario)
    district = make_district(scenario.district, options.seed)
    school = _school(district.schools, options.school)
    faults = make_schedule(scenario, district, started_ms, started_ms + HORIZON_MS)
    concerned = [fault for fault in faults if school.index in fault.schools]
    return make_timeline(school, concerned, options.seed, started_ms)


def _school(schools: Sequence[School], wanted: str | None) -> School:
    for school in schools:
        if wanted in {None, school.id}:
            return school
    raise UsageError(f"no school {wanted!r}", hint=f"they are {schools[0].id} to {schools[-1].id}")
