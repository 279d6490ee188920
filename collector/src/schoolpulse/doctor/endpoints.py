"""Who is told of incidents: whether each can be reached, may be, and can be signed for. Nothing is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from schoolpulse.doctor import certificates
from schoolpulse.doctor.findings import Finding, bad, ok, warn
from schoolpulse.errors import EndpointRefused
from schoolpulse.notify.addresses import checked_addresses, resolve
from schoolpulse.notify.channels.apprise import HINT
from schoolpulse.notify.settings import EndpointSettings


def look_at(endpoints: Iterable[EndpointSettings], now_s: float) -> Iterator[Finding]:
    """Each of the configured endpoints; a test message sends `schoolpulse endpoints test`."""
    known = list(endpoints)
    if not known:
        yield warn("endpoints", "nobody is told of incidents", "add [[endpoints]]")
    for endpoint in known:
        part = f"endpoint {endpoint.id}"
        yield from (
            _apprise(part, endpoint) if endpoint.format == "apprise" else _webhook(part, endpoint, now_s)
        )


def _webhook(part: str, endpoint: EndpointSettings, now_s: float) -> Iterator[Finding]:
    try:
        endpoint.secrets()
    except (OSError, ValueError) as error:
        yield bad(part, f"its secret cannot be used ({error})", "make one with schoolpulse endpoints secret")
    parts = urlsplit(endpoint.url)
    tls = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if tls else 80)
    try:
        checked_addresses(host, resolve(host, port), allow_private=endpoint.allow_private)
    except EndpointRefused as error:
        yield bad(part, f"{error}: every delivery is refused", error.hint or "correct its url")
        return
    except OSError:
        yield bad(part, f"the name {host} is not known", "correct its url, or look at the name service")
        return
    yield from certificates.look_at(part, host, port, tls=tls, ca_file=endpoint.ca_file, now_s=now_s)


def _apprise(part: str, endpoint: EndpointSettings) -> Iterator[Finding]:
    try:
        import apprise  # noqa: PLC0415 -- an extra, and heavy
    except ImportError:
        yield bad(part, "Apprise is not installed here: nothing can be sent", HINT)
        return
    try:
        address = endpoint.apprise_address()
    except OSError as error:
        yield bad(part, f"its file cannot be read ({error.strerror})", "see apprise_file")
        return
    if apprise.Apprise.instantiate(address) is None:
        yield bad(part, "its address is none that Apprise knows", "see the list of Apprise's services")
        return
    yield ok(part, "Apprise knows how to reach it")
