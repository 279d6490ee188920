"""``schoolpulse export FILE.csv|.xlsx``: the registry as a file that imports again to the same."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def register(subparsers: Any) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser("export", help="the registry as a spreadsheet or CSV")
    parser.add_argument("file", type=Path, help=".xlsx for everything, .csv for one kind")
    parser.add_argument("--config", type=Path, required=True, help="the collector's configuration")
    parser.add_argument(
        "--kind",
        choices=("schools", "lines", "devices", "contacts"),
        default="schools",
        help="what a CSV holds (default: schools)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the file.

    Raises:
        UsageError: the file's name ends in neither, or it cannot be written.
        ConfigError: the configuration has mistakes.
    """
    from schoolpulse.config import load  # noqa: PLC0415  # heavy: see the package
    from schoolpulse.errors import UsageError  # noqa: PLC0415
    from schoolpulse.registry.export_file import to_csv, to_xlsx  # noqa: PLC0415
    from schoolpulse.registry.repository import Registry  # noqa: PLC0415

    ending = args.file.suffix.lower()
    if ending not in {".csv", ".xlsx"}:
        raise UsageError(f"{args.file}: the name ends in neither .csv nor .xlsx")
    recorded = Registry(load(args.config).open_state()).recorded()
    data = to_xlsx(recorded) if ending == ".xlsx" else to_csv(recorded, args.kind)
    try:
        args.file.write_bytes(data)
    except OSError as error:
        raise UsageError(f"{args.file} cannot be written: {error.strerror}") from error
    return 0
