"""The report as a workbook: a sheet a table, real numbers with their formats, headers that stay in sight."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from schoolpulse.i18n import Language, translate
from schoolpulse.local_time import local
from schoolpulse.reports.model import Report
from schoolpulse.reports.notes import about, method
from schoolpulse.reports.safe_text import plain
from schoolpulse.reports.settings import ReportSettings
from schoolpulse.reports.tables import Cell, Table, tables
from schoolpulse.reports.words import Unit

FORMATS = {
    Unit.COUNT: "#,##0",
    Unit.HOURS: "#,##0.0",
    Unit.RATIO: "0.00%",
    Unit.MBPS: "#,##0.0",
    Unit.SECONDS: "#,##0",
    Unit.DAY: "dd/mm/yyyy",
    Unit.TIME: "dd/mm/yyyy hh:mm",
}
_HEAD = Font(bold=True, color="FFFFFF")
_FILL = PatternFill("solid", fgColor="1F4E79")
_WRAP = Alignment(wrap_text=True, vertical="center")
_WIDEST = 48


def write(report: Report, language: Language, settings: ReportSettings) -> bytes:
    """A workbook; texts are texts, whatever they begin with."""
    del settings  # the signed form is the PDF
    book = Workbook(write_only=True)
    sheet = book.create_sheet(translate("report.table.about", language)[:31])
    sheet.column_dimensions["A"].width = 120
    for line in (*about(report, language), "", *method(language)):
        sheet.append([_text(sheet, line, wrap=True)])
    for table in tables(report, language):
        _sheet(book.create_sheet(table.title[:31]), table)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _sheet(sheet: Any, table: Table) -> None:
    sheet.freeze_panes = "D2" if table.key == "schools" else "B2"
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(table.columns))}{len(table.rows) + 1}"
    for index, width in enumerate(_widths(table), start=1):
        sheet.column_dimensions[get_column_letter(index)].width = width
    head = []
    for title in table.columns:
        cell = _text(sheet, title, wrap=True)
        cell.font, cell.fill = _HEAD, _FILL
        head.append(cell)
    sheet.append(head)
    for row in table.rows:
        sheet.append([_cell(sheet, one) for one in row])


def _widths(table: Table) -> Sequence[int]:
    found = []
    for index, title in enumerate(table.columns):
        texts = [row[index].value for row in table.rows]
        longest = max((len(text) for text in texts if isinstance(text, str)), default=0)
        found.append(min(_WIDEST, max(12, longest + 2, len(title) // 2 + 2)))
    return found


def _cell(sheet: Any, one: Cell) -> Any:
    value = one.value
    if value is None:
        return None
    if isinstance(value, str):
        return _text(sheet, value)
    if isinstance(value, date):
        value = datetime.combine(value, time())
    elif one.unit is Unit.TIME:
        # Spreadsheets know no zones: the time is Vietnam's.
        value = local(value).replace(tzinfo=None)
    cell = WriteOnlyCell(sheet, value=value)
    cell.number_format = FORMATS[one.unit]
    return cell


def _text(sheet: Any, text: str, *, wrap: bool = False) -> Any:
    cell = WriteOnlyCell(sheet, value=plain(text))
    cell.data_type = "s"  # never a formula
    if wrap:
        cell.alignment = _WRAP
    return cell
