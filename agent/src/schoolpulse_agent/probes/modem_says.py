"""What modems say of themselves, read from the JSON of `mmcli` (ModemManager) and `uqmi` (OpenWrt). No I/O.

`mmcli -J`: keys of ModemManager's own program, units of its D-Bus interface Modem.Signal (dBm and dB), `--`
where a value is not known. `uqmi`: keys of its commands-nas.c; an SNR that is a whole number counts tenths of
dB, as in its older versions, one with a point is dB.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

GENERATIONS = {
    "5gnr": "5g",
    "lte": "4g",
    "lte-cat-m": "4g",
    "lte-nb-iot": "4g",
    "umts": "3g",
    "wcdma": "3g",
    "hsdpa": "3g",
    "hsupa": "3g",
    "hspa": "3g",
    "hspa-plus": "3g",
    "td-scdma": "3g",
    "gsm": "2g",
    "gsm-compact": "2g",
    "gprs": "2g",
    "edge": "2g",
}
"""Radio technologies as the tools name them, and the generation that they belong to."""

MODEM_PROTOCOLS = frozenset({"3g", "directip", "mbim", "modemmanager", "ncm", "qmi", "wwan"})
"""Protocols of OpenWrt's netifd that speak to a modem."""

_RADIO_OF = {"5g": ("5g", "5gnr"), "4g": ("lte",), "3g": ("umts", "wcdma"), "2g": ("gsm",)}
_NEWEST_FIRST = ("5g", "4g", "3g", "2g")
_MAX_NAME = 64
_LIMITS = {"rsrp": (-160, -20), "rsrq": (-60, 30), "sinr": (-40, 60), "rssi": (-130, 0)}
"""What is outside says that nothing was measured (-32768), whatever a modem calls it."""


class ModemSaid(NamedTuple):
    """One modem now; None and empty are what it does not tell. Units: dBm, dB, dB, dBm, 0 to 1."""

    generation: str = ""
    operator: str = ""
    registered: bool | None = None
    roaming: bool | None = None
    rsrp_dbm: float | None = None
    rsrq_db: float | None = None
    sinr_db: float | None = None
    rssi_dbm: float | None = None
    quality_ratio: float | None = None
    ports: tuple[str, ...] = ()
    """Network interfaces that are the modem's."""


def parse_netifd(text: str) -> frozenset[str]:
    """The interfaces that a modem's protocol runs on, out of ``ubus call network.interface dump``.

    Raises:
        ValueError: it is no such answer.
    """
    interfaces = _table(text).get("interface")
    if not isinstance(interfaces, list):
        raise ValueError("no list of interfaces")
    mobile = (one for one in interfaces if isinstance(one, dict) and one.get("proto") in MODEM_PROTOCOLS)
    return frozenset(name for one in mobile if isinstance(name := one.get("l3_device"), str))


def parse_mmcli_list(text: str) -> list[str]:
    """The D-Bus paths in the answer to ``mmcli -J -L``.

    Raises:
        ValueError: it is no such answer.
    """
    paths = _table(text).get("modem-list")
    if not isinstance(paths, list):
        raise ValueError("no list of modems")
    return [path for path in paths if isinstance(path, str)]


def parse_mmcli_modem(text: str) -> ModemSaid:
    """The answer to ``mmcli -J -m PATH``: everything but the signal in dBm.

    Raises:
        ValueError: it is no such answer.
    """
    modem = _table(text).get("modem")
    if not isinstance(modem, dict):
        raise ValueError("no modem")
    generic, network = _inner(modem, "generic"), _inner(modem, "3gpp")
    registration = _name(network.get("registration-state"))
    quality = _number(_inner(generic, "signal-quality").get("value"))
    ports = (port.rsplit(" ", 1) for port in _texts(generic.get("ports")))
    known = registration not in {"", "unknown"}
    return ModemSaid(
        generation=_generation(_texts(generic.get("access-technologies"))),
        operator=_name(network.get("operator-name")),
        registered=registration in {"home", "roaming"} if known else None,
        roaming=registration == "roaming" if known else None,
        quality_ratio=quality / 100 if quality is not None and 0 <= quality <= 100 else None,
        ports=tuple(port[0] for port in ports if port[-1] == "(net)"),
    )


