"""``schoolpulse report``: what an office hands in, about a month, a semester, a school year or any days."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schoolpulse.config import Config
    from schoolpulse.reports.maker import Reports
    from schoolpulse.reports.period import Period

DEFAULT_CONFIG = "/etc/schoolpulse/collector.toml"
FORMS = ("pdf", "xlsx", "csv", "json")


def register(subparsers: Any) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser("report", help="the report on a period, as PDF, XLSX, CSV or JSON")
    parser.add_argument("--from", dest="first", metavar="DAY", help="the first day, 2026-03-01")
    parser.add_argument("--to", dest="last", metavar="DAY", help="the last day, included")
    parser.add_argument("--period", metavar="NAME", help="instead: 2026-03, 2025-2026, 2025-2026-1")
    parser.add_argument("--lang", choices=("vi", "en"), default="vi", help="of the document")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="its end says the form")
    parser.add_argument("--school", metavar="ID", help="about this school alone")
    parser.add_argument(
        "--config", type=Path, default=Path(DEFAULT_CONFIG), help=f"the collector's; {DEFAULT_CONFIG}"
    )
    parser.add_argument("--json", action="store_true", help="a summary as one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the report. The file is there whole or not at all.

    Raises:
        UsageError: no such period, form or school; the file cannot be written.
        ConfigError: the configuration has mistakes.
        StoreUnavailable: the store cannot answer.
        ReportFailed: the document could not be made.
    """
    from schoolpulse.config import load  # noqa: PLC0415  # heavy: see the package
    from schoolpulse.errors import UsageError  # noqa: PLC0415
    from schoolpulse.reports.forms import FORMS as forms  # noqa: PLC0415, N811

    form = args.out.suffix.removeprefix(".").lower()
    if form not in FORMS:
        raise UsageError(f"--out {args.out}: no form of a report", hint=f"end it in .{', .'.join(FORMS)}")
    period = _period(args)
    config = load(args.config)
    reports, close = _open(config, args.school)
    try:
        report = reports.make(period, school=args.school)
        body = forms[form].write(report, args.lang, reports.settings)
    finally:
        close()
    _write(args.out, body)
    hours = report.whole.hours
    figures = {
        "file": str(args.out),
        "bytes": len(body),
        "from": str(period.first),
        "to": str(period.last),
        "complete": report.period.complete,
        "schools": report.whole.schools,
        "schools_connected": report.whole.schools_connected,
        "school_hours": hours.hours,
        "measured_hours": hours.measured_hours,
        "lost_hours": hours.lost_hours,
        "connected_ratio": hours.connected_ratio,
        "outages": report.whole.outages.count,
    }
    if args.json:
        sys.stdout.write(json.dumps(figures, ensure_ascii=False) + "\n")
    else:
        sys.stdout.writelines(f"{name:18} {value}\n" for name, value in figures.items())
    return 0


def _period(args: argparse.Namespace) -> Period:
    from schoolpulse.errors import UsageError  # noqa: PLC0415  # heavy: see the package
    from schoolpulse.reports.period import between, named  # noqa: PLC0415

    if args.period is not None:
        if args.first is not None or args.last is not None:
            raise UsageError("either --period, or --from and --to")
        return named(args.period)
    if args.first is None or args.last is None:
        raise UsageError("--from and --to are needed, or --period", hint="--from 2026-03-01 --to 2026-03-31")
    days = []
    for option, text in (("--from", args.first), ("--to", args.last)):
        try:
            days.append(date.fromisoformat(text))
        except ValueError as error:
            raise UsageError(f"{option} {text!r}: a day reads 2026-03-31") from error
    return between(days[0], days[1])


def _open(config: Config, school: str | None) -> tuple[Reports, Any]:
    """Everything that a report needs, and what lets go of it."""
    from schoolpulse.clock import SystemClock  # noqa: PLC0415  # heavy: see the package
    from schoolpulse.errors import UsageError  # noqa: PLC0415
    from schoolpulse.incidents.repository import IncidentRepository  # noqa: PLC0415
    from schoolpulse.notify.policy import load_policy  # noqa: PLC0415
    from schoolpulse.registry.repository import Registry  # noqa: PLC0415
    from schoolpulse.reports.facts import Sources  # noqa: PLC0415
    from schoolpulse.reports.maker import Reports  # noqa: PLC0415
    from schoolpulse.stores.registry import create_store  # noqa: PLC0415

    calendar = load_policy(config.policy_file).school_calendar()
    database = config.open_state()
    registry = Registry(database)
    if school is not None and registry.school(school) is None:
        database.dispose()
        raise UsageError(f"no school {school!r}", hint="the registry's ids are those of its CSV file")
    incidents = IncidentRepository(database)
    store = create_store(config.store)
    sources = Sources(
        registry=registry, incidents=incidents, store=store, first_seen=incidents.first_seen_all
    )

    def close() -> None:
        store.close()
        database.dispose()

    return Reports(sources, SystemClock(), calendar, config.report), close


def _write(path: Path, body: bytes) -> None:
    from schoolpulse.errors import UsageError  # noqa: PLC0415  # heavy: see the package

    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(body)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="may this user write there?") from error
