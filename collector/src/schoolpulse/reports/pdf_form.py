"""The report as the document that an office signs: the layout of Decree 30/2020/NĐ-CP, tables and charts.

This module says what stands where; ``document.typ`` draws it, and `typeset` runs that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from schoolpulse.i18n import Language, translate
from schoolpulse.incidents.model import IncidentKind
from schoolpulse.local_time import local
from schoolpulse.reports import notes
from schoolpulse.reports.model import Report
from schoolpulse.reports.settings import ReportSettings
from schoolpulse.reports.tables import Table, tables
from schoolpulse.reports.tally import NOT_LOST
from schoolpulse.reports.typeset import typeset
from schoolpulse.reports.words import Unit, day_text, number, period_text, shown

SCHOOL_COLUMNS = frozenset(
    {
        *("number", "school", "area", "provider", "technology", "measured_ratio", "connected_ratio"),
        *("broadband_ratio", "lost_hours", "backup_hours", "outages", "down", "contracted_down"),
        *("down_ratio", "devices_up"),
    }
)
"""Of the big table, what fits a page on its side; the workbook has all of it."""
Block = dict[str, object]
_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII")
_NUMBERS = frozenset({Unit.COUNT, Unit.HOURS, Unit.RATIO, Unit.MBPS, Unit.SECONDS})


def write(report: Report, language: Language, settings: ReportSettings) -> bytes:
    """The PDF.

    Raises:
        ReportFailed: the document could not be set.
    """
    return typeset(document(report, language, settings))


def document(report: Report, language: Language, settings: ReportSettings) -> dict[str, object]:
    """What ``document.typ`` draws: every word and figure as it is to stand there."""
    known = {table.key: table for table in tables(report, language)}
    known.pop("days", None)  # on paper the chart tells them
    return {
        "lang": language,
        "fonts": list(settings.fonts),
        "made_at_ms": report.made_at_ms,
        "title": notes.subject(report, language),
        "head": _head(report, language, settings),
        "intro": translate(
            "report.text.intro",
            language,
            office=settings.office_name or translate("report.text.office_open", language),
            period=period_text(report.period, language),
        ),
        "sections": _numbered(_sections(report, known, language), language),
        "annexes": [
            {
                "title": translate(f"report.section.annex_{name}", language),
                "blocks": [_drawn(table, language)],
            }
            for name, key in (("schools", "schools"), ("outages", "longest"))
            if (table := known.get(key)) is not None
        ],
        "made": notes.made(report, language),
    }


def _head(report: Report, language: Language, settings: ReportSettings) -> dict[str, object]:
    def text(key: str, **values: object) -> str:
        return translate(f"report.head.{key}", language, **values)

    at = local(report.made_at_ms)
    # Decree 30: days below 10 and the months 1 and 2 with a zero before them.
    month = f"{at.month:02d}" if at.month < 3 else str(at.month)
    place = settings.place or text("place_open")
    period = period_text(report.period, language)
    recipients = [f"- {name};" for name in settings.recipients[:-1]]
    recipients += [f"- {name}." for name in settings.recipients[-1:]]
    return {
        "country": text("country"),
        "motto": text("motto"),
        "parent": settings.parent_office or text("parent_open"),
        "office": settings.office or text("office_open"),
        "number": text("number", suffix=settings.number_suffix),
        "place_date": text(
            "place_date", place=place, day=f"{at.day:02d}", month=month, name=f"{at:%B}", year=at.year
        ),
        "title": text("title"),
        "subject": notes.subject(report, language),
        "period": period[0].upper() + period[1:],
        "recipients": text("recipients"),
        "recipient_list": recipients or text("recipients_open").split("\n"),
        "signer_title": settings.signer_title or text("signer_open"),
        "sign_hint": text("sign_hint"),
        "signer_name": settings.signer_name,
    }


def _sections(report: Report, known: dict[str, Table], language: Language) -> list[dict[str, object]]:
    def section(name: str, *blocks: Block | None) -> Block:
        return {
            "title": translate(f"report.section.{name}", language),
            "blocks": [block for block in blocks if block is not None],
        }

    def table(key: str) -> Block | None:
        return _drawn(known[key], language) if key in known else None

    def said(text: str) -> Block:
        return {"text": text}

    many = (
        said(translate("report.text.provider_outages", language, count=report.provider_outages))
        if report.provider_outages
        else None
    )
    none = said(translate("report.text.no_faults", language)) if "faults" not in known else None
    return [
        section(
            "scope",
            *(said(text) for text in notes.scope(report, language)),
            table("unmeasured"),
            table("contracts"),
        ),
        section(
            "result",
            said(notes.headline(report, language)),
            table("summary"),
            _days(report, language),
            table("technology"),
        ),
        section("faults", none, many, table("faults"), _causes(report, language)),
        section("providers", table("providers"), _speeds(report, language)),
        section("areas", table("areas") if report.scope is None else None),
        section(
            "change", said(notes.compared(report, language)), table("moved"), table("lines"), table("moves")
        ),
        section("method", *(said(text) | {"small": True} for text in notes.method(language))),
    ]


def _numbered(sections: Sequence[Block], language: Language) -> list[Block]:
    """Those that have something to say, with Roman numbers, and their charts counted through."""
    said = [one for one in sections if one["blocks"]]
    charts = 0
    for one in said:
        for block in cast("list[Block]", one["blocks"]):
            if "chart" in block:
                charts += 1
                block["title"] = translate(f"report.chart.{block['title']}", language, number=charts)
    return [one | {"title": f"{roman}. {one['title']}"} for roman, one in zip(_ROMAN, said, strict=False)]


def _drawn(table: Table, language: Language) -> dict[str, object]:
    """A table as strings, its numbers to the right."""
    keep = [
        index for index, name in enumerate(table.names) if table.key != "schools" or name in SCHOOL_COLUMNS
    ]
    return {
        "table": table.key,
        "title": table.title,
        "columns": [table.columns[index] for index in keep],
        "numbers": [_is_number(table, index) for index in keep],
        "rows": [
            [shown(row[index].value, row[index].unit, language) for index in keep] for row in table.rows
        ],
    }


def _is_number(table: Table, index: int) -> bool:
    return any(row[index].unit in _NUMBERS for row in table.rows[:1])


def _days(report: Report, language: Language) -> dict[str, object] | None:
    """A bar a day; the axis begins where the worst day stands."""
    shares = [day.connected_ratio for day in report.days if day.connected_ratio is not None]
    if not shares:
        return None
    floor = next(low for low in (0.99, 0.95, 0.9, 0.8, 0.5, 0.0) if min(shares) >= low)
    return {
        "chart": "days",
        "title": "days",
        "low": floor,
        "marks": [shown(floor + (1 - floor) * step / 2, Unit.RATIO, language) for step in range(3)],
        "first": day_text(report.days[0].day, language),
        "last": day_text(report.days[-1].day, language),
        "none": translate("report.chart.unmeasured", language),
        "values": [day.connected_ratio for day in report.days],
    }


def _causes(report: Report, language: Language) -> dict[str, object] | None:
    hours: dict[str, float] = {}
    for row in report.faults:
        if row.kind is IncidentKind.OUTAGE and row.cause not in NOT_LOST and row.hours:
            hours[row.cause.value] = row.hours
    found = sorted(hours.items(), key=lambda item: -item[1])
    values = [spent for _, spent in found]
    names = [translate(f"cause.{cause}", language) for cause, _ in found]
    return _bars("causes", names, values, [number(one, 1, language) for one in values])


def _speeds(report: Report, language: Language) -> dict[str, object] | None:
    found = [(group.name, group.speed.down_ratio) for group in report.providers]
    known = [(name, share) for name, share in found if share is not None]
    values = [share for _, share in known]
    names = [name or translate("report.word.no_provider", language) for name, _ in known]
    texts = [shown(one, Unit.RATIO, language) for one in values]
    return _bars("speed", names, values, texts, line=1.0)


def _bars(
    key: str,
    names: Sequence[str],
    values: Sequence[float],
    texts: Sequence[str],
    *,
    line: float | None = None,
) -> dict[str, object] | None:
    if not values:
        return None
    return {
        "chart": "bars",
        "title": key,
        "names": list(names),
        "values": list(values),
        "texts": list(texts),
        "most": max([*values, line or 0.0]),
        "line": line,
    }
