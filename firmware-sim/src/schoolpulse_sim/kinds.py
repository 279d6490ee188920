"""What devices of a kind say beyond being up: a battery, supplies, a lamp, whether a display is on.

Everything follows from the school, the device's name and the time alone, so that who reads a database may
work out what must stand in it. No chance is drawn: what else the gateway measures stays as it was.
"""

from __future__ import annotations

from schoolpulse_sim.district import Device, School
from schoolpulse_sim.schooldays import BREAK, load_at
from schoolpulse_sim.timing import DAY, MINUTE

SAY_EVERY_MS = 5 * MINUTE
"""As the agent's `report_s` for devices."""
_LESSON_MS = 50 * MINUTE
_OLD_BATTERY, _OLD_CHARGE = 9, 0.25
"""In one school of so many the UPS's battery is worn out."""
_LAMP_LIFE_H = 4_200


def is_due(at_ms: int, device_every_ms: int) -> bool:
    """Whether devices say theirs in a round at `at_ms`; never where rounds are thinned (every 0 ms)."""
    return at_ms % SAY_EVERY_MS < device_every_ms


def is_on(school: School, device: Device, at_ms: int) -> bool:
    """Whether a projector or display is on: in two of five lessons."""
    lesson = at_ms // _LESSON_MS
    return load_at(at_ms, school.level) >= BREAK and (lesson + _number(school, device)) % 5 < 2


def lamp_h(school: School, device: Device, at_ms: int) -> int:
    """Hours of a projector's lamp: four more each day, then a new lamp."""
    return (_number(school, device) * 613 + at_ms // DAY * 4) % _LAMP_LIFE_H


def supply_ratio(school: School, device: Device, at_ms: int) -> float:
    """What is left of a printer's emptiest supply: one part in a hundred less each day."""
    return (100 - (_number(school, device) * 37 + at_ms // DAY) % 100) / 100


def charge_ratio(school: School, *, mains: bool) -> float:
    """How full the UPS's battery is."""
    full = _OLD_CHARGE if school.index % _OLD_BATTERY == 4 else 1.0
    return full if mains else full / 2


def _number(school: School, device: Device) -> int:
    return school.index * 7 + int(device.name.rpartition("-")[2])
