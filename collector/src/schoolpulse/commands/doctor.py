"""``schoolpulse doctor``: what is wrong with a running deployment, and what to do about it."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schoolpulse.config import Config
    from schoolpulse.doctor.findings import Finding

_TOKEN = "SCHOOLPULSE_GRAFANA_TOKEN"  # noqa: S105 -- the name of a variable, no secret
_MOSQUITTO = Path("/etc/mosquitto/mosquitto.conf")


def register(subparsers: Any) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser("doctor", help="check a running deployment")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the collector's")
    parser.add_argument("--grafana-url", help="look at a Grafana too")
    parser.add_argument("--token-file", type=Path, help=f"its token; or ${_TOKEN}")
    parser.add_argument(
        "--mosquitto-conf", type=Path, help=f"the broker's file ({_MOSQUITTO} where it is there)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check everything; exit status 1 where something is bad.

    Raises:
        ConfigError: the configuration has mistakes.
    """
    from schoolpulse.config import load  # noqa: PLC0415  # heavy: see the package
    from schoolpulse.doctor.findings import Level  # noqa: PLC0415

    findings = []
    for finding in _look(load(args.config), args):
        findings.append(finding)
        if not args.json:
            sys.stdout.write(f"{finding.level:5} {finding.part}: {finding.seen}\n")
            sys.stdout.write(f"      -> {finding.do}\n" if finding.do else "")
    worst = any(finding.level is Level.BAD for finding in findings)
    if args.json:
        found = [{"part": f.part, "level": f.level, "seen": f.seen, "do": f.do} for f in findings]
        sys.stdout.write(json.dumps({"ok": not worst, "findings": found}, ensure_ascii=False) + "\n")
    return 1 if worst else 0


def _look(config: Config, args: argparse.Namespace) -> Iterator[Finding]:
    from schoolpulse.doctor import broker, certificates, endpoints, machine, store  # noqa: PLC0415
    from schoolpulse.doctor.findings import ok  # noqa: PLC0415

    now_s = time.time()
    yield machine.look_at_clock()
    yield machine.look_at_disk(config)
    settings = config.broker_settings
    yield from certificates.look_at(
        "broker", settings.host, settings.port, tls=settings.tls, ca_file=settings.ca_file, now_s=now_s
    )
    yield from broker.look_at(settings)
    yield from _accounts(config)
    if args.mosquitto_conf or _MOSQUITTO.exists():
        yield from broker.look_at_configuration(args.mosquitto_conf or _MOSQUITTO)
    if config.store.kind == "influx":
        if config.store.url.startswith("https:"):
            yield from _certificate("InfluxDB", config.store.url, config.store.ca_file, now_s)
        yield from store.look_at(config.store, round(now_s * 1000))
    else:
        yield ok("store", "the embedded one; Grafana cannot read it")
    yield from endpoints.look_at(config.endpoints, now_s)
    yield from machine.look_at_collector(config)
    if args.grafana_url:
        if args.grafana_url.startswith("https:"):
            yield from _certificate("Grafana", args.grafana_url, None, now_s)
        yield from _grafana(args)


def _certificate(part: str, url: str, ca_file: Path | None, now_s: float) -> Iterator[Finding]:
    from urllib.parse import urlsplit  # noqa: PLC0415

    from schoolpulse.doctor import certificates  # noqa: PLC0415

    parts = urlsplit(url)
    yield from certificates.look_at(
        part, parts.hostname or "", parts.port or 443, tls=True, ca_file=ca_file, now_s=now_s
    )


def _accounts(config: Config) -> Iterator[Finding]:
    from schoolpulse.clock import SystemClock  # noqa: PLC0415
    from schoolpulse.doctor import accounts  # noqa: PLC0415
    from schoolpulse.enrolment.accounts import Accounts  # noqa: PLC0415
    from schoolpulse.enrolment.keepers.registry import create_keeper  # noqa: PLC0415

    if config.accounts.kind == "none":
        return
    keeper = create_keeper(config.accounts, config.broker_settings)
    engine = config.open_state()
    try:
        yield from accounts.look_at(keeper, Accounts(engine, keeper, SystemClock()).all())
    finally:
        engine.dispose()


def _grafana(args: argparse.Namespace) -> Iterator[Finding]:
    from schoolpulse.doctor.findings import bad, ok  # noqa: PLC0415
    from schoolpulse.errors import SchoolPulseError  # noqa: PLC0415

    try:
        from schoolpulse.grafana.publish import Target, inspect  # noqa: PLC0415
    except ImportError:
        yield bad("Grafana", "grafana-api is not installed here", "pip install 'schoolpulse[dashboards]'")
        return
    token = args.token_file.read_text("utf-8").strip() if args.token_file else os.environ.get(_TOKEN, "")
    try:
        version, missing = inspect(Target(url=args.grafana_url, token=token))
    except SchoolPulseError as error:
        yield bad("Grafana", str(error), error.hint)
        return
    for lack in missing:
        yield bad(
            "Grafana", lack, "schoolpulse dashboards publish, or provisioning; then check its user and url"
        )
    if not missing:
        yield ok("Grafana", f"version {version}, data source and dashboards are there")
