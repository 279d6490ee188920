"""What each kind of device answers: objects of the standard MIBs, with values read at the moment of asking.

SNMPv2-MIB (RFC 3418), IF-MIB (RFC 2863), UPS-MIB (RFC 1628), HOST-RESOURCES-MIB (RFC 2790), Printer-MIB
(RFC 3805). A new kind is one function and one line in `PROFILES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from schoolpulse_sim.snmp.device import BATTERY_S, LiveDevice

Oid = tuple[int, ...]
MIB2: Oid = (1, 3, 6, 1, 2, 1)
SYSTEM, INTERFACES, HOST = (*MIB2, 1), (*MIB2, 2), (*MIB2, 25)
IF_X, UPS, PRINTER = (*MIB2, 31, 1, 1, 1), (*MIB2, 33, 1), (*MIB2, 43)
NET_SNMP_LINUX: Oid = (1, 3, 6, 1, 4, 1, 8072, 3, 2, 10)
ETHERNET, WLAN = 6, 71
"""ifType (IANAifType-MIB)."""


class Object(NamedTuple):
    """One object instance: its name, its SMI type, and its value at a moment (ms, UTC)."""

    oid: Oid
    syntax: str
    read: Callable[[int], int | str | bytes | Oid]


class Port(NamedTuple):
    """One interface of a device."""

    name: str
    if_type: int
    mbps: int


def _fixed(oid: Oid, syntax: str, value: int | str | bytes | Oid) -> Object:
    return Object(oid, syntax, lambda _now_ms: value)


def _system(device: LiveDevice, description: str, services: int) -> Iterator[Object]:
    yield _fixed((*SYSTEM, 1, 0), "OctetString", f"{description} (simulated)")
    yield _fixed((*SYSTEM, 2, 0), "ObjectIdentifier", NET_SNMP_LINUX)
    yield Object((*SYSTEM, 3, 0), "TimeTicks", device.uptime_ticks)
    yield _fixed((*SYSTEM, 4, 0), "OctetString", "nobody: this device is simulated")
    yield _fixed((*SYSTEM, 5, 0), "OctetString", device.name)
    yield _fixed((*SYSTEM, 6, 0), "OctetString", "a simulated school")
    yield _fixed((*SYSTEM, 7, 0), "Integer32", services)


def _interfaces(device: LiveDevice, ports: tuple[Port, ...]) -> Iterator[Object]:
    yield _fixed((*INTERFACES, 1, 0), "Integer32", len(ports))
    for number, port in enumerate(ports, start=1):
        yield from _if_entry(device, port, number)
        yield from _ifx_entry(device, port, number)


def _octets(device: LiveDevice, number: int, bits: int, *, outward: bool) -> Callable[[int], int]:
    def read(now_ms: int) -> int:
        device.count(now_ms)
        return device.octets(number - 1, outward=outward) % (1 << bits)

    return read


def _if_entry(device: LiveDevice, port: Port, number: int) -> Iterator[Object]:
    entry: Oid = (*INTERFACES, 2, 1)
    up = 1 if device.ports_up[number - 1] else 2
    mac = bytes((0x02, 0x51, *device.serial.encode()[-3:], number))
    yield _fixed((*entry, 1, number), "Integer32", number)
    yield _fixed((*entry, 2, number), "OctetString", port.name)
    yield _fixed((*entry, 3, number), "Integer32", port.if_type)
    yield _fixed((*entry, 4, number), "Integer32", 1_500)
    yield _fixed((*entry, 5, number), "Gauge32", min(port.mbps * 1_000_000, 2**32 - 1))
    yield _fixed((*entry, 6, number), "OctetString", mac)
    yield _fixed((*entry, 7, number), "Integer32", 1)
    yield _fixed((*entry, 8, number), "Integer32", up)
    yield _fixed((*entry, 9, number), "TimeTicks", 0)
    yield Object((*entry, 10, number), "Counter32", _octets(device, number, 32, outward=False))
    yield _fixed((*entry, 13, number), "Counter32", 0)
    yield _fixed((*entry, 14, number), "Counter32", 0)
    yield Object((*entry, 16, number), "Counter32", _octets(device, number, 32, outward=True))
    yield _fixed((*entry, 19, number), "Counter32", 0)
    yield _fixed((*entry, 20, number), "Counter32", 0)


def _ifx_entry(device: LiveDevice, port: Port, number: int) -> Iterator[Object]:
    yield _fixed((*IF_X, 1, number), "OctetString", port.name)
    yield Object((*IF_X, 6, number), "Counter64", _octets(device, number, 64, outward=False))
    yield Object((*IF_X, 10, number), "Counter64", _octets(device, number, 64, outward=True))
    yield _fixed((*IF_X, 15, number), "Gauge32", port.mbps)
    yield _fixed((*IF_X, 18, number), "OctetString", f"{port.name} of {device.name}")


def switch(device: LiveDevice) -> Iterator[Object]:
    """A managed switch of 24 ports."""
    yield from _system(device, "24-port Gigabit switch", 2)
    yield from _interfaces(device, tuple(Port(f"ge{number}", ETHERNET, 1_000) for number in range(1, 25)))


def access_point(device: LiveDevice) -> Iterator[Object]:
    """An access point: one cable, two radios."""
    yield from _system(device, "Dual-band access point", 78)
    ports = (Port("eth0", ETHERNET, 1_000), Port("wlan0", WLAN, 300), Port("wlan1", WLAN, 866))
    yield from _interfaces(device, ports)


def ups(device: LiveDevice) -> Iterator[Object]:
    """A small UPS (RFC 1628)."""
    yield from _system(device, "Line-interactive UPS 1 kVA", 72)

    def charge(now_ms: int) -> int:
        return max(0, 100 - device.on_battery_s(now_ms) * 100 // BATTERY_S)

    def on_battery(now_ms: int) -> bool:
        return device.on_battery_s(now_ms) > 0

    for number, text in enumerate(("SchoolPulse", "Simulated UPS 1000", "1.0", "1.0", device.name), start=1):
        yield _fixed((*UPS, 1, number, 0), "OctetString", text)
    battery: Oid = (*UPS, 2)
    # upsBatteryStatus: 2 is normal, 3 is low
    yield Object((*battery, 1, 0), "Integer32", lambda now_ms: 3 if charge(now_ms) < 20 else 2)
    yield Object((*battery, 2, 0), "Integer32", device.on_battery_s)
    yield Object((*battery, 3, 0), "Integer32", lambda now_ms: charge(now_ms) * BATTERY_S // 6_000)
    yield Object((*battery, 4, 0), "Integer32", charge)
    yield Object((*battery, 5, 0), "Integer32", lambda now_ms: 240 + charge(now_ms) * 3 // 10)  # 0.1 V
    yield _fixed((*battery, 7, 0), "Integer32", 31)
    yield _fixed((*UPS, 3, 1, 0), "Counter32", 0)
    yield _fixed((*UPS, 3, 2, 0), "Integer32", 1)
    entry: Oid = (*UPS, 3, 3, 1)
    yield Object((*entry, 2, 1), "Integer32", lambda now_ms: 0 if on_battery(now_ms) else 500)  # 0.1 Hz
    yield Object((*entry, 3, 1), "Integer32", lambda now_ms: 0 if on_battery(now_ms) else 221)
    # upsOutputSource: 3 is normal, 5 is battery
    yield Object((*UPS, 4, 1, 0), "Integer32", lambda now_ms: 5 if on_battery(now_ms) else 3)
    yield _fixed((*UPS, 4, 2, 0), "Integer32", 500)
    yield _fixed((*UPS, 4, 3, 0), "Integer32", 1)
    yield _fixed((*UPS, 4, 4, 1, 2, 1), "Integer32", 220)
    yield _fixed((*UPS, 4, 4, 1, 5, 1), "Integer32", 18)
    yield Object((*UPS, 6, 1, 0), "Gauge32", lambda now_ms: int(on_battery(now_ms)))


def printer(device: LiveDevice) -> Iterator[Object]:
    """A laser printer with one black toner."""
    yield from _system(device, "Monochrome laser printer", 72)
    yield from _interfaces(device, (Port("eth0", ETHERNET, 100),))

    def pages(now_ms: int) -> int:
        device.count(now_ms)
        return device.pages

    def toner(now_ms: int) -> int:
        device.count(now_ms)
        return round(device.toner_ratio * 100)

    entry: Oid = (*HOST, 3, 2, 1)
    yield _fixed((*entry, 1, 1), "Integer32", 1)
    yield _fixed((*entry, 2, 1), "ObjectIdentifier", (*HOST, 3, 1, 5))  # hrDevicePrinter
    yield _fixed((*entry, 3, 1), "OctetString", "Monochrome laser printer (simulated)")
    yield _fixed((*entry, 5, 1), "Integer32", 2)  # running
    yield _fixed((*HOST, 3, 5, 1, 1, 1), "Integer32", 3)  # idle
    # hrPrinterDetectedErrorState: bit 2 is lowToner
    yield Object(
        (*HOST, 3, 5, 1, 2, 1), "OctetString", lambda now_ms: b"\x20" if toner(now_ms) < 10 else b"\x00"
    )
    yield _fixed((*PRINTER, 5, 1, 1, 17, 1), "OctetString", device.serial)
    yield _fixed((*PRINTER, 8, 2, 1, 9, 1, 1), "Integer32", 250)
    yield _fixed((*PRINTER, 8, 2, 1, 10, 1, 1), "Integer32", -3)  # at least one sheet
    yield Object((*PRINTER, 10, 2, 1, 4, 1, 1), "Counter32", pages)
    supply: Oid = (*PRINTER, 11, 1, 1)
    yield _fixed((*supply, 4, 1, 1), "Integer32", 3)  # supplyThatIsConsumed
    yield _fixed((*supply, 5, 1, 1), "Integer32", 3)  # toner
    yield _fixed((*supply, 6, 1, 1), "OctetString", "Black toner")
    yield _fixed((*supply, 7, 1, 1), "Integer32", 19)  # percent
    yield _fixed((*supply, 8, 1, 1), "Integer32", 100)
    yield Object((*supply, 9, 1, 1), "Integer32", toner)


PROFILES: dict[str, Callable[[LiveDevice], Iterator[Object]]] = {
    "switch": switch,
    "access_point": access_point,
    "ups": ups,
    "printer": printer,
}
"""What there is to be simulated, by kind of device."""


def objects_of(device: LiveDevice) -> list[Object]:
    """Everything that `device` answers, in the order in which a walk goes."""
    return sorted(PROFILES[device.kind](device), key=lambda found: found.oid)
