"""``schoolpulse check-config FILE``: all that is wrong with a configuration, with line and hint."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def register(subparsers: Any) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser("check-config", help="all that is wrong with a configuration")
    parser.add_argument("file", type=Path)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check the file.

    Raises:
        ConfigError: it has mistakes; without ``--json``, where they are printed.
    """
    from schoolpulse.config import load  # noqa: PLC0415  # heavy: see the package
    from schoolpulse.errors import ConfigError  # noqa: PLC0415

    try:
        load(args.file)
    except ConfigError as error:
        if not args.json:
            raise
        problems = [
            {"where": p.where, "message": p.message, "hint": p.hint, "line": p.line} for p in error.problems
        ]
        sys.stdout.write(json.dumps({"ok": False, "problems": problems}, ensure_ascii=False) + "\n")
        return 2
    if args.json:
        sys.stdout.write('{"ok": true, "problems": []}\n')
    else:
        sys.stdout.write(f"{args.file}: fine\n")
    return 0
