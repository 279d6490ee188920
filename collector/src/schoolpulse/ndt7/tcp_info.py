"""What Linux knows of a TCP connection: ``getsockopt(TCP_INFO)``, as far as ndt7 reports it."""

from __future__ import annotations

import socket
import struct

_SIZE = 232
_U32 = {"RTT": 68, "RTTVar": 72, "TotalRetrans": 100, "MinRTT": 148}
_SEGMENTS_OUT, _SEGMENTS_IN = 136, 140
_U64 = {"BytesAcked": 120, "BytesReceived": 128, "BytesSent": 200, "BytesRetrans": 208}
"""Offsets in ``struct tcp_info`` (linux/tcp.h), which only ever grew at its end; times in microseconds."""


def parse(data: bytes) -> dict[str, int]:
    """The figures in `data`; an older kernel's is shorter and has fewer."""
    found = {name: struct.unpack_from("=I", data, at)[0] for name, at in _U32.items() if at + 4 <= len(data)}
    found |= {name: struct.unpack_from("=Q", data, at)[0] for name, at in _U64.items() if at + 8 <= len(data)}
    return found


def read(sock: socket.socket) -> dict[str, int]:
    """The figures of `sock`; none where the connection is gone."""
    try:
        return parse(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE))
    except OSError:
        return {}


def segments(sock: socket.socket) -> int:
    """TCP segments that went and came over `sock`; 0 where the connection is gone."""
    try:
        data = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
    except OSError:
        return 0
    return sum(struct.unpack_from("=I", data, at)[0] for at in (_SEGMENTS_OUT, _SEGMENTS_IN))
