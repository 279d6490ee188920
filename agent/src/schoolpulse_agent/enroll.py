"""``schoolpulse-agent enroll CODE --server URL``: from a one-time code to an agent that may speak.

The password is made here and written down before it is sent, so that an enrolment that was cut off anywhere
can be done again with the same code. Nothing that was measured is touched, unless the machine becomes
another agent: then what it kept as the old one is put aside, never sent under the new name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import secrets
import socket
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from schoolpulse_agent import wire
from schoolpulse_agent.clock import Clock, SystemClock
from schoolpulse_agent.config import load
from schoolpulse_agent.disk import Disk, SystemDisk
from schoolpulse_agent.enroll_http import Identity, server_at, trade
from schoolpulse_agent.enroll_target import UCI_FILE, Target, TomlTarget, UciTarget
from schoolpulse_agent.enroll_words import EnrollTrouble
from schoolpulse_agent.errors import AgentError, ConfigError, SpoolInUse
from schoolpulse_agent.settings import DEFAULT_STATE_DIR, GATEWAY, BrokerSettings, broker_at
from schoolpulse_agent.wire_code import Code, parse_code

log = logging.getLogger(__name__)

CLOCK_OFF_MS = 120_000
_PENDING = "enrolling"
_CA_FILE = "broker-ca.pem"
_MEASURED = ("spool", "unstamped")


class Enrolment:
    """One enrolment on this machine.

    Args:
        target: where the identity is written.
        password_file: where the password goes.
        state_dir: the agent's; that of the target, or the usual one, if not given.
        disk: the file system.
        clock: the wall clock, and for the broker's answer.
    """

    def __init__(
        self,
        target: Target,
        password_file: Path,
        *,
        state_dir: Path | None = None,
        disk: Disk | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._target = target
        self._password_file = password_file
        self._given_state_dir = state_dir
        self._disk = disk or SystemDisk()
        self._clock = clock or SystemClock()

    def run(
        self, code: Code, server_url: str, *, ca_file: Path | None = None, force: bool = False
    ) -> Identity:
        """Trade the code and write everything down.

        Raises:
            EnrollTrouble: it cannot go on; says what to do.
        """
        server = server_at(server_url)
        self._target.check()
        was = self._target.present()
        state_dir = self._given_state_dir or Path(was.state_dir or DEFAULT_STATE_DIR)
        try:
            self._disk.make_folder(state_dir)
            password = self._pending(state_dir, code)
        except OSError as error:
            raise EnrollTrouble("write", why=str(error)) from error
        identity = trade(server, code, password, ca_file)
        if was.agent_id and was.agent_id != identity.agent_id:
            if not force:
                raise EnrollTrouble("other", why=was.agent_id)
            self._put_aside(state_dir, was.agent_id)
        try:
            self._write(identity, password, state_dir)
        except OSError as error:
            raise EnrollTrouble("write", why=str(error)) from error
        with contextlib.suppress(OSError):  # the next enrolment writes it anew
            self._disk.delete(state_dir / _PENDING)
        log.info("this machine is agent %s now", identity.agent_id)
        return identity

    def _pending(self, state_dir: Path, code: Code) -> str:
        """A fresh password, or that of an earlier try with this very code."""
        name = hashlib.sha256(code.secret.encode()).hexdigest()
        try:
            kept = json.loads(self._disk.read(state_dir / _PENDING))
            if kept["code"] == name:
                return str(kept["password"])
        except (OSError, ValueError, TypeError, KeyError):
            pass  # there was no earlier try, or it left nothing that can be read
        password = secrets.token_urlsafe(32)
        self._disk.replace(state_dir / _PENDING, wire.dumps({"code": name, "password": password}))
        return password

    def _put_aside(self, state_dir: Path, agent_id: str) -> None:
        """What was measured as another agent stays here and is not sent under the new name."""
        spool = state_dir / "spool"
        if spool.is_dir():
            try:
                self._disk.lock(spool / "lock")()
            except SpoolInUse as error:
                raise EnrollTrouble("running") from error
        for name in _MEASURED:
            if (state_dir / name).is_dir():
                beside = state_dir / f"{name}-of-{agent_id}-{self._clock.now_ms()}"
                (state_dir / name).rename(beside)
                log.warning("what agent %s measured and did not send is kept in %s", agent_id, beside)

    def _write(self, identity: Identity, password: str, state_dir: Path) -> None:
        self._disk.make_folder(self._password_file.parent)
        self._disk.replace(self._password_file, password.encode() + b"\n")
        written = [self._password_file]
        broker = {
            "url": identity.broker_url,
            "protocol": "" if identity.protocol == "5" else identity.protocol,
            "username": identity.agent_id,
            "password_file": str(self._password_file),
            "ca_file": "",
        }
        if identity.ca_pem is not None and broker_at(identity.broker_url).tls:
            broker["ca_file"] = str(state_dir / _CA_FILE)
            self._disk.replace(state_dir / _CA_FILE, identity.ca_pem.encode("ascii", "replace"))
            written.append(state_dir / _CA_FILE)
        agent = {"id": identity.agent_id, "role": identity.role if identity.role != GATEWAY else ""}
        if self._given_state_dir is not None:
            agent["state_dir"] = str(state_dir)
        self._target.write(agent, broker)
        if isinstance(self._target, TomlTarget):
            written.append(self._target.path)
        _give_to_owner_of(state_dir, written)


def _give_to_owner_of(folder: Path, paths: list[Path]) -> None:
    """Files that root writes belong to the user that the agent runs as: the one that has its folder."""
    if os.geteuid() == 0:
        owner = folder.stat()
        for path in paths:
            os.chown(path, owner.st_uid, owner.st_gid)


def check_broker(settings: BrokerSettings, agent_id: str, clock: Clock) -> None:
    """Connect once as the agent will, under another client name so that one that runs is not thrown out.

    Raises:
        EnrollTrouble: the broker cannot be reached or does not let the agent in.
    """
    from schoolpulse_agent.connection import Connection, ConnectionLost  # noqa: PLC0415  # paho

    where = f"{settings.host}:{settings.port}"
    wake, bell = socket.socketpair()
    with wake, bell:
        connection = Connection(settings, f"{agent_id}-enroll", None, lambda *_: None, wake, clock)
        try:
            connection.open([wire.topic(agent_id, wire.Kind.CONFIRM)], lambda: False)
            if not connection.may_read:
                raise EnrollTrouble("broker_refuses", where=where, why=wire.Kind.CONFIRM.value)
        except ConnectionLost as error:
            key = "broker_refuses" if "refuses us" in str(error) else "broker"
            raise EnrollTrouble(key, where=where, why=str(error)) from error
        finally:
            connection.close(planned=True)


def run(args: Namespace, default_config: Path) -> dict[str, Any]:
    """The command; what to tell, with `troubles` where the broker does not answer as it should yet.

    Raises:
        EnrollTrouble: the enrolment did not come about.
    """
    text = sys.stdin.readline(1000) if args.code == "-" else args.code
    try:
        code = parse_code(text)
    except ValueError as error:
        raise EnrollTrouble("code", why=str(error)) from error
    disk, clock = SystemDisk(), SystemClock()
    if args.config == default_config and UCI_FILE.is_file():
        target: Target = UciTarget()
        password_file = default_config.with_suffix(".password")
    else:
        target = TomlTarget(args.config.absolute(), disk)
        password_file = args.config.absolute().with_suffix(".password")
    enrolment = Enrolment(target, password_file, state_dir=args.state_dir, disk=disk, clock=clock)
    identity = enrolment.run(code, args.server, ca_file=args.ca, force=args.force)
    troubles: list[str] = []
    told = {
        "agent": identity.agent_id,
        "school": identity.school,
        "broker": identity.broker_url,
        "troubles": troubles,
    }
    if abs(identity.at_ms - clock.now_ms()) > CLOCK_OFF_MS:
        troubles.append(
            "Đồng hồ của thiết bị sai: bật đồng bộ giờ (NTP).\n  This machine's clock is wrong: use NTP."
        )
    state_dir = args.state_dir or Path(target.present().state_dir or DEFAULT_STATE_DIR)
    settings = broker_at(
        identity.broker_url,
        protocol=identity.protocol,
        username=identity.agent_id,
        password_file=password_file,
        ca_file=state_dir / _CA_FILE if identity.ca_pem else None,
    )
    try:
        if isinstance(target, TomlTarget):
            settings = load(target.path).broker
        check_broker(settings, identity.agent_id, clock)
    except ConfigError as error:  # what else stands in the file
        troubles.append("\n  ".join([str(error), *map(str, error.problems)]))
    except AgentError as error:
        troubles.append(str(error))
    return told


def as_text(told: dict[str, Any], config: Path) -> str:
    """What the technician reads."""
    school = f" ({told['school']})" if told["school"] else ""
    lines = [
        f"Thiết bị này giờ là agent {told['agent']}{school}.",
        f"  This machine is agent {told['agent']}{school} now.",
        *told["troubles"],
    ]
    if not told["troubles"]:
        lines += [
            f"Đã kết nối được tới {told['broker']}. Khởi động (lại) agent:",
            f"  {told['broker']} lets it in. Now (re)start the agent:",
        ]
    if UCI_FILE.is_file():
        lines.append("    service schoolpulse-agent enable; service schoolpulse-agent restart")
    elif Path("/run/systemd/system").is_dir():
        lines.append("    systemctl enable schoolpulse-agent; systemctl restart schoolpulse-agent")
    else:
        lines.append(f"    schoolpulse-agent run --config {config}")
    return "\n".join(lines) + "\n"
