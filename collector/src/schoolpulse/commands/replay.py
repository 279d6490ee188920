"""``schoolpulse replay``: traffic from a file through the incident engine, offline, in event time."""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO, cast


def register(subparsers: Any) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser("replay", help="recorded traffic through the incident engine, offline")
    parser.add_argument("--events", type=Path, required=True, help="recorded or generated; may be .gz")
    parser.add_argument("--registry", type=Path, required=True, help="the schools, CSV")
    parser.add_argument("--incidents", type=Path, required=True, help="where to write incidents.jsonl")
    parser.add_argument("--policy", type=Path, help="a policy file; without it the defaults")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Replay the file.

    Raises:
        UsageError: a file cannot be read, or is not what it should be.
    """
    from schoolpulse import interpreter  # noqa: PLC0415  # heavy: see the package
    from schoolpulse.errors import UsageError  # noqa: PLC0415
    from schoolpulse.incidents.engine import Engine  # noqa: PLC0415
    from schoolpulse.incidents.recording import Replay  # noqa: PLC0415
    from schoolpulse.incidents.roster import Roster  # noqa: PLC0415
    from schoolpulse.notify.policy import load_policy  # noqa: PLC0415
    from schoolpulse.registry.csv_file import read_schools  # noqa: PLC0415

    interpreter.tune()
    try:
        schools = read_schools(args.registry.read_bytes())
        policy = load_policy(args.policy)
        mutes = policy.mutes()
        mutes.roster = Roster(schools)
        replay = Replay(Engine(policy.thresholds(), mutes.roster, mutes=mutes))
        began = time.perf_counter()
        with opened(args.events) as lines:
            replay.run(lines)
        replay.finish()
        elapsed_s = time.perf_counter() - began
        incidents = sorted(replay.incidents.values(), key=lambda one: (one.start, one.id))
        with args.incidents.open("w", encoding="utf-8") as out:
            out.writelines(json.dumps(one.to_json(), ensure_ascii=False) + "\n" for one in incidents)
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{args.events}: {error}", hint="is it a recording?") from error
    figures = {
        "events": replay.events,
        "rejected": sum(replay.rejected.values()),
        "duplicates": replay.duplicates,
        "incidents": len(incidents),
        "pages": sum(len(one.paged_at) for one in incidents),
        "transitions": replay.transitions,
        "seconds": round(elapsed_s, 2),
        "events_per_s": round(replay.events / elapsed_s) if elapsed_s else None,
    }
    if args.json:
        sys.stdout.write(json.dumps(figures) + "\n")
    else:
        for name, value in figures.items():
            sys.stdout.write(f"{name:14} {value}\n")
    return 0


def opened(path: Path) -> BinaryIO:
    """A file of lines, unpacked where its name ends in ``.gz``."""
    if path.suffix == ".gz":
        return cast("BinaryIO", gzip.open(path, "rb"))
    return path.open("rb")
