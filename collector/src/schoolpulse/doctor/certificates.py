"""Whether something answers at a host and port, and how long its certificate is good."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

from schoolpulse.doctor.findings import Finding, bad, ok, warn

TIMEOUT_S = 10.0
SOON_DAYS, TOO_SOON_DAYS = 30, 7
_DAY_S = 86_400


def look_at(
    part: str, host: str, port: int, *, tls: bool, ca_file: Path | None, now_s: float
) -> Iterator[Finding]:
    """Connect to `host` and `port` and, with `tls`, verify and read the certificate. Nothing is sent."""
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT_S) as plain:
            if not tls:
                yield ok(part, f"{host}:{port} answers")
                return
            context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
            with context.wrap_socket(plain, server_hostname=host) as secured:
                found = secured.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        yield bad(
            part,
            f"the certificate of {host}:{port} is not trusted: {error.verify_message}",
            "renew it, or name its authority in ca_file; the host name must stand in it",
        )
        return
    except OSError as error:
        why = error.strerror or type(error).__name__
        yield bad(
            part, f"{host}:{port} does not answer ({why})", "is it running? check the firewall and the name"
        )
        return
    yield _expiry(part, host, str(found.get("notAfter", "")), now_s)


def _expiry(part: str, host: str, not_after: str, now_s: float) -> Finding:
    days = (ssl.cert_time_to_seconds(not_after) - now_s) / _DAY_S
    seen = f"the certificate of {host} is good for {days:.0f} days"
    if days < TOO_SOON_DAYS:
        return bad(part, seen, "renew it now: agents refuse an expired one")
    if days < SOON_DAYS:
        return warn(part, seen, "renew it")
    return ok(part, seen)
