"""One collector a journal: two would give the same positions to different messages."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from schoolpulse.errors import UsageError


class JournalLock:
    """Held from its making to `release`; the kernel lets go of it when the process ends.

    Args:
        journal: the journal's file; the lock is one beside it, which stays and names its last holder.

    Raises:
        UsageError: another collector holds it, or the folder takes no file.
    """

    def __init__(self, journal: Path) -> None:
        path = journal.with_name(journal.name + ".lock")
        try:
            self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")
        except OSError as error:
            raise UsageError(
                f"{path}: {error.strerror}", hint="the data folder must be there, and ours to write"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = self._file.read(20).strip() or "unknown"
            self._file.close()
            raise UsageError(
                f"another collector works on {journal.parent} (process {holder})",
                hint="stop it first, or give this one a data_dir of its own",
            ) from error
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        """Let another one have it; harmless where that was done."""
        self._file.close()
