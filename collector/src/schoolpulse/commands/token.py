"""``schoolpulse token``: API tokens for programs."""

from __future__ import annotations

import argparse
import json
import re
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from schoolpulse.commands.user import ROLES, add_common, date_text, note, open_access
from schoolpulse.local_time import DAY_MS, ms_of

if TYPE_CHECKING:
    from schoolpulse.access.tokens import Token


def register(subparsers: Any) -> None:
    """Add the sub-command."""
    text = "API tokens: create, list, revoke"
    own = subparsers.add_parser("token", help=text, description=text)
    what = own.add_subparsers(metavar="WHAT", required=True)
    creating = what.add_parser("create", help="a new token; it is shown this once")
    creating.add_argument("--role", choices=ROLES, required=True, help="what it may do")
    creating.add_argument(
        "--school", action="append", metavar="ID", help="only this school; may be given several times"
    )
    creating.add_argument("--name", default="", help="which program it is for")
    creating.add_argument("--expires", metavar="90d", help="after so many days, or on a day: 2027-08-31")
    add_common(creating, _create)
    add_common(what.add_parser("list", help="every token, without its secret"), _list)
    revoking = what.add_parser("revoke", help="let a token work no more, at once")
    revoking.add_argument("prefix", metavar="PREFIX", help="the ten letters after spt_, or the whole token")
    add_common(revoking, _revoke)


def _create(args: argparse.Namespace) -> int:
    from schoolpulse.access.models import CONSOLE, Role  # noqa: PLC0415  # heavy: see the package
    from schoolpulse.clock import SystemClock  # noqa: PLC0415

    expires_ms = _expiry_ms(args.expires, SystemClock().now_ms()) if args.expires else None
    access = open_access(args.config, args.school)
    token, text = access.tokens.create(
        CONSOLE, Role(args.role), name=args.name, schools=args.school, expires_ms=expires_ms
    )
    note(access, "token.create", token.prefix, name=token.name, role=token.role, schools=args.school)
    if args.json:
        _out({"token": text, **_of(token)})
    else:
        sys.stdout.write(text + "\n")
        until = f"until {date_text(expires_ms)}" if expires_ms else "without an end"
        sys.stderr.write(f"{token.role} {token.name!r}, {until}. It is shown this once: keep it now.\n")
    return 0


def _list(args: argparse.Namespace) -> int:
    from schoolpulse.clock import SystemClock  # noqa: PLC0415  # heavy: see the package

    tokens, now_ms = open_access(args.config).tokens.list(), SystemClock().now_ms()
    if args.json:
        _out({"tokens": [_of(token) | {"works": token.works(now_ms)} for token in tokens]})
        return 0
    for token in tokens:
        state = "works" if token.works(now_ms) else ("revoked" if token.revoked_ms else "expired")
        used = date_text(token.used_ms) if token.used_ms else "never"
        where = "every school" if token.schools is None else ", ".join(sorted(token.schools))
        line = f"{token.prefix}  {token.role:9} {state:8} used {used:11} {token.name:20} {where}"
        sys.stdout.write(line + "\n")
    return 0


def _revoke(args: argparse.Namespace) -> int:
    access = open_access(args.config)
    prefix = args.prefix.removeprefix("spt_").partition("_")[0]
    token = access.tokens.revoke(prefix)
    note(access, "token.revoke", token.prefix, name=token.name)
    if args.json:
        _out(_of(token))
    else:
        sys.stdout.write(f"{token.prefix} {token.name!r} works no more\n")
    return 0


def _expiry_ms(text: str, now_ms: int) -> int:
    from schoolpulse.errors import UsageError  # noqa: PLC0415  # heavy: see the package

    days = re.fullmatch(r"([1-9][0-9]{0,4})d", text)
    if days:
        return now_ms + int(days[1]) * DAY_MS
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--expires {text!r}: it reads 90d, or 2027-08-31") from error
    return ms_of(at)


def _of(token: Token) -> dict[str, Any]:
    return {
        "prefix": token.prefix,
        "name": token.name,
        "role": token.role,
        "schools": None if token.schools is None else sorted(token.schools),
        "created_ms": token.created_ms,
        "expires_ms": token.expires_ms,
        "revoked_ms": token.revoked_ms,
        "used_ms": token.used_ms,
    }


def _out(values: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(values, ensure_ascii=False) + "\n")
