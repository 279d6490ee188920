"""A classroom's PC says whether it is in use, from counters; and measures nothing of the school's lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from fakes import FakeClock

from schoolpulse_agent.birth import birth_message
from schoolpulse_agent.config import parse
from schoolpulse_agent.errors import ConfigError
from schoolpulse_agent.probes import usage
from schoolpulse_agent.probes.base import Round, Surroundings
from schoolpulse_agent.probes.classroom import ClassroomProbe, Own
from schoolpulse_agent.probes.registry import make_probes
from schoolpulse_agent.probes.tools import Said
from schoolpulse_agent.probes.wifi import Heard, WifiProbe, parse_iw_link, parse_wireless

CAPTURES = Path(__file__).parent / "captures/wifi"
CONFIG = '[agent]\nid = "phong-7a1"\nrole = "classroom"\n[broker]\nurl = "mqtt://127.0.0.1"\n'
INTERRUPTS = """            CPU0       CPU1
   1:        {ps2}          3   IO-APIC   1-edge      i8042
  16:     900000     800000   IO-APIC  16-fasteoi   ehci_hcd:usb1
 NMI:          5          5   Non-maskable interrupts
"""


class Pc:
    """The files of a classroom's PC, and its desktop's word on being idle."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = FakeClock()
        self.desktop_idle: bool | None = None
        self.display("connected", "On")
        self.write("sys/bus/usb/devices/1-1/urbnum", "100")
        self.write("sys/bus/usb/devices/1-1:1.0/bInterfaceClass", "03")
        self.write("sys/bus/usb/devices/1-2/urbnum", "5000")  # a camera: no input device
        self.write("sys/bus/usb/devices/1-2:1.0/bInterfaceClass", "0e")
        self.keys(7)
        self.write("proc/uptime", "5400.12 9000.00")
        self.write("proc/loadavg", "0.52 0.40 0.30 1/300 4242")
        self.write("proc/meminfo", "MemTotal: 4000 kB\nMemAvailable: 1000 kB\n")
        self.cpu(100, 900)
        self.probe = ClassroomProbe(Own(), Surroundings((), self.clock, root, root), self.run)

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def display(self, status: str, dpms: str) -> None:
        self.write("sys/class/drm/card0-HDMI-A-1/status", status)
        self.write("sys/class/drm/card0-HDMI-A-1/enabled", "enabled")
        self.write("sys/class/drm/card0-HDMI-A-1/dpms", dpms)

    def mouse(self, requests: int) -> None:
        self.write("sys/bus/usb/devices/1-1/urbnum", str(requests))

    def keys(self, interrupts: int) -> None:
        self.write("proc/interrupts", INTERRUPTS.format(ps2=interrupts))

    def sound(self, state: str) -> None:
        self.write("proc/asound/card0/pcm0p/sub0/status", state)

    def cpu(self, worked: int, idle: int) -> None:
        self.write("proc/stat", f"cpu  {worked} 0 0 {idle} 0 0 0 0 0 0\ncpu0 1 2 3 4 5 6 7 8\n")

    def run(self, command: Sequence[str]) -> Said:
        if self.desktop_idle is None:
            return Said("", f"{command[0]} is not installed", missing=True)
        return Said("b true\n" if self.desktop_idle else "b false\n")

    def minute(self) -> Round:
        self.clock.advance(60)
        return self.probe.measure()


@pytest.fixture
def pc(tmp_path: Path) -> Pc:
    pc = Pc(tmp_path)
    pc.probe.measure()
    return pc


def fields(found: Round) -> dict[str, object]:
    (reading,) = found.readings
    assert (reading.measurement, reading.tags) == ("classroom", ())
    return dict(reading.fields)


# ---- in use or not


@pytest.mark.parametrize("by", ["mouse", "keys"])
def test_input_is_use_and_its_begin_and_end_are_news(pc: Pc, by: str) -> None:
    getattr(pc, by)(150)
    found = pc.minute()
    assert found.changes == ("in use",)
    assert fields(found)["in_use"] == 1
    quiet = [pc.minute() for _ in range(10)]
    assert [round_.changes for round_ in quiet] == [()] * 9 + [("not in use any more",)]


def test_a_film_with_nobody_at_the_mouse_is_use(pc: Pc) -> None:
    pc.sound("state: RUNNING\nowner_pid: 100\n")
    pc.desktop_idle = True
    assert pc.minute().changes == ("in use",)
    pc.sound("closed")
    assert "not in use any more" in [change for _ in range(10) for change in pc.minute().changes]


def test_a_dark_display_is_no_use_whatever_moves(pc: Pc) -> None:
    pc.display("connected", "Off")
    pc.mouse(999)
    assert pc.minute().changes == ()
    pc.display("disconnected", "On")
    pc.mouse(1999)
    assert pc.minute().changes == ()


def test_a_desktop_that_calls_itself_idle_is_believed(pc: Pc) -> None:
    pc.desktop_idle = True
    pc.mouse(101)  # a table that shakes
    assert pc.minute().changes == ()
    pc.desktop_idle = False
    pc.mouse(102)
    assert pc.minute().changes == ("in use",)


def test_what_is_no_input_device_counts_for_nothing(pc: Pc) -> None:
    pc.write("sys/bus/usb/devices/1-2/urbnum", "999999")
    pc.write("proc/interrupts", INTERRUPTS.format(ps2=7).replace("900000", "990000"))
    assert pc.minute().changes == ()


def test_where_nothing_can_be_known_nothing_is_said(tmp_path: Path) -> None:
    surroundings = Surroundings((), FakeClock(), tmp_path, tmp_path)
    found = fields(
        ClassroomProbe(Own(), surroundings, lambda _command: Said("", "x", missing=True)).measure()
    )
    assert (found["in_use"], found["used_ratio"], found["display_on"]) == (None, None, None)


