"""The report as CSV: every table under its title, numbers as they are, UTF-8 as spreadsheets expect it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date

from schoolpulse.i18n import Language
from schoolpulse.local_time import local
from schoolpulse.reports.model import Report
from schoolpulse.reports.notes import about
from schoolpulse.reports.safe_text import for_csv
from schoolpulse.reports.settings import ReportSettings
from schoolpulse.reports.tables import Cell, Table, tables
from schoolpulse.reports.words import Unit


def write(report: Report, language: Language, settings: ReportSettings) -> bytes:
    """All tables, one after the other, an empty line between them. Shares are 0 to 1."""
    del settings  # nobody signs a CSV
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    for line in about(report, language):
        writer.writerow([for_csv(line)])
    for table in tables(report, language):
        writer.writerow([])
        writer.writerows(_lines(table))
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8", "replace")


def _lines(table: Table) -> Iterator[list[str | int | float]]:
    yield [for_csv(table.title)]
    yield [for_csv(title) for title in table.columns]
    for row in table.rows:
        yield [_value(cell) for cell in row]


def _value(cell: Cell) -> str | int | float:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return for_csv(value)
    if cell.unit is Unit.TIME:
        return local(value).isoformat(timespec="seconds")
    return value