def parse_mmcli_signal(text: str, said: ModemSaid) -> tuple[ModemSaid, bool]:
    """`said` with the answer to ``mmcli -J -m PATH --signal-get``, and whether the modem is asked regularly.

    Raises:
        ValueError: it is no such answer.
    """
    modem = _table(text).get("modem")
    if not isinstance(modem, dict):
        raise ValueError("no modem")
    signal = _inner(modem, "signal")
    rate = _number(_inner(signal, "refresh").get("rate"))
    return _measured(said, {key: value for key, value in signal.items() if isinstance(value, dict)}), bool(
        rate
    )


def parse_uqmi_signal(text: str, said: ModemSaid) -> ModemSaid:
    """`said` with the answer to ``uqmi --get-signal-info``: one radio, or two where 5G stands on 4G.

    Raises:
        ValueError: it is no such answer.
    """
    answer = _json(text)
    radios = [
        radio for radio in (answer if isinstance(answer, list) else [answer]) if isinstance(radio, dict)
    ]
    by_type = {str(radio.get("type")): dict(radio) for radio in radios}
    if not set(by_type) & set(GENERATIONS):
        raise ValueError("no radio")
    for radio in by_type.values():
        if isinstance(radio.get("snr"), int):
            radio["snr"] = radio["snr"] / 10
    said = said._replace(generation=_generation(by_type) or said.generation)
    return _measured(said, by_type)


def parse_uqmi_system(text: str) -> ModemSaid:
    """The answer to ``uqmi --get-serving-system``: registration and operator.

    Raises:
        ValueError: it is no such answer.
    """
    answer = _table(text)
    registration = answer.get("registration")
    if not isinstance(registration, str):
        raise ValueError("no registration")
    roaming = answer.get("roaming")
    return ModemSaid(
        generation=_generation(_texts(answer.get("radio_interface"))),
        operator=_name(answer.get("plmn_description")),
        registered=None if registration == "unknown" else registration == "registered",
        roaming=roaming if isinstance(roaming, bool) else None,
    )


def _measured(said: ModemSaid, radios: dict[str, Any]) -> ModemSaid:
    """The figures of the radio in use; where nobody says which that is, of the newest that has any."""
    for generation in dict.fromkeys((said.generation, *_NEWEST_FIRST)):
        for name in _RADIO_OF.get(generation, ()):
            radio = radios.get(name, {})
            rsrp = _within("rsrp", radio.get("rsrp"))
            rssi = _within("rssi", radio.get("rssi", radio.get("signal")))
            if rsrp is None and rssi is None:
                continue
            return said._replace(
                generation=said.generation or generation,
                rsrp_dbm=rsrp,
                rsrq_db=_within("rsrq", radio.get("rsrq")),
                sinr_db=_within("sinr", radio.get("snr", radio.get("sinr"))),
                rssi_dbm=rssi,
            )
    return said


def _generation(names: Iterable[str]) -> str:
    found = {GENERATIONS.get(name.strip().lower(), "") for name in names}
    return next((generation for generation in _NEWEST_FIRST if generation in found), "")


def _within(kind: str, value: Any) -> float | None:
    number = _number(value)
    low, high = _LIMITS[kind]
    return round(number, 1) if number is not None and low <= number <= high else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _name(value: Any) -> str:
    text = value if isinstance(value, str) and value != "--" else ""
    return "".join(character for character in text if character.isprintable()).strip()[:_MAX_NAME]


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _inner(table: dict[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key)
    return value if isinstance(value, dict) else {}


def _table(text: str) -> dict[str, Any]:
    answer = _json(text)
    if not isinstance(answer, dict):
        raise ValueError("no object")
    return answer


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
