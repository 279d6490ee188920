"""What the collector itself writes into InfluxDB, beside the samples: tags, fields, units, and of what."""

from __future__ import annotations

from schoolpulse.contract.measurements import COUNT, FLAG, TEXT, Measurement, unit
from schoolpulse.export import records, sums

_TAGS = records.TAGS
_WORDS = {
    "code": "0 online, 1 degraded, 2 on backup, 3 stopped, 4 unknown, 5 down",
    **dict.fromkeys(("connected", "broadband", "measured", "open"), FLAG),
    **dict.fromkeys(("lat", "lon"), "degrees"),
    **dict.fromkeys(("since_ms", "heard_ms", "start_ms", "end_ms"), "ms since 1970, UTC"),
    **dict.fromkeys(("state", "uplink", "label", "name", "ward", "level", "provider", "technology"), TEXT),
    **dict.fromkeys(("backup", "agent", "id", "cause", "title_vi", "title_en"), TEXT),
    **dict.fromkeys(("rtt_total_ms",), "ms, of all of them together"),
    **dict.fromkeys(("loss_total",), "shares, of all of them together"),
    "device_kind": TEXT,
}


def _fields(*names: str) -> dict[str, str]:
    return {name: _WORDS.get(name) or unit(name) or COUNT for name in names}


OWN: tuple[Measurement, ...] = (
    Measurement(
        "status",
        "how each school is: every minute, and `code` alone at each change",
        _TAGS,
        _fields(*records.STATUS),
        ("school",),
    ),
    Measurement(
        "school_now",
        "what a table and a map show of a school, every minute",
        _TAGS,
        _fields(*records.NOW),
        ("school",),
    ),
    *(
        Measurement(
            name,
            f"schools of a {tag} by how they are, every minute; `open_` counts school hours only",
            (tag,),
            dict.fromkeys(sums.SUMS, "schools") | _fields("rtt_total_ms", "loss_total"),
            (tag,),
        )
        for name, tag in (("ward_status", "ward"), ("provider_status", "provider"))
    ),
    Measurement(
        "device_kind",
        "devices of schools that are heard, every minute; `telling` say whether they are `used`",
        ("kind",),
        dict.fromkeys(sums.DEVICE_SUMS, "devices"),
        ("kind",),
    ),
    Measurement(
        "device_down",
        "a device that does not answer, every minute",
        sums.DEVICE_TAGS,
        {"down": "1"},
        ("school", "device"),
    ),
    Measurement(
        "line_speed",
        "speed tests beside the contract, each hour that has one",
        _TAGS,
        _fields(*records.SPEED),
        ("school",),
    ),
    Measurement(
        "collector",
        "every figure of `/metrics`, every minute; `of` is the part or `-`; `behind`: messages not taken yet",
        ("of",),
        {"*": "as its name says; counters count since the start, `_new` since the minute before"},
        ("figure's part",),
    ),
    Measurement("agents", "schools by version of the agent", ("version",), _fields("schools"), ("version",)),
    Measurement(
        "delivery",
        "the receipt of a batch",
        ("school", "agent", "stream"),
        _fields("seq", "points", "delay_ms"),
        ("school", "stream"),
    ),
    Measurement("agent", "a connection's begin and end", (), {"online": FLAG, "session": COUNT}, ("school",)),
    Measurement(
        "incident",
        "an incident, at its confirmation; written again as it changes",
        records.INCIDENT_TAGS,
        _fields(*records.INCIDENT),
        ("school", "incident's kind"),
    ),
    Measurement("school", "the registry, each day", ("school",), _fields(*records.SCHOOL), ("school",)),
    Measurement(
        "tier",
        "which tier a dashboard reads (decision 0701)",
        ("tier",),
        {
            "prefix": TEXT,
            "upto_ms": "ms of range",
            "oldest_ms": "ms since 1970, UTC",
            "high": TEXT,
            "sum": TEXT,
            "p95": TEXT,
            "step": TEXT,
        },
        ("step",),
    ),
    Measurement(
        "store_probe", "a point without fault, to tell a bad point from a bad setting", (), {"ok": FLAG}, ()
    ),
)
