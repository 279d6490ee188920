"""``schoolpulse maintenance``: announced work, during which the record is kept and nobody is woken."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schoolpulse.local_time import local, ms_of

if TYPE_CHECKING:
    from schoolpulse.incidents.mutes import Window
    from schoolpulse.incidents.people import Maintenance


def register(subparsers: Any) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser("maintenance", help="announced work: list, add, end, remove")
    parser.add_argument("what", choices=("list", "add", "end", "remove"))
    parser.add_argument(
        "id", nargs="?", help="the window; for end (the work is done) and remove (as if never announced)"
    )
    parser.add_argument("--config", type=Path, required=True, help="the collector's configuration")
    parser.add_argument(
        "--from", dest="begin", metavar="TIME", help="ISO 8601, Vietnam's time unless it says"
    )
    parser.add_argument("--to", dest="end", metavar="TIME", help="likewise")
    parser.add_argument("--reason", default="", help="what the work is")
    parser.add_argument("--school", help="only this school")
    parser.add_argument("--provider", help="only this provider's schools")
    parser.add_argument("--area", help="only this area: a path from the top down, joined by slashes")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do it. A running collector takes a change up within seconds.

    Raises:
        UsageError: a time is missing or none, or the window ends before it begins.
        ConfigError: the configuration has mistakes.
    """
    from schoolpulse.access.audit import AuditLog  # noqa: PLC0415  # heavy: see the package
    from schoolpulse.access.models import CONSOLE  # noqa: PLC0415
    from schoolpulse.clock import SystemClock  # noqa: PLC0415
    from schoolpulse.config import load  # noqa: PLC0415
    from schoolpulse.incidents.people import Maintenance  # noqa: PLC0415

    engine, clock = load(args.config).open_state(), SystemClock()
    maintenance = Maintenance(engine)
    if args.what == "list":
        _show(args, maintenance.after(clock.now_ms()))
        return 0
    if args.what == "add":
        windows = [_announced(args, maintenance)]
    else:
        windows = [_known(args, maintenance)]
        if args.what == "end":
            left = maintenance.end(windows[0].id, clock.now_ms())
            windows = [left] if left is not None else []
        else:
            maintenance.remove(windows[0].id)
    subject = windows[0].id if windows else args.id
    detail = asdict(windows[0]) if windows else {}
    AuditLog(engine, clock).record(CONSOLE, f"maintenance.{args.what}", subject, detail)
    if args.what != "remove":
        _show(args, windows)
    return 0


def _announced(args: argparse.Namespace, maintenance: Maintenance) -> Window:
    from schoolpulse.errors import UsageError  # noqa: PLC0415  # heavy: see the package

    try:
        return maintenance.add(
            from_ms=_time_ms(args.begin, "--from"),
            to_ms=_time_ms(args.end, "--to"),
            reason=args.reason,
            school=args.school,
            provider=args.provider,
            area=args.area,
        )
    except ValueError as error:
        raise UsageError(f"maintenance: {error}") from error


def _known(args: argparse.Namespace, maintenance: Maintenance) -> Window:
    from schoolpulse.errors import UsageError  # noqa: PLC0415  # heavy: see the package

    window = maintenance.get(args.id or "")
    if window is None:
        raise UsageError(f"no window {args.id!r}", hint="schoolpulse maintenance list names them")
    return window


def _time_ms(text: str | None, option: str) -> int:
    if text is None:
        raise ValueError(f"{option} is missing")
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{option} {text!r}: a time reads 2026-11-23T22:00") from error
    return ms_of(time)


def _show(args: argparse.Namespace, windows: Any) -> None:
    if args.json:
        lines = [asdict(window) for window in windows]
        sys.stdout.write(json.dumps({"windows": lines}, ensure_ascii=False) + "\n")
        return
    for window in windows:
        begin, end = (local(at_ms).strftime("%Y-%m-%d %H:%M") for at_ms in (window.from_ms, window.to_ms))
        where = window.school or window.provider or window.area or "everywhere"
        sys.stdout.write(f"{window.id}  {begin} to {end}  {where}  {window.reason}\n")
