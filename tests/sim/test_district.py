"""The district: the same for the same seed, whole in itself, and readable by the collector's registry."""

from __future__ import annotations

from schoolpulse.registry.csv_file import read_schools
from schoolpulse_agent import wire
from schoolpulse_sim.district import SIMULATED, make_district
from schoolpulse_sim.scenario import DistrictSettings


def test_a_smaller_district_is_the_beginning_of_a_larger() -> None:
    small = make_district(DistrictSettings(schools=7), 5)
    large = make_district(DistrictSettings(schools=30), 5)
    assert large.schools[:7] == small.schools
    assert make_district(DistrictSettings(schools=7), 6).schools != small.schools


def test_the_registry_takes_it_without_a_mistake() -> None:
    district = make_district(DistrictSettings(schools=200), 1)
    schools = read_schools(district.registry_csv())
    assert [school.id for school in schools] == [school.id for school in district.schools]
    assert all(SIMULATED in school.name for school in schools)
    assert {school.level for school in schools} == {"mam_non", "tieu_hoc", "thcs"}
    assert {school.lines[0].provider for school in schools} == {"VNPT", "Viettel", "FPT", "CMC"}
    with_backup = sum(len(school.lines) == 2 for school in schools)
    assert 80 < with_backup < 140


def test_devices_hang_on_switches_that_stand_before_them() -> None:
    for school in make_district(DistrictSettings(schools=50), 2).schools:
        assert wire.valid_agent_id(school.agent_id)
        assert 10 <= len(school.devices) <= 80
        seen: set[str] = set()
        for device in school.devices:
            assert device.parent is None or device.parent in seen
            assert device.name not in seen
            seen.add(device.name)
