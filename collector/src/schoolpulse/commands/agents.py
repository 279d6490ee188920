"""``schoolpulse agents``: codes, accounts at the broker, and what agents are told to do."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schoolpulse.local_time import local

if TYPE_CHECKING:
    from schoolpulse.enrolment.accounts import Account
    from schoolpulse.enrolment.desk import AgentDesk
    from schoolpulse.enrolment.orders import Order

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
WAIT_S = 0.5


def register(subparsers: Any) -> None:
    """Add the sub-command."""
    text = "agents: one-time codes, accounts at the broker, commands"
    own = subparsers.add_parser("agents", help=text, description=text)
    what = own.add_subparsers(metavar="WHAT", required=True)
    _add(what, "list", _list, "every agent and how it stands with its account")
    code = _add(what, "code", _code, "a one-time code for a school's agent; it is shown once")
    code.add_argument("school", metavar="SCHOOL_ID")
    code.add_argument("--agent-id", metavar="ID", help="the agent's name, where the school has none yet")
    code.add_argument(
        "--classroom", metavar="NAME", help="it is a classroom's machine there, not the gateway"
    )
    code.add_argument("--expires", type=_seconds, metavar="7d", help="how long it can be used")
    for name, run, about in (
        (
            "password",
            _password,
            "an account with a fresh password, shown once, for a device that cannot enrol",
        ),
        ("certificate", _certificate, "an account for who shows a client certificate of that name"),
        ("revoke", _revoke, "cut an agent off, now"),
        ("commands", _commands, "what an agent was told to do and what became of it"),
    ):
        _add(what, name, run, about).add_argument("agent", metavar="AGENT_ID")
    command = _add(what, "command", _command, "tell an agent to do something")
    command.add_argument("agent", metavar="AGENT_ID")
    command.add_argument("do", choices=("run-probe", "speed-test", "send-birth", "set-interval"))
    command.add_argument("probe", nargs="?", help="for run-probe and set-interval, like reachability")
    command.add_argument(
        "interval_s", nargs="?", type=float, metavar="SECONDS", help="for set-interval, 1 to 3600"
    )
    command.add_argument("--expires", type=_seconds, default=300.0, metavar="5m", help="until when it counts")
    command.add_argument(
        "--wait", action="store_true", help="until it is answered or over; exit 1 if it is not done"
    )


def _add(subparsers: Any, name: str, run: Any, about: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(name, help=about, description=about)
    parser.add_argument("--config", type=Path, required=True, help="the collector's configuration")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run)
    return parser


class _Desk:
    """The desk of a configuration, and the audit log."""

    def __init__(self, config_path: Path) -> None:
        from schoolpulse.access.audit import AuditLog  # noqa: PLC0415  # heavy: see the package
        from schoolpulse.clock import SystemClock  # noqa: PLC0415
        from schoolpulse.config import load  # noqa: PLC0415
        from schoolpulse.enrolment.desk import AgentDesk  # noqa: PLC0415
        from schoolpulse.registry.repository import Registry  # noqa: PLC0415

        config = load(config_path)
        self.public_url = config.http.public_url
        engine = config.open_state()
        self.clock = SystemClock()
        self.registry = Registry(engine, self.clock)
        self.desk: AgentDesk = AgentDesk.open(
            engine, self.registry, self.clock, config.enrolment, config.accounts, config.broker_settings
        )
        self._audit = AuditLog(engine, self.clock)

    def note(self, action: str, subject: str, **detail: object) -> None:
        from schoolpulse.access.models import CONSOLE  # noqa: PLC0415  # heavy: see the package

        self._audit.record(CONSOLE, action, subject, detail)


BY = "console"


def _code(args: argparse.Namespace) -> int:
    from schoolpulse.errors import UsageError  # noqa: PLC0415  # heavy: see the package

    here = _Desk(args.config)
    if args.classroom is not None and args.agent_id is None:
        raise UsageError("--classroom needs --agent-id", hint="a name of its own for the machine's agent")
    agent_id = here.desk.agent_for(args.school, args.agent_id)
    made = here.desk.make_code(
        agent_id, by=BY, school_id=args.school, classroom=args.classroom, lifetime_s=args.expires
    )
    here.note("agent.code", agent_id, school=args.school, expires_ms=made.expires_ms)
    if args.json:
        _out({"agent": agent_id, "code": made.code, "expires_ms": made.expires_ms})
    else:
        sys.stdout.write(f"{made.code}\n")
        sys.stderr.write(
            f"for agent {agent_id}, once, until {_time(made.expires_ms)}. At the school:\n"
            f"  schoolpulse-agent enroll {made.code} --server {here.public_url or 'https://...'}\n"
        )
    return 0


def _password(args: argparse.Namespace) -> int:
    here = _Desk(args.config)
    password = here.desk.make_password(args.agent, by=BY)
    here.note("agent.password", args.agent)
    if args.json:
        _out({"username": args.agent, "password": password, **_standing(here.desk, args.agent)})
    else:
        sys.stdout.write(password + "\n")
        _warn_if_owed(here.desk, args.agent)
    return 0


def _certificate(args: argparse.Namespace) -> int:
    here = _Desk(args.config)
    here.desk.let_in_by_certificate(args.agent, by=BY)
    here.note("agent.certificate", args.agent)
    return _show_standing(args, here.desk)


def _revoke(args: argparse.Namespace) -> int:
    from schoolpulse.errors import UsageError  # noqa: PLC0415  # heavy: see the package

    here = _Desk(args.config)
    if not here.desk.revoke(args.agent, by=BY):
        raise UsageError(f"no agent {args.agent!r} has an account or a code")
    here.note("agent.revoke", args.agent)
    return _show_standing(args, here.desk)


def _list(args: argparse.Namespace) -> int:
    here = _Desk(args.config)
    accounts = {account.agent_id: account for account in here.desk.accounts.all()}
    codes = {code.agent_id: code for code in here.desk.codes.open()}
    schools = {name: school for school in here.registry.schools() for name in school.agent_ids}
    rows: list[dict[str, Any]] = []
    for name in sorted({*accounts, *codes, *schools}):
        account, school, code = accounts.get(name), schools.get(name), codes.get(name)
        rows.append(
            {
                "agent": name,
                "school": school.id if school else None,
                "account": _word(account),
                "owed": account.owed if account else False,
                "trouble": account.trouble if account else "",
                "code_until_ms": code.expires_ms if code else None,
            }
        )
    if args.json:
        _out({"agents": rows})
        return 0
    for row in rows:
        waits = f"a code until {_time(row['code_until_ms'])}" if row["code_until_ms"] else ""
        state = f"{row['account']}{' (the broker has it not yet)' if row['owed'] else ''}"
        line = f"{row['agent']:32} {row['school'] or '-':24} {state:12} {waits} {row['trouble']}"
        sys.stdout.write(line.rstrip() + "\n")
    return 0


def _command(args: argparse.Namespace) -> int:
    from schoolpulse.enrolment.orders import OPEN, OrderState  # noqa: PLC0415  # heavy: see the package

    here = _Desk(args.config)
    do = args.do.replace("-", "_")
    arguments = {"probe": args.probe, "interval_s": args.interval_s}
    order = here.desk.order(args.agent, do, arguments, by=BY, lifetime_s=args.expires)
    here.note("agent.command", args.agent, id=order.id, do=do, **order.arguments)
    while args.wait and order.state in OPEN:
        _pause(here.clock)
        order = here.desk.orders.get(order.id) or order
    _show_order(args, order)
    return 0 if not args.wait or order.state is OrderState.ANSWERED else 1


def _commands(args: argparse.Namespace) -> int:
    orders = _Desk(args.config).desk.orders.of(args.agent)
    if args.json:
        _out({"commands": [_order(order) for order in orders]})
    else:
        for order in orders:
            _show_order(args, order)
    return 0


def _pause(clock: Any) -> None:
    import threading  # noqa: PLC0415  # for --wait only

    clock.wait(threading.Event(), WAIT_S)


def _show_order(args: argparse.Namespace, order: Order) -> None:
    if args.json:
        _out(_order(order))
        return
    words = " ".join(str(value) for value in order.arguments.values())
    text = f"{order.id}  {_time(order.made_ms)}  {order.do} {words}  {order.state.value}  {order.error or ''}"
    sys.stdout.write(text.rstrip() + "\n")


def _order(order: Order) -> dict[str, Any]:
    names = ("id", "agent_id", "do", "arguments", "made_ms", "expires_ms", "sent_ms", "answered_ms", "error")
    return {name: getattr(order, name) for name in names} | {"state": order.state.value}


def _show_standing(args: argparse.Namespace, desk: AgentDesk) -> int:
    if args.json:
        _out({"agent": args.agent, **_standing(desk, args.agent)})
    else:
        sys.stdout.write(f"{args.agent}: {_word(desk.accounts.get(args.agent))}\n")
        _warn_if_owed(desk, args.agent)
    return 0


def _standing(desk: AgentDesk, agent_id: str) -> dict[str, Any]:
    account = desk.accounts.get(agent_id)
    return {
        "account": _word(account),
        "owed": account.owed if account else False,
        "trouble": account.trouble if account else "",
    }


def _warn_if_owed(desk: AgentDesk, agent_id: str) -> None:
    account = desk.accounts.get(agent_id)
    if account is not None and (account.owed or account.trouble):
        again = "; it is tried again" if account.owed else ""
        sys.stderr.write(f"the broker does not know it yet: {account.trouble or 'not asked'}{again}\n")


def _word(account: Account | None) -> str:
    if account is None:
        return "none"
    return ("certificate" if account.by_certificate else "password") if account.active else "revoked"


def _seconds(text: str) -> float:
    found = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    if found is None or int(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r}: a time reads 90s, 30m, 12h or 7d")
    return float(int(found[1]) * _UNITS[found[2]])


def _time(at_ms: int) -> str:
    return local(at_ms).strftime("%Y-%m-%d %H:%M")


def _out(values: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(values, ensure_ascii=False) + "\n")
