"""Runs another program and returns what it says: bounded in time and bytes, no shell."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Callable, NamedTuple

TIMEOUT_S = 10.0
MAX_OUTPUT_BYTES = 256 * 1024
_SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class Said(NamedTuple):
    """How a program ended: its standard output, and why that is not to be used (empty: it is)."""

    text: str
    trouble: str = ""
    missing: bool = False
    """There is no such program here."""


Run = Callable[[Sequence[str]], Said]


def is_installed(program: str, path: str) -> bool:
    """Whether `program` is a file itself, or lies in one of the folders of `path`."""
    folders = [""] if "/" in program else [folder for folder in path.split(":") if folder]
    return any((Path(folder) / program).is_file() for folder in folders)


def run(command: Sequence[str], timeout_s: float = TIMEOUT_S) -> Said:
    """Run `command` until it ends by itself, has said too much, or takes longer than `timeout_s`."""
    path = os.environ.get("PATH", "") + ":" + _SYSTEM_PATH
    if not is_installed(command[0], path):
        return Said("", f"{command[0]} is not installed", missing=True)
    import subprocess  # noqa: PLC0415  # a megabyte that an agent without any such program does not need

    environment = {"PATH": path, "LC_ALL": "C"}
    environment.update({key: value for key, value in os.environ.items() if key.startswith("DBUS_")})
    try:
        process = subprocess.Popen(  # noqa: S603  # a fixed list of words, never a shell
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        return Said("", f"{command[0]}: {error.strerror}")
    with process:
        killer = threading.Timer(timeout_s, process.kill)
        killer.start()
        try:
            assert process.stdout is not None  # noqa: S101  # it is a pipe, as asked above
            output = process.stdout.read(MAX_OUTPUT_BYTES + 1)
            if len(output) > MAX_OUTPUT_BYTES:
                process.kill()
            status = process.wait()
        finally:
            killer.cancel()
    if len(output) > MAX_OUTPUT_BYTES:
        return Said("", f"{command[0]} says too much")
    if status < 0:
        return Said("", f"{command[0]} did not end within {timeout_s:g} s")
    text = output.decode("utf-8", "replace")
    return Said(text) if status == 0 else Said(text, f"{command[0]} ended with {status}")
