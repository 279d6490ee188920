"""The schools of a simulated district: who they are, how they are connected, what stands in them.

School number `i` depends on the seed and `i` alone, so a smaller district is the beginning of a larger
one. Names are invented, and say that they are.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass

from schoolpulse_sim.rng import Chance
from schoolpulse_sim.scenario import DistrictSettings, Level

SIMULATED = "(mô phỏng)"
COLUMNS = (
    "school_id",
    "name",
    "level",
    "ward",
    "lat",
    "lon",
    "agent_id",
    "provider",
    "technology",
    "contracted_down_mbps",
    "contracted_up_mbps",
    "backup_technology",
)
"""The registry CSV's columns, in the order of the public face."""

WARDS: tuple[tuple[str, float, float], ...] = (
    ("Phường 1", 10.8195, 106.6870),
    ("Phường 3", 10.8215, 106.6795),
    ("Phường 5", 10.8290, 106.6890),
    ("Phường 6", 10.8425, 106.6820),
    ("Phường 7", 10.8275, 106.6810),
    ("Phường 8", 10.8405, 106.6500),
    ("Phường 9", 10.8460, 106.6545),
    ("Phường 10", 10.8345, 106.6690),
    ("Phường 11", 10.8400, 106.6600),
    ("Phường 12", 10.8365, 106.6405),
    ("Phường 13", 10.8560, 106.6580),
    ("Phường 14", 10.8480, 106.6440),
    ("Phường 15", 10.8515, 106.6690),
    ("Phường 16", 10.8470, 106.6650),
    ("Phường 17", 10.8440, 106.6750),
)
"""Wards of Gò Vấp and about where they lie."""

_LEVELS: tuple[tuple[Level, float], ...] = (("mam_non", 5), ("tieu_hoc", 3), ("thcs", 2))
_TITLES: dict[Level, str] = {
    "mam_non": "Trường Mầm non",
    "tieu_hoc": "Trường Tiểu học",
    "thcs": "Trường THCS",
}
_FLOWERS: tuple[str, ...] = (
    *("Hướng Dương", "Sơn Ca", "Hoa Mai", "Ánh Dương", "Tuổi Hồng", "Vành Khuyên", "Họa Mi", "Măng Non"),
    *(
        "Hoa Phượng",
        "Thiên Thanh",
        "Bình Minh",
        "Cầu Vồng",
        "Hạt Mầm",
        "Sao Mai",
        "Nắng Hồng",
        "Mây Trắng",
    ),
)
_PEOPLE: tuple[str, ...] = (
    *("Tân Hòa", "An Phước", "Bình Lộc", "Phú Thịnh", "Long Hưng", "Minh Đức", "Thanh Bình", "Hòa Lạc"),
    *(
        "Đông Thạnh",
        "Vĩnh Xuân",
        "Thới Hưng",
        "Mỹ Khánh",
        "Xuân Quang",
        "Trường Thọ",
        "An Hội Tây",
        "Lộc Sơn",
    ),
)

_SPEEDS: tuple[tuple[tuple[int, int], float], ...] = (
    ((100, 50), 3),
    ((150, 150), 4),
    ((300, 300), 2),
    ((500, 500), 1),
)
_DEVICE_MIX: dict[Level, tuple[tuple[str, float], ...]] = {
    "mam_non": (("display", 4), ("access_point", 2), ("pc", 3), ("printer", 1)),
    "tieu_hoc": (("display", 4), ("access_point", 3), ("pc", 6), ("projector", 3), ("printer", 1)),
    "thcs": (("display", 3), ("access_point", 3), ("pc", 8), ("projector", 4), ("printer", 1)),
}
_PORTS = 16
"""Devices behind one switch."""
CLASSROOM_COLUMNS = ("school_id", "agent_id", "name")
_WEAK_SHARE = 0.2
"""Of classrooms, too far from their access point."""


@dataclass(frozen=True, slots=True)
class Device:
    """Something behind the gateway; `parent` is the switch it hangs on, by name, or None."""

    name: str
    kind: str
    address: str
    parent: str | None


@dataclass(frozen=True, slots=True)
class Classroom:
    """A classroom's machine; `number` counts the school's from 1, `signal_dbm` is what it usually hears."""

    number: int
    agent_id: str
    name: str
    signal_dbm: int
    always_on: bool


@dataclass(frozen=True, slots=True)
class School:
    """One school. `carrier_tells`: a cut of its fibre takes the port's carrier away, too."""

    index: int
    id: str
    agent_id: str
    name: str
    level: Level
    ward: str
    lat: float
    lon: float
    provider: str
    technology: str
    down_mbps: int
    up_mbps: int
    backup: str | None
    battery: bool
    carrier_tells: bool
    pupils: int
    uptime_s: int
    """How long the gateway had been up when the simulation began."""
    devices: tuple[Device, ...]
    classrooms: tuple[Classroom, ...] = ()


