"""``schoolpulse endpoints``: who is told, how that goes, and a test message."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from schoolpulse.local_time import local


def register(subparsers: Any) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser("endpoints", help="receivers of alerts: list, test, enable, history")
    parser.add_argument("what", choices=("list", "test", "enable", "history", "secret"))
    parser.add_argument("id", nargs="?", help="the endpoint; for test, enable and history")
    parser.add_argument("--config", type=Path, help="the collector's configuration")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do it; a test message that is not taken is exit status 1.

    Raises:
        UsageError: an endpoint or the configuration is missing.
        ConfigError: the configuration has mistakes.
    """
    from schoolpulse.errors import UsageError  # noqa: PLC0415  # heavy: see the package
    from schoolpulse.notify.signing import new_secret  # noqa: PLC0415

    if args.what == "secret":
        _say(args, {"secret": new_secret()})
        return 0
    if args.config is None:
        raise UsageError("endpoints: --config is missing")
    outbox = _outbox(args.config)
    if args.what == "list":
        _list(args, outbox)
        return 0
    endpoint = outbox.endpoint(args.id or "")
    if endpoint is None:
        known = ", ".join(one.settings.id for one in outbox.endpoints()) or "none"
        raise UsageError(f"no endpoint {args.id!r}", hint=f"configured: {known}")
    if args.what == "enable":
        outbox.enable(endpoint.id)
        _note(args.config, "endpoint.enable", endpoint.id)
        _say(args, {"endpoint": endpoint.id, "enabled": True})
        return 0
    if args.what == "history":
        _history(args, outbox.history.page(endpoint.id, limit=50))
        return 0
    return _test(args, outbox, endpoint)


def _outbox(config_path: Path) -> Any:
    from schoolpulse.config import load  # noqa: PLC0415  # heavy: see the package
    from schoolpulse.notify.channels.registry import channels  # noqa: PLC0415
    from schoolpulse.notify.outbox import Outbox  # noqa: PLC0415

    config = load(config_path)
    return Outbox(config.open_state(), config.endpoints, channels(), school=lambda _: None)


def _note(config_path: Path, action: str, endpoint_id: str, **detail: object) -> None:
    """Put down in the audit log what was done."""
    from schoolpulse.access.audit import AuditLog  # noqa: PLC0415  # heavy: see the package
    from schoolpulse.access.models import CONSOLE  # noqa: PLC0415
    from schoolpulse.clock import SystemClock  # noqa: PLC0415
    from schoolpulse.config import load  # noqa: PLC0415

    AuditLog(load(config_path).open_state(), SystemClock()).record(CONSOLE, action, endpoint_id, detail)


def _list(args: argparse.Namespace, outbox: Any) -> None:
    from schoolpulse.clock import SystemClock  # noqa: PLC0415  # heavy: see the package

    now_ms = SystemClock().now_ms()
    rows = [
        {
            "id": one.settings.id,
            "format": one.settings.format,
            "url": one.settings.url or None,
            "status": one.status(now_ms).value,
            "disabled_ms": one.disabled_ms,
            "ok_ms": one.ok_ms,
            "failed_ms": one.failed_ms,
            "failing_ms": one.failing_ms,
            "error": one.error,
            "pending": one.pending,
            "delivered": one.delivered,
            "given_up": one.given_up,
        }
        for one in outbox.endpoints()
    ]
    if args.json:
        sys.stdout.write(json.dumps({"endpoints": rows}) + "\n")
        return
    for row in rows:
        sys.stdout.write(
            f"{row['id']:20} {row['format']:14} {row['status']:9} {row['pending']:6} waiting"
            f" {row['delivered']:8} delivered  {row['error']}\n"
        )


def _history(args: argparse.Namespace, rows: Any) -> None:
    """The newest messages, without their bodies."""
    names = (
        "id",
        "incident",
        "number",
        "created_ms",
        "state",
        "attempts",
        "last_ms",
        "last_status",
        "last_error",
    )
    if args.json:
        values = [{name: getattr(row, name) for name in names} for row in rows]
        sys.stdout.write(json.dumps({"messages": values}) + "\n")
        return
    for row in rows:
        made = local(row.created_ms).strftime("%Y-%m-%d %H:%M:%S")
        tries = f"{row.attempts} attempt{'' if row.attempts == 1 else 's'}"
        sys.stdout.write(f"{made}  {row.incident:<18} {row.state:<10} {tries:<12} {row.last_error}\n")


def _test(args: argparse.Namespace, outbox: Any, endpoint: Any) -> int:
    from schoolpulse.clock import SystemClock  # noqa: PLC0415  # heavy: see the package
    from schoolpulse.notify.testing import send_test  # noqa: PLC0415

    outcome = send_test(outbox, endpoint, SystemClock().now_ms())
    _note(args.config, "endpoint.test", endpoint.id, delivered=outcome.delivered)
    _say(
        args,
        {
            "endpoint": endpoint.id,
            "delivered": outcome.delivered,
            "status": outcome.status,
            "error": outcome.error,
        },
    )
    return 0 if outcome.delivered else 1


def _say(args: argparse.Namespace, values: dict[str, Any]) -> None:
    if args.json:
        sys.stdout.write(json.dumps(values) + "\n")
    elif list(values) == ["secret"]:
        sys.stdout.write(values["secret"] + "\n")
    else:
        sys.stdout.write(", ".join(f"{name}: {value}" for name, value in values.items()) + "\n")
