"""What the store makes of answers that InfluxDB 1.6.7 does not give: 2.x, 3, proxies, the sick, the slow."""

from __future__ import annotations

import gzip
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from parts import need

from schoolpulse.errors import StoreUnavailable, UsageError
from schoolpulse.stores.base import Delivery, PointBlock, SeriesQuery
from schoolpulse.stores.influx import InfluxStore
from schoolpulse.stores.influx_http import retry_after_s
from schoolpulse.stores.influx_settings import InfluxSettings

T0_MS = 1_789_999_200_000
Answer = tuple[int, dict[str, str], str]
OK: Answer = (204, {}, "")


def always(answer: Answer) -> Callable[[list[str]], Answer]:
    """Gives `answer` whatever the lines are."""
    return lambda _: answer


class FakeInflux:
    """An HTTP server whose `write` says what it answers to the lines of a request."""

    def __init__(self) -> None:
        self.write = always(OK)
        self.query: Answer = (200, {}, '{"results":[{"statement_id":0}]}')
        self.version = "v2.7.1"
        self.scheme = "http"
        self.requests: list[tuple[str, dict[str, list[str]], dict[str, str]]] = []
        self.stored: set[str] = set()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._send((204, {"X-Influxdb-Version": fake.version}, ""))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                parts = urlsplit(self.path)
                headers = {key.lower(): value for key, value in self.headers.items()}
                fake.requests.append((parts.path, parse_qs(parts.query), headers))
                self._send(fake.query if parts.path == "/query" else fake.take(body))

            def _send(self, answer: Answer) -> None:
                status, headers, text = answer
                if status == 0:  # hang up without a word
                    self.close_connection = True
                    return
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def take(self, body: bytes) -> Answer:
        lines = gzip.decompress(body).decode().split("\n")
        answer = self.write(lines)
        if answer[0] == 204:
            self.stored.update(lines)
        return answer

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server.server_address[1]}"

    def speak_tls(self, certificate: Path, key: Path) -> None:
        """From the next connection on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.scheme = "https"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def fake() -> Iterator[FakeInflux]:
    server = FakeInflux()
    yield server
    server.close()


@pytest.fixture
def open_store(fake: FakeInflux) -> Iterator[Callable[..., InfluxStore]]:
    opened: list[InfluxStore] = []

    def make(**more: Any) -> InfluxStore:
        values = {"kind": "influx", "url": fake.url, "database": "points", **more}
        opened.append(InfluxStore(InfluxSettings(**values)))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


def points(count: int, **marked: Any) -> PointBlock:
    """Lines ``m,n=<at> x=1`` but for those of `marked` (``at3="text"``), which have that value."""
    rows = [(T0_MS + at, (str(at),), (marked.get(f"at{at}", 1),)) for at in range(count)]
    return PointBlock("m", (("school", "s"),), ("n",), ("x",), rows)


def said(message: str, code: str = "unprocessable entity") -> str:
    return json.dumps({"code": code, "message": message})


@pytest.mark.parametrize("status", [301, 401, 403, 404, 408, 429, 500, 502, 503, 504])
def test_an_answer_that_says_nothing_against_the_points_keeps_them(
    fake: FakeInflux, open_store: Callable[..., InfluxStore], status: int
) -> None:
    store = open_store()
    fake.write = always((status, {}, said("the reason", "x")))
    with pytest.raises(StoreUnavailable, match=f"{status}: the reason") as caught:
        store.write([points(3)], [])
    assert caught.value.retry_after_s is None
    fake.write = always(OK)
    assert store.write([points(3)], []).points == 3
    assert len(fake.stored) == 3


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured(
    fake: FakeInflux, open_store: Callable[..., InfluxStore], status: int
) -> None:
    fake.write = always((status, {"Retry-After": "17"}, ""))
    with pytest.raises(StoreUnavailable) as caught:
        open_store().write([points(1)], [])
    assert caught.value.retry_after_s == 17


def test_retry_after_in_its_forms() -> None:
    now_s = 1_790_000_000.0
    assert retry_after_s("2.5", now_s) == 2.5
    assert retry_after_s(formatdate(now_s + 90, usegmt=True), now_s) == 90
    assert retry_after_s(formatdate(now_s - 90, usegmt=True), now_s) == 0
    assert retry_after_s("-3", now_s) == 0
    assert retry_after_s("86400", now_s) == 3600
    for nonsense in (None, "", "soon", "nan", "Mon, 99 Foo 2026 00:00:00 GMT"):
        assert retry_after_s(nonsense, now_s) is None


def test_a_connection_that_ends_without_an_answer(
    fake: FakeInflux, open_store: Callable[..., InfluxStore]
) -> None:
    fake.write = always((0, {}, ""))
    with pytest.raises(StoreUnavailable, match="does not answer"):
        open_store().write([points(1)], [])


def test_a_slow_answer_is_waited_for_as_long_as_the_settings_say(
    fake: FakeInflux, open_store: Callable[..., InfluxStore]
) -> None:
    release = threading.Event()

    def slow(lines: list[str]) -> Answer:
        release.wait(60)
        return OK

    fake.write = slow
    store = open_store(timeout_s=0.2)
    started_s = time.monotonic()
    with pytest.raises(StoreUnavailable, match="does not answer"):
        store.write([points(1)], [])
    assert time.monotonic() - started_s < 30
    release.set()
    assert open_store(timeout_s=30).write([points(1)], []).points == 1


def test_2x_wrote_the_good_points_of_a_422(fake: FakeInflux, open_store: Callable[..., InfluxStore]) -> None:
    def schema(lines: list[str]) -> Answer:
        bad = [line for line in lines if 'x="' in line]
        fake.stored.update(line for line in lines if line not in bad)
        if not bad:
            return OK
        message = 'input field "x" on measurement "m" is type string, already exists as type float'
        partial = f"partial write: field type conflict: {message} dropped={len(bad)}"
        return 422, {}, said(f"failure writing points to database: {partial}")

    fake.write = schema
    written = open_store().write([points(1000, at5="five", at700='7 x="00"')], [])
    assert (written.points, len(written.refused), len(fake.stored)) == (998, 2, 998)
    assert {bad.reason for bad in written.refused} == {
        'field type conflict: input field "x" on measurement "m" is type string, already exists as type float'
    }
    assert len(fake.requests) <= 3


def test_2x_refuses_all_of_a_400(fake: FakeInflux, open_store: Callable[..., InfluxStore]) -> None:
    def parse(lines: list[str]) -> Answer:
        bad = [line for line in lines if "x=1000000" in line]
        if bad:
            words = "\n".join(f"unable to parse '{line}': invalid number" for line in bad)
            return 400, {}, said(words, "invalid")
        return OK

    fake.write = parse
    written = open_store().write([points(500, at0=1_000_000, at499=10_000_000)], [])
    assert (written.points, len(fake.stored), len(fake.requests)) == (498, 498, 2)
    assert [bad.reason for bad in written.refused] == ["unable to parse: invalid number"] * 2


def test_3_lists_the_bad_lines(fake: FakeInflux, open_store: Callable[..., InfluxStore]) -> None:
    def listing(lines: list[str]) -> Answer:
        bad = [number for number, line in enumerate(lines, start=1) if 'x="' in line]
        if not bad:
            return OK
        data = [
            {
                "error_message": "invalid column type",
                "line_number": number,
                "original_line": lines[number - 1],
            }
            for number in bad
        ]
        return 400, {}, json.dumps({"error": "partial write of line protocol occurred", "data": data})

    fake.version = "3.1.0"
    fake.write = listing
    written = open_store().write([points(200, at7="x", at8="y")], [])
    assert (written.points, [bad.reason for bad in written.refused]) == (198, ["invalid column type"] * 2)
    assert len(fake.stored) == 198


def test_a_bad_line_that_nothing_names_is_found_by_halves(
    fake: FakeInflux, open_store: Callable[..., InfluxStore]
) -> None:
    fake.write = lambda lines: (
        (400, {}, said("computer says no")) if any(",n=77," in x for x in lines) else OK
    )
    written = open_store().write([points(1000)], [])
    assert (written.points, [bad.reason for bad in written.refused]) == (999, ["computer says no"])
    assert ",n=77," in written.refused[0].line
    assert len(fake.requests) < 30


def test_a_400_about_everything_but_the_points_quarantines_nothing(
    fake: FakeInflux, open_store: Callable[..., InfluxStore]
) -> None:
    fake.write = always((400, {}, '{"error":"database is required"}'))
    with pytest.raises(StoreUnavailable, match="refuses every point"):
        open_store().write([points(2000)], [])
    assert len(fake.requests) < 20


def test_a_point_larger_than_any_request(fake: FakeInflux, open_store: Callable[..., InfluxStore]) -> None:
    fake.write = lambda lines: (413, {}, "") if sum(map(len, lines)) > 500 else OK
    written = open_store().write([points(40, at3="long" * 200)], [Delivery("s", "a", "st", 1, T0_MS, 40, 0)])
    assert (written.points, [bad.reason for bad in written.refused]) == (39, ["larger than InfluxDB takes"])
    assert sum(line.startswith("delivery,") for line in fake.stored) == 1


def test_what_a_request_looks_like(
    fake: FakeInflux, open_store: Callable[..., InfluxStore], tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    store = open_store(token_file=token, org="quận", database="points", batch_points=10)
    store.write([points(25)], [])
    store.query(SeriesQuery("m", "x", T0_MS, T0_MS + 1, 1))
    paths = [path for path, _, _ in fake.requests]
    assert paths == ["/api/v2/write"] * 3 + ["/query"], "2.x makes no database by InfluxQL"
    _, parameters, headers = fake.requests[0]
    assert parameters == {"org": ["quận"], "bucket": ["points"], "precision": ["ns"]}
    assert headers["content-encoding"] == "gzip"
    assert {headers["authorization"] for _, _, headers in fake.requests} == {"Token s3cret"}


def test_tls_with_an_authority_of_ones_own(
    fake: FakeInflux, open_store: Callable[..., InfluxStore], tmp_path: Path
) -> None:
    certificate, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    make = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    files = ["-out", str(certificate), "-keyout", str(key)]
    subprocess.run([need("openssl"), *make, *subject, *files], check=True, capture_output=True)
    fake.speak_tls(certificate, key)
    store = open_store(ca_file=certificate)
    assert store.write([points(3)], []).points == 3
    assert store.query(SeriesQuery("m", "x", T0_MS, T0_MS + 1, 1)) == []
    with pytest.raises(StoreUnavailable, match="SSLError"):
        open_store().write([points(3)], [])


@pytest.mark.parametrize("allowed", [1, 2, 3])
def test_no_more_requests_at_once_than_allowed(
    fake: FakeInflux, open_store: Callable[..., InfluxStore], allowed: int
) -> None:
    room = threading.Semaphore(allowed)
    # Each request waits for as many as may be on their way together: were they fewer, it would fail.
    together = threading.Barrier(allowed)

    def count(_: list[str]) -> Answer:
        if not room.acquire(blocking=False):
            return 500, {}, "too many at once"
        try:
            together.wait(60)
        finally:
            room.release()
        return OK

    fake.write = count
    store = open_store(batch_points=10, parallel_requests=allowed)
    assert store.write([points(60 * allowed)], []).points == 60 * allowed
    assert len(fake.stored) == 60 * allowed


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (200, "<html>", StoreUnavailable),
        (200, '{"results":[]}', StoreUnavailable),
        (200, '{"results":[{"error":"timeout"}]}', StoreUnavailable),
        (500, "{}", StoreUnavailable),
        (401, '{"error":"unauthorized"}', StoreUnavailable),
        (0, "", StoreUnavailable),
        (200, " " * (64 * 1024 * 1024 + 1), UsageError),
    ],
    ids=["html", "empty", "error", "500", "401", "hang-up", "huge"],
)
def test_queries_that_get_no_answer(
    fake: FakeInflux, open_store: Callable[..., InfluxStore], status: int, text: str, error: type[Exception]
) -> None:
    fake.query = (status, {}, text)
    with pytest.raises(error):
        open_store().query(SeriesQuery("m", "x", T0_MS, T0_MS + 1, 1))


def test_more_series_than_anybody_looks_at(fake: FakeInflux, open_store: Callable[..., InfluxStore]) -> None:
    series = [{"name": "m", "columns": [], "values": []}] * 5_001
    fake.query = (200, {}, json.dumps({"results": [{"series": series}]}))
    with pytest.raises(UsageError, match="5000 series"):
        open_store().query(SeriesQuery("m", "x", T0_MS, T0_MS + 1, 1))
