"""The newest figures of an agent: late and odd samples, limits, which uplink and which target count."""

from __future__ import annotations

from typing import Any

import pytest
from page_backend import birth, telemetry

from schoolpulse.contract.models import Telemetry
from schoolpulse.live.figures import MAX_KEPT, STALE_MS, AgentFigures, UplinkNow

T = 1_790_000_000_000


def batch(*blocks: dict[str, Any], clock: str = "synced") -> Telemetry:
    return Telemetry.model_validate(
        {"v": 1, "stream": "s", "seq": 1, "boot": "b", "clock": clock, "sent_at": T, "blocks": list(blocks)}
    )


def reach(at_ms: int, rtt_ms: float | None, **tags: str) -> dict[str, Any]:
    labels = {"target": "vnix", "scope": "national", "method": "icmp"} | tags
    return {
        "m": "reachability",
        "tags": list(labels),
        "fields": ["up", "rtt_ms", "jitter_ms", "loss_ratio"],
        "rows": [(at_ms, list(labels.values()), [int(rtt_ms is not None), rtt_ms, 0.1, 0.0])],
    }


def wan(at_ms: int, name: str, role: str, *, active: bool) -> dict[str, Any]:
    tags = ["uplink", "role", "technology", "interface"]
    row = (at_ms, [name, role, "4g" if role == "backup" else "fibre", f"{name}0"], [int(active), 1])
    return {"m": "wan", "tags": tags, "fields": ["active", "carrier"], "rows": [row]}


def traffic(at_ms: int, rx_bps: int, *names: str) -> dict[str, Any]:
    rows = [(at_ms, [name], [rx_bps + at, 7]) for at, name in enumerate(names)]
    return {"m": "interface", "tags": ["name"], "fields": ["rx_bps", "tx_bps"], "rows": rows}


@pytest.fixture
def agent() -> AgentFigures:
    return AgentFigures()


def test_a_whole_batch_is_taken(agent: AgentFigures) -> None:
    agent.take_birth(birth(T - 5))
    agent.take_telemetry(telemetry(T, 8.0), T)
    now = agent.snapshot()
    assert now.agent_version == "0.1.0"
    assert now.hardware == "GL.iNet MT3000"
    assert now.uptime_s == 777_600
    assert now.uplink == UplinkNow(T, "eth0", "primary", "fibre", "eth0")
    assert set(now.reachability) == {"lan_gateway", "isp_edge", "national", "international"}
    assert now.reachability["national"].rtt_ms == 8.0
    assert now.traffic is not None
    assert (now.traffic.rx_bps, now.traffic.tx_bps) == (41_300_000, 6_200_000)
    assert (now.devices_up, now.devices_total) == (11, 12)


def test_late_samples_never_replace_newer_ones(agent: AgentFigures) -> None:
    agent.take_telemetry(batch(reach(T, 5.0), traffic(T, 100, "wan")), T)
    agent.take_telemetry(batch(reach(T - 60_000, 99.0), traffic(T - 60_000, 999, "wan")), T + 1)
    now = agent.snapshot()
    assert now.reachability["national"].rtt_ms == 5.0
    assert now.traffic is not None
    assert now.traffic.rx_bps == 100


def test_a_stamp_from_the_future_does_not_hide_what_comes_after(agent: AgentFigures) -> None:
    agent.take_telemetry(batch(reach(T + 200_000, 5.0)), T)
    agent.take_telemetry(batch(reach(T + 10_000, 6.0)), T + 10_000)
    assert agent.snapshot().reachability["national"].rtt_ms == 6.0


def test_of_an_unset_clock_only_times_close_to_the_receipt_are_believed(agent: AgentFigures) -> None:
    agent.take_telemetry(batch(reach(T, 5.0), clock="unsynced"), T + STALE_MS + 1)
    assert agent.snapshot().reachability == {}
    agent.take_telemetry(batch(reach(T, 5.0), clock="unsynced"), T + 1_000)
    assert agent.snapshot().reachability["national"].rtt_ms == 5.0


def test_of_several_targets_the_best_speaks_for_the_scope(agent: AgentFigures) -> None:
    agent.take_telemetry(
        batch(reach(T, None, target="a"), reach(T, 7.0, target="b"), reach(T, 9.0, target="c")), T
    )
    national = agent.snapshot().reachability["national"]
    assert (national.up, national.rtt_ms) == (True, 7.0)


