"""mosquitto's password file: lines of PBKDF2 hashes, replaced whole, and a SIGHUP to have them read.

mosquitto 2.0 cuts the connections of users that a fresh reading no longer finds. Which topics a user may use
stands in the access file beside it, as patterns over the user's name (``deploy/mosquitto/acl``).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import secrets
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from schoolpulse.enrolment.keepers.base import Wanted
from schoolpulse.enrolment.settings import PasswordFileAccounts
from schoolpulse.errors import AccountsUnavailable

ITERATIONS = 101
"""What mosquitto_passwd 2.0 uses. Agents' passwords are 192 random bits and more: guessing is hopeless."""


def password_line(user: str, password: str) -> str:
    """A line of mosquitto's password file: PBKDF2 with SHA-512, its type 7."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    coded = [base64.b64encode(part).decode() for part in (salt, digest)]
    return f"{user}:$7${ITERATIONS}${coded[0]}${coded[1]}"


class PasswordFile:
    """Keeps accounts as lines of a file.

    Args:
        settings: which file, and whose reading of it to ask for.
        send_signal: sends a process a signal.
    """

    def __init__(
        self, settings: PasswordFileAccounts, *, send_signal: Callable[[int, int], None] = os.kill
    ) -> None:
        self._settings = settings
        self._send_signal = send_signal

    def apply(self, wanted: Sequence[Wanted]) -> Mapping[str, str]:
        """Replace these agents' lines and have the file read.

        Raises:
            AccountsUnavailable: the file cannot be written, or mosquitto cannot be told.
        """
        refused = {
            one.agent_id: "a certificate cannot be taken back in a password file: use dynsec"
            for one in wanted
            if one.active and one.password is None
        }
        changed = {one.agent_id: one for one in wanted if one.agent_id not in refused}
        try:
            lines = [line for line in self._lines() if line.partition(":")[0] not in changed]
            lines += [
                password_line(one.agent_id, one.password)
                for one in changed.values()
                if one.active and one.password is not None
            ]
            self._write("".join(line + "\n" for line in lines))
            self._have_it_read()
        except (OSError, ValueError) as error:
            raise AccountsUnavailable(
                f"the broker's password file cannot be changed: {error}",
                hint="the collector's user must own it, and may signal mosquitto where a pid_file is given",
            ) from error
        return refused

    def names(self) -> frozenset[str]:
        """Every user in the file.

        Raises:
            AccountsUnavailable: it cannot be read.
        """
        try:
            return frozenset(line.partition(":")[0] for line in self._lines() if line.strip())
        except OSError as error:
            raise AccountsUnavailable(f"the broker's password file cannot be read: {error}") from error

    def _lines(self) -> list[str]:
        try:
            return self._settings.path.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return []

    def _write(self, text: str) -> None:
        """Beside, fsync, rename over; with the owner, group and mode that the file had."""
        path = self._settings.path
        beside = path.with_name(path.name + ".new")
        beside.unlink(missing_ok=True)
        handle = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            _look_like(path, handle)
            file.write(text)
            file.flush()
            os.fsync(handle)
        beside.replace(path)

    def _have_it_read(self) -> None:
        if self._settings.pid_file is None:
            return
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it reads the file when it starts
            self._send_signal(int(self._settings.pid_file.read_text("ascii")), signal.SIGHUP)


def _look_like(path: Path, handle: int) -> None:
    try:
        was = path.stat()
    except FileNotFoundError:
        return
    with contextlib.suppress(PermissionError):  # a group that is not ours: the mode decides then
        os.fchown(handle, was.st_uid if os.geteuid() == 0 else -1, was.st_gid)
    os.fchmod(handle, was.st_mode & 0o777)
