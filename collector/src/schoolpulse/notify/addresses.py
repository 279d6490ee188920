"""Which addresses a webhook may go to. A name is looked up and checked at every attempt."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence

from schoolpulse.errors import EndpointRefused


def resolve(host: str, port: int) -> list[str]:
    """The addresses of `host`.

    Raises:
        OSError: the name service has none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def checked_addresses(host: str, addresses: Sequence[str], *, allow_private: bool) -> list[str]:
    """Those of `addresses` that may be connected to.

    One forbidden address among several refuses all: a name that leads both ways is a trap or a mistake.

    Raises:
        EndpointRefused: there is none, or one is private, loopback, link-local or otherwise not public.
    """
    for text in addresses:
        address = ipaddress.ip_address(text.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if address.is_multicast or address.is_unspecified or address.is_reserved:
            raise EndpointRefused(f"{host} leads to an address that is no host's")
        if not address.is_global and not allow_private:
            raise EndpointRefused(
                f"{host} leads into a private network", hint="allow_private permits it for this endpoint"
            )
    if not addresses:
        raise EndpointRefused(f"{host} has no address")
    return list(addresses)
