"""``schoolpulse ndt7-server``: what the agents' speed tests run against inside the district."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from schoolpulse.errors import UsageError


def register(subparsers: Any) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser("ndt7-server", help="a speed test server (ndt7) for the district")
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on")  # noqa: S104 - schools come from outside
    parser.add_argument("--port", type=int, default=4443)
    parser.add_argument("--cert", type=Path, metavar="FILE", help="certificate chain; with it wss:// only")
    parser.add_argument("--key", type=Path, metavar="FILE", help="its key")
    parser.add_argument("--at-once", type=int, default=8, help="tests that may run side by side")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT.

    Raises:
        UsageError: the extra is not installed, or the address or the certificate cannot be used.
    """
    import ssl  # noqa: PLC0415  # heavy: see the package

    from schoolpulse import logs  # noqa: PLC0415

    try:
        from schoolpulse.ndt7.server import Limits, Ndt7Server  # noqa: PLC0415
    except ImportError as error:
        raise UsageError(
            "the speed test server needs websockets", hint="pip install 'schoolpulse[ndt7]'"
        ) from error
    logs.configure("INFO")
    context = None
    try:
        if args.cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(args.cert, args.key)
        server = Ndt7Server(args.host, args.port, context=context, limits=Limits(at_once=args.at_once))
    except OSError as error:
        raise UsageError(f"cannot serve: {error}", hint="look at --host, --port, --cert and --key") from error
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    server.start()
    sys.stderr.write(f"ndt7 on {'wss' if context else 'ws'}://{args.host}:{server.port}\n")
    end.wait()
    server.stop()
    return 0
