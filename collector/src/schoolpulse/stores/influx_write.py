"""Lines into InfluxDB through influxdb-client, one request at a time, and what is done about each answer.

The client's own batching and retrying are not used: they give up after 180 s and drop the data. Here a
request is written, or its points are bad, or everything stays in the journal and comes again.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException
from influxdb_client.service.write_service import WriteService

from schoolpulse.errors import StoreUnavailable
from schoolpulse.stores.influx_http import authorization, unavailable, unreachable
from schoolpulse.stores.influx_refusals import Refusal, read_refusal
from schoolpulse.stores.influx_settings import InfluxSettings
from schoolpulse.stores.line_protocol import encode

_Client: Any = InfluxDBClient  # half of the client's functions carry no types
_Service: Any = WriteService
_PROBE = "store_probe ok=1"
"""A point without fault, at InfluxDB's own time: where it is refused too, the points are not at fault."""
RefusedLine = tuple[str, str]
"""A line and InfluxDB's reason."""


class _TooLarge(Exception):
    pass


class _Refused(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


class LineWriter:
    """Writes lines and finds those that InfluxDB will never take; from any thread."""

    def __init__(self, settings: InfluxSettings) -> None:
        self._settings = settings
        self._client = _Client(
            settings.url,
            token=None,
            org=settings.org,
            timeout=round(settings.timeout_s * 1000),
            ssl_ca_cert=str(settings.ca_file) if settings.ca_file else None,
        )
        header = authorization(settings)
        if header is not None:
            self._client.api_client.set_default_header("Authorization", header)
        self._service = _Service(self._client.api_client)

    def write(self, lines: Sequence[str]) -> list[RefusedLine]:
        """Write `lines`, durably; returns those that are refused for good, and only those.

        A refused request is sent again without the lines that were named or found: each line counts
        as written only once a request with it was taken whole, which is safe since rewriting a point
        changes nothing.

        Raises:
            StoreUnavailable: not every line is known to be written.
        """
        refused: list[RefusedLine] = []
        work = [list(lines)] if lines else []
        while work:
            batch = work.pop()
            try:
                self._post(batch)
            except _TooLarge:
                if len(batch) == 1:
                    refused.append((batch[0], "larger than InfluxDB takes"))
                else:
                    work += _halves(batch)
            except _Refused as error:
                work += self._sort_out(batch, error.refusal, refused)
        return refused

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _sort_out(self, batch: list[str], refusal: Refusal, refused: list[RefusedLine]) -> list[list[str]]:
        """Add what is certainly bad to `refused`; returns what to write next."""
        if refusal.named:
            refused += [(batch[at], reason) for at, reason in sorted(refusal.named.items())]
            rest = [line for at, line in enumerate(batch) if at not in refusal.named]
            return [rest] if rest else []
        if len(batch) == 1:
            if not refusal.about_points:
                self._probe()
            refused.append((batch[0], refusal.reason))
            return []
        suspects = set(refusal.suspects)
        if 0 < len(suspects) < len(batch):
            # The rest first (the last of the list is next): it is most of them, and free of this fault.
            apart = [batch[at] for at in sorted(suspects)]
            return [apart, [line for at, line in enumerate(batch) if at not in suspects]]
        return _halves(batch)

    def _probe(self) -> None:
        """Find out whether a refusal in unknown words is about the points at all."""
        try:
            self._post([_PROBE])
        except (_Refused, _TooLarge) as error:
            raise StoreUnavailable(
                f"InfluxDB refuses every point: {error}", hint="check [store] database, org and url"
            ) from error

    def _post(self, lines: Sequence[str]) -> None:
        squeeze = zlib.compressobj(1, wbits=31)  # gzip; the client's own level 9 costs five times the CPU
        body = squeeze.compress(encode(lines)) + squeeze.flush()
        try:
            self._service.post_write(
                org=self._settings.org,
                bucket=self._settings.database,
                body=body,
                precision="ns",
                content_encoding="gzip",
                content_type="text/plain; charset=utf-8",
            )
        except ApiException as error:
            self._judge(error, lines)
        except urllib3.exceptions.HTTPError as error:
            raise unreachable(error) from error

    def _judge(self, error: ApiException, lines: Sequence[str]) -> None:
        status = error.status or 0
        if status == 413:
            raise _TooLarge from error
        body = error.body if isinstance(error.body, str) else ""
        if status in {400, 422}:
            raise _Refused(read_refusal(body, lines)) from error
        if status == 0:
            raise unreachable(error) from error
        raise unavailable(status, body, error.headers or {}) from error


def _halves(batch: list[str]) -> list[list[str]]:
    middle = len(batch) // 2
    return [batch[middle:], batch[:middle]]
