"""``schoolpulse import FILE.csv``: schools and their lines into the registry."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def register(subparsers: Any) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser("import", help="schools and lines into the registry")
    parser.add_argument(
        "file", type=Path, help="CSV, UTF-8; the columns are in docs/administrator/registry.md"
    )
    parser.add_argument("--config", type=Path, required=True, help="the collector's configuration")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen, change nothing")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Import the file, whole or not at all.

    Raises:
        ImportRefused: the file has mistakes.
        ConfigError: the configuration has.
    """
    from schoolpulse.config import load  # noqa: PLC0415  # heavy: see the package
    from schoolpulse.errors import ImportRefused, Problem  # noqa: PLC0415
    from schoolpulse.registry.csv_file import read_schools  # noqa: PLC0415
    from schoolpulse.registry.repository import Registry  # noqa: PLC0415

    config = load(args.config)
    try:
        data = args.file.read_bytes()
    except OSError as error:
        problem = Problem(str(args.file), error.strerror or "cannot be read")
        raise ImportRefused(f"{args.file} cannot be read", [problem]) from error
    schools = read_schools(data, parent_area=config.area)
    registry = Registry(config.open_state())
    new = [school for school in schools if registry.school(school.id) is None]
    changed = [school for school in schools if registry.school(school.id) not in (None, school)]
    if not args.dry_run:
        registry.upsert(schools)
    counts = {"new": len(new), "changed": len(changed), "same": len(schools) - len(new) - len(changed)}
    if args.json:
        sys.stdout.write(json.dumps({**counts, "dry_run": args.dry_run}) + "\n")
    else:
        tense = "would be" if args.dry_run else "are"
        for word, count in counts.items():
            sys.stdout.write(f"{count:6d} schools {tense} {word}\n")
    return 0
