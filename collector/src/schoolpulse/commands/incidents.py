"""``schoolpulse incidents``: what is open, taking one on, a note on the record."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from schoolpulse.local_time import local


def register(subparsers: Any) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser("incidents", help="what is open; acknowledge; put a note on the record")
    parser.add_argument("what", choices=("list", "ack", "note"))
    parser.add_argument("id", nargs="?", help="the incident; for ack and note")
    parser.add_argument("--config", type=Path, required=True, help="the collector's configuration")
    parser.add_argument("--all", action="store_true", help="list resolved ones too, the newest first")
    parser.add_argument("--by", default="", metavar="ROLE", help="who says so: a role or desk")
    parser.add_argument("--text", default="", help="what is to be remembered")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do it.

    Raises:
        UsageError: there is no such incident.
        ConfigError: the configuration has mistakes.
    """
    from schoolpulse.access.audit import AuditLog  # noqa: PLC0415  # heavy: see the package
    from schoolpulse.access.models import CONSOLE  # noqa: PLC0415
    from schoolpulse.clock import SystemClock  # noqa: PLC0415
    from schoolpulse.config import load  # noqa: PLC0415
    from schoolpulse.errors import UsageError  # noqa: PLC0415
    from schoolpulse.incidents.people import Notes  # noqa: PLC0415
    from schoolpulse.incidents.repository import IncidentRepository  # noqa: PLC0415

    config = load(args.config)
    database = config.open_state()
    incidents = IncidentRepository(database)
    if args.what == "list":
        _list(args, incidents.list(open_only=not args.all, limit=200))
        return 0
    notes, clock = Notes(database), SystemClock()
    say, action = (
        (notes.acknowledge, "incident.acknowledge") if args.what == "ack" else (notes.remark, "incident.note")
    )
    if say(args.id or "", person=args.by, at_ms=clock.now_ms(), text=args.text) is None:
        raise UsageError(f"no incident {args.id!r}", hint="schoolpulse incidents list names them")
    AuditLog(database, clock).record(CONSOLE, action, args.id)
    sys.stdout.write(json.dumps({"incident": args.id, "kind": args.what}) + "\n" if args.json else "noted\n")
    return 0


def _list(args: argparse.Namespace, found: Any) -> None:
    if args.json:
        lines = [incident.to_json() for incident in found]
        sys.stdout.write(json.dumps({"incidents": lines}, ensure_ascii=False) + "\n")
        return
    for incident in found:
        since = local(incident.start).strftime("%Y-%m-%d %H:%M:%S")
        where = incident.school or incident.provider or incident.scope
        state = "open" if incident.resolved_at is None else "resolved"
        line = f"{incident.id:<18} {state:<8} {since}  {incident.kind:<18} {incident.cause:<20} {where}\n"
        sys.stdout.write(line)
