"""Runs another program and returns what it says: bounded in time and bytes, no shell."""

from __future__ import annotations

import os
from collections.abc import Sequence
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


def run(command: Sequence[str], timeout_s: float = TIMEOUT_S) -> Said:
    """Run `command` until it ends by itself, has said too much, or takes longer than `timeout_s`."""
    import subprocess  # noqa: PLC0415  # a megabyte that a gateway without a modem does not need
    import threading  # noqa: PLC0415  # stands beside the other

    environment = {"PATH": os.environ.get("PATH", "") + ":" + _SYSTEM_PATH, "LC_ALL": "C"}
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
    except FileNotFoundError:
        return Said("", f"{command[0]} is not installed", missing=True)
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
