"""Fresh secrets for a deployment: passwords, tokens, a certificate authority and the broker's certificate.

    python3 deploy/make_secrets.py --host mqtt.example.vn

Needs Python 3.9+ and openssl, nothing else. Writes ``.env`` and ``secrets/`` beside itself for compose, or
into ``--out``; refuses to touch what is there. Among them is what mosquitto's dynamic security plugin begins
with: two users, the collector and the one that keeps the agents' accounts. Agents get theirs from the
collector (``schoolpulse agents``). ``--agent-certificate ID`` makes a client certificate for one of them.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

ITERATIONS = 101
"""What mosquitto 2.0 uses; the passwords are 256 random bits, so guessing is hopeless anyway."""
DAYS = 825
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
AGENT = re.compile(r"[a-z0-9-]{1,64}\Z")


CONTROL = "$CONTROL/dynamic-security/v1"
RIGHTS = {
    "accounts": [
        ("publishClientSend", CONTROL),
        ("publishClientReceive", CONTROL + "/response"),
        ("subscribeLiteral", CONTROL + "/response"),
    ],
    "collector": [
        ("publishClientSend", "schoolpulse/v1/+/confirm"),
        ("publishClientSend", "schoolpulse/v1/+/command"),
        ("publishClientReceive", "schoolpulse/v1/#"),
        ("publishClientReceive", "$SYS/#"),
        ("subscribePattern", "schoolpulse/v1/#"),
        ("subscribePattern", "$SYS/#"),
    ],
}
"""User -> what it may do; agents' rights come with their accounts."""
KINDS = ("publishClientSend", "publishClientReceive", "subscribe", "unsubscribe")


def dynamic_security(passwords: dict[str, str]) -> dict[str, Any]:
    """What mosquitto's plugin begins with: these users, each with its role; all else is forbidden."""

    def client(user: str, password: str) -> dict[str, Any]:
        salt = secrets.token_bytes(12)
        digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
        coded = {
            name: base64.b64encode(part).decode() for name, part in (("password", digest), ("salt", salt))
        }
        return {"username": user, "roles": [{"rolename": user}], "iterations": ITERATIONS, **coded}

    def role(user: str) -> dict[str, Any]:
        acls = [
            {"acltype": kind, "topic": topic, "priority": 0, "allow": True} for kind, topic in RIGHTS[user]
        ]
        return {"rolename": user, "acls": acls}

    return {
        "defaultACLAccess": {kind: kind == "unsubscribe" for kind in KINDS},
        "clients": [client(user, password) for user, password in passwords.items()],
        "groups": [],
        "roles": [role(user) for user in passwords],
    }


def write(path: Path, text: str, mode: int) -> None:
    """A new file with `mode` from the first byte on."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "w") as file:
        file.write(text)
    path.chmod(mode)


def run_openssl(*arguments: str, folder: Path | None = None) -> None:
    """Run openssl; what it says of its work nobody needs."""
    subprocess.run(["openssl", *arguments], check=True, cwd=folder, capture_output=True)


def certificates(folder: Path, host: str) -> None:
    """An authority of the deployment's own, and a certificate for `host` and the broker's name in compose."""
    folder.mkdir(mode=0o755)

    def openssl(*arguments: str) -> None:
        run_openssl(*arguments, folder=folder)

    openssl(
        *("req", "-x509", *KEY, "-keyout", "ca.key", "-out", "ca.crt", "-days", "3650"),
        *("-subj", "/CN=SchoolPulse broker authority"),
    )
    openssl("req", *KEY, "-keyout", "server.key", "-out", "server.csr", "-subj", f"/CN={host}")
    extra = folder / "server.ext"
    kind = "IP" if re.fullmatch(r"[0-9.]+|[0-9a-f:]*:[0-9a-f:]*", host) else "DNS"
    extra.write_text(f"subjectAltName={kind}:{host},DNS:mosquitto,DNS:localhost,IP:127.0.0.1\n")
    openssl(
        *("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"),
        *("-out", "server.crt", "-days", str(DAYS), "-extfile", "server.ext"),
    )
    for name in ("server.csr", "server.ext", "ca.srl"):
        (folder / name).unlink(missing_ok=True)
    (folder / "ca.key").chmod(0o600)
    (folder / "server.key").chmod(0o644)  # read by the broker's user in its container; secrets/ is 0700


def make(out: Path, host: str) -> None:
    """Everything, once."""
    if (out / ".env").exists() or (out / "secrets").exists():
        sys.exit(f"{out}: there are secrets already; remove .env and secrets/ to begin anew")
    (out / "secrets").mkdir(mode=0o700, parents=True)
    passwords = {user: secrets.token_urlsafe(32) for user in RIGHTS}
    write(out / "secrets/broker_password", passwords["collector"] + "\n", 0o644)
    write(out / "secrets/accounts_password", passwords["accounts"] + "\n", 0o644)
    begin = json.dumps(dynamic_security(passwords), indent=1) + "\n"
    write(out / "secrets/dynamic-security.json", begin, 0o644)
    certificates(out / "secrets/tls", host)
    names = (
        "INFLUX_ADMIN_PASSWORD",
        "INFLUX_ADMIN_TOKEN",
        "GRAFANA_INFLUX_PASSWORD",
        "GRAFANA_ADMIN_PASSWORD",
    )
    write(out / ".env", "".join(f"{name}={secrets.token_urlsafe(32)}\n" for name in names), 0o600)
    print(f"written: {out}/.env and {out}/secrets. Grafana's administrator is admin, its password is in .env")


def agent_certificate(secrets_folder: Path, agent: str) -> None:
    """A key and a certificate whose common name is the agent's id: its user name at the broker."""
    if AGENT.match(agent) is None:
        sys.exit(f"{agent}: an agent's id has 1 to 64 of a-z, 0-9 and -")
    folder = secrets_folder / "agents"
    folder.mkdir(mode=0o700, exist_ok=True)
    key, request, certificate = (folder / f"{agent}.{kind}" for kind in ("key", "csr", "crt"))
    if certificate.exists():
        sys.exit(f"{certificate} is there already; remove it to make another one")
    write(folder / f"{agent}.ext", "extendedKeyUsage=clientAuth\nkeyUsage=digitalSignature\n", 0o600)
    key.unlink(missing_ok=True)
    write(key, "", 0o600)
    run_openssl(
        *("req", *KEY, "-keyout", str(key), "-out", str(request), "-subj", f"/CN={agent}"),
    )
    authority = ("-CA", str(secrets_folder / "tls/ca.crt"), "-CAkey", str(secrets_folder / "tls/ca.key"))
    run_openssl(
        *("x509", "-req", "-in", str(request), *authority, "-set_serial", str(secrets.randbits(120) + 1)),
        *("-out", str(certificate), "-days", str(DAYS), "-extfile", str(folder / f"{agent}.ext")),
    )
    request.unlink()
    (folder / f"{agent}.ext").unlink()
    print(f"written: {certificate} and {key}, for the agent's [broker] cert_file and key_file")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--host", help="the name or address that agents connect to")
    parser.add_argument("--agent-certificate", metavar="ID", help="make a client certificate for an agent")
    args = parser.parse_args()
    if args.agent_certificate:
        agent_certificate(args.out / "secrets", args.agent_certificate)
    elif args.host:
        make(args.out, args.host)
    else:
        parser.error("give --host or --agent-certificate")


if __name__ == "__main__":
    main()
