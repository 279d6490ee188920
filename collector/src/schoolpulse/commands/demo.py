"""``schoolpulse demo``: a living district on this machine, with nothing to install."""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import threading
from pathlib import Path
from typing import Any


def register(subparsers: Any) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser("demo", help="a living district on this machine, with nothing to install")
    parser.add_argument("--duration", type=float, metavar="S", help="end by itself after so many seconds")
    parser.add_argument("--schools", type=int, default=40, metavar="N", help="simulated schools (default 40)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the simulation (default 1)")
    parser.add_argument(
        "--scenario", default="smart-classrooms", help="of the simulator's library, or a file"
    )
    parser.add_argument("--port", type=int, help="of the page (default 8080, or a free one)")
    parser.add_argument(
        "--probe-internet", action="store_true", help="let the real agent ask the Internet too"
    )
    parser.add_argument("--summary", type=Path, metavar="FILE", help="the balance as JSON")
    parser.add_argument("--json", action="store_true", help="the balance as JSON on standard output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Play until Ctrl-C or the duration is over; fail where the balance does not come out even.

    Raises:
        SchoolPulseError: a part does not start, or ends by itself.
    """
    from schoolpulse import logs  # noqa: PLC0415  # heavy: see the package
    from schoolpulse.demo.district import Demo, Options  # noqa: PLC0415
    from schoolpulse.demo.show import Show  # noqa: PLC0415

    logs.configure("ERROR")
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    show = Show(quiet=args.json)
    options = Options(
        schools=args.schools,
        seed=args.seed,
        scenario=args.scenario,
        duration_s=args.duration,
        port=args.port,
        probe_internet=args.probe_internet,
    )
    summary = dataclasses.asdict(Demo(options, show).run(end))
    show.balance(summary)
    text = json.dumps(summary) + "\n"
    if args.summary:
        args.summary.write_text(text, "utf-8")
    if args.json:
        show.result(text)
    return 1 if summary["points_lost"] or summary["points_duplicated"] else 0
