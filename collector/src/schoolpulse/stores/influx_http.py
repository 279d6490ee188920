"""How InfluxDB is spoken to and what its answers mean; used for reading, by hand, with urllib3."""

from __future__ import annotations

import base64
import email.utils
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import urllib3

from schoolpulse.errors import StoreUnavailable, UsageError
from schoolpulse.stores.influx_settings import InfluxSettings

_MAX_ANSWER_BYTES = 64 * 1024 * 1024
_MAX_RETRY_AFTER_S = 3600.0
_HINTS = {
    401: "check the token or the user name and password",
    403: "the token or user may not do this: give it the right to read and write this database",
    404: "the database (bucket) does not exist, or this InfluxDB is older than 1.8 and lacks the nginx"
    " rewrite of docs/administrator/stores.md",
    429: "InfluxDB asks for less; the journal keeps everything until then",
    502: "the proxy runs and InfluxDB behind it does not",
}


def authorization(settings: InfluxSettings) -> str | None:
    """The value of the Authorization header; None where InfluxDB asks for none.

    Raises:
        UsageError: a secret's file cannot be read.
    """
    path = settings.token_file or settings.password_file
    if path is None:
        return None
    try:
        secret = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path}: the secret cannot be read", hint="does the file exist and may the collector read it?"
        ) from error
    if settings.token_file is not None:
        return f"Token {secret}"
    return "Basic " + base64.b64encode(f"{settings.username}:{secret}".encode()).decode()


def unavailable(status: int, text: str, headers: Mapping[str, str]) -> StoreUnavailable:
    """The error for an answer that says nothing against the points: keep them and come again."""
    hint = _HINTS.get(status, "InfluxDB's own log says more" if status >= 500 else "")
    said = error_text(text)[:200]
    return StoreUnavailable(
        f"InfluxDB answered {status}{f': {said}' if said else ''}",
        hint=hint,
        retry_after_s=retry_after_s(headers.get("Retry-After"), time.time()),
    )


def unreachable(error: Exception) -> StoreUnavailable:
    """The error for no answer at all."""
    return StoreUnavailable(
        f"InfluxDB does not answer ({type(error).__name__})",
        hint="is it running, and is [store] url right? Nothing is lost: the journal keeps everything",
    )


def retry_after_s(value: str | None, now_s: float) -> float | None:
    """Seconds that a Retry-After header asks for: a number or a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    try:
        wait_s = float(value)
    except ValueError:
        try:
            wait_s = email.utils.parsedate_to_datetime(value).timestamp() - now_s
        except ValueError:
            return None
    return min(max(wait_s, 0.0), _MAX_RETRY_AFTER_S) if wait_s == wait_s else None  # noqa: PLR0124 -- not a number


def error_text(body: str) -> str:
    """InfluxDB's own sentence in an error's body: `error` in 1.x and 3, `message` in 2.x; "" for HTML."""
    try:
        answer = json.loads(body)
    except ValueError:
        return "" if body.lstrip().startswith("<") else body.strip()
    if not isinstance(answer, dict):
        return body
    return str(answer.get("error") or answer.get("message") or "")


class InfluxHttp:
    """The `/ping` and `/query` of one InfluxDB."""

    def __init__(self, settings: InfluxSettings) -> None:
        value = authorization(settings)
        self._headers = {"Authorization": value} if value else {}
        self._url = settings.url.rstrip("/")
        self._pool = urllib3.PoolManager(
            maxsize=4,
            retries=False,
            timeout=urllib3.Timeout(total=settings.timeout_s),
            ca_certs=str(settings.ca_file) if settings.ca_file else None,
        )

    def version(self) -> str:
        """What InfluxDB calls its version, e.g. ``1.6.7~rc0`` or ``v2.7.1``; "" where it does not say.

        Raises:
            StoreUnavailable: it does not answer.
        """
        try:
            response = self._pool.request("GET", f"{self._url}/ping", headers=self._headers)
        except urllib3.exceptions.HTTPError as error:
            raise unreachable(error) from error
        if response.status >= 500:
            raise unavailable(response.status, response.data.decode("utf-8", "replace"), response.headers)
        return str(response.headers.get("X-Influxdb-Version", ""))

    def query(self, statement: str, database: str | None = None) -> dict[str, Any]:
        """The result of one InfluxQL statement; times in milliseconds.

        Raises:
            StoreUnavailable: InfluxDB is away, refuses us, or does not understand.
            UsageError: the answer is larger than anybody looks at.
        """
        parameters = {"q": statement, "epoch": "ms"} | ({"db": database} if database else {})
        headers = {**self._headers, "Content-Type": "application/x-www-form-urlencoded"}
        try:
            # POST, since 1.x does what changes something only so; every version reads that way too.
            response = self._pool.request(
                "POST",
                f"{self._url}/query",
                headers=headers,
                body=urlencode(parameters).encode(),
                preload_content=False,
            )
            body = response.read(_MAX_ANSWER_BYTES + 1)
        except urllib3.exceptions.HTTPError as error:
            raise unreachable(error) from error
        if len(body) > _MAX_ANSWER_BYTES:
            response.close()
            raise UsageError(
                "an answer of more than 64 MB", hint="give more tags, a larger step or a shorter range"
            )
        response.release_conn()
        text = body.decode("utf-8", "replace")
        if response.status != 200:
            raise unavailable(response.status, text, response.headers)
        return _first_result(text)

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.clear()


def _first_result(text: str) -> dict[str, Any]:
    try:
        result = json.loads(text)["results"][0]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise StoreUnavailable(
            "InfluxDB's answer is none of InfluxQL's", hint="is [store] url InfluxDB's?"
        ) from error
    if not isinstance(result, dict):
        raise StoreUnavailable("InfluxDB's answer is none of InfluxQL's", hint="is [store] url InfluxDB's?")
    return result
