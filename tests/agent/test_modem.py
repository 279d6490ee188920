"""What modems say is read as their tools print it, and reported for the uplink that is theirs."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest
from fakes import FakeClock

from schoolpulse_agent.probes import modem_says as says
from schoolpulse_agent.probes import tools
from schoolpulse_agent.probes.base import Reading, Surroundings
from schoolpulse_agent.probes.modem import ModemProbe, Own, control_device, has_modem
from schoolpulse_agent.probes.modem_says import ModemSaid
from schoolpulse_agent.probes.tools import Said
from schoolpulse_agent.probes.wan import WanProbe
from schoolpulse_agent.settings import Uplink

CAPTURES = Path(__file__).parent / "captures/modem"
FIBRE = Uplink("wan", "primary", "eth0", "fibre")
LTE = Uplink("lte", "backup", "wwan0")
ROUTES = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"


def capture(name: str) -> str:
    return (CAPTURES / f"{name}.json").read_text()


class Tools:
    """Programs that answer with captures; each call is kept."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, command: Sequence[str]) -> Said:
        self.asked.append(" ".join(command))
        for key, answer in self.answers.items():
            words = key.split("_")
            if all(word in " ".join(command) for word in words):
                return Said(answer) if answer else Said("", f"{command[0]} ended with 1")
        return Said("", f"{command[0]} is not installed", missing=True)


def machine(root: Path, *uplinks: Uplink, wdm: bool = False) -> Surroundings:
    (root / "proc/net").mkdir(parents=True)
    (root / "proc/net/route").write_text(ROUTES)
    (root / "sys/class/net/wwan0/device/usbmisc").mkdir(parents=True)
    (root / "sys/class/net/wwan0/uevent").write_text("DEVTYPE=wwan\nINTERFACE=wwan0\n")
    if wdm:
        (root / "sys/class/net/wwan0/device/usbmisc/cdc-wdm0").mkdir()
    return Surroundings(uplinks, FakeClock(), root, root, generations={})


def clock_of(surroundings: Surroundings) -> FakeClock:
    assert isinstance(surroundings.clock, FakeClock)
    return surroundings.clock


def modemmanager(generation: str = "4g") -> Tools:
    # The longest matching question first: a signal is asked for with all words of the modem's own question.
    return Tools(
        **{
            "mmcli_-L": capture("mmcli-list"),
            "mmcli_--signal-get": capture(f"mmcli-signal-{generation}"),
            "mmcli_--signal-setup": "",
            "mmcli_-m": capture(f"mmcli-modem-{generation}"),
        }
    )


def cells(reading: Reading) -> dict[str, object]:
    return dict(reading.tags) | dict(reading.fields)


# ---- what the tools print


def test_modemmanager_tells_technology_operator_and_signal() -> None:
    assert says.parse_mmcli_list(capture("mmcli-list")) == ["/org/freedesktop/ModemManager1/Modem/0"]
    said = says.parse_mmcli_modem(capture("mmcli-modem-4g"))
    assert said == ModemSaid("4g", "Viettel", True, False, quality_ratio=0.67, ports=("wwan0",))
    said, is_asked = says.parse_mmcli_signal(capture("mmcli-signal-4g"), said)
    assert is_asked
    assert (said.rsrp_dbm, said.rsrq_db, said.sinr_db, said.rssi_dbm) == (-96.0, -11.0, 12.4, -65.0)


def test_5g_over_a_4g_anchor_is_5g_with_5g_figures() -> None:
    said = says.parse_mmcli_modem(capture("mmcli-modem-5g"))
    said, _ = says.parse_mmcli_signal(capture("mmcli-signal-5g"), said)
    assert (said.generation, said.rsrp_dbm, said.sinr_db) == ("5g", -88.0, 17.5)
    said = says.parse_uqmi_signal(capture("uqmi-signal-endc"), ModemSaid(generation="4g"))
    assert (said.generation, said.rsrp_dbm, said.rsrq_db, said.sinr_db) == ("5g", -91.0, -11.0, 21.5)


def test_a_modem_that_nobody_asked_for_its_signal_has_none_and_says_so() -> None:
    said, is_asked = says.parse_mmcli_signal(capture("mmcli-signal-off"), ModemSaid("4g"))
    assert not is_asked
    assert said == ModemSaid("4g")


def test_uqmi_tells_registration_and_signal_in_its_old_and_new_units() -> None:
    said = says.parse_uqmi_system(capture("uqmi-system"))
    assert said == ModemSaid("4g", "Viettel", registered=True, roaming=False)
    assert says.parse_uqmi_signal(capture("uqmi-signal-old"), said).sinr_db == 13.6
    assert says.parse_uqmi_signal(capture("uqmi-signal-old"), said).rsrp_dbm == -94
    of_3g = says.parse_uqmi_signal(capture("uqmi-signal-3g"), ModemSaid())
    assert (of_3g.generation, of_3g.rssi_dbm, of_3g.rsrp_dbm) == ("3g", -79.0, None)


