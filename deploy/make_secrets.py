"""Fresh secrets for a deployment: passwords, tokens, a certificate authority and the broker's certificate.

    python3 deploy/make_secrets.py --host mqtt.example.vn

Needs Python 3.9+ and openssl, nothing else. Writes ``.env`` and ``secrets/`` beside itself for compose, or
into ``--out``; refuses to touch what is there. ``--agent ID`` adds an agent to the broker's password file and
prints its password once; ``--revoke ID`` takes one out. Then tell mosquitto: ``kill -HUP``, or restart it.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

ITERATIONS = 101
"""What mosquitto_passwd 2.0 uses; the passwords are 256 random bits, so guessing is hopeless anyway."""
DAYS = 825
AGENT = re.compile(r"[a-z0-9-]{1,64}\Z")


def password_line(user: str, password: str) -> str:
    """A line of mosquitto's password file: PBKDF2 with SHA-512, type 7."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    coded = [base64.b64encode(part).decode() for part in (salt, digest)]
    return f"{user}:$7${ITERATIONS}${coded[0]}${coded[1]}\n"


def write(path: Path, text: str, mode: int) -> None:
    """A new file with `mode` from the first byte on."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "w") as file:
        file.write(text)
    path.chmod(mode)


def certificates(folder: Path, host: str) -> None:
    """An authority of the deployment's own, and a certificate for `host` and the broker's name in compose."""
    folder.mkdir(mode=0o755)

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, cwd=folder, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(
        *("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-days", "3650"),
        *("-subj", "/CN=SchoolPulse broker authority"),
    )
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", f"/CN={host}")
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
    broker = secrets.token_urlsafe(32)
    write(out / "secrets/broker_password", broker + "\n", 0o644)
    write(out / "secrets/passwords", password_line("collector", broker), 0o644)
    certificates(out / "secrets/tls", host)
    names = (
        "INFLUX_ADMIN_PASSWORD",
        "INFLUX_ADMIN_TOKEN",
        "GRAFANA_INFLUX_PASSWORD",
        "GRAFANA_ADMIN_PASSWORD",
    )
    write(out / ".env", "".join(f"{name}={secrets.token_urlsafe(32)}\n" for name in names), 0o600)
    print(f"written: {out}/.env and {out}/secrets. Grafana's administrator is admin, its password is in .env")


def change_agent(passwords: Path, agent: str, *, revoke: bool) -> None:
    """Add an agent with a fresh password, or take it out. The file is replaced whole."""
    if AGENT.match(agent) is None:
        sys.exit(f"{agent}: an agent's id has 1 to 64 of a-z, 0-9 and -")
    lines = passwords.read_text().splitlines(keepends=True)
    rest = [line for line in lines if line.split(":", 1)[0] != agent]
    if revoke and len(rest) == len(lines):
        sys.exit(f"{agent}: no such agent")
    password = secrets.token_urlsafe(32)
    new = passwords.with_suffix(".new")
    new.unlink(missing_ok=True)
    write(new, "".join(rest) + ("" if revoke else password_line(agent, password)), 0o644)
    # In place: compose mounts this very file, and a renamed one would be another.
    passwords.write_text(new.read_text())
    new.unlink()
    if not revoke:
        print(password)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--host", help="the name or address that agents connect to")
    parser.add_argument("--agent", metavar="ID", help="add an agent, print its password")
    parser.add_argument("--revoke", metavar="ID", help="take an agent out")
    args = parser.parse_args()
    if args.agent or args.revoke:
        change_agent(args.out / "secrets/passwords", args.agent or args.revoke, revoke=bool(args.revoke))
    elif args.host:
        make(args.out, args.host)
    else:
        parser.error("give --host, --agent or --revoke")


if __name__ == "__main__":
    main()
