"""What a classroom's agent reports, for tests of what is made of it."""

from __future__ import annotations

from schoolpulse.contract.models import Telemetry
from schoolpulse.registry.models import Classroom

ROOM = Classroom("may-101", "Phòng 101")


def report(at_ms: int, *, in_use: int | None, seq: int = 1) -> Telemetry:
    """A batch of ``classroom`` and ``wifi``, heard well, measured at `at_ms`."""
    wifi = {
        "m": "wifi",
        "tags": ["interface"],
        "fields": ["associated", "signal_dbm"],
        "rows": [(at_ms, ["wlan0"], [1, -57.0]), (at_ms, ["wlan1"], [0, None])],
    }
    machine = {
        "m": "classroom",
        "tags": [],
        "fields": ["uptime_s", "display_on", "in_use", "used_ratio"],
        "rows": [(at_ms, [], [5400.0, 1, in_use, 0.8])],
    }
    batch = {"v": 1, "stream": "s", "seq": seq, "boot": "b", "clock": "synced", "sent_at": at_ms}
    return Telemetry.model_validate({**batch, "blocks": [machine, wifi]})
