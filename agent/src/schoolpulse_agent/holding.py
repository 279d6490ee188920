"""Samples that were taken before the clock was known: kept by boot id and steady clock, stamped once it is.

They lie in a small spool of their own, so that a killed agent finds them again. What to add to their times is
written down before the first of them is stamped: should the agent be killed half-way, the rest and what is
stamped again get the same times, and the collector's store sees the same points.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from schoolpulse_agent import wire
from schoolpulse_agent.disk import Disk, SystemDisk
from schoolpulse_agent.spool import Spool
from schoolpulse_agent.timekeeper import REPAIRED

log = logging.getLogger(__name__)

MAX_BYTES = 2_000_000


class Holding:
    """Batches whose times are milliseconds of the steady clock.

    Args:
        folder: of this holding alone.
        boot: the present boot.
        disk: the file system.
    """

    def __init__(self, folder: Path, boot: str, disk: Disk | None = None) -> None:
        self._folder = folder
        self._boot = boot
        self._disk = disk or SystemDisk()
        self._spool = Spool(folder, max_bytes=MAX_BYTES, disk=self._disk)

    def __len__(self) -> int:
        """Batches held."""
        return self._spool.stats.owed

    def add(self, blocks: list[dict[str, Any]]) -> None:
        """Hold `blocks`."""
        self._spool.append(wire.dumps({"boot": self._boot, "blocks": blocks}))

    def release(self, to: Spool, offset_ms: int) -> int:
        """Stamp everything of this boot and move it to `to`; how many batches that were.

        What an earlier boot left cannot be stamped any more: nobody knows how long the power was off.

        Args:
            to: where stamped batches go.
            offset_ms: of the time over the steady clock.
        """
        offset_ms = self._settled_offset(offset_ms)
        moved = strange = 0
        for stream in self._spool.streams():
            for seq in self._spool.pending(stream):
                body = self._spool.read(seq, stream)
                held = json.loads(body) if body is not None else {}
                if held.get("boot") == self._boot:
                    to.append(wire.telemetry_body(self._boot, REPAIRED, _shifted(held["blocks"], offset_ms)))
                    moved += 1
                else:
                    strange += 1
                self._spool.confirm(wire.Confirm(stream, seq))
        if moved:
            log.info("the clock is known: %d batches from before are stamped", moved)
        if strange:
            log.warning("%d batches of an earlier start had no time and can get none: given up", strange)
        return moved

    def close(self) -> None:
        """Let go of the folder."""
        self._spool.close()

    def _settled_offset(self, offset_ms: int) -> int:
        """The offset that was used before in this boot, or `offset_ms` from now on."""
        path = self._folder / "offset"
        try:
            boot, _, written = self._disk.read(path).decode("ascii").partition(" ")
            if boot == self._boot:
                return int(written)
        except (OSError, ValueError):
            pass
        try:
            self._disk.replace(path, f"{self._boot} {offset_ms}".encode("ascii"))
        except OSError as error:
            log.debug("%s was not written: %s", path, error)
        return offset_ms


def _shifted(blocks: list[dict[str, Any]], offset_ms: int) -> list[dict[str, Any]]:
    return [
        {**block, "rows": [[at_ms + offset_ms, *cells] for at_ms, *cells in block["rows"]]}
        for block in blocks
    ]
