"""The measurements that the project's agents send: their tags, fields, units, and of what there is a series.

The contract lets an agent send others; these are the ones that mean something here. `unit` reads a field's
unit from its name, as the contract wants names to carry them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_UNITS: tuple[tuple[str, str], ...] = (
    ("_mbps", "Mbit/s"),
    ("_bps", "bit/s"),
    ("_ratio", "share, 0 to 1"),
    ("_bytes", "bytes"),
    ("_dbm", "dBm"),
    ("_db", "dB"),
    ("_ms", "ms"),
    ("_s", "s"),
    ("_h", "h"),
    ("_c", "°C"),
    ("_v", "V"),
)
FLAG, TEXT, COUNT = "0/1", "text", "number"


def unit(field: str) -> str:
    """The unit that a field's name carries; empty where it carries none."""
    return next((said for end, said in _UNITS if field.endswith(end)), "")


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measurement as a document shows it.

    `fields` are names with what they are in a word where the name does not say their unit. `per` are the
    things that there is one series of each combination of: they bound the number of series.
    """

    name: str
    what: str
    tags: tuple[str, ...]
    fields: Mapping[str, str]
    per: tuple[str, ...]


def _fields(*units: str, **words: str) -> dict[str, str]:
    return {name: unit(name) for name in units} | words


SAMPLES: tuple[Measurement, ...] = (
    Measurement(
        "reachability",
        "a round of probes of one target",
        ("target", "scope", "method", "uplink"),
        _fields("rtt_ms", "jitter_ms", "loss_ratio", up=FLAG, captive=FLAG),
        ("school", "target"),
    ),
    Measurement(
        "wan",
        "an uplink and whether traffic goes this way",
        ("uplink", "role", "technology", "interface"),
        _fields(active=FLAG, carrier=FLAG),
        ("school", "uplink"),
    ),
    Measurement(
        "modem",
        "the radio of a 4G or 5G uplink",
        ("uplink", "role", "technology", "operator"),
        _fields(
            *("rsrp_dbm", "rsrq_db", "sinr_db", "rssi_dbm", "quality_ratio"),
            registered=FLAG,
            roaming=FLAG,
        ),
        ("school", "uplink"),
    ),
    Measurement(
        "interface",
        "traffic and errors since the look before",
        ("name",),
        _fields(
            *("rx_bps", "tx_bps", "speed_mbps"),
            **dict.fromkeys(("rx_errors", "tx_errors", "rx_drops", "tx_drops"), COUNT),
        ),
        ("school", "interface"),
    ),
    Measurement(
        "speedtest",
        "one test of a line",
        ("uplink", "role", "server"),
        _fields("down_mbps", "up_mbps", "min_rtt_ms", "retrans_ratio", bytes_used="bytes"),
        ("school", "uplink"),
    ),
    Measurement(
        "system",
        "the gateway itself",
        (),
        _fields("uptime_s", "memory_used_ratio", "disk_used_ratio", "temperature_c", load_1m=COUNT),
        ("school",),
    ),
    Measurement(
        "classroom",
        "a classroom's machine and whether it is used",
        (),
        _fields(
            *("uptime_s", "cpu_used_ratio", "memory_used_ratio", "disk_used_ratio", "temperature_c"),
            *("used_ratio",),
            load_1m=COUNT,
            display_on=FLAG,
            in_use=FLAG,
        ),
        ("school", "classroom"),
    ),
    Measurement(
        "wifi",
        "a machine's own wireless link",
        ("interface",),
        _fields("signal_dbm", "noise_dbm", "rx_mbps", "tx_mbps", associated=FLAG),
        ("school", "classroom"),
    ),
    Measurement(
        "device",
        "one device behind the gateway",
        ("device", "kind", "name", "parent"),
        _fields("uptime_s", "rtt_ms", up=FLAG),
        ("school", "device"),
    ),
    Measurement(
        "ups",
        "its battery",
        ("device",),
        _fields(
            *("on_battery_s", "remaining_s", "charge_ratio", "battery_v", "temperature_c", "input_v"),
            *("load_ratio",),
            on_battery=FLAG,
            battery=TEXT,
            alarms=COUNT,
        ),
        ("school",),
    ),
    Measurement(
        "printer",
        "its state and supplies",
        ("device",),
        _fields("supply_ratio", "paper_ratio", state=TEXT, errors=TEXT, pages=COUNT),
        ("school", "printer"),
    ),
    Measurement(
        "host",
        "a computer asked by SNMP",
        ("device",),
        _fields(
            *("rx_bps", "tx_bps", "cpu_used_ratio", "memory_used_ratio", "disk_used_ratio"),
            **dict.fromkeys(("processes", "ports_up", "ports_total", "rx_errors", "tx_errors"), COUNT),
        ),
        ("school", "device"),
    ),
    *(
        Measurement(
            kind,
            "its hardware ports together",
            ("device",),
            _fields(
                *("rx_bps", "tx_bps"),
                **dict.fromkeys(("ports_up", "ports_total", "rx_errors", "tx_errors"), COUNT),
            ),
            ("school", kind),
        )
        for kind in ("switch", "access_point")
    ),
    Measurement(
        "port",
        "a port of a device asked by SNMP, where it is wanted",
        ("device", "port"),
        _fields("rx_bps", "tx_bps", "speed_mbps", up=FLAG, rx_errors=COUNT, tx_errors=COUNT),
        ("school", "port"),
    ),
    *(
        Measurement(
            kind,
            "its power, lamp and errors (PJLink)",
            ("device",),
            _fields("lamp_h", "filter_h", power=TEXT, is_on=FLAG, errors=TEXT, lamps_on=COUNT),
            ("school", kind),
        )
        for kind in ("projector", "display")
    ),
)
