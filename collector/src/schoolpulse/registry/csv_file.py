"""The registry's CSV: one school a row, the columns of `COLUMNS` in any order.

UTF-8 with or without a byte order mark. A file is taken whole or refused whole, with every mistake by
row and column: half an import is worse than none.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Iterator, Mapping, Sequence

from schoolpulse.errors import ImportRefused, Problem
from schoolpulse.registry.models import Line, School
from schoolpulse_agent import wire

COLUMNS = (
    "school_id",
    "name",
    "level",
    "ward",
    "lat",
    "lon",
    "agent_id",
    "provider",
    "technology",
    "contracted_down_mbps",
    "contracted_up_mbps",
    "backup_technology",
)
REQUIRED = ("school_id", "name")
LEVELS = ("mam_non", "tieu_hoc", "thcs")
MAX_BYTES = 10 * 1024 * 1024
MAX_ROWS = 100_000
MAX_PROBLEMS = 1_000

_SCHOOL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


def read_schools(data: bytes, *, parent_area: Sequence[str] = ()) -> list[School]:
    """The schools in a CSV file.

    Args:
        data: the file.
        parent_area: the path of areas above the file's wards, from the top down.

    Raises:
        ImportRefused: with every mistake, each at its line.
    """
    reader = _reader(data)
    problems = list(_header_problems(reader.fieldnames or ()))
    if problems:
        raise ImportRefused("the columns are not those of a registry file", problems)
    schools: list[School] = []
    seen: dict[tuple[str, str], int] = {}
    try:
        for row in reader:
            line = reader.line_num
            row_problems = list(_row_problems(row, line, seen))
            problems += row_problems
            if len(problems) > MAX_PROBLEMS or len(schools) >= MAX_ROWS:
                problems.append(Problem("file", "too much to go on", "split the file", line))
                break
            if not row_problems:
                schools.append(_school(row, parent_area))
    except csv.Error as error:
        problems.append(Problem("file", str(error), "save it again as CSV UTF-8", reader.line_num))
    if problems:
        raise ImportRefused(f"{len(problems)} mistakes; nothing was imported", problems)
    return schools


def _reader(data: bytes) -> csv.DictReader[str]:
    if len(data) > MAX_BYTES:
        raise ImportRefused("the file is too large", [Problem("file", f"more than {MAX_BYTES} bytes")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        problem = Problem("file", "not UTF-8", "in the spreadsheet: save as 'CSV UTF-8'", line)
        raise ImportRefused("the file is not UTF-8", [problem]) from error
    return csv.DictReader(io.StringIO(text, newline=""), strict=True)


def _header_problems(names: Sequence[str]) -> Iterator[Problem]:
    for name in REQUIRED:
        if name not in names:
            yield Problem(name, "column is missing", line=1)
    for name in names:
        if name not in COLUMNS:
            close = difflib.get_close_matches(name, COLUMNS, n=1)
            yield Problem(repr(name), "unknown column", f"did you mean {close[0]}?" if close else "", 1)
        elif list(names).count(name) > 1:
            yield Problem(name, "column stands twice", line=1)


def _row_problems(
    row: Mapping[str | None, str | None], line: int, seen: dict[tuple[str, str], int]
) -> Iterator[Problem]:
    if None in row or None in row.values():
        yield Problem("row", "has not as many cells as the header", "a comma too many or too few?", line)
        return
    cells = {str(key): str(value).strip() for key, value in row.items()}
    for name in REQUIRED:
        if not cells[name]:
            yield Problem(name, "is empty", line=line)
    if cells["school_id"] and not _SCHOOL_ID.match(cells["school_id"]):
        yield Problem("school_id", "1 to 64 of letters, digits, - and _", line=line)
    if len(cells["name"]) > 200:
        yield Problem("name", "longer than 200 characters", line=line)
    yield from _identity_problems(cells, line, seen)
    if cells.get("level") and cells["level"] not in LEVELS:
        yield Problem("level", f"none of {', '.join(LEVELS)}", line=line)
    for column, low, high in _NUMBERS:
        if (value := cells.get(column, "")) and not _is_between(value, low, high):
            yield Problem(column, f"not a number from {low} to {high}", "a point, not a comma?", line)


def _identity_problems(
    cells: Mapping[str, str], line: int, seen: dict[tuple[str, str], int]
) -> Iterator[Problem]:
    agent_id = cells.get("agent_id", "")
    if agent_id and not wire.valid_agent_id(agent_id):
        yield Problem("agent_id", "1 to 64 of a-z, 0-9 and -", line=line)
    for column in ("school_id", "agent_id"):
        value = cells.get(column, "")
        first = seen.setdefault((column, value), line)
        if value and first != line:
            yield Problem(column, f"{value!r} stands in line {first} already", line=line)


_NUMBERS = (
    ("lat", -90, 90),
    ("lon", -180, 180),
    ("contracted_down_mbps", 0, 1_000_000),
    ("contracted_up_mbps", 0, 1_000_000),
)


def _is_between(text: str, low: float, high: float) -> bool:
    try:
        return low <= float(text) <= high
    except ValueError:
        return False


def _school(row: Mapping[str | None, str | None], parent_area: Sequence[str]) -> School:
    cells = {str(key): str(value).strip() for key, value in row.items()}

    def number(column: str) -> float | None:
        return float(cells[column]) if cells.get(column) else None

    lines = []
    if cells.get("provider") or cells.get("technology"):
        lines.append(
            Line(
                role="primary",
                provider=cells.get("provider", ""),
                technology=cells.get("technology", "") or "unknown",
                contracted_down_mbps=number("contracted_down_mbps"),
                contracted_up_mbps=number("contracted_up_mbps"),
            )
        )
    if cells.get("backup_technology"):
        # The file does not say whose the backup is.
        lines.append(Line(role="backup", provider="", technology=cells["backup_technology"]))
    return School(
        id=cells["school_id"],
        name=cells["name"],
        level=cells.get("level", ""),
        area=(*parent_area, cells["ward"]) if cells.get("ward") else tuple(parent_area),
        lat=number("lat"),
        lon=number("lon"),
        agent_id=cells.get("agent_id") or None,
        lines=tuple(lines),
    )
