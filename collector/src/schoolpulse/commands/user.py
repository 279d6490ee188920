"""``schoolpulse user``: who may sign in to the page."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schoolpulse.access.access import Access
    from schoolpulse.access.users import User

ROLES = ("viewer", "operator", "admin")


def register(subparsers: Any) -> None:
    """Add the sub-command."""
    text = "people who may sign in: add, list, disable, password"
    own = subparsers.add_parser("user", help=text, description=text)
    what = own.add_subparsers(metavar="WHAT", required=True)
    adding = _add(what, "add", _new, "somebody who may sign in; asks for the password")
    add_role_and_schools(adding)
    changing = _add(what, "change", _change, "another role, other schools; enable again")
    add_role_and_schools(changing)
    changing.add_argument("--every-school", action="store_true", help="no limit to schools any more")
    changing.add_argument("--enable", action="store_true", help="let somebody disabled sign in again")
    _add(what, "disable", _disable, "let somebody sign in no more, and end their sessions")
    changing_password = _add(what, "password", _password, "a new password; ends their sessions")
    for parser in (adding, changing_password):
        parser.add_argument(
            "--password-file", metavar="FILE", help="read it there instead; - is standard input"
        )
    listing = what.add_parser("list", help="everybody who may sign in")
    add_common(listing, _list)


def _add(subparsers: Any, name: str, run: Any, about: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(name, help=about, description=about)
    parser.add_argument("name", metavar="NAME", help="letters, digits and . _ @ -")
    add_common(parser, run)
    return parser


def add_common(parser: argparse.ArgumentParser, run: Any) -> None:
    """What every command about users and tokens takes."""
    parser.add_argument("--config", type=Path, required=True, help="the collector's configuration")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run)


def add_role_and_schools(parser: argparse.ArgumentParser) -> None:
    """What somebody may do, and of which schools."""
    parser.add_argument("--role", choices=ROLES, help="what they may do")
    parser.add_argument(
        "--school", action="append", metavar="ID", help="only this school; may be given several times"
    )


def open_access(config_path: Path, schools: list[str] | None = None) -> Access:
    """The users of a configuration.

    Raises:
        UsageError: one of `schools` is not in the registry.
    """
    from schoolpulse.access.access import Access  # noqa: PLC0415  # heavy: see the package
    from schoolpulse.clock import SystemClock  # noqa: PLC0415
    from schoolpulse.config import load  # noqa: PLC0415
    from schoolpulse.errors import UsageError  # noqa: PLC0415
    from schoolpulse.registry.repository import Registry  # noqa: PLC0415

    config, clock = load(config_path), SystemClock()
    engine = config.open_state()
    if schools:
        registry = Registry(engine, clock)
        for one in schools:
            if registry.school(one) is None:
                raise UsageError(f"no school {one!r} is in the registry")
    return Access(engine, clock, settings=config.access, listens_on=config.http.host)


def note(access: Access, action: str, subject: str, **detail: object) -> None:
    """Put down in the audit log what a command did."""
    from schoolpulse.access.models import CONSOLE  # noqa: PLC0415  # heavy: see the package

    access.audit.record(CONSOLE, action, subject, detail)


def _new(args: argparse.Namespace) -> int:
    from schoolpulse.access.models import Role  # noqa: PLC0415  # heavy: see the package
    from schoolpulse.errors import UsageError  # noqa: PLC0415

    if args.role is None:
        raise UsageError("--role is missing", hint=f"one of {', '.join(ROLES)}")
    access = open_access(args.config, args.school)
    user = access.users.add(args.name, _asked_password(args), Role(args.role), args.school)
    note(access, "user.add", user.name, role=user.role, schools=args.school)
    return _show(args, user)


def _change(args: argparse.Namespace) -> int:
    from schoolpulse.access.models import Role  # noqa: PLC0415  # heavy: see the package

    access = open_access(args.config, args.school)
    user = _known(access, args.name)
    schools = None if args.every_school else (args.school or user.schools)
    changed = access.users.change(
        user.name,
        role=Role(args.role) if args.role else user.role,
        schools=schools,
        disabled=user.disabled and not args.enable,
    )
    note(access, "user.change", user.name, role=args.role, schools=args.school, enable=args.enable)
    return _show(args, changed)


def _disable(args: argparse.Namespace) -> int:
    access = open_access(args.config)
    user = _known(access, args.name)
    disabled = access.users.change(user.name, role=user.role, schools=user.schools, disabled=True)
    note(access, "user.disable", user.name)
    return _show(args, disabled)


def _password(args: argparse.Namespace) -> int:
    access = open_access(args.config)
    user = _known(access, args.name)
    access.users.set_password(user.name, _asked_password(args))
    note(access, "user.password", user.name)
    return _show(args, user)


def _list(args: argparse.Namespace) -> int:
    users = open_access(args.config).users.list()
    if args.json:
        _out({"users": [_of(user) for user in users]})
    else:
        for user in users:
            _line(user)
    return 0


def _known(access: Access, name: str) -> User:
    from schoolpulse.errors import UsageError  # noqa: PLC0415  # heavy: see the package

    user = access.users.get(name)
    if user is None:
        raise UsageError(f"there is no user {name!r}", hint="`schoolpulse user list` names them")
    return user


def _asked_password(args: argparse.Namespace) -> str:
    """The password: from the file, else asked for twice at the terminal; never from the command line."""
    from getpass import getpass  # noqa: PLC0415  # for this alone

    from schoolpulse.errors import UsageError  # noqa: PLC0415  # heavy: see the package

    if args.password_file == "-":  # noqa: S105  # the name of standard input
        return sys.stdin.readline().rstrip("\n")
    if args.password_file is not None:
        try:
            return Path(args.password_file).read_text("utf-8").rstrip("\n")
        except OSError as error:
            raise UsageError(f"--password-file: {error.strerror}") from error
    password = getpass("Password: ")
    if getpass("Again: ") != password:
        raise UsageError("the two passwords differ")
    return password


def _show(args: argparse.Namespace, user: User) -> int:
    if args.json:
        _out(_of(user))
    else:
        _line(user)
    return 0


def _line(user: User) -> None:
    where = "every school" if user.schools is None else ", ".join(sorted(user.schools))
    seen = date_text(user.seen_ms) if user.seen_ms else "never"
    state = "disabled" if user.disabled else f"last seen {seen}"
    sys.stdout.write(f"{user.name:24} {user.role:9} {state:22} {where}\n")


def _of(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "role": user.role,
        "schools": None if user.schools is None else sorted(user.schools),
        "disabled": user.disabled,
        "created_ms": user.created_ms,
        "seen_ms": user.seen_ms,
    }


def date_text(at_ms: int) -> str:
    """A day, for people."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d")


def _out(values: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(values, ensure_ascii=False) + "\n")
