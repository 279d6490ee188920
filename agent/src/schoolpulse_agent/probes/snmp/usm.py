"""SNMPv3 with the User-based Security Model (RFC 3414): pysnmp's engine does all of it.

Imported only where a device speaks v3: the engine and its cryptography take some 15 MB. Its command
generators are used directly: the layer above them would compile MIBs that nobody here needs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Callable

from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.entity import config, engine
from pysnmp.entity.rfc3413 import cmdgen
from pysnmp.proto.api import v2c

from schoolpulse_agent.credentials import read_password
from schoolpulse_agent.probes.snmp.messages import PORT, NoAnswer, value_of
from schoolpulse_agent.probes.snmp.talk import Bulk, Request, Response, Result, SnmpTrouble, Talk
from schoolpulse_agent.settings import Device, SnmpAccess

_AUTH = {
    "sha": config.USM_AUTH_HMAC96_SHA,
    "sha224": config.USM_AUTH_HMAC128_SHA224,
    "sha256": config.USM_AUTH_HMAC192_SHA256,
    "sha384": config.USM_AUTH_HMAC256_SHA384,
    "sha512": config.USM_AUTH_HMAC384_SHA512,
}
_PRIV = {
    "aes": config.USM_PRIV_CFB128_AES,
    "aes192": config.USM_PRIV_CFB192_AES,
    "aes256": config.USM_PRIV_CFB256_AES,
}
_NO_ANSWER = "No SNMP response received"


class SecureTalks:
    """Talks with devices over v3, side by side on a loop of its own.

    An engine remembers each device's engine id and time, which USM asks for, so it serves all rounds. It
    knows a user name once, so devices whose users differ in their keys have an engine each.
    """

    def __init__(self, timeout_s: float, tries: int) -> None:
        self._timeout_s = timeout_s
        self._tries = tries
        # The device's engine id and its time are asked for first, each with tries of its own.
        self._longest_s = 3 * timeout_s * tries + 5
        self._loop = asyncio.new_event_loop()
        self._engines: dict[SnmpAccess, Any] = {}
        self._targets: set[str] = set()
        self._get, self._bulk = cmdgen.GetCommandGenerator(), cmdgen.BulkCommandGeneratorSingleRun()
        self.rtt_ms: dict[str, float] = {}
        """The quickest round trip by device in the last round."""

    def run(
        self, talks: Mapping[str, tuple[Device, Callable[[], Talk[Result]]]]
    ) -> dict[str, Result | Exception]:
        """What each of `talks` brought, or how it failed."""
        asyncio.set_event_loop(self._loop)
        self.rtt_ms = {}
        tasks = [self._one(device, talk) for device, talk in talks.values()]
        return dict(zip(talks, self._loop.run_until_complete(_all(tasks))))

    def close(self) -> None:
        """Free the sockets."""
        asyncio.set_event_loop(self._loop)
        for one in self._engines.values():
            one.close_dispatcher()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()
        asyncio.set_event_loop(None)

    async def _one(self, device: Device, talk: Callable[[], Talk[Result]]) -> Result | Exception:
        try:
            snmp = self._engine_for(device)
            asking = talk()
            request = next(asking)
            while True:
                request = asking.send(await self._ask(snmp, device, request))
        except StopIteration as stop:
            result: Result = stop.value
            return result
        except Exception as error:  # noqa: BLE001 - one device's trouble is its own; the caller says it
            return error

    async def _ask(self, snmp: Any, device: Device, request: Request) -> Response:
        answered = asyncio.get_running_loop().create_future()

        def on_answer(*answer: Any) -> None:
            if not answered.done():
                answered.set_result(answer[2:6])

        varbinds = [(oid, v2c.null) for oid in request.oids]
        head = (snmp, device.name, None, "")
        started = time.monotonic()
        if isinstance(request, Bulk):
            self._bulk.send_varbinds(*head, 0, request.repetitions, varbinds, on_answer)
        else:
            self._get.send_varbinds(*head, varbinds, on_answer)
        try:
            indication, status, index, found = await asyncio.wait_for(answered, self._longest_s)
        except asyncio.TimeoutError:  # the engine stumbled: without this the round would never end
            raise NoAnswer("no answer") from None
        if indication:
            text = str(indication)
            raise NoAnswer("no answer") if text.startswith(_NO_ANSWER) else SnmpTrouble(text)
        took_ms = (time.monotonic() - started) * 1000
        self.rtt_ms[device.name] = min(took_ms, self.rtt_ms.get(device.name, took_ms))
        return Response([(tuple(oid), value_of(value)) for oid, value in found], int(status), int(index))

    def _engine_for(self, device: Device) -> Any:
        """The engine that knows the device's user and address.

        Raises:
            SetupError: a password file cannot be used.
        """
        access = device.snmp._replace(ports=())
        snmp = self._engines.get(access)
        if snmp is None:
            snmp = self._engines[access] = _new_engine(access)
        if device.name not in self._targets:
            config.add_target_address(
                snmp,
                device.name,
                udp.DOMAIN_NAME,
                (device.address, device.port or PORT),
                "access",
                timeout=self._timeout_s * 100,
                retryCount=self._tries - 1,
            )
            self._targets.add(device.name)
        return snmp


def _new_engine(access: SnmpAccess) -> Any:
    auth = read_password(access.auth_password_file) if access.auth_password_file else None
    priv = read_password(access.priv_password_file) if access.priv_password_file else None
    snmp = engine.SnmpEngine()
    config.add_v3_user(
        snmp,
        access.user,
        _AUTH[access.auth] if auth else config.USM_AUTH_NONE,
        auth,
        _PRIV[access.priv] if priv else config.USM_PRIV_NONE,
        priv,
    )
    level = "authPriv" if priv else "authNoPriv"
    config.add_target_parameters(snmp, "access", access.user, level)
    config.add_transport(snmp, udp.DOMAIN_NAME, udp.UdpTransport().open_client_mode())
    return snmp


async def _all(tasks: Sequence[Awaitable[Any]]) -> list[Any]:
    return list(await asyncio.gather(*tasks))
