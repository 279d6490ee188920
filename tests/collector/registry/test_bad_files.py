"""Files that are no registry, or are made to do harm: a clear answer, little memory, nothing changed."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from openpyxl import Workbook

from schoolpulse.errors import ImportRefused
from schoolpulse.i18n import LANGUAGES
from schoolpulse.registry import sheets, xlsx_file
from schoolpulse.registry.importing import read_file
from schoolpulse.registry.sheets import FileRefused

TEXT = "school_id,name,provider\ns1,Trường Tiểu học Lê Đức Thọ,Mạng\n"
# As the old encodings have them: one by letters with accents behind them, one by letters of its own.
WINDOWS_1258 = "school_id,name\ns1,Trươ\u0300ng Ti\u00ea\u0309u ho\u0323c \u0110\u00ea\u0301n\n".encode(
    "cp1258"
)
TCVN3 = b"school_id,name\ns1,Tr\xad\xeang Ti\xd3u h\xc4c L\xaa \xa7\xaec Th\xc4\n"
OLE = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2000)


def workbook(fill: Callable[[Workbook], None]) -> bytes:
    book = Workbook()
    fill(book)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def rows(*found: tuple[Any, ...]) -> bytes:
    def fill(book: Workbook) -> None:
        sheet = book.active
        assert sheet is not None
        for row in found:
            sheet.append(row)

    return workbook(fill)


def with_sheet(xml: bytes) -> bytes:
    """A workbook whose sheet is `xml`."""
    old = zipfile.ZipFile(io.BytesIO(rows(("school_id", "name"), ("s1", "A"))))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for part in old.infolist():
            body = xml if part.filename == "xl/worksheets/sheet1.xml" else old.read(part)
            new.writestr(part.filename, body)
    return buffer.getvalue()


def zip_bomb() -> bytes:
    return with_sheet(b"<worksheet>" + bytes(xlsx_file.MAX_UNPACKED_BYTES) + b"</worksheet>")


def lying_bomb() -> bytes:
    """A bomb whose directory says that it is small."""
    data = bytearray(zip_bomb())
    name = b"xl/worksheets/sheet1.xml"
    at = data.rindex(name) - 46  # its entry in the directory
    assert data[at : at + 4] == b"PK\x01\x02"
    data[at + 24 : at + 28] = struct.pack("<I", 500)
    return bytes(data)


ENTITIES = b"""<?xml version="1.0"?><!DOCTYPE w [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">
<c r="A1" t="inlineStr"><is><t>&c;</t></is></c></row></sheetData></worksheet>"""


FORMULA = """<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
<row r="1"><c r="A1" t="inlineStr"><is><t>school_id</t></is></c>
<c r="B1" t="inlineStr"><is><t>name</t></is></c></row>
<row r="2"><c r="A2" t="inlineStr"><is><t>s1</t></is></c>
<c r="B2" t="str"><f>"Trường "&amp;1</f><v>Trường 1</v></c></row></sheetData></worksheet>"""
"""As a spreadsheet program saves it: a formula with the value that it had."""


def ods() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as new:
        new.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"x" * (sheets.MAX_BYTES + 1), "too_large"),
        (b"\xef\xbb\xbf" + TEXT.encode("utf-16"), "not_utf8"),
        (TEXT.encode("utf-16"), "utf16"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "utf16"),
        ("school_id,name\ns1,A\n".encode("utf-16-le"), "utf16"),
        (WINDOWS_1258, "windows_1258"),
        (TCVN3, "tcvn3_file"),
        (b"school_id,name\ns1,\xff\xfe\n", "not_utf8"),
        (b'school_id,name\ns1,"A\n', "csv"),
        (OLE, "old_excel"),
        (ods(), "open_document"),
        (b"PK\x03\x04 and nothing more", "not_xlsx"),
        (b"PK\x05\x06" + bytes(18), "not_xlsx"),
        (with_sheet(b"<worksheet"), "not_xlsx"),
        (with_sheet(ENTITIES), "not_xlsx"),
        (zip_bomb(), "unpacks_too_large"),
        (lying_bomb(), "not_xlsx"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_cannot_be_read_is_refused_with_what_to_do(data: bytes, code: str) -> None:
    with pytest.raises(FileRefused) as refused:
        read_file(data)
    [mistake] = refused.value.mistakes
    assert mistake.code == code
    assert isinstance(refused.value, ImportRefused)
    for language in LANGUAGES:
        assert mistake.message(language)


def test_a_bomb_takes_little_memory() -> None:
    for data in (zip_bomb(), lying_bomb()):
        tracemalloc.start()
        with pytest.raises(FileRefused):
            read_file(data)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 40_000_000


def test_two_far_cells_are_no_rectangle() -> None:
    def fill(book: Workbook) -> None:
        sheet = book.active
        assert sheet is not None
        for place, value in {
            "A1": "school_id",
            "B1": "name",
            "A2": "s1",
            "B2": "A",
            "XFD1048576": "x",
        }.items():
            sheet[place] = value

    found = read_file(workbook(fill))
    assert [record.values["school_id"] for record in found.records] == ["s1"]


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_file, "MAX_CELLS", 10)
    with pytest.raises(FileRefused) as refused:
        read_file(rows(("school_id", "name"), *((f"s{n}", "A") for n in range(10))))
    assert refused.value.mistakes[0].code == "too_many_cells"


def test_a_formula_with_its_value_is_taken_and_said() -> None:
    found = read_file(with_sheet(FORMULA.encode()))
    assert found.mistakes == []
    assert [(mistake.where, mistake.code, mistake.row) for mistake in found.warnings] == [("B", "formula", 2)]
    assert found.records[0].values["name"] == "Trường 1"


def test_a_formula_without_a_value_is_a_mistake() -> None:
    found = read_file(rows(("school_id", "name"), ("s1", "=A1&B1")))
    codes = {(mistake.where, mistake.code) for mistake in found.mistakes}
    assert ("B", "formula_empty") in codes


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("=HYPERLINK(1)", "starts_formula"),
        ("@SUM(1)", "starts_formula"),
        ("-2+3+cmd|' /C calc'!A0", "starts_formula"),
        ("Tr\u00adêng TiÓu häc", "tcvn3"),
        ("Trường\u0007", "unprintable"),
        ("x" * 201, "too_long"),
    ],
)
def test_a_text_that_a_spreadsheet_would_run_or_nobody_can_read(name: str, code: str) -> None:
    quoted = name.replace('"', '""')
    found = read_file(f'school_id,name\ns1,"{quoted}"\n'.encode())
    assert [mistake.code for mistake in found.mistakes] == [code]
    assert found.records == []
