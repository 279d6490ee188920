"""The registry's CSV: UTF-8 with or without a byte order mark, by commas, semicolons or tabs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from schoolpulse.errors import ImportRefused
from schoolpulse.registry.columns import COLUMNS as BY_KIND
from schoolpulse.registry.mistakes import Mistake
from schoolpulse.registry.models import School
from schoolpulse.registry.records import read_sheets
from schoolpulse.registry.schools import school_of
from schoolpulse.registry.sheets import MAX_ROWS, FileRefused, Sheet, check_size, refused

COLUMNS = tuple(column.name for column in BY_KIND["schools"][:12])
"""The columns that every registry file of schools may be counted on to know."""
_ENCODING_SIGNS = 400
_TCVN3_LETTERS = frozenset(range(0xA8, 0xAF))
"""ă â ê ô ơ ư đ."""
_WINDOWS_1258_LETTERS = frozenset(
    (0xC2, 0xCA, 0xCC, 0xD2, 0xD4, 0xD5, 0xDD, 0xDE, 0xE2, 0xE3, 0xEA, 0xEC, 0xF0, 0xF2, 0xF4, 0xF5, 0xFD)
)
"""The same letters in both cases without those of ASCII, and the five accents that follow a letter."""


def read_csv(data: bytes) -> Sheet:
    """The rows of a CSV file.

    Raises:
        FileRefused: too large, not UTF-8 (it says what it looks like), or no CSV.
    """
    check_size(len(data))
    text = _text(data)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    rows: list[tuple[int, Sequence[str]]] = []
    try:
        for row in reader:
            if any(cell.strip() for cell in row) or (rows and len(row) > 1):
                rows.append((reader.line_num, [cell.strip() for cell in row]))
            if len(rows) > MAX_ROWS + 1:
                raise refused("the file is too long", Mistake("file", "too_much", reader.line_num))
    except csv.Error as error:
        mistake = Mistake("file", "csv", reader.line_num, values={"error": str(error)})
        raise refused("the file is not CSV", mistake) from error
    return Sheet("", rows)


def read_schools(data: bytes, *, parent_area: Sequence[str] = ()) -> list[School]:
    """The schools in a CSV file, as they would stand in an empty registry.

    Args:
        data: the file.
        parent_area: the path of areas above the file's wards, from the top down.

    Raises:
        ImportRefused: with every mistake, each at its line.
    """
    found = read_sheets([read_csv(data)])
    mistakes = [*found.mistakes]
    if any(record.kind != "schools" for record in found.records):
        mistakes.append(Mistake("file", "missing_column", 1))
    if mistakes:
        raise ImportRefused(
            f"{len(mistakes)} mistakes; nothing was imported", [mistake.problem() for mistake in mistakes]
        )
    return [school_of(record, None, parent_area) for record in found.records]


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _not_utf8("utf16", 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _not_utf8(_guess(data), line) from error
    if text[:_ENCODING_SIGNS].count("\0") > min(len(text), _ENCODING_SIGNS) // 4:
        raise _not_utf8("utf16", 1)
    return text


def _guess(data: bytes) -> str:
    """What a file that is not UTF-8 looks like."""
    head = data[:200_000]
    if b"\0" in head:
        return "not_utf8"
    tcvn3 = sum(byte in _TCVN3_LETTERS for byte in head)
    windows = sum(byte in _WINDOWS_1258_LETTERS for byte in head)
    if tcvn3 == windows == 0:
        return "not_utf8"
    return "tcvn3_file" if tcvn3 >= windows else "windows_1258"


def _not_utf8(code: str, line: int) -> FileRefused:
    return refused("the file is not UTF-8", Mistake("file", code, line))
