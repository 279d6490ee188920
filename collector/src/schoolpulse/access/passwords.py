"""Passwords: what is asked of one, and argon2id (RFC 9106) to keep it."""

from __future__ import annotations

import threading
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from schoolpulse.errors import Reason, TooOften, UsageError

SHORTEST = 10
LONGEST = 200
"""Characters; a longer one would only cost time."""
AT_ONCE = 2
WAIT_S = 10.0
"""So long a sign-in waits for the ones before it, then it is sent away."""


class Passwords:
    """Makes and checks hashes, a few at once: each takes 19 MiB and some 30 ms.

    The parameters are the least that OWASP's password storage sheet asks for, since the machine is small
    and also has a district to watch; they stand in each hash and may be raised here at any time.
    """

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._turn = threading.BoundedSemaphore(AT_ONCE)

    def hash(self, password: str, *, name: str = "") -> str:
        """The hash to keep.

        Raises:
            UsageError: too short, too long, or too easily guessed.
        """
        if not SHORTEST <= len(password) <= LONGEST:
            bounds = {"shortest": SHORTEST, "longest": LONGEST}
            raise UsageError(
                f"password: {SHORTEST} to {LONGEST} characters",
                why=Reason("password_length", "password", bounds),
            )
        if len(set(password)) < 4 or (len(name) >= 4 and name.casefold() in password.casefold()):
            raise UsageError(
                "password: too easily guessed",
                hint="several words make a good one",
                why=Reason("password_easy", "password"),
            )
        with self._turn:
            return self._hasher.hash(password)

    def fits(self, kept: str | None, password: str) -> bool:
        """Whether `password` is the one that `kept` is the hash of; without one it takes as long, in vain.

        Raises:
            TooOften: too many are being checked.
        """
        if len(password) > LONGEST:
            return False
        if not self._turn.acquire(timeout=WAIT_S):
            raise TooOften(
                "Too many are signing in.", retry_after_s=WAIT_S, why=Reason("signing_in_too_many")
            )
        try:
            self._hasher.verify(kept or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return False
        else:
            return kept is not None
        finally:
            self._turn.release()

    def is_outdated(self, kept: str) -> bool:
        """Whether `kept` was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(kept)

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash("a password that nobody has")