def test_figures_that_no_antenna_hears_are_none() -> None:
    text = json.dumps({"type": "lte", "rssi": -70, "rsrp": -32768, "rsrq": 0.5, "snr": 999.0})
    said = says.parse_uqmi_signal(text, ModemSaid())
    assert (said.rssi_dbm, said.rsrp_dbm, said.rsrq_db, said.sinr_db) == (-70.0, None, 0.5, None)


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{", '"Not supported"', '{"modem": 1}', '{"modem": []}', "[" * 100_000]
)
def test_what_is_no_answer_is_a_value_error(text: str) -> None:
    parsers = (says.parse_mmcli_list, says.parse_mmcli_modem, says.parse_uqmi_system, says.parse_netifd)
    for parse in parsers:
        with pytest.raises(ValueError, match=r".+"):
            parse(text)
    with pytest.raises(ValueError, match=r".+"):
        says.parse_mmcli_signal(text, ModemSaid())
    with pytest.raises(ValueError, match=r".+"):
        says.parse_uqmi_signal(text, ModemSaid())


@pytest.mark.parametrize("name", ["mmcli-modem-4g", "mmcli-signal-5g", "uqmi-signal-endc", "uqmi-system"])
def test_an_answer_with_any_value_replaced_breaks_nothing(name: str) -> None:
    def variants(value: object, replacement: object) -> list[object]:
        out = [replacement]
        if isinstance(value, dict):
            out += [{**value, k: new} for k, v in value.items() for new in variants(v, replacement)]
        if isinstance(value, list):
            out += [
                [*value[:i], new, *value[i + 1 :]]
                for i, v in enumerate(value)
                for new in variants(v, replacement)
            ]
        return out

    replacements: tuple[object, ...] = (None, [], {}, "--", "\x1b[2J", 1e400, -1, True)
    for replacement in replacements:
        for variant in variants(json.loads(capture(name)), replacement):
            text = json.dumps(variant)
            for parse in (says.parse_mmcli_modem, says.parse_uqmi_system):
                try:
                    said = parse(text)
                except ValueError:
                    continue
                assert said.operator.isprintable()
            for read in (says.parse_mmcli_signal, says.parse_uqmi_signal):
                try:
                    read(text, ModemSaid())
                except ValueError:
                    continue


# ---- which uplinks are asked


def test_openwrts_network_daemon_tells_which_line_is_a_modems(tmp_path: Path) -> None:
    usb = Uplink("wan2", "backup", "usb0")
    surroundings = machine(tmp_path, Uplink("wan", "primary", "eth1"), usb)
    answers = Tools(ubus=capture("netifd-dump"), mmcli="")
    probe = ModemProbe(Own(), surroundings, answers)
    for _ in range(3):
        probe.measure()
        clock_of(surroundings).advance(60)
    assert answers.asked.count("ubus call network.interface dump") == 1
    lines = WanProbe(60, surroundings).measure().readings
    assert [dict(line.tags)["technology"] for line in lines] == ["unknown", "mobile"]
    clock_of(surroundings).advance(3600)
    answers.answers["ubus"] = '{"interface": 1}'
    assert probe.measure().readings == []


def test_only_mobile_uplinks_have_a_modem(tmp_path: Path) -> None:
    machine(tmp_path, wdm=True)
    assert has_modem(LTE, tmp_path)
    assert has_modem(Uplink("x", "backup", "usb0", "4g"), tmp_path)
    assert not has_modem(FIBRE, tmp_path)
    assert not has_modem(Uplink("x", "primary", "eth0"), tmp_path)
    assert control_device("wwan0", tmp_path) == "/dev/cdc-wdm0"
    assert control_device("eth0", tmp_path) is None


def test_a_school_without_a_modem_starts_no_program(tmp_path: Path) -> None:
    asked = Tools()
    assert ModemProbe(Own(), machine(tmp_path, FIBRE), asked).measure().readings == []
    assert asked.asked == []


def test_the_modem_of_an_uplink_is_reported_now_and_then(tmp_path: Path) -> None:
    surroundings = machine(tmp_path, FIBRE, LTE)
    probe = ModemProbe(Own(report_s=300), surroundings, modemmanager())
    (reading,) = probe.measure().readings
    assert reading.measurement == "modem"
    assert cells(reading) == {
        "uplink": "lte",
        "role": "backup",
        "technology": "4g",
        "operator": "Viettel",
        "registered": 1,
        "roaming": 0,
        "rsrp_dbm": -96.0,
        "rsrq_db": -11.0,
        "sinr_db": 12.4,
        "rssi_dbm": -65.0,
        "quality_ratio": 0.67,
    }
    for _ in range(4):
        clock_of(surroundings).advance(60)
        assert probe.measure().readings == []
    clock_of(surroundings).advance(60)
    assert len(probe.measure().readings) == 1


def test_a_fall_from_5g_to_4g_is_news_and_the_line_s_technology_follows(tmp_path: Path) -> None:
    surroundings = machine(tmp_path, FIBRE, LTE)
    answers = modemmanager("5g")
    probe = ModemProbe(Own(), surroundings, answers)
    assert dict(probe.measure().readings[0].tags)["technology"] == "5g"
    answers.answers = modemmanager("4g").answers
    clock_of(surroundings).advance(60)
    found = probe.measure()
    assert found.changes == ("uplink lte is on 4g of Viettel",)
    assert dict(found.readings[0].tags)["technology"] == "4g"
    lines = WanProbe(60, surroundings).measure().readings
    assert [dict(line.tags)["technology"] for line in lines] == ["fibre", "4g"]


def test_without_modemmanager_uqmi_is_asked(tmp_path: Path) -> None:
    answers = Tools(
        **{
            "uqmi_--get-serving-system": capture("uqmi-system"),
            "uqmi_--get-signal-info": capture("uqmi-signal-old"),
        }
    )
    surroundings = machine(tmp_path, LTE, wdm=True)
    (reading,) = ModemProbe(Own(), surroundings, answers).measure().readings
    assert (cells(reading)["rsrp_dbm"], cells(reading)["operator"]) == (-94.0, "Viettel")
    assert "uqmi -s -t 3000 -d /dev/cdc-wdm0 --get-signal-info" in answers.asked


def test_modemmanager_is_asked_once_to_look_at_the_signal(tmp_path: Path) -> None:
    answers = modemmanager()
    answers.answers["mmcli_--signal-get"] = capture("mmcli-signal-off")
    surroundings = machine(tmp_path, LTE)
    probe = ModemProbe(Own(), surroundings, answers)
    for _ in range(3):
        probe.measure()
        clock_of(surroundings).advance(60)
    set_up = [command for command in answers.asked if "--signal-setup" in command]
    assert set_up == ["mmcli -m /org/freedesktop/ModemManager1/Modem/0 --signal-setup=30"]


def test_a_missing_tool_is_said_once_and_looked_for_again_after_an_hour(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answers = Tools()
    surroundings = machine(tmp_path, LTE)
    probe = ModemProbe(Own(), surroundings, answers)
    with caplog.at_level(logging.INFO):
        for _ in range(30):
            assert probe.measure().readings == []
            clock_of(surroundings).advance(60)
        assert answers.asked == ["mmcli -J -L"]
        assert len(caplog.records) == 1
        assert "no modem tells of uplink lte: mmcli is not installed" in caplog.text
        answers.answers = modemmanager().answers
        clock_of(surroundings).advance(3600)
        assert len(probe.measure().readings) == 1
        assert "the modem of uplink lte answers" in caplog.text


@pytest.mark.parametrize("nonsense", ["", "not JSON", "{}", '{"modem-list": 5}'])
def test_a_tool_that_talks_nonsense_costs_nothing_but_its_figures(tmp_path: Path, nonsense: str) -> None:
    answers = Tools(mmcli=nonsense, uqmi=nonsense)
    assert ModemProbe(Own(), machine(tmp_path, LTE, wdm=True), answers).measure().readings == []


# ---- running a real program


def script(tmp_path: Path, text: str) -> str:
    path = tmp_path / "tool"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_program_s_output_and_status_come_back(tmp_path: Path) -> None:
    assert tools.run([script(tmp_path, 'printf "%s" "$1 $LC_ALL"'), "a b;c"]) == Said("a b;c C")
    ended = tools.run([script(tmp_path, "echo some; exit 3")])
    assert (ended.text, ended.missing) == ("some\n", False)
    assert ended.trouble.endswith("ended with 3")


def test_a_program_that_does_not_end_is_ended(tmp_path: Path) -> None:
    assert "did not end within 0.2 s" in tools.run([script(tmp_path, "exec sleep 600")], 0.2).trouble


def test_a_program_that_says_too_much_is_ended(tmp_path: Path) -> None:
    assert tools.run([script(tmp_path, "exec yes")]).trouble.endswith("says too much")


def test_a_program_that_is_not_there_is_missing(tmp_path: Path) -> None:
    assert tools.run([str(tmp_path / "none")]).missing
    (tmp_path / "plain").write_text("x")
    assert tools.run([str(tmp_path / "plain")]) == Said("", f"{tmp_path}/plain: Permission denied")