# ---- what is sent


def test_what_is_sent_between_changes_is_coarse(pc: Pc) -> None:
    pc.cpu(400, 1600)
    assert [len(pc.minute().readings) for _ in range(5)] == [0, 0, 0, 0, 1]
    pc.mouse(101)
    assert fields(pc.minute())["used_ratio"] == 1.0
    pc.cpu(500, 1700)
    found = [pc.minute() for _ in range(5)][-1]
    assert fields(found) == {
        "uptime_s": 5400.12,
        "load_1m": 0.52,
        "cpu_used_ratio": 0.5,
        "memory_used_ratio": 0.75,
        "disk_used_ratio": fields(found)["disk_used_ratio"],
        "temperature_c": None,
        "display_on": 1,
        "in_use": 1,
        "used_ratio": 1.0,
    }


def test_only_the_machine_as_a_whole_is_asked_whether_it_is_idle() -> None:
    assert usage.IDLE_HINT[-2:] == ("org.freedesktop.login1.Manager", "IdleHint")
    assert usage.parse_idle_hint("b true\n") is True
    assert usage.parse_idle_hint("b false\n") is False
    assert usage.parse_idle_hint("Failed to get property") is None


def test_input_devices_are_never_opened(monkeypatch: pytest.MonkeyPatch, pc: Pc) -> None:
    opened: list[str] = []
    original = Path.read_text

    def spy(self: Path, *args: object, **kwargs: object) -> str:
        opened.append(str(self.relative_to(pc.root)))
        return original(self, *args, **kwargs)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(Path, "read_text", spy)
    pc.write("dev/input/event0", "secret")
    pc.write("proc/4242/cmdline", "firefox")
    pc.write("run/utmp", "thay-an")
    for _ in range(6):
        pc.minute()
    assert opened
    allowed = ("sys/class/drm/", "sys/bus/usb/devices/", "sys/class/thermal/", "proc/asound/")
    files = {"proc/interrupts", "proc/stat", "proc/uptime", "proc/loadavg", "proc/meminfo"}
    assert [path for path in opened if not path.startswith(allowed) and path not in files] == []


def test_ticks_of_all_processors() -> None:
    assert usage.parse_cpu("cpu  10 1 2 80 5 1 1 0 3 0\n") == (15, 100)
    for text in ("", "cpu", "cpu0 1 2 3 4 5", "cpu a b c d e"):
        assert usage.parse_cpu(text) is None


# ---- Wi-Fi


def test_wifi_by_iw_and_by_the_kernel_s_file() -> None:
    assert parse_iw_link((CAPTURES / "iw-link.txt").read_text()) == Heard(-57.0, None, 526.5, 650.0, True)
    assert parse_iw_link("Not connected.\n") == Heard()
    heard = parse_wireless((CAPTURES / "proc-net-wireless.txt").read_text())
    assert heard == {"wlan0": Heard(-52.0, associated=True), "wlan1": Heard()}
    assert parse_wireless("Inter-|\n face |\n nonsense\n x: 1\n") == {}


def test_wifi_is_reported_without_saying_which(tmp_path: Path) -> None:
    (tmp_path / "sys/class/net/wlan0").mkdir(parents=True)
    (tmp_path / "sys/class/net/wlan0/phy80211").mkdir()
    link = (CAPTURES / "iw-link.txt").read_text()
    surroundings = Surroundings((), FakeClock(), tmp_path, tmp_path)
    (reading,) = WifiProbe(None, surroundings, lambda _command: Said(link)).measure().readings
    assert reading.tags == (("interface", "wlan0"),)
    assert dict(reading.fields) == {
        "associated": 1,
        "signal_dbm": -57.0,
        "noise_dbm": None,
        "rx_mbps": 526.5,
        "tx_mbps": 650.0,
    }


def test_wifi_without_iw_is_what_the_file_says(tmp_path: Path) -> None:
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/wireless").write_text((CAPTURES / "proc-net-wireless.txt").read_text())
    asked = []

    def run(command: Sequence[str]) -> Said:
        asked.append(command)
        return Said("", "iw is not installed", missing=True)

    clock = FakeClock()
    clock.advance(10)
    probe = WifiProbe(None, Surroundings((), clock, tmp_path, tmp_path), run)
    readings = probe.measure().readings
    assert [dict(reading.fields)["signal_dbm"] for reading in readings] == [-52.0, None]
    probe.measure()
    assert len(asked) == 1


# ---- the role


def test_a_classroom_s_agent_measures_its_machine_and_no_lines(tmp_path: Path) -> None:
    settings = parse(CONFIG.encode())
    clock = FakeClock()
    assert sorted(make_probes(settings, clock, tmp_path)) == ["classroom", "wifi"]
    birth = birth_message(settings, "b", clock, 1, tmp_path)
    assert (birth["role"], birth["probes"], birth["uplinks"]) == ("classroom", ["classroom", "wifi"], [])
    assert json.dumps(birth)


def test_what_a_role_has_no_use_for_is_a_mistake() -> None:
    for section in (
        "[probes.reachability]\n",
        "[probes.wan]\n",
        '[[device]]\nname="a"\nkind="host"\naddress="1"',
    ):
        with pytest.raises(ConfigError) as refused:
            parse((CONFIG + section).encode())
        assert "is of no use with role classroom" in str(refused.value.problems[0])
    with pytest.raises(ConfigError) as refused:
        parse(CONFIG.replace('role = "classroom"', "").encode() + b"[probes.wifi]\n")
    assert "is of no use with role gateway" in str(refused.value.problems[0])
