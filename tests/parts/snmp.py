"""Real SNMP peers on loopback: net-snmp's snmpd, snmpsim with captures, the simulator's devices."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from parts import Part, free_port, need

USER, AUTH, PRIV = "reader", "reader-auth-pass", "reader-priv-pass"
_SNMPD = """
agentAddress udp:127.0.0.1:{port}
rocommunity public 127.0.0.1
createUser {user} {auth_kind} "{auth}" AES "{priv}"
rouser {user} authPriv
"""
_GET_UPTIME = bytes.fromhex(
    "302602010104067075626c6963a019020101020100020100300e300c06082b060102010103000500"
)
"""An SNMPv2c GET of sysUpTime.0 with the community public."""


def answers(port: int, community: bytes = b"public") -> bool:
    """Whether somebody on loopback answers an SNMPv2c request."""
    payload = _GET_UPTIME.replace(b"\x04\x06public", bytes((4, len(community))) + community)
    extra = len(community) - len(b"public")
    payload = payload[:1] + bytes((payload[1] + extra,)) + payload[2:]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.5)
        sock.connect(("127.0.0.1", port))
        try:
            sock.send(payload)
            return bool(sock.recv(4096))
        except OSError:
            return False


class SnmpPart(Part):
    """A process that answers SNMP on a UDP port."""

    community = b"public"

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.command, stdout=log, stderr=log, env=self._environment())
        end = time.monotonic() + 60
        while not answers(self.port, self.community):
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.command[0]} does not answer: {self.log.read_text()[-2000:]}")
            time.sleep(0.05)  # polling another process: there is nothing to wait on but its answers

    def _environment(self) -> dict[str, str]:
        home = self.log.parent
        return {**os.environ, "SNMP_PERSISTENT_DIR": str(home / "persistent"), "HOME": str(home)}


def snmpd(folder: Path, auth_kind: str = "SHA") -> SnmpPart:
    """net-snmp's own agent, reading this machine."""
    port = free_port(socket.SOCK_DGRAM)
    config = folder / "snmpd.conf"
    config.write_text(_SNMPD.format(port=port, user=USER, auth=AUTH, priv=PRIV, auth_kind=auth_kind))
    return SnmpPart([need("snmpd"), "-f", "-Lo", "-C", "-c", str(config)], port, folder / "snmpd.log")


def simulated(folder: Path, profile: str) -> SnmpPart:
    """A device of the project's simulator; skips the test where only the agent is installed."""
    pytest.importorskip("schoolpulse_sim")
    port = free_port(socket.SOCK_DGRAM)
    command = [sys.executable, "-m", "schoolpulse_sim", "snmp", "--profile", profile, "--port", str(port)]
    return SnmpPart(command, port, folder / f"{profile}.log")


class Snmpsim(SnmpPart):
    """snmpsim with the captures in a folder; the community names the capture."""

    def __init__(self, folder: Path, captures: Path) -> None:
        port = free_port(socket.SOCK_DGRAM)
        program = need(str(Path(sys.executable).with_name("snmpsim-command-responder")))
        self.community = min(captures.glob("*.snmprec")).stem.encode()
        command = [
            program,
            f"--agent-udpv4-endpoint=127.0.0.1:{port}",
            f"--data-dir={captures}",
            f"--cache-dir={folder / 'cache'}",
            "--logging-method=stderr",
            "--log-level=error",
            f"--process-user={pwd.getpwuid(os.getuid()).pw_name}",  # else it refuses to run as root
            f"--process-group={grp.getgrgid(os.getgid()).gr_name}",
        ]
        super().__init__(command, port, folder / "snmpsim.log")
