"""The demonstration's other processes: the simulated district and the real agent on this machine."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from schoolpulse.errors import SchoolPulseError

STOP_TIMEOUT_S = 20.0


class Child:
    """A Python module of ours as a process of its own, its words in a log file.

    It leads its own process group: Ctrl-C reaches the demonstration, which ends its children in order,
    the ones that send before the one that receives.
    """

    def __init__(self, module: str, arguments: Sequence[str], log: Path) -> None:
        self.module = module
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603  # this Python, our own modules
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def check(self) -> None:
        """Raise if it has ended by itself.

        Raises:
            SchoolPulseError: with the last line it said.
        """
        if (status := self._process.poll()) is not None:
            words = self._log.read_text("utf-8", "replace").strip().splitlines()
            raise SchoolPulseError(
                f"{self.module} ended with status {status}", hint=words[-1] if words else "without a word"
            )

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Ask it to end and wait; it is killed where it does not in time."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
