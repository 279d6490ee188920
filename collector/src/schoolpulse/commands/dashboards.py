"""``schoolpulse dashboards build|publish``: Grafana's dashboards from code."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

_TOKEN = "SCHOOLPULSE_GRAFANA_TOKEN"  # noqa: S105 -- the name of a variable, no secret


def register(subparsers: Any) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser("dashboards", help="Grafana dashboards: write them, publish them")
    parser.set_defaults(run=run, action=None)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    build = actions.add_parser("build", help="write the JSON")
    build.add_argument("--out", type=Path, default=Path("dashboards"), help="the folder (dashboards)")
    build.add_argument("--check", action="store_true", help="write nothing; exit 1 where the JSON differs")
    build.set_defaults(action="build")
    publish = actions.add_parser("publish", help="put them into a Grafana")
    publish.add_argument("--url", required=True, help="of the Grafana")
    publish.add_argument("--token-file", type=Path, help=f"a service account's token; or ${_TOKEN}")
    publish.add_argument("--config", type=Path, required=True, help="the collector's: where InfluxDB is")
    publish.add_argument("--influx-url", help="InfluxDB as Grafana reaches it, if that is another address")
    publish.add_argument("--influx-user", help="InfluxDB 1: a user that may read, and its password's file")
    publish.add_argument("--influx-password-file", type=Path)
    publish.add_argument("--influx-token-file", type=Path, help="InfluxDB 2 and 3: a token that may read")
    publish.add_argument("--language", choices=("vi", "en"), action="append", help="only this one")
    publish.add_argument("--folder", default="SchoolPulse", help="the folder's title")
    publish.add_argument("--dry-run", action="store_true", help="say what would happen, change nothing")
    publish.set_defaults(action="publish")
    for one in (build, publish):
        one.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    """Build or publish.

    Raises:
        UsageError: the extra ``dashboards`` is not installed, or a file cannot be read.
        GrafanaRefused: Grafana is away or says no.
    """
    from schoolpulse.errors import UsageError  # noqa: PLC0415  # heavy: see the package

    try:
        import grafana_foundation_sdk  # noqa: PLC0415, F401  # only here: serving does not need it
    except ImportError as error:
        raise UsageError(
            "grafana-foundation-sdk is not installed", hint="pip install 'schoolpulse[dashboards]'"
        ) from error
    return _build(args) if args.action == "build" else _publish(args)


def _build(args: argparse.Namespace) -> int:
    from schoolpulse.grafana import build  # noqa: PLC0415

    paths = build.differing(args.out) if args.check else build.write(args.out)
    names = [path.as_posix() for path in paths]
    if args.json:
        sys.stdout.write(json.dumps({"differs" if args.check else "written": names}) + "\n")
    else:
        word = "differs" if args.check else "written"
        sys.stdout.writelines(f"{word}: {args.out / name}\n" for name in names)
        if not names:
            sys.stdout.write("every dashboard is as it should be\n")
    return 1 if args.check and names else 0


def _publish(args: argparse.Namespace) -> int:
    from schoolpulse.config import load  # noqa: PLC0415
    from schoolpulse.errors import UsageError  # noqa: PLC0415
    from schoolpulse.grafana.publish import Influx, Target, publish  # noqa: PLC0415

    token = _secret(args.token_file) or os.environ.get(_TOKEN, "")
    if not token:
        raise UsageError("no token", hint=f"give --token-file, or set {_TOKEN}")
    store = load(args.config).store
    if store.kind != "influx":
        raise UsageError(
            "Grafana reads InfluxDB, and the store is sqlite", hint='set [store] kind = "influx" first'
        )
    influx = Influx(
        url=args.influx_url or store.url,
        database=store.database,
        token=_secret(args.influx_token_file),
        user=args.influx_user or "",
        password=_secret(args.influx_password_file),
    )
    target = Target(url=args.url, token=token, folder=args.folder)
    steps = publish(target, influx, languages=args.language or ["vi", "en"], dry_run=args.dry_run)
    if args.json:
        found = [{"what": step.what, "name": step.name, "done": step.done} for step in steps]
        sys.stdout.write(json.dumps({"dry_run": args.dry_run, "steps": found}, ensure_ascii=False) + "\n")
    else:
        would = "would be " if args.dry_run else ""
        sys.stdout.writelines(f"{step.what} {step.name}: {would}{step.done}\n" for step in steps)
    return 0


def _secret(path: Path | None) -> str:
    from schoolpulse.errors import UsageError  # noqa: PLC0415

    try:
        return path.read_text("utf-8").strip() if path else ""
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
