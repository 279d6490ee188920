"""SNMP v1 and v2c over our own sockets: the messages are pysnmp's, their waiting is the engine's.

pysnmp's own engine takes 16 MB and its transport a thread's loop; a school's router has neither to spare, and
these versions need nothing of it but the message formats (RFC 1157, RFC 1901, RFC 3416).
"""

from __future__ import annotations

import socket
import time
from typing import Any, Callable

from pyasn1.codec.ber import decoder, encoder
from pyasn1.error import PyAsn1Error
from pysnmp.proto.api import v1, v2c

from schoolpulse_agent.probes.methods import dns
from schoolpulse_agent.probes.methods.engine import READ, Question, Steps, Wait, family_of, open_socket
from schoolpulse_agent.probes.snmp.talk import Bulk, Get, Request, Response, Result, SnmpTrouble, Talk, Value
from schoolpulse_agent.settings import Device

PORT = 161
MAX_DATAGRAM_BYTES = 65_535
_VERSIONS: dict[str, Any] = {"1": v1, "2c": v2c}


class NoAnswer(Exception):
    """The device did not answer, however often it was asked."""


class Exchange:
    """The conversation with one device.

    Args:
        device: whom to ask, and how.
        timeout_s: for one try.
        tries: how often one request is sent.
    """

    def __init__(self, device: Device, timeout_s: float, tries: int) -> None:
        self._device = device
        self._timeout_s = timeout_s
        self._tries = tries
        self._api = _VERSIONS[device.snmp.version]
        self.rtt_ms: float | None = None
        """The quickest round trip of this poll."""

    def run(self, talk: Callable[[], Talk[Result]], resolvers: tuple[str, ...] = ()) -> Steps[Result]:
        """Ask everything that `talk` asks for.

        Raises:
            NoAnswer, SnmpTrouble, OSError: no use; whatever was heard before, `rtt_ms` says that it was.
        """
        until = time.monotonic() + self._timeout_s
        question = Question(self._device.address, resolvers=resolvers)
        resolved = yield from dns.resolve(self._device.address, question, until)
        if not resolved.addresses:
            raise NoAnswer(resolved.trouble)
        address = resolved.addresses[0]
        with open_socket(family_of(address), socket.SOCK_DGRAM) as sock:
            sock.connect((address, self._device.port or PORT))
            asking = talk()
            try:
                request = next(asking)
                while True:
                    request = asking.send((yield from self._ask(sock, request)))
            except StopIteration as stop:
                result: Result = stop.value
                return result

    def _ask(self, sock: socket.socket, request: Request) -> Steps[Response]:
        payload, request_id = self._encode(request)
        for _ in range(self._tries):
            started = time.monotonic()
            sock.send(payload)
            while (yield Wait(sock, READ, started + self._timeout_s)):
                response = self._decode(sock.recv(MAX_DATAGRAM_BYTES), request_id)
                if response is not None:
                    took_ms = (time.monotonic() - started) * 1000
                    self.rtt_ms = took_ms if self.rtt_ms is None else min(self.rtt_ms, took_ms)
                    return response
        raise NoAnswer("no answer")

    def _encode(self, request: Request) -> tuple[bytes, int]:
        api = self._api
        if isinstance(request, Get):
            pdu = api.GetRequestPDU()
        elif api is v1:  # which has no GETBULK
            pdu = api.GetNextRequestPDU()
        else:
            pdu = api.GetBulkRequestPDU()
        bulk = isinstance(request, Bulk) and api is not v1
        api_pdu = api.apiBulkPDU if bulk else api.apiPDU
        api_pdu.set_defaults(pdu)
        if isinstance(request, Bulk) and bulk:
            api_pdu.set_non_repeaters(pdu, 0)
            api_pdu.set_max_repetitions(pdu, request.repetitions)
        api_pdu.set_varbinds(pdu, [(oid, api.null) for oid in request.oids])
        message = api.Message()
        api.apiMessage.set_defaults(message)
        api.apiMessage.set_community(message, self._device.snmp.community)
        api.apiMessage.set_pdu(message, pdu)
        return encoder.encode(message), int(api_pdu.get_request_id(pdu))

    def _decode(self, payload: bytes, request_id: int) -> Response | None:
        """The response to our request in `payload`; None where it is something else."""
        api = self._api
        try:
            message, _ = decoder.decode(payload, asn1Spec=api.Message())
            pdu = api.apiMessage.get_pdu(message)
            if not pdu.isSameTypeWith(api.apiPDU.get_response(api.GetRequestPDU()), matchConstraints=False):
                return None
            if int(api.apiPDU.get_request_id(pdu)) != request_id:
                return None
            varbinds = [(tuple(oid), value_of(value)) for oid, value in api.apiPDU.get_varbinds(pdu)]
            status, index = api.apiPDU.get_error_status(pdu), api.apiPDU.get_error_index(pdu, muteErrors=True)
        except (PyAsn1Error, ValueError, IndexError, TypeError) as error:
            raise SnmpTrouble(f"what it sends is no SNMP ({type(error).__name__})") from error
        return Response(varbinds, int(status), int(index))


_NOTHING = frozenset({"NoSuchObject", "NoSuchInstance", "EndOfMibView", "Null", "UnSpecified"})


def value_of(value: Any) -> Value:
    """pysnmp's `value` as Python's; None for what stands for no value."""
    kind = type(value).__name__
    if kind in _NOTHING:
        return None
    if kind in {"ObjectIdentifier", "ObjectIdentity"}:
        return tuple(value)
    if hasattr(value, "asOctets"):
        return bytes(value.asOctets())
    return int(value)