@dataclass(frozen=True, slots=True)
class District:
    """All schools, by index."""

    seed: int
    schools: tuple[School, ...]

    @property
    def agents(self) -> int:
        """How many agents there are: one a gateway, one a classroom."""
        return len(self.schools) + sum(len(school.classrooms) for school in self.schools)

    def registry_csv(self) -> bytes:
        """The district as a registry file (UTF-8 with a byte order mark, so that spreadsheets see it)."""
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_row(school) for school in self.schools)
        return b"\xef\xbb\xbf" + out.getvalue().encode()

    def classrooms_csv(self) -> bytes:
        """The agents in classrooms, which the registry file has no column for."""
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(CLASSROOM_COLUMNS)
        for school in self.schools:
            writer.writerows((school.id, room.agent_id, room.name) for room in school.classrooms)
        return b"\xef\xbb\xbf" + out.getvalue().encode()


def make_district(settings: DistrictSettings, seed: int) -> District:
    """The district that `settings` and `seed` say."""
    return District(seed, tuple(_school(settings, seed, index) for index in range(settings.schools)))


def _row(school: School) -> Iterable[object]:
    return (
        school.id,
        school.name,
        school.level,
        school.ward,
        f"{school.lat:.5f}",
        f"{school.lon:.5f}",
        school.agent_id,
        school.provider,
        school.technology,
        school.down_mbps,
        school.up_mbps,
        school.backup or "",
    )


def _school(settings: DistrictSettings, seed: int, index: int) -> School:
    chance = Chance(seed, "school", index)
    level = chance.weighted(_LEVELS)
    ward, lat, lon = chance.pick(WARDS)
    down_mbps, up_mbps = chance.weighted(_SPEEDS)
    words = _FLOWERS if level == "mam_non" else _PEOPLE
    return School(
        index=index,
        id=f"sim-{index + 1:04d}",
        agent_id=f"gw-sim-{index + 1:04d}",
        name=f"{_TITLES[level]} {chance.pick(words)} {index + 1} {SIMULATED}",
        level=level,
        ward=ward,
        lat=round(lat + chance.between(-0.004, 0.004), 5),
        lon=round(lon + chance.between(-0.004, 0.004), 5),
        provider=chance.weighted(list(settings.providers.items())),
        technology="fibre" if chance.happens(0.94) else "vdsl",
        down_mbps=down_mbps,
        up_mbps=up_mbps,
        backup=("5g" if chance.happens(0.25) else "4g") if chance.happens(settings.backup_share) else None,
        battery=chance.happens(settings.battery_share),
        carrier_tells=chance.happens(0.6),
        pupils=chance.whole(180, 420) if level == "mam_non" else chance.whole(500, 1_900),
        uptime_s=chance.whole(3_600, 40 * 86_400),
        devices=_devices(settings, level, chance),
        classrooms=_classrooms(settings, seed, index),
    )


def _classrooms(settings: DistrictSettings, seed: int, index: int) -> tuple[Classroom, ...]:
    chance = Chance(seed, "classrooms", index)  # a stream of its own: nothing else changes with them
    return tuple(
        Classroom(
            number=number,
            agent_id=f"pc-sim-{index + 1:04d}-{number}",
            name=f"Phòng {100 * (1 + (number - 1) // 8) + (number - 1) % 8 + 1}",
            signal_dbm=chance.whole(-82, -74) if chance.happens(_WEAK_SHARE) else chance.whole(-66, -45),
            always_on=settings.classroom_hours == "always",
        )
        for number in range(1, 1 + chance.whole(*settings.classrooms))
    )


def _devices(settings: DistrictSettings, level: Level, chance: Chance) -> tuple[Device, ...]:
    count = chance.whole(*settings.devices)
    if not count:
        return ()
    switches = -(-count // _PORTS)
    kinds = ["switch"] * switches + ["ups"]
    kinds += [chance.weighted(_DEVICE_MIX[level]) for _ in range(count - len(kinds))]
    numbers: dict[str, int] = {}
    devices: list[Device] = []
    for position, kind in enumerate(kinds[:count]):
        numbers[kind] = numbers.get(kind, 0) + 1
        # The first switch hangs on the gateway, the others on the first, everything else on some switch.
        parent = (
            None if position == 0 else "switch-1" if kind == "switch" else f"switch-{position % switches + 1}"
        )
        name = f"{kind.replace('_', '-')}-{numbers[kind]}"
        devices.append(Device(name, kind, f"192.168.10.{position + 10}", parent))
    return tuple(devices)
