"""A school's gateway as NetJSON DeviceMonitoring objects, one each five minutes.

Source: NetJSON's ``device-monitoring.json``. Agents send rates and not counters, so ``rx_bytes`` and
``tx_bytes`` count from the begin of the range that was asked for. Sizes of memory and disk are not measured,
only what share of them is used; those stand as NetJSON allows further properties.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from schoolpulse.registry.models import School
from schoolpulse.reports.facts import SeriesReader
from schoolpulse.stores.base import SeriesQuery

STEP_MS = 300_000
_SYSTEM = ("uptime_s", "load_1m", "memory_used_ratio", "disk_used_ratio", "temperature_c")
_INTERFACE = ("rx_bps", "tx_bps", "rx_errors", "tx_errors", "rx_drops", "tx_drops", "speed_mbps")
_COUNTED = {
    "rx_errors": "rx_errors",
    "tx_errors": "tx_errors",
    "rx_drops": "rx_dropped",
    "tx_drops": "tx_dropped",
}


class Interface(BaseModel):
    """A network interface of the gateway."""

    model_config = ConfigDict(frozen=True)

    name: str
    type: Literal["ethernet", "other"] = "other"
    up: bool = True
    speed: str | None = Field(default=None, description="Mbit/s", examples=["1000"])
    statistics: dict[str, int] = Field(examples=[{"rx_bytes": 123456, "tx_bytes": 6543}])


class DeviceMonitoring(BaseModel):
    """One moment of the gateway."""

    model_config = ConfigDict(frozen=True)

    type: Literal["DeviceMonitoring"] = "DeviceMonitoring"
    general: dict[str, Any] = Field(
        examples=[{"local_time": 1772409600, "uptime": 86400, "hostname": "gw-thcs-go-vap"}]
    )
    resources: dict[str, Any] = Field(examples=[{"load": [0.1, 0.1, 0.1], "memory_used_ratio": 0.4}])
    interfaces: list[Interface]


Values = dict[int, dict[str, tuple[float, int]]]
"""By window: mean and number of samples of each field."""


def monitoring(store: SeriesReader, school: School, from_ms: int, to_ms: int) -> list[DeviceMonitoring]:
    """The gateway of `school` in ``[from_ms, to_ms)``, in windows of five minutes with samples.

    Raises:
        StoreUnavailable: the store cannot answer now.
    """
    system = _read(store, school, "system", _SYSTEM, from_ms, to_ms).get("", {})
    interfaces = _read(store, school, "interface", _INTERFACE, from_ms, to_ms, "name")
    counters: dict[str, dict[str, float]] = {}
    found = []
    for at_ms in sorted(system.keys() | {at for windows in interfaces.values() for at in windows}):
        own = system.get(at_ms, {})
        found.append(
            DeviceMonitoring(
                general=_general(school, at_ms, own),
                resources=_resources(system, at_ms),
                interfaces=[
                    _interface(name, windows[at_ms], counters.setdefault(name, {}))
                    for name, windows in sorted(interfaces.items())
                    if at_ms in windows
                ],
            )
        )
    return found


def _read(
    store: SeriesReader,
    school: School,
    measurement: str,
    fields: tuple[str, ...],
    from_ms: int,
    to_ms: int,
    by: str | None = None,
) -> dict[str, Values]:
    found: dict[str, Values] = {}
    for name in fields:
        query = SeriesQuery(
            measurement, name, from_ms, to_ms, STEP_MS, {"school": school.id}, (by,) if by else ()
        )
        for series in store.query(query):
            windows = found.setdefault(series.tags[by] if by else "", {})
            for window in series.windows:
                windows.setdefault(window.at_ms, {})[name] = (window.mean, window.count)
    return found


def _general(school: School, at_ms: int, own: dict[str, tuple[float, int]]) -> dict[str, Any]:
    general: dict[str, Any] = {"local_time": (at_ms + STEP_MS) // 1000, "hostname": school.agent_id}
    if "uptime_s" in own:
        general["uptime"] = round(own["uptime_s"][0])
    return general


def _resources(system: Values, at_ms: int) -> dict[str, Any]:
    own = system.get(at_ms, {})
    resources: dict[str, Any] = {
        name: round(own[name][0], 4)
        for name in ("memory_used_ratio", "disk_used_ratio", "temperature_c")
        if name in own
    }
    if "load_1m" in own:
        # The means of five and of fifteen minutes; of the last minute alone nothing is kept.
        recent = [system.get(at_ms - back * STEP_MS, {}).get("load_1m") for back in range(3)]
        known = [one[0] for one in recent if one is not None]
        five = round(own["load_1m"][0], 3)
        resources["load"] = [five, five, round(sum(known) / len(known), 3)]
    return resources


def _interface(name: str, values: dict[str, tuple[float, int]], counted: dict[str, float]) -> Interface:
    for rate, counter in (("rx_bps", "rx_bytes"), ("tx_bps", "tx_bytes")):
        if rate in values:
            counted[counter] = counted.get(counter, 0) + values[rate][0] * STEP_MS / 8000
    for field, counter in _COUNTED.items():
        if field in values:
            mean, count = values[field]
            counted[counter] = counted.get(counter, 0) + mean * count
    speed = values.get("speed_mbps")
    return Interface(
        name=name,
        type="ethernet" if name.startswith(("eth", "en", "lan", "wan")) else "other",
        speed=f"{speed[0]:.0f}" if speed is not None else None,
        statistics={counter: round(count) for counter, count in sorted(counted.items())},
    )
