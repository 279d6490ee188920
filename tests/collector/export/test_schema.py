"""The document of what lies in InfluxDB is current, and names every field that the collector writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from schoolpulse.contract.measurements import SAMPLES, unit
from schoolpulse.export import records, sums
from schoolpulse.export.catalogue import OWN
from schoolpulse.export.schema import document, main
from schoolpulse.stores.rollup_tiers import HIGH, LOW, SUM, has_p95
from schoolpulse_agent.probes import snmp

MEASUREMENTS = {one.name: one for one in (*SAMPLES, *OWN)}


def test_the_document_is_current(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``python -m schoolpulse.export.schema`` writes it."""
    assert main(["--check"]) == 0, capsys.readouterr().err
    other = tmp_path / "schema.md"
    assert main(["--check", "--out", str(other)]) == 1
    assert main(["--out", str(other)]) == 0
    assert main(["--check", "--out", str(other)]) == 0
    other.write_text("# Something else\n")
    assert main(["--check", "--out", str(other)]) == 1


def test_names_are_the_contracts_and_are_told_once() -> None:
    names = [one.name for one in (*SAMPLES, *OWN)]
    assert len(names) == len(set(names))
    for one in MEASUREMENTS.values():
        columns = [*one.tags, *(field for field in one.fields if field != "*")]
        assert len(columns) == len(set(columns)), one.name
        assert all(re.fullmatch(r"[a-z][a-z0-9_]{0,63}", column) for column in columns)
        assert not any(field.endswith((SUM, LOW, HIGH)) for field in one.fields), one.name
        assert all(one.fields.values()), one.name


def test_every_field_that_is_exported_is_in_it() -> None:
    for name, fields in (
        ("status", records.STATUS),
        ("school_now", records.NOW),
        ("line_speed", records.SPEED),
        ("incident", records.INCIDENT),
        ("school", records.SCHOOL),
        ("ward_status", sums.SUMS),
        ("device_kind", sums.DEVICE_SUMS),
    ):
        assert MEASUREMENTS[name].fields.keys() == set(fields)


@pytest.mark.parametrize("kind", ["ups", "printer", "host"])
def test_the_agents_own_profiles_are_in_it(kind: str) -> None:
    """What a profile file says is asked, the document says is stored."""
    file = Path(snmp.__file__).parent / f"kinds/{kind}.toml"
    told = re.findall(r'^name = "(\w+)"', file.read_text("utf-8"), re.MULTILINE)
    assert told
    assert set(told) <= MEASUREMENTS[kind].fields.keys()


def test_units_come_from_names() -> None:
    assert (unit("rtt_ms"), unit("rx_bps"), unit("down_mbps"), unit("uptime_s")) == (
        "ms",
        "bit/s",
        "Mbit/s",
        "s",
    )
    assert (unit("up"), unit("pages")) == ("", "")
    text = document()
    assert "`rtt_ms` (ms; p95)" in text
    assert has_p95("rtt_ms")
    assert "| `schoolpulse_5m` | 5-minute windows of these | 730 days" in text
