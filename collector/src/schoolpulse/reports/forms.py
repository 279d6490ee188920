"""Every form of the report by its name. A new one is its own file and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from schoolpulse.i18n import Language
from schoolpulse.reports import csv_form, pdf_form
from schoolpulse.reports.model import Report
from schoolpulse.reports.settings import ReportSettings


@dataclass(frozen=True, slots=True)
class Form:
    """How a report becomes a file. Writing may block, and raises `ReportFailed`."""

    media_type: str
    write: Callable[[Report, Language, ReportSettings], bytes]


def _json(report: Report, language: Language, settings: ReportSettings) -> bytes:
    del language, settings  # data has no words
    return report.model_dump_json(indent=1).encode() + b"\n"


def _xlsx(report: Report, language: Language, settings: ReportSettings) -> bytes:
    from schoolpulse.reports import xlsx_form  # noqa: PLC0415 -- openpyxl is for who asks for a workbook

    return xlsx_form.write(report, language, settings)


FORMS: Mapping[str, Form] = {
    "pdf": Form("application/pdf", pdf_form.write),
    "xlsx": Form("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", _xlsx),
    "csv": Form("text/csv; charset=utf-8", csv_form.write),
    "json": Form("application/json", _json),
}


def file_name(report: Report, form: str) -> str:
    """A name that sorts: ``schoolpulse-2026-03-01-2026-03-31.pdf``."""
    school = "-" + "".join(letter for letter in report.scope if letter.isalnum()) if report.scope else ""
    return f"schoolpulse-{report.period.first}-{report.period.last}{school}.{form}"
