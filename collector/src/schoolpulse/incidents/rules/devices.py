"""Devices behind the gateway: parents suppress children, by measured state.

`SchoolState.devices` holds those that are down: ``name: [parent, since]``. A device whose parent (switch,
access point) is down too has no incident of its own: the outermost one that is down is the incident.
"""

from __future__ import annotations

from schoolpulse.incidents.desk import Desk
from schoolpulse.incidents.evidence import Heard
from schoolpulse.incidents.freshness import world_ms
from schoolpulse.incidents.state import SchoolState
from schoolpulse.incidents.tracks import DEVICE, recovered, suspect

MAX_DOWN = 256
TOGETHER = 3
"""So many devices, and half of all, that go down in one look: the building has lost its power."""


def on_heard(desk: Desk, school: SchoolState, heard: Heard) -> None:
    """Follow the devices in a fresh batch; the newest word on each counts."""
    newest = {row.device: row for row in sorted(heard.devices_down)}
    # In one batch a device may have been down and come back, or the other way: the last word is unknown,
    # and the next batch says it again. Down counts until then.
    answering = {row.device for row in heard.devices_up}
    for name in sorted(answering):
        if name in school.devices and name not in newest:
            del school.devices[name]
            recovered(desk, school, DEVICE + name, desk.now_ms)
    fell = [row for name, row in newest.items() if name not in school.devices]
    for row in fell[: MAX_DOWN - len(school.devices)]:
        at_ms = world_ms(school, row.at_ms, heard.received_ms) if heard.timed else desk.now_ms
        school.devices[row.device] = [row.parent, at_ms]
    # What fell with the switch that it hangs on tells of the switch, not of the mains.
    alone = sum(row.parent not in school.devices for row in fell)
    _mains(desk, school, alone, len(fell), len(newest.keys() | answering))
    for name in newest:
        if name not in school.devices:
            continue
        if suppressed(school, name):
            recovered(desk, school, DEVICE + name, desk.now_ms)
        else:
            suspect(desk, school, DEVICE + name, school.devices[name][1], desk.policy.device_confirm_ms)


def _mains(desk: Desk, school: SchoolState, alone: int, fell: int, known: int) -> None:
    """Whether the building has lost its power: half of everything falls in one look."""
    if alone >= TOGETHER and 2 * fell >= known:
        school.mains_lost_ms = desk.now_ms
    elif not school.devices:
        school.mains_lost_ms = 0


def suppressed(school: SchoolState, name: str) -> bool:
    """Whether the device is down because its parent is, or the whole building."""
    return school.devices[name][0] in school.devices or bool(school.mains_lost_ms)


def carries_others(school: SchoolState, name: str) -> bool:
    """Whether something that is down hangs on that device."""
    return any(parent == name for parent, _ in school.devices.values())
