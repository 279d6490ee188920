"""Probes read the kernel's files as real machines write them, and tell news from routine."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import FakeClock

from schoolpulse_agent.birth import parse_os_release
from schoolpulse_agent.probes.base import Reading, Surroundings
from schoolpulse_agent.probes.interface import (
    InterfaceProbe,
    Snapshot,
    delta,
    parse_net_dev,
    parse_speed,
    rates,
    wanted_interfaces,
)
from schoolpulse_agent.probes.routes import DefaultRoute, parse_ipv6_routes, parse_routes
from schoolpulse_agent.probes.system import (
    SystemProbe,
    hottest,
    parse_load,
    parse_memory_used,
    parse_uptime,
)
from schoolpulse_agent.probes.wan import WanProbe
from schoolpulse_agent.settings import Uplink

CAPTURES = Path(__file__).parent / "captures"
FIBRE = Uplink("wan", "primary", "eth0", "fibre")
LTE = Uplink("lte", "backup", "wwan0")
ROUTE_HEAD = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
VIA_FIBRE = "eth0 00000000 0101A8C0 0003 0 0 10 00000000 0 0 0\n"
VIA_LTE = "wwan0 00000000 016410AC 0003 0 0 40 00000000 0 0 0\n"


def capture(name: str) -> str:
    return (CAPTURES / f"{name}.txt").read_text()


class Machine:
    """The files of a machine under a folder."""

    def __init__(self, root: Path, *uplinks: Uplink) -> None:
        self.root = root
        self.clock = FakeClock()
        self.surroundings = Surroundings(uplinks, self.clock, root, root)
        self.write("proc/net/route", ROUTE_HEAD)

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def routes(self, *lines: str) -> None:
        self.write("proc/net/route", ROUTE_HEAD + "".join(lines))

    def interface(self, name: str, *, carrier: str = "1", ifindex: int = 2, uevent: str = "") -> None:
        folder = f"sys/class/net/{name}"
        self.write(f"{folder}/carrier", carrier)
        self.write(f"{folder}/ifindex", str(ifindex))
        self.write(f"{folder}/uevent", uevent)
        self.write(f"{folder}/device/vendor", "0x8086")

    def counters(self, **bytes_received: int) -> None:
        lines = [f" {name}: {count}" + " 0" * 15 for name, count in bytes_received.items()]
        self.write("proc/net/dev", "\n".join(["Inter-| Receive", " face |bytes", *lines]))


def fields(reading: Reading) -> dict[str, object]:
    return dict(reading.fields)


# ---- system


def test_numbers_of_the_system() -> None:
    assert parse_uptime("2725.04 5320.11\n") == 2725.04
    assert parse_load("0.52 0.58 0.59 1/345 12345\n") == 0.52
    assert parse_memory_used(capture("debian_meminfo")) == pytest.approx(1 - 2987640 / 3983520, abs=1e-4)
    assert parse_memory_used(capture("old_kernel_meminfo")) == pytest.approx(0.4)
    assert hottest(["45000", "62500", "-274000", "nonsense", ""]) == 62.5


@pytest.mark.parametrize("text", ["", "nonsense", "MemTotal: 0 kB", "MemTotal:"])
def test_what_cannot_be_read_is_not_measured(text: str) -> None:
    assert parse_uptime(text.partition(":")[0]) is None
    assert parse_memory_used(text) is None
    assert hottest([text]) is None


def test_the_system_probe_reads_its_machine(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.write("proc/uptime", "100.5 1\n")
    machine.write("proc/loadavg", "1.25 0 0 1/1 1\n")
    machine.write("proc/meminfo", capture("debian_meminfo"))
    machine.write("sys/class/thermal/thermal_zone0/temp", "51000\n")
    (reading,) = SystemProbe(None, machine.surroundings).measure().readings
    found = fields(reading)
    assert (found["uptime_s"], found["load_1m"], found["temperature_c"]) == (100.5, 1.25, 51.0)
    assert isinstance(found["disk_used_ratio"], float)
    assert 0 < found["disk_used_ratio"] < 1


# ---- interface


def test_counters_of_a_router() -> None:
    found = parse_net_dev(capture("openwrt_net_dev"))
    assert list(found) == ["lo", "eth0", "wwan0", "br-lan", "pppoe-wan", "wlan0"]
    assert found["eth0"] == (91827364512, 18273645102, 3, 0, 12, 0)
    assert found["pppoe-wan"].tx_drops == 27


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (100, 300, 200),
        (2**40, 2**40 + 5, 5),
        (2**32 - 100, 400, 500),  # a 32-bit counter went round
        (2**32 - 100, 2**31, None),  # nothing is that fast: it began anew
        (10**6, 0, None),
        (2**30, 2**30 - 5, None),
        (2**33, 100, None),  # more than 32 bits never go round
    ],
)
def test_wraps_and_resets_are_told_apart(before: int, now: int, expected: int | None) -> None:
    assert delta(before, now, fastest=10**6) == expected


def test_an_interface_that_was_made_anew_has_no_rates() -> None:
    counters = parse_net_dev(capture("openwrt_net_dev"))["eth0"]
    more = counters._replace(rx_bytes=counters.rx_bytes + 1000)
    assert rates(Snapshot(0, 3, counters), Snapshot(10, 3, more), 1000) == (1000, 0, 0, 0, 0, 0)
    assert rates(Snapshot(0, 3, counters), Snapshot(10, 4, more), 1000) is None
    assert rates(Snapshot(10, 3, counters), Snapshot(10, 3, more), 1000) is None
    high = counters._replace(rx_bytes=2**32 - 9, tx_bytes=2**32 - 9)
    low = counters._replace(rx_bytes=1, tx_bytes=1)
    assert rates(Snapshot(0, 3, high), Snapshot(10, 3, low), 1000) is None
    assert rates(Snapshot(0, 3, high), Snapshot(10, 3, low._replace(tx_bytes=2**32)), 1000) is not None


@pytest.mark.parametrize(("text", "mbps"), [("1000", 1000.0), ("-1", None), ("", None), ("4294967295", None)])
def test_link_speed(text: str, mbps: float | None) -> None:
    assert parse_speed(text) == mbps


def test_rates_are_told_from_the_last_look(tmp_path: Path) -> None:
    machine = Machine(tmp_path, FIBRE)
    machine.interface("eth0")
    machine.counters(lo=5, eth0=1_000_000)
    probe = InterfaceProbe((), machine.surroundings)
    assert probe.measure().readings == []
    machine.clock.advance(10)
    machine.counters(lo=9, eth0=2_250_000)
    (reading,) = probe.measure().readings
    assert reading.tags == (("name", "eth0"),)
    assert fields(reading)["rx_bps"] == 1_000_000
    machine.clock.advance(10)
    machine.counters(lo=9, eth0=500)  # the driver was loaded anew
    assert probe.measure().readings == []
    machine.clock.advance(10)
    machine.counters(lo=9, eth0=1750)
    (reading,) = probe.measure().readings
    assert fields(reading)["rx_bps"] == 1000


def test_which_interfaces_are_looked_at(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.interface("eth0")
    machine.write("sys/class/net/br0/bridge/stp_state", "0")
    machine.write("sys/class/net/docker0/bridge/stp_state", "0")
    sys_net = tmp_path / "sys/class/net"
    present = ["lo", "eth0", "wwan0", "docker0", "br0", "br-lan", "veth1a2b", "pppoe-wan"]
    assert wanted_interfaces(present, (), (LTE,), sys_net) == ["eth0", "wwan0", "br0", "br-lan"]
    assert wanted_interfaces(present, ("lo", "gone"), (LTE,), sys_net) == ["lo"]


# ---- routes and wan


def test_default_routes_of_a_router_in_order() -> None:
    assert parse_routes(capture("openwrt_route")) == [
        DefaultRoute("pppoe-wan", None, 10),
        DefaultRoute("wwan0", "172.16.100.1", 40),
    ]
    assert parse_ipv6_routes(capture("ipv6_route")) == [DefaultRoute("eth0", "fd00::1", 1024, True)]


@pytest.mark.parametrize("text", ["", "Iface\n", "Iface\neth0 0\n", "Iface\neth0 x y z 0 0 m 0 0\n"])
def test_nonsense_is_no_route(text: str) -> None:
    assert parse_routes(text) == []
    assert parse_ipv6_routes(text) == []


def wan_readings(readings: list[Reading]) -> dict[str, tuple[object, ...]]:
    return {
        str(dict(reading.tags)["uplink"]): (*dict(reading.tags).values(), *fields(reading).values())
        for reading in readings
    }


def test_a_failover_and_back_is_news_and_a_new_path(tmp_path: Path) -> None:
    machine = Machine(tmp_path, FIBRE, LTE)
    machine.interface("eth0")
    machine.interface("wwan0", uevent="DEVTYPE=wwan\nINTERFACE=wwan0\n")
    machine.routes(VIA_FIBRE, VIA_LTE)
    probe = WanProbe(60.0, machine.surroundings)
    first = probe.measure()
    assert wan_readings(first.readings) == {
        "wan": ("wan", "primary", "fibre", "eth0", 1, 1),
        "lte": ("lte", "backup", "mobile", "wwan0", 0, 1),
    }
    assert (first.changes, first.path_changed) == ((), False)
    machine.clock.advance(5)
    assert probe.measure().readings == []
    machine.interface("eth0", carrier="0")
    machine.routes(VIA_LTE)
    machine.clock.advance(5)
    lost = probe.measure()
    assert wan_readings(lost.readings)["wan"][-2:] == (0, 0)
    assert wan_readings(lost.readings)["lte"][-2:] == (1, 1)
    assert set(lost.changes) == {
        "uplink wan is not in use any more",
        "uplink wan has lost its carrier",
        "uplink lte is in use",
    }
    assert lost.path_changed
    machine.interface("eth0")
    machine.routes(VIA_LTE, VIA_FIBRE)
    back = probe.measure()
    assert (wan_readings(back.readings)["wan"][-2:], back.path_changed) == ((1, 1), True)
    machine.clock.advance(60)
    assert len(probe.measure().readings) == 2


def test_no_way_out_at_all_is_news_but_no_new_path(tmp_path: Path) -> None:
    machine = Machine(tmp_path, Uplink("wan"))
    machine.interface("eth0")
    machine.routes(VIA_FIBRE)
    probe = WanProbe(60.0, machine.surroundings)
    assert wan_readings(probe.measure().readings)["wan"] == ("wan", "primary", "unknown", "eth0", 1, 1)
    machine.routes()
    gone = probe.measure()
    assert wan_readings(gone.readings)["wan"][-2:] == (0, 1)  # the interface of before, with its carrier
    assert not gone.path_changed
    machine.routes(VIA_FIBRE)
    assert probe.measure().path_changed


def test_an_interface_without_a_carrier_of_its_own_goes_by_its_state(tmp_path: Path) -> None:
    machine = Machine(tmp_path, Uplink("wan", interface="ppp0"))
    machine.write("sys/class/net/ppp0/operstate", "unknown\n")
    assert wan_readings(WanProbe(60.0, machine.surroundings).measure().readings)["wan"][-1] == 1
    machine.write("sys/class/net/ppp0/operstate", "down\n")
    assert wan_readings(WanProbe(60.0, machine.surroundings).measure().readings)["wan"][-1] == 0


def test_the_name_of_the_system() -> None:
    assert parse_os_release(capture("openwrt_os_release")) == "OpenWrt 23.05.5"
    assert parse_os_release("") == ""
