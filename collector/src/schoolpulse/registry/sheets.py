"""From a file's bytes to sheets of text, whatever program wrote it.

Both readers are bounded before they begin: a file, what it unpacks to, its rows and its cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schoolpulse.errors import ImportRefused
from schoolpulse.registry.mistakes import Mistake

MAX_BYTES = 10 * 1024 * 1024
"""Of a file as it is uploaded."""
MAX_ROWS = 100_000
MAX_PROBLEMS = 1_000
HEADER_WITHIN = 10
"""Rows before the header: a title, the office's name, a date."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows of text, each with its number in the file; short rows are short. `name` is empty for CSV."""

    name: str
    rows: Sequence[tuple[int, Sequence[str]]]


def refused(message: str, *mistakes: Mistake) -> FileRefused:
    """A file that is refused whole."""
    return FileRefused(message, mistakes)


class FileRefused(ImportRefused):
    """A registry file that is refused whole, with its mistakes in both languages."""

    def __init__(self, message: str, mistakes: Sequence[Mistake]) -> None:
        super().__init__(message, [mistake.problem() for mistake in mistakes])
        self.mistakes = tuple(mistakes)


def check_size(size: int) -> None:
    """Refuse a file that is too large, before a byte of it is read.

    Raises:
        FileRefused: it is.
    """
    if size > MAX_BYTES:
        raise refused("the file is too large", Mistake("file", "too_large", values={"limit": MAX_BYTES}))
