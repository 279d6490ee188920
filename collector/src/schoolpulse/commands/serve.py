"""``schoolpulse serve --config FILE``: the collector, until it is told to end."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path
from typing import Any


def register(subparsers: Any) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser("serve", help="the collector")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    parser.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT.

    Raises:
        SchoolPulseError: it cannot be configured or started.
    """
    from schoolpulse import logs  # noqa: PLC0415  # heavy: see the package
    from schoolpulse.app import Collector  # noqa: PLC0415
    from schoolpulse.config import load  # noqa: PLC0415

    logs.configure(args.log_level)
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    collector = Collector(load(args.config))
    try:
        collector.start()
        end.wait()
    finally:
        collector.stop()
    return 0
