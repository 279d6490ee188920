"""Every form holds the same figures, reads right, and runs nothing."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pypdfium2
import pytest
from openpyxl import load_workbook
from report_facts import CALENDAR, DAY_MS, facts

from schoolpulse.errors import ReportFailed
from schoolpulse.i18n import LANGUAGES, Language
from schoolpulse.local_time import ZONE
from schoolpulse.reports import pdf_form, typeset
from schoolpulse.reports.build import build
from schoolpulse.reports.forms import FORMS, file_name
from schoolpulse.reports.model import Report
from schoolpulse.reports.period import named
from schoolpulse.reports.settings import ReportSettings
from schoolpulse.reports.tables import Cell, tables
from schoolpulse.reports.words import Unit, shown

OFFICE = ReportSettings(
    parent_office="UBND QUẬN GÒ VẤP",
    office="PHÒNG GIÁO DỤC VÀ ĐÀO TẠO",
    office_name="Phòng Giáo dục và Đào tạo",
    number_suffix="BC-GDĐT",
    place="Gò Vấp",
    signer_title="TRƯỞNG PHÒNG",
    recipients=("Sở Giáo dục và Đào tạo", "Lưu: VT"),
)
NASTY = (
    "=1+1",
    "+84 28",
    "-2+3",
    "@SUM(A1)",
    "\tx",
    '=HYPERLINK("http://x")',
    "#let x = 1",
    "a\x0bb",
    "$x$ *b* \\",
)


def report_on(name: str = "2026-03", *, schools: int = 12, until_ms: int | None = None) -> Report:
    period = named(name)
    found = facts(schools, period, now_ms=until_ms)
    nasty = [replace(one, name=word) for one, word in zip(found.schools, NASTY, strict=False)]
    found = replace(found, schools=[*nasty, *found.schools[len(nasty) :]])
    return build(
        found,
        facts(schools, period.before(), seed=2),
        period=period,
        calendar=CALENDAR,
        made_at_ms=found.to_ms,
        version="0.0.test",
    )


@pytest.fixture(scope="module")
def report() -> Report:
    return report_on()


def squeezed(text: str) -> str:
    """Without white space, which a page breaks its lines at; one way to write each letter."""
    return "".join(unicodedata.normalize("NFC", text).split())


def pages_of(body: bytes) -> list[str]:
    pdf = pypdfium2.PdfDocument(body)
    try:
        return [pdf[index].get_textpage().get_text_bounded() for index in range(len(pdf))]
    finally:
        pdf.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pdf_says_what_the_tables_say(report: Report, language: Language) -> None:
    body = FORMS["pdf"].write(report, language, OFFICE)
    text = squeezed("\n".join(pages_of(body)))
    looked_at = 0
    for table in tables(report, language):
        if table.key == "days":
            continue  # a chart on paper
        assert squeezed(table.title) in text
        for row in table.rows:
            cells = [
                shown(cell.value, cell.unit, language)
                for name, cell in zip(table.names, row, strict=True)
                if table.key != "schools" or name in pdf_form.SCHOOL_COLUMNS
            ]
            line = squeezed("".join(cells))
            assert printable(line) in text, (table.key, cells)
            looked_at += 1
    assert looked_at > 80


def printable(text: str) -> str:
    return text.replace("\x0b", "")


def test_the_pdf_has_the_form_of_the_decree(report: Report) -> None:
    body = FORMS["pdf"].write(report, "vi", OFFICE)
    pages = pages_of(body)
    first = pages[0]
    for words in (
        *("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc", "UBND QUẬN GÒ VẤP"),
        *("PHÒNG GIÁO DỤC VÀ ĐÀO TẠO", "/BC-GDĐT", "Gò Vấp, ngày 01 tháng 4 năm 2026", "BÁO CÁO"),
        "Tháng 3 năm 2026",
    ):
        assert squeezed(words) in squeezed(first), words
    assert not first.strip().startswith("1"), "the first page has no number"
    assert [page.strip()[0] for page in pages[1:]] == [str(number) for number in range(2, len(pages) + 1)]
    signed = next(page for page in pages if "Nơi nhận:" in page)
    for words in ("- Sở Giáo dục và Đào tạo;", "- Lưu: VT.", "TRƯỞNG PHÒNG", "(Chữ ký, dấu, họ và tên)"):
        assert squeezed(words) in squeezed(signed), words
    pdf = pypdfium2.PdfDocument(body)
    try:
        sizes = [pdf[index].get_size() for index in range(len(pdf))]
    finally:
        pdf.close()
    assert sizes[0] == pytest.approx((595.3, 841.9), abs=0.5), "A4"
    assert sizes[-1][0] > sizes[-1][1], "annexes lie on their side"
    assert b"pdfaid" in body or b"PDF/A" in body or b"/OutputIntents" in body


def test_an_office_that_said_nothing_gets_room_to_write(report: Report) -> None:
    first = pages_of(FORMS["pdf"].write(report, "vi", ReportSettings()))[0]
    assert squeezed("CƠ QUAN BÁO CÁO ……") in squeezed(first)


def test_the_workbook_has_the_figures_as_numbers(report: Report) -> None:
    book = load_workbook(io.BytesIO(FORMS["xlsx"].write(report, "vi", OFFICE)))
    found = tables(report, "vi")
    assert book.sheetnames[1:] == [table.title[:31] for table in found]
    for table in found:
        sheet = book[table.title[:31]]
        assert sheet.freeze_panes is not None
        rows = list(sheet.iter_rows())
        assert [cell.value for cell in rows[0]] == list(table.columns)
        assert len(rows) == len(table.rows) + 1
        for cells, row in zip(rows[1:], table.rows, strict=True):
            for cell, expected in zip(cells, row, strict=True):
                assert cell.data_type != "f", "no formula, whatever a name begins with"
                assert same(cell.value, expected), (table.key, cell.value, expected)
                if expected.unit is Unit.RATIO and cell.value is not None:
                    assert cell.number_format == "0.00%"


def same(value: Any, cell: Cell) -> bool:
    wanted: Any = cell.value
    if wanted is None:
        return value is None
    if isinstance(wanted, str):
        return str(value) == wanted.replace("\x0b", " ")
    if isinstance(wanted, date):
        return isinstance(value, datetime) and value.date() == wanted
    if cell.unit is Unit.TIME:
        return isinstance(value, datetime) and value.replace(tzinfo=ZONE).timestamp() == pytest.approx(
            wanted / 1000, abs=1
        )
    return bool(value == pytest.approx(wanted))


def test_the_csv_has_the_same_rows(report: Report) -> None:
    body = FORMS["csv"].write(report, "vi", OFFICE)
    assert body.startswith(b"\xef\xbb\xbf"), "spreadsheets see that it is UTF-8"
    lines = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))
    for table in tables(report, "vi"):
        start = lines.index([table.title])
        assert lines[start + 1] == list(table.columns)
        for line, row in zip(lines[start + 2 :], table.rows, strict=False):
            for text, cell in zip(line, row, strict=True):
                if isinstance(cell.value, (int, float)) and cell.unit is not Unit.TIME:
                    assert float(text) == cell.value
    texts = [text for line in lines for text in line]
    assert "'=1+1" in texts
    assert "'@SUM(A1)" in texts
    dangerous = [text for text in texts if text[:1] in {"=", "+", "@", "\t", "\r"}]
    assert dangerous == []
    assert all(is_number(text) for text in texts if text.startswith("-"))


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_the_json_is_the_report(report: Report) -> None:
    body = FORMS["json"].write(report, "vi", OFFICE)
    assert Report.model_validate_json(body) == report
    assert json.loads(body)["whole"]["hours"]["lost_hours"] == report.whole.hours.lost_hours


@pytest.mark.parametrize("form", ["pdf", "csv"])
def test_a_period_that_is_not_over_says_so_in_words(form: str) -> None:
    early = report_on(until_ms=named("2026-03").to_ms - 3 * DAY_MS)
    body = FORMS[form].write(early, "vi", OFFICE)
    text = " ".join(pages_of(body)) if form == "pdf" else body.decode()
    assert squeezed("Kỳ báo cáo chưa kết thúc: số liệu tính đến 00:00 29/3/2026.") in squeezed(text)
    assert squeezed("giờ học không đo được; các giờ này không được tính là có kết nối") in squeezed(text)


def test_a_report_of_nothing_is_made_too() -> None:
    period = named("2026-03")
    nobody = replace(facts(2, period), schools=[], incidents=[], speed={}, devices=None)
    empty = build(nobody, None, period=period, calendar=CALENDAR, made_at_ms=period.to_ms, version="0.0.test")
    assert empty.whole.hours.connected_ratio is None
    for name, form in FORMS.items():
        assert form.write(empty, "en", OFFICE), name
    text = " ".join(pages_of(FORMS["pdf"].write(empty, "en", OFFICE)))
    assert "No school hour was measured in this period." in text


def test_one_school_has_its_lines_and_its_outages() -> None:
    period = named("2026-03")
    found = facts(6, period)
    first = found.schools[0]
    alone = build(
        replace(found, schools=[first]),
        None,
        period=period,
        calendar=CALENDAR,
        made_at_ms=period.to_ms,
        version="0.0.test",
        scope=first.id,
    )
    keys = [table.key for table in tables(alone, "vi")]
    assert "contracts" in keys
    text = squeezed(" ".join(pages_of(FORMS["pdf"].write(alone, "vi", OFFICE))))
    assert squeezed(f"Kết quả giám sát kết nối Internet tại {first.name}") in text
    assert squeezed("VNPT VDSL 40 Mbps") in text, "what the line was before"
    assert file_name(alone, "pdf") == f"schoolpulse-2026-03-01-2026-03-31-{first.id.replace('-', '')}.pdf"


def test_the_same_report_is_the_same_document(report: Report) -> None:
    first, second = (FORMS["pdf"].write(report, "vi", OFFICE) for _ in range(2))
    assert first == second


def test_what_cannot_be_set_is_told() -> None:
    with pytest.raises(ReportFailed, match="could not be set"):
        typeset.typeset({"fonts": [], "made_at_ms": 0})


@pytest.mark.parametrize(
    ("value", "unit", "vi", "en"),
    [
        (1234.56, Unit.HOURS, "1.234,6", "1,234.6"),
        (0.98765, Unit.RATIO, "98,77%", "98.77%"),
        (-0.00001, Unit.RATIO, "0,00%", "0.00%"),
        (None, Unit.COUNT, "–", "–"),
        (date(2026, 1, 5), Unit.DAY, "05/01/2026", "2026-01-05"),
        (date(2026, 10, 15), Unit.DAY, "15/10/2026", "2026-10-15"),
        (1772409600000, Unit.TIME, "07:00 02/3/2026", "07:00 2026-03-02"),
    ],
)
def test_figures_read_as_people_write_them(value: Any, unit: Unit, vi: str, en: str) -> None:
    assert (shown(value, unit, "vi"), shown(value, unit, "en")) == (vi, en)
