"""A device's objects behind SNMP over UDP: v1, v2c and v3, by pysnmp.

The message processing, the security models and BER are pysnmp's; only what a device answers is ours.
"""

from __future__ import annotations

import asyncio
import bisect
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.entity import config, engine
from pysnmp.entity.rfc3413 import cmdrsp, context
from pysnmp.proto import rfc1902, rfc1905
from pysnmp.smi import error
from pysnmp.smi.instrum import AbstractMibInstrumController

from schoolpulse_sim.snmp.device import LiveDevice
from schoolpulse_sim.snmp.profiles import Object, objects_of

_TYPES: dict[str, Any] = {
    "Integer32": rfc1902.Integer32,
    "OctetString": rfc1902.OctetString,
    "ObjectIdentifier": rfc1902.ObjectIdentifier,
    "TimeTicks": rfc1902.TimeTicks,
    "Counter32": rfc1902.Counter32,
    "Counter64": rfc1902.Counter64,
    "Gauge32": rfc1902.Gauge32,
}
_VIEW = (1, 3, 6)


@dataclass(frozen=True, slots=True)
class Access:
    """Who may read. The defaults are the simulator's own and protect nothing."""

    community: str = "public"
    user: str = "simulated"
    auth_key: str = "simulated-auth"
    priv_key: str = "simulated-priv"


class _Objects(AbstractMibInstrumController):  # type: ignore[misc]  # pysnmp is untyped
    """A device's objects as pysnmp asks for them."""

    def __init__(self, device: LiveDevice, now_ms: Callable[[], int]) -> None:
        self._device = device
        self._now_ms = now_ms
        self._objects: list[Object] = objects_of(device)
        self._oids = [found.oid for found in self._objects]

    def read_variables(self, *varBinds: Any, **_context: Any) -> list[Any]:  # noqa: N803 - pysnmp's name
        """GET: the value, or noSuchInstance."""
        return [(name, self._get(tuple(name))) for name, _ in varBinds]

    def read_next_variables(self, *varBinds: Any, **_context: Any) -> list[Any]:  # noqa: N803 - pysnmp's name
        """GETNEXT: the object after the one that is named, or endOfMibView."""
        return [self._next(name) for name, _ in varBinds]

    def write_variables(self, *varBinds: Any, **_context: Any) -> list[Any]:  # noqa: N803 - pysnmp's name
        """SET: nothing can be written."""
        raise error.NotWritableError(idx=0, name=varBinds[0][0])

    def _get(self, oid: tuple[int, ...]) -> Any:
        at = bisect.bisect_left(self._oids, oid)
        if at == len(self._oids) or self._oids[at] != oid:
            return rfc1905.noSuchInstance
        return self._value(self._objects[at])

    def _next(self, name: Any) -> tuple[Any, Any]:
        at = bisect.bisect_right(self._oids, tuple(name))
        if at == len(self._oids):
            return name, rfc1905.endOfMibView
        found = self._objects[at]
        return rfc1902.ObjectName(found.oid), self._value(found)

    def _value(self, found: Object) -> Any:
        return _TYPES[found.syntax](found.read(self._now_ms()))


class _DeafWhenDown(udp.UdpAsyncioTransport):  # type: ignore[misc]  # pysnmp is untyped
    """A transport that hears nothing while its device is down."""

    def __init__(self, hears: Callable[[], bool]) -> None:
        super().__init__()
        self._hears = hears

    def datagram_received(self, datagram: bytes, transportAddress: Any) -> None:  # noqa: N803 - pysnmp's name
        if self._hears():
            super().datagram_received(datagram, transportAddress)


class SnmpServer:
    """Devices answering SNMP, each on a UDP port of its own, all in one thread.

    Args:
        host: the address to answer on.
        access: who may read.
        now_ms: the clock, milliseconds UTC.
    """

    def __init__(
        self, now_ms: Callable[[], int], *, host: str = "127.0.0.1", access: Access | None = None
    ) -> None:
        self._now_ms = now_ms
        self._host = host
        self._access = access or Access()
        self._devices: list[tuple[LiveDevice, int]] = []
        self._engines: list[Any] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def add(self, device: LiveDevice, port: int) -> None:
        """Let `device` answer on `port`; before `start`."""
        self._devices.append((device, port))

    def start(self) -> None:
        """Begin to answer; returns when every port is open.

        Raises:
            OSError: a port cannot be opened.
        """
        opened = threading.Event()
        failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, args=(opened, failed), name="snmp")
        self._thread.start()
        opened.wait()
        if failed:
            self._thread.join()
            self._thread = None
            raise OSError(f"cannot answer SNMP: {failed[0]}") from failed[0]

    def stop(self) -> None:
        """Close every port and wait until it is done."""
        if self._thread is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._thread = None

    def _run(self, opened: threading.Event, failed: list[BaseException]) -> None:
        loop = self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            for device, port in self._devices:
                loop.run_until_complete(self._open(device, port))
        except Exception as error_:  # noqa: BLE001 - handed to the thread that waits in `start`
            failed.append(error_)
        else:
            opened.set()
            loop.run_forever()
        finally:
            for one in self._engines:
                one.close_dispatcher()
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()
            opened.set()

    async def _open(self, device: LiveDevice, port: int) -> None:
        snmp = engine.SnmpEngine()
        self._engines.append(snmp)
        access = self._access
        transport = _DeafWhenDown(lambda: device.answers(self._now_ms()))
        # Bound here, so that an address in use is an error here and not in a task of pysnmp's.
        sock = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        try:
            sock.bind((self._host, port))
        except OSError:
            sock.close()
            raise
        config.add_transport(snmp, udp.DOMAIN_NAME, transport.open_server_mode(sock=sock))
        config.add_v1_system(snmp, "area", access.community)
        config.add_v3_user(
            snmp,
            access.user,
            config.USM_AUTH_HMAC96_SHA,
            access.auth_key,
            config.USM_PRIV_CFB128_AES,
            access.priv_key,
        )
        for model in (1, 2):
            config.add_vacm_user(snmp, model, "area", "noAuthNoPriv", _VIEW, (), ())
        config.add_vacm_user(snmp, 3, access.user, "authPriv", _VIEW, (), ())
        where = context.SnmpContext(snmp)
        where.unregister_context_name(b"")
        where.register_context_name(b"", _Objects(device, self._now_ms))
        cmdrsp.GetCommandResponder(snmp, where)
        cmdrsp.NextCommandResponder(snmp, where)
        cmdrsp.BulkCommandResponder(snmp, where)
        cmdrsp.SetCommandResponder(snmp, where)
