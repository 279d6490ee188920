"""``schoolpulse score``: incidents against the truth."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def register(subparsers: Any) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser("score", help="incidents against the truth")
    parser.add_argument("--truth", type=Path, required=True, help="truth.jsonl of the simulator")
    parser.add_argument("--incidents", type=Path, required=True, help="incidents.jsonl of replay")
    parser.add_argument("--details", action="store_true", help="name what was missed, made up or misjudged")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score.

    Raises:
        UsageError: a file cannot be read, or is not what it should be.
    """
    from schoolpulse.incidents.scoring import score  # noqa: PLC0415  # heavy: see the package

    result = score(_lines(args.truth), _lines(args.incidents))
    details = {
        "missed": result.missed,
        "false": result.false,
        "wrong": result.wrong,
        "unpaged": result.unpaged,
    }
    figures = result.to_json() | (details if args.details else {})
    if args.json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return 0
    for name, value in result.to_json().items():
        sys.stdout.write(f"{name:16} {value}\n")
    if args.details:
        for name, named in details.items():
            sys.stdout.writelines(f"{name}: {one}\n" for one in named)
    return 0


def _lines(path: Path) -> list[dict[str, Any]]:
    from schoolpulse.errors import UsageError  # noqa: PLC0415  # heavy: see the package

    try:
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}: not JSON lines ({error})") from error
    needed = {"id", "kind", "cause", "scope", "school", "provider", "start", "end"}
    if any(not isinstance(line, dict) or needed - line.keys() for line in lines):
        raise UsageError(f"{path}: not the lines of truths or incidents")
    return lines
