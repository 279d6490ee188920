"""The command line: every module of `schoolpulse.commands` is a sub-command that registers itself."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules

from schoolpulse import __version__, commands
from schoolpulse.errors import SchoolPulseError, UsageError

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command; exit status 0 done, 1 failed while running, 2 wrong usage or configuration."""
    args = _parser().parse_args(argv)
    try:
        status: int = args.run(args)
    except UsageError as error:
        _say(str(error), error.hint)
        for problem in error.problems:
            _say(f"  {problem}")
        return USAGE
    except SchoolPulseError as error:
        _say(str(error), error.hint)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="schoolpulse", description="Knows whether each school of a district has broadband."
    )
    parser.add_argument("--version", action="version", version=f"schoolpulse {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in sorted(iter_modules(commands.__path__), key=lambda module: module.name):
        import_module(f"{commands.__name__}.{module.name}").register(subparsers)
    return parser


def _say(text: str, hint: str = "") -> None:
    sys.stderr.write(f"schoolpulse: {text}\n" + (f"  {hint}\n" if hint else ""))


if __name__ == "__main__":
    sys.exit(main())
