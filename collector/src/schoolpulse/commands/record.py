"""``schoolpulse record --out FILE``: MQTT traffic to a file, a JSON line each, for `replay`."""

from __future__ import annotations

import argparse
import json
import secrets
import signal
import sys
import threading
from pathlib import Path
from typing import Any, TextIO


def register(subparsers: Any) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser("record", help="MQTT traffic to a file, for replay")
    parser.add_argument("--out", type=Path, required=True, help="where to write; is not overwritten")
    parser.add_argument("--config", type=Path, help="the collector's configuration, for its broker")
    parser.add_argument("--broker", metavar="URL", help="or the broker itself: mqtt://host:1883")
    parser.add_argument("--duration", type=float, metavar="S", help="end by itself after so many seconds")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output at the end")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Record until SIGINT, SIGTERM or the duration's end.

    Raises:
        UsageError: no broker is given, or the file is there already.
    """
    from schoolpulse.clock import SystemClock  # noqa: PLC0415  # heavy: see the package
    from schoolpulse.errors import UsageError  # noqa: PLC0415
    from schoolpulse.ingest.connection import BrokerConnection  # noqa: PLC0415
    from schoolpulse.ingest.inbox import Arrival  # noqa: PLC0415

    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    clock = SystemClock()
    try:
        out = args.out.open("x", buffering=1, encoding="utf-8")  # each line at once
    except OSError as error:
        raise UsageError(f"{args.out}: {error.strerror}", hint="choose another file") from error
    with out:
        recorder = Recorder(out)

        def take(arrival: Arrival) -> None:
            recorder.write(arrival.received_ms, arrival.topic, arrival.payload, retained=arrival.retained)
            if arrival.topic:
                connection.acknowledge([arrival])

        connection = BrokerConnection(_settings(args), take, clock)
        connection.start()
        end.wait(args.duration)
        connection.stop()
    figures = {"messages": recorder.messages, "file": str(args.out)}
    sys.stdout.write((json.dumps(figures) if args.json else f"{recorder.messages} messages") + "\n")
    return 0


class Recorder:
    """Writes the lines of a recording."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self.messages = 0

    def write(self, at_ms: int, topic: str, payload: bytes, *, retained: bool) -> None:
        """Write one message; an empty topic is our own connection, and its payload says ``1`` or ``0``."""
        if not topic:
            value: Any = {"connected": payload == b"1"}
        else:
            value = _json_or_text(payload)
            self.messages += 1
        line = {"at": at_ms, "topic": topic, "payload": value, "retain": retained}
        self._out.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


def _json_or_text(payload: bytes) -> Any:
    text = payload.decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, (dict, list)) else text


def _settings(args: argparse.Namespace) -> Any:
    from schoolpulse.config import load  # noqa: PLC0415  # heavy: see the package
    from schoolpulse.errors import UsageError  # noqa: PLC0415
    from schoolpulse.ingest.settings import BrokerSettings  # noqa: PLC0415

    # A session of its own that the broker forgets, so that the collector is not disturbed.
    own = {"client_id": f"schoolpulse-record-{secrets.token_hex(4)}", "session_expiry_s": 0}
    if args.broker is not None:
        try:
            return BrokerSettings.model_validate({"url": args.broker, **own})
        except ValueError as error:
            raise UsageError(f"--broker {args.broker}: no broker's address") from error
    if args.config is None:
        raise UsageError("record: --config or --broker is missing")
    return load(args.config).broker_settings.model_copy(update=own)
