"""Figures and names as people read them in a document."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from schoolpulse.i18n import Language, catalogue, translate
from schoolpulse.local_time import local
from schoolpulse.reports.model import PeriodOut
from schoolpulse.reports.period import Period, PeriodKind

Value = str | int | float | date | None
NOTHING = "–"
_ROMAN = {1: "I", 2: "II"}


class Unit(StrEnum):
    """What a value is, which says how it is shown and formatted."""

    TEXT = "text"
    COUNT = "count"
    HOURS = "hours"
    RATIO = "ratio"
    MBPS = "mbps"
    SECONDS = "seconds"
    DAY = "day"
    TIME = "time"  # milliseconds since 1970


DECIMALS = {Unit.COUNT: 0, Unit.HOURS: 1, Unit.MBPS: 1, Unit.SECONDS: 0}


def shown(value: Value, unit: Unit, language: Language) -> str:
    """`value` in words: ``1.234,5`` in Vietnamese, ``1,234.5`` in English; a dash for nothing."""
    if value is None:
        return NOTHING
    if isinstance(value, date):
        return day_text(value, language)
    if isinstance(value, str):
        return value
    if unit is Unit.TIME:
        at = local(value)
        return f"{at:%H:%M} {day_text(at.date(), language)}"
    if unit is Unit.RATIO:
        return number(value * 100, 2, language) + "%"
    return number(value, DECIMALS.get(unit, 1), language)


def number(value: float, decimals: int, language: Language) -> str:
    """With the separators of the language."""
    text = f"{value:,.{decimals}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("-")
    return text.translate(str.maketrans(",.", ".,")) if language == "vi" else text


def day_text(day: date, language: Language) -> str:
    """``05/3/2026``: zeros before days below 10 and months below 3 (Decree 30/2020); ISO in English."""
    if language == "en":
        return day.isoformat()
    month = f"{day.month:02d}" if day.month < 3 else str(day.month)
    return f"{day.day:02d}/{month}/{day.year}"


def period_text(period: PeriodOut | Period, language: Language) -> str:
    """``học kỳ I năm học 2025-2026``."""
    years = f"{period.school_year}-{period.school_year + 1}"
    values: dict[str, object] = {"years": years}
    if period.kind is PeriodKind.MONTH:
        values |= {"month": period.first.month, "name": f"{period.first:%B}", "year": period.first.year}
    elif period.kind is PeriodKind.SEMESTER:
        values["roman"] = _ROMAN[period.semester or 1]
    elif period.kind is PeriodKind.RANGE:
        values |= {"first": day_text(period.first, language), "last": day_text(period.last, language)}
    return translate(f"report.period.{period.kind.value}", language, **values)


def named(prefix: str, word: str, language: Language) -> str:
    """The text of ``prefix.word``; the word itself where nobody has named it yet."""
    key = f"{prefix}.{word}"
    return translate(key, language) if key in catalogue() else word
