"""The line between one agent and the broker: a TCP relay that can fall silent, as a cut line does.

A connection belongs to the uplink that was in use when it was made. While its uplink is dead nothing of it
passes, not even its end: the broker finds out by its keepalive, as it would at a school.
"""

from __future__ import annotations

import asyncio
import contextlib

CHUNK = 65_536


class Gate:
    """A relay on a loopback port.

    Args:
        host: of the broker.
        port: of the broker.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._uplink = ""
        self._passable: frozenset[str] = frozenset()
        self._changed = asyncio.Event()
        self._lives: set[asyncio.Task[None]] = set()

    async def open(self) -> int:
        """Begin to listen; the port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def pass_over(self, active: str, passable: frozenset[str]) -> None:
        """From now on new connections take the uplink `active`, and these uplinks carry packets."""
        self._uplink, self._passable = active, passable
        self._changed.set()
        self._changed = asyncio.Event()

    async def close(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
        for life in list(self._lives):
            life.cancel()
        await asyncio.gather(*self._lives, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        life = asyncio.current_task()
        if life is not None:
            self._lives.add(life)
            life.add_done_callback(self._lives.discard)
        uplink = self._uplink
        begun = await self._begun(reader, uplink)
        if begun is None:
            writer.close()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.close()
            return
        far_writer.write(begun)
        ways = [
            asyncio.create_task(self._carry(reader, far_writer, uplink)),
            asyncio.create_task(self._carry(far_reader, writer, uplink)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            # The end of a connection passes the line like anything else, or does not.
            await self._passes(uplink)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.close()
            far_writer.close()

    async def _begun(self, reader: asyncio.StreamReader, uplink: str) -> bytes | None:
        """What the agent said until its uplink carried packets; None if it gave up before."""
        said = b""
        while uplink not in self._passable:
            change = asyncio.create_task(self._changed.wait())
            more = asyncio.create_task(reader.read(CHUNK))
            await asyncio.wait((change, more), return_when=asyncio.FIRST_COMPLETED)
            change.cancel()
            if not more.done():
                more.cancel()
                await asyncio.gather(more, return_exceptions=True)
                continue
            if not (data := more.result()):
                return None
            said += data
        return said

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, uplink: str) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(CHUNK):
                await self._passes(uplink)
                writer.write(data)
                await writer.drain()

    async def _passes(self, uplink: str) -> None:
        while uplink not in self._passable:
            await self._changed.wait()
