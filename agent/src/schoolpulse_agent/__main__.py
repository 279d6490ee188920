"""The command line: ``schoolpulse-agent run|once|check-config|discover|enroll``.

Exit status 0 done, 1 it failed while running, 2 wrong usage or configuration.
"""

from __future__ import annotations

import schoolpulse_agent.early  # noqa: F401  # before those that import what it puts off

# isort: split

import argparse
import json
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from schoolpulse_agent import __version__
from schoolpulse_agent.clock import SystemClock
from schoolpulse_agent.config import load
from schoolpulse_agent.errors import AgentError, ConfigError
from schoolpulse_agent.settings import Settings

DEFAULT_CONFIG = Path("/etc/schoolpulse-agent.toml")
DONE, FAILED, USAGE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    args = _parser().parse_args(argv)
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if args.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    try:
        if args.command == "discover":
            return _discover(args.subnet, args.json)
        if args.command == "enroll":
            return _enroll(args)
        settings = load(args.config)
        commands = {"run": _run, "once": _once, "check-config": _check}
        return commands[args.command](settings, args.json)
    except ConfigError as error:
        _complain(error, args.json)
        return USAGE
    except AgentError as error:
        _say(f"schoolpulse-agent: {error}" + (f"\n  {error.hint}" if error.hint else ""))
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="schoolpulse-agent", description="Measures a school's lines.")
    parser.add_argument("--version", action="version", version=f"schoolpulse-agent {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command, text in (
        ("run", "measure and send until stopped"),
        ("once", "print one round of measurements; needs no broker"),
        ("check-config", "say all that is wrong with a configuration"),
    ):
        sub = subparsers.add_parser(command, help=text, description=text)
        _common(sub)
        sub.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE")
    text = "propose a device list for the configuration: asks the subnets that this machine is on"
    sub = subparsers.add_parser("discover", help="propose a device list", description=text)
    _common(sub)
    sub.add_argument(
        "--subnet", default="", metavar="NET", help="only this one of our own, like 192.168.1.0/24"
    )
    text = "identity and credentials from a one-time code · ghi danh bằng mã dùng một lần"
    sub = subparsers.add_parser("enroll", help=text, description=text)
    _common(sub)
    sub.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE")
    sub.add_argument("code", metavar="CODE", help="as it was given to you; - reads it from standard input")
    sub.add_argument("--server", required=True, metavar="URL", help="like https://giamsat.example.vn")
    sub.add_argument("--ca", type=Path, metavar="FILE", help="the server's own authority, PEM")
    sub.add_argument("--state-dir", type=Path, metavar="DIR", help="where the agent keeps what it measured")
    sub.add_argument("--force", action="store_true", help="become another agent than this machine is now")
    return parser


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--verbose", action="store_true", help="log details too")


def _run(settings: Settings, _as_json: bool) -> int:
    from schoolpulse_agent.runner import Runner  # noqa: PLC0415  # the other commands need no MQTT

    runner = Runner(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        # A handler interrupts the very thread that waits on the runner's event: set it from another.
        signal.signal(number, lambda *_: threading.Thread(target=runner.stop).start())
    runner.run()
    return DONE


def _once(settings: Settings, as_json: bool) -> int:
    from schoolpulse_agent import once  # noqa: PLC0415  # `run` needs no tables

    found = once.measure_once(settings, SystemClock())
    sys.stdout.write(once.as_json(found) if as_json else once.as_table(found))
    return FAILED if found["failed"] else DONE


def _discover(subnet: str, as_json: bool) -> int:
    from schoolpulse_agent import discover  # noqa: PLC0415  # the other commands look for nobody
    from schoolpulse_agent.probes.routes import default_routes  # noqa: PLC0415  # the same

    uplinks = {route.interface for route in default_routes(Path("/"))}
    found = discover.run(subnet, uplinks)
    if as_json:
        sys.stdout.write(json.dumps({"devices": found}) + "\n")
    else:
        sys.stdout.write(discover.as_toml([discover.Found(**one) for one in found]))
    return DONE


def _enroll(args: argparse.Namespace) -> int:
    from schoolpulse_agent import enroll  # noqa: PLC0415  # what runs for years need not hold it

    told = enroll.run(args, DEFAULT_CONFIG)
    sys.stdout.write(
        json.dumps(told, ensure_ascii=False) + "\n" if args.json else enroll.as_text(told, args.config)
    )
    return FAILED if told["troubles"] else DONE


def _check(settings: Settings, as_json: bool) -> int:
    if as_json:
        sys.stdout.write(json.dumps({"ok": True, "agent": settings.agent.id, "problems": []}) + "\n")
    else:
        sys.stdout.write(f"the configuration of agent {settings.agent.id} is good\n")
    return DONE


def _complain(error: ConfigError, as_json: bool) -> None:
    if as_json:
        problems = [problem._asdict() for problem in error.problems]
        sys.stdout.write(json.dumps({"ok": False, "problems": problems}, ensure_ascii=False) + "\n")
    _say(f"schoolpulse-agent: {error}")
    for problem in error.problems:
        _say(f"  {problem}")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
