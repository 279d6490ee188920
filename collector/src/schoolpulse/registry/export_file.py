"""The registry as CSV and XLSX, which import again to the same registry.

Not in the files: agents that stood at a school before, and the record of changes.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from schoolpulse.registry.columns import COLUMNS, KINDS, Kind
from schoolpulse.registry.models import Line, School, shallow
from schoolpulse.registry.plan import Recorded
from schoolpulse.registry.values import moment_text

Value = str | float | None
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|[\ud800-\udfff]")
_SAID_OF_A_CHANGE = {"valid_from", "area_from"}
"""Columns of the sheet of schools that say since when something is so: a file of how it is has none."""
_LINES_IN_SCHOOLS = {column.name for column in COLUMNS["lines"]} - {"school_id"}


def to_csv(recorded: Recorded, kind: Kind = "schools", only: frozenset[str] | None = None) -> bytes:
    """One kind as CSV, UTF-8 with a byte order mark, so that spreadsheets read it right.

    Args:
        recorded: the registry.
        kind: what to write; ``schools`` holds the lines of now too, without their dates.
        only: the schools to write, None for all.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    names = _names(kind)
    writer.writerow(names)
    for row in _rows(recorded, kind, only):
        writer.writerow([_plain(row.get(name)) for name in names])
    return b"\xef\xbb\xbf" + buffer.getvalue().encode()


def to_xlsx(recorded: Recorded, only: frozenset[str] | None = None) -> bytes:
    """Everything as one workbook, a sheet a kind; lines stand in their own sheet, with their history."""
    book = Workbook(write_only=True)
    for kind in KINDS:
        names = _names(kind)
        if kind == "schools":
            names = [
                name for name in names if name not in _LINES_IN_SCHOOLS and not name.startswith("backup_")
            ]
        sheet = book.create_sheet(kind)
        sheet.freeze_panes = "A2"
        header = [WriteOnlyCell(sheet, name) for name in names]
        for cell in header:
            cell.font = Font(bold=True)
        sheet.append(header)
        for row in _rows(recorded, kind, only):
            cells = []
            for name in names:
                value = row.get(name)
                cell = WriteOnlyCell(sheet, value if isinstance(value, (int, float)) else _plain(value))
                if isinstance(value, str):
                    cell.data_type = "s"  # never a formula, whatever it begins with
                cells.append(cell)
            sheet.append(cells)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _names(kind: Kind) -> list[str]:
    names = [column.name for column in COLUMNS[kind]]
    return [name for name in names if name not in _SAID_OF_A_CHANGE] if kind == "schools" else names


def _rows(recorded: Recorded, kind: Kind, only: frozenset[str] | None) -> Iterator[Mapping[str, Value]]:
    schools: Sequence[School] = [
        school for school in recorded.snapshot.every if only is None or school.id in only
    ]
    if kind == "schools":
        for school in schools:
            yield _school(school)
    elif kind == "lines":
        for school in schools:
            for period in school.history:
                dates = {"valid_from": moment_text(period.from_ms), "valid_to": moment_text(period.to_ms)}
                yield {"school_id": school.id} | shallow(period.line) | dates
    else:
        things = recorded.devices if kind == "devices" else recorded.contacts
        for thing in things:
            if only is None or thing.school_id in only:
                yield {name: _day(value) for name, value in shallow(thing).items()}


def _school(school: School) -> Mapping[str, Value]:
    row: dict[str, Value] = {
        "school_id": school.id,
        "name": school.name,
        "level": school.level,
        "ward": school.area[-1] if school.area else "",
        "area": "/".join(school.area),
        "lat": school.lat,
        "lon": school.lon,
        "agent_id": school.agent_id,
        "closed_on": moment_text(school.closed_ms),
    }
    return row | _line(school.line("primary"), "") | _line(school.line("backup"), "backup_")


def _line(line: Line | None, prefix: str) -> dict[str, Value]:
    if line is None:
        return {}
    return {prefix + name: value for name, value in shallow(line).items() if name != "role"}


def _day(value: object) -> Value:
    return None if value is None else str(value)


def _plain(value: Value) -> str:
    """Text without what no file can hold; numbers as short as they are exact."""
    if value is None:
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return _UNPRINTABLE.sub("", str(value))
