"""``schoolpulse import FILE.csv|.xlsx``: schools, lines, devices and contacts into the registry."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schoolpulse.registry.plan import Plan

SHOWN = 60
"""Lines of what is new or changes; the rest is counted."""


def register(subparsers: Any) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser("import", help="schools, lines, devices, contacts into the registry")
    parser.add_argument(
        "file", type=Path, help="CSV (UTF-8) or XLSX; the columns are in docs/administrator/registry.md"
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
    from schoolpulse.clock import SystemClock  # noqa: PLC0415  # heavy: see the package
    from schoolpulse.config import load  # noqa: PLC0415
    from schoolpulse.errors import ImportRefused  # noqa: PLC0415
    from schoolpulse.registry.importing import NOTHING, make_plan, read_file  # noqa: PLC0415
    from schoolpulse.registry.repository import Registry  # noqa: PLC0415

    config = load(args.config)
    found = read_file(_read(args.file))
    # A file with mistakes begins nothing, not even an empty registry.
    registry = None if found.mistakes and not config.data_dir.exists() else Registry(config.open_state())
    recorded = registry.recorded() if registry else NOTHING
    plan = make_plan(found, recorded, SystemClock().now_ms(), config.area)
    if plan.mistakes or registry is None:
        problems = [mistake.problem() for mistake in plan.mistakes]
        raise ImportRefused(f"{len(problems)} mistakes; nothing was imported", problems)
    if not args.dry_run and plan.steps:
        registry.apply(plan, by="console")
    if args.json:
        sys.stdout.write(json.dumps(_as_json(plan, args.dry_run), ensure_ascii=False) + "\n")
    else:
        for line in _as_text(plan, dry_run=args.dry_run):
            sys.stdout.write(line + "\n")
    return 0


def _read(file: Path) -> bytes:
    """The file's bytes, if it is small enough to look at."""
    from schoolpulse.errors import ImportRefused, Problem  # noqa: PLC0415  # heavy: see the package
    from schoolpulse.registry.sheets import check_size  # noqa: PLC0415

    try:
        check_size(file.stat().st_size)
        return file.read_bytes()
    except OSError as error:
        problem = Problem(str(file), error.strerror or "cannot be read")
        raise ImportRefused(f"{file} cannot be read", [problem]) from error


def _as_json(plan: Plan, dry_run: bool) -> dict[str, Any]:
    """Counts of schools as they always were; beside them all kinds, and what is new or changes."""
    return {
        **{word: plan.count("schools", word) for word in ("new", "changed", "same")},
        "dry_run": dry_run,
        "counts": {
            kind: {word: plan.count(kind, word) for word in ("new", "changed", "same")}
            | {"missing": len(plan.missing.get(kind, ()))}
            for kind in plan.counts
        },
        "items": [
            {
                "kind": item.kind,
                "school": item.school_id,
                "subject": item.subject,
                "action": item.action,
                "sheet": item.sheet,
                "row": item.row,
                "fields": {name: list(pair) for name, pair in item.fields.items()},
            }
            for item in plan.items
        ],
        "missing": plan.missing,
        "warnings": [str(mistake.problem()) for mistake in plan.warnings],
    }


def _as_text(plan: Plan, *, dry_run: bool) -> Iterator[str]:
    for mistake in plan.warnings:
        yield f"warning: {mistake.problem()}"
    rows = [
        (item.action, item.kind, item.school_id, item.subject, _fields(item.fields)) for item in plan.items
    ]
    yield from table(rows[:SHOWN])
    if len(rows) > SHOWN:
        yield f"... and {len(rows) - SHOWN} more; --json shows all"
    for kind, names in plan.missing.items():
        if names:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            yield f"not in the file, left as they are: {len(names)} {kind}: {', '.join(names[:5])}{more}"
    tense = "would be" if dry_run else "are"
    counts = [
        (kind, *(f"{plan.count(kind, word)} {tense} {word}" for word in ("new", "changed", "same")))
        for kind in plan.counts
    ]
    yield from table(counts)


def _fields(fields: Any) -> str:
    return "; ".join(f"{name} {old or '-'} -> {new or '-'}" for name, (old, new) in fields.items())


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """`rows` with their columns aligned; the last one is as long as it is."""
    if not rows:
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row[-1]]).rstrip()
