"""The real parts that tests run against: found here, started on free loopback ports, stopped again.

A missing part skips the test with its name, so that a person sees what was not tested. Where
``SCHOOLPULSE_REQUIRE_PARTS`` is set, as in CI, it fails instead.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

REQUIRED = bool(os.environ.get("SCHOOLPULSE_REQUIRE_PARTS"))


def need(program: str, *folders: Path) -> str:
    """The path of `program`; skips the test, or fails it in CI, where this machine has none.

    Args:
        program: its name.
        folders: where it may be, too; the first that has it counts.
    """
    path = shutil.which(
        program, path=":".join([os.environ.get("PATH", ""), "/usr/sbin:/sbin", *map(str, folders)])
    )
    if path is None:
        message = f"real part missing: {program}"
        if REQUIRED:
            pytest.fail(message)
        pytest.skip(message)
    return path


def need_file(name: str, folder: Path) -> Path:
    """The file of that name under `folder`; skips the test, or fails it in CI, where there is none."""
    found = next(folder.rglob(name), None)
    if found is None:
        message = f"real part missing: {name}"
        if REQUIRED:
            pytest.fail(message)
        pytest.skip(message)
    return found


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], deadline_s: float = 60.0) -> None:
    """Return as soon as something accepts on `port`; fail if `process` ends first."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with status {process.returncode} before it listened")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)  # polling another process: there is nothing to wait on but its port
    raise TimeoutError(f"{process.args!r} does not listen on port {port}")


class Part:
    """One real server as a child process on one loopback port, restartable on the same port."""

    def __init__(self, command: Sequence[str], port: int, log: Path) -> None:
        self.command = list(command)
        self.port = port
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The number of its process, which runs."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it listens."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.command, stdout=log, stderr=subprocess.STDOUT)
        wait_for_port(self.port, self._process)

    def stop(self) -> None:
        """Ask it to end and wait until it has."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None
