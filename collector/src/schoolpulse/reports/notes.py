"""The sentences of the report: what it is about, what it found, what it could not see, how it counts."""

from __future__ import annotations

from collections.abc import Iterator

from schoolpulse.i18n import Language, translate
from schoolpulse.local_time import local
from schoolpulse.reports.model import Report
from schoolpulse.reports.period import Period, PeriodKind, between
from schoolpulse.reports.words import Unit, day_text, period_text, shown

METHOD = ("connected", "unmeasured", "causes", "providers", "areas", "speed", "devices", "error")


def subject(report: Report, language: Language) -> str:
    """What the report is about."""
    if report.scope is not None:
        school = report.schools[0].name if report.schools else report.scope
        return translate("report.head.subject_school", language, school=school)
    return translate("report.head.subject", language)


def about(report: Report, language: Language) -> list[str]:
    """The lines that every form begins with."""
    return [
        f"{subject(report, language)}, {period_text(report.period, language)}",
        *scope(report, language),
        made(report, language),
    ]


def scope(report: Report, language: Language) -> Iterator[str]:
    """Which schools and hours, and what of them was measured."""
    period, hours = report.period, report.whole.hours
    yield translate(
        "report.text.scope",
        language,
        schools=report.whole.schools,
        first=day_text(period.first, language),
        last=day_text(period.last, language),
        calendar=translate(
            "report.text.calendar" if period.calendar else "report.text.no_calendar", language
        ),
        hours=shown(hours.hours, Unit.HOURS, language),
        measured=shown(hours.measured_hours, Unit.HOURS, language),
        ratio=shown(hours.measured_ratio, Unit.RATIO, language),
    )
    if not period.complete:
        until = shown(period.covered_to_ms, Unit.TIME, language)
        yield translate("report.text.incomplete", language, until=until)
    if hours.hours > hours.measured_hours:
        gone = shown(hours.hours - hours.measured_hours, Unit.HOURS, language)
        yield translate("report.text.gaps", language, hours=gone)


def headline(report: Report, language: Language) -> str:
    """The plan's figure, in one sentence."""
    whole = report.whole
    if not whole.hours.measured_hours:
        return translate("report.text.nothing", language)
    return translate(
        "report.text.headline",
        language,
        connected=whole.schools_connected,
        schools=whole.schools,
        ratio=shown(whole.connected_schools_ratio, Unit.RATIO, language),
        hours_ratio=shown(whole.hours.connected_ratio, Unit.RATIO, language),
    )


def compared(report: Report, language: Language) -> str:
    """With what it is compared."""
    change = report.change
    before = between(change.first, change.last)
    if report.period.kind is PeriodKind.RANGE:
        before = Period(PeriodKind.RANGE, change.first, change.last)
    key = "report.text.compared" if change.before is not None else "report.text.no_before"
    return translate(key, language, period=period_text(before, language))


def method(language: Language) -> list[str]:
    """How the figures are computed."""
    return [translate(f"report.method.{name}", language) for name in METHOD]


def made(report: Report, language: Language) -> str:
    """By what and when."""
    at = local(report.made_at_ms)
    text = f"{at:%H:%M} {day_text(at.date(), language)}"
    return translate("report.text.made", language, version=report.version, at=text)
