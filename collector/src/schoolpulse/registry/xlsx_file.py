"""Spreadsheets as XLSX, read row by row within limits, so that no file can fill the memory.

An XLSX is a zip of XML. What it unpacks to stands in its directory, and the reader never takes more of a
part than that; entities are refused by defusedxml, which openpyxl uses where it is installed.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from typing import Any

from openpyxl import load_workbook

from schoolpulse.errors import UsageError
from schoolpulse.registry.mistakes import Mistake
from schoolpulse.registry.sheets import MAX_PROBLEMS, MAX_ROWS, Sheet, refused

MAX_UNPACKED_BYTES = 100 * 1024 * 1024
MAX_CELLS = 1_500_000
MAX_SHEETS = 20
MAX_COLUMNS = 64
MAX_EMPTY_ROWS = 1_000
"""In a row; below them a sheet is taken to be at its end."""

_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_Cell = tuple[Any, str]


def is_spreadsheet(data: bytes) -> bool:
    """Whether it is a zip or an old spreadsheet, by its first bytes."""
    return data.startswith((b"PK", _OLE))


def read_xlsx(data: bytes) -> tuple[list[Sheet], list[Mistake], list[Mistake]]:
    """The sheets, the cells that cannot be taken, and those that hold formulas.

    Raises:
        FileRefused: no XLSX, or larger than its limits when it is unpacked.
    """
    _check_container(data)
    values = _rows(data, formulas=False)
    mistakes: list[Mistake] = []
    found_formulas: list[Mistake] = []
    sheets = [Sheet(name, _texts(name, rows, mistakes)) for name, rows in values]
    if _has_formulas(data):
        _look_at_formulas(data, sheets, mistakes, found_formulas)
    return sheets, mistakes[:MAX_PROBLEMS], found_formulas


def _look_at_formulas(
    data: bytes, sheets: Sequence[Sheet], mistakes: list[Mistake], found: list[Mistake]
) -> None:
    """Every formula: fine with the value that its program left in it, a mistake without."""
    for name, rows in _rows(data, formulas=True):
        by_row = dict(next((sheet.rows for sheet in sheets if sheet.name == name), ()))
        for number, cells in rows:
            row = by_row.get(number, ())
            for column, (_, kind) in enumerate(cells):
                if kind != "f" or len(found) >= MAX_PROBLEMS:
                    continue
                if column < len(row) and row[column]:
                    found.append(Mistake(_letter(column), "formula", number, name))
                else:
                    mistakes.append(Mistake(_letter(column), "formula_empty", number, name))


def _has_formulas(data: bytes) -> bool:
    """Whether any sheet holds the element of a formula; most do not, and are not read again for it."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for part in archive.infolist():
            if not part.filename.endswith(".xml") or "worksheets" not in part.filename:
                continue
            with archive.open(part) as stream:
                end = b""
                while chunk := stream.read(1 << 20):
                    if re.search(rb"<(\w+:)?f[\s>/]", end + chunk):
                        return True
                    end = chunk[-32:]
    return False


def _check_container(data: bytes) -> None:
    if data.startswith(_OLE):
        raise refused("the file is no XLSX", Mistake("file", "old_excel"))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            if any(part.filename == "mimetype" for part in parts):
                raise refused("the file is no XLSX", Mistake("file", "open_document"))
            if sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES or len(parts) > 1_000:
                mistake = Mistake("file", "unpacks_too_large", values={"limit": MAX_UNPACKED_BYTES})
                raise refused("the file is too large", mistake)
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise _unreadable(error) from error


def _rows(data: bytes, *, formulas: bool) -> Iterator[tuple[str, list[tuple[int, list[_Cell]]]]]:
    """Name and rows of each sheet; a cell is its value and its type."""
    cells = 0
    with warnings.catch_warnings():
        # It warns of what it leaves out: styles, validations, charts, which are nothing to us.
        warnings.simplefilter("ignore")
        try:
            book = load_workbook(
                io.BytesIO(data), read_only=True, data_only=not formulas, keep_links=False, rich_text=False
            )
            for sheet in book.worksheets[:MAX_SHEETS]:
                sheet.reset_dimensions()
                rows = _sheet_rows(sheet, MAX_CELLS - cells)
                cells += sum(len(row) for _, row in rows)
                yield sheet.title, rows
            book.close()
        except UsageError:
            raise
        except Exception as error:  # a hostile file breaks its reader in any way it likes
            raise _unreadable(error) from error


def _sheet_rows(sheet: Any, cells_left: int) -> list[tuple[int, list[_Cell]]]:
    rows: list[tuple[int, list[_Cell]]] = []
    empty = 0
    for number, row in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS), 1):
        found: list[_Cell] = [(cell.value, str(cell.data_type)) for cell in row]
        while found and found[-1][0] is None and found[-1][1] != "f":
            found.pop()
        cells_left -= len(found)
        if cells_left < 0 or len(rows) > MAX_ROWS:
            mistake = Mistake("file", "too_many_cells", number, sheet.title, {"limit": MAX_CELLS})
            raise refused("the file is too large", mistake)
        empty = 0 if found else empty + 1
        if empty > MAX_EMPTY_ROWS:
            break
        if found:
            rows.append((number, found))
    return rows


def _texts(
    name: str, rows: Sequence[tuple[int, list[_Cell]]], mistakes: list[Mistake]
) -> list[tuple[int, Sequence[str]]]:
    found: list[tuple[int, Sequence[str]]] = []
    for number, cells in rows:
        texts = []
        for column, (value, kind) in enumerate(cells):
            if kind == "e" and len(mistakes) < MAX_PROBLEMS:
                mistakes.append(
                    Mistake(_letter(column), "cell_error", number, name, {"value": str(value)[:20]})
                )
            texts.append(_text(value))
        if any(texts):
            found.append((number, texts))
    return found


def _text(value: object) -> str:
    """A cell as somebody would type it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat()
    if isinstance(value, (date, time)):
        return value.isoformat()
    return str(value).strip()


def _letter(column: int) -> str:
    """``A`` for 0, as spreadsheets count."""
    text = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text


def _unreadable(error: Exception) -> Exception:
    mistake = Mistake("file", "not_xlsx", values={"error": type(error).__name__})
    return refused("the file is no XLSX that can be read", mistake)