def test_where_addresses_are_probed_a_cached_name_does_not_speak_for_the_line(agent: AgentFigures) -> None:
    agent.take_telemetry(batch(reach(T, None), reach(T, 1.0, method="dns", target="dns")), T)
    assert agent.snapshot().reachability["national"].up is False
    only_names = AgentFigures()
    only_names.take_telemetry(batch(reach(T, 1.0, method="dns", target="dns")), T)
    assert only_names.snapshot().reachability["national"].up is True


def test_after_a_switch_to_the_backup_the_other_uplinks_answers_are_old_news(agent: AgentFigures) -> None:
    agent.take_telemetry(batch(reach(T, 4.0, uplink="wan"), wan(T, "wan", "primary", active=True)), T)
    later = T + 20_000
    agent.take_telemetry(
        batch(
            reach(later, 40.0, uplink="wwan"),
            wan(later, "wan", "primary", active=False),
            wan(later, "wwan", "backup", active=True),
        ),
        later,
    )
    now = agent.snapshot()
    assert now.reachability["national"].rtt_ms == 40.0
    assert now.uplink is not None
    assert (now.uplink.role, now.uplink.technology) == ("backup", "4g")


@pytest.mark.parametrize("name", ["wwan", "wwan0"])
def test_traffic_is_that_of_the_uplink_in_use(agent: AgentFigures, name: str) -> None:
    agent.take_telemetry(
        batch(wan(T, "wwan", "backup", active=True), traffic(T, 100, "eth0", name, "lan")), T
    )
    now = agent.snapshot().traffic
    assert now is not None
    assert now.rx_bps == 101


def test_of_several_interfaces_none_is_guessed(agent: AgentFigures) -> None:
    agent.take_telemetry(batch(traffic(T, 100, "eth0", "eth1")), T)
    assert agent.snapshot().traffic is None


def test_what_is_gone_is_left_out(agent: AgentFigures) -> None:
    device = {"m": "device", "tags": ["device"], "fields": ["up"]}
    agent.take_telemetry(batch(device | {"rows": [(T, ["old"], [1])]}), T)
    later = T + STALE_MS + 1
    agent.take_telemetry(batch(device | {"rows": [(later, ["new"], [1])]}), later)
    assert agent.snapshot().devices_total == 1


def test_nothing_grows_beyond_its_limit(agent: AgentFigures) -> None:
    for number in range(3 * MAX_KEPT):
        agent.take_telemetry(batch(reach(T, 1.0, target=f"t{number}", scope=f"s{number}")), T)
    assert len(agent.snapshot().reachability) == MAX_KEPT
    later = T + STALE_MS + 1
    for number in range(MAX_KEPT):
        agent.take_telemetry(batch(reach(later, 1.0, target=f"u{number}", scope="national")), later)
    assert set(agent.snapshot().reachability) == {"national"}


@pytest.mark.parametrize(
    "block",
    [
        {"m": "reachability", "tags": [], "fields": ["up"], "rows": [(T, ["more", "tags"], [])]},
        {"m": "wan", "tags": ["uplink"], "fields": ["active"], "rows": [(T, [], ["yes"])]},
        {"m": "system", "tags": [], "fields": ["uptime_s"], "rows": [(T, [], ["long"])]},
        {"m": "interface", "tags": [], "fields": ["rx_bps"], "rows": [(T, [], [None])]},
        {"m": "device", "tags": ["device"], "fields": ["up"], "rows": [(T, [None], [None])]},
        {"m": "weather", "tags": [], "fields": ["rain"], "rows": [(T, [], [1])]},
    ],
)
def test_odd_rows_do_no_harm(agent: AgentFigures, block: dict[str, Any]) -> None:
    agent.take_telemetry(batch(block), T)
    assert agent.snapshot().uptime_s is None


def test_the_newest_word_on_the_uptime_counts(agent: AgentFigures) -> None:
    agent.take_telemetry(telemetry(T), T)
    rebooted = birth(T + 1_000).model_copy(update={"uptime_s": 12.0})
    agent.take_birth(rebooted)
    agent.take_birth(birth(T - 1_000))
    assert agent.snapshot().uptime_s == 12.0
