"""Speed tests: our client and our server, each against the other and against a third party's WebSocket."""

from __future__ import annotations

import json
import random
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock

from schoolpulse_agent.ndt7 import client, locate, websocket
from schoolpulse_agent.ndt7.client import Limits, Outcome, Target
from schoolpulse_agent.ndt7.websocket import Reader, WebSocketTrouble, masked
from schoolpulse_agent.probes.base import Surroundings
from schoolpulse_agent.probes.speedtest import LEAST_S, MOST_S, PUT_OFF_S, Own, SpeedtestProbe
from schoolpulse_agent.settings import Uplink

pytest.importorskip("websockets")
server_module = pytest.importorskip("schoolpulse.ndt7.server")

# Time ends these tests, never the amount: loopback is as fast as the machine.
SMALL = Limits(duration_s=0.6, max_bytes=10**12)


@pytest.fixture
def serve() -> Iterator[Callable[..., Any]]:
    running: list[Any] = []

    def start(**options: Any) -> Any:
        limits = server_module.Limits(test_s=0.6, hard_stop_s=3, **options)
        running.append(server_module.Ndt7Server("127.0.0.1", 0, limits=limits))
        running[-1].start()
        return running[-1]

    yield start
    for one in running:
        one.stop()


def test_client_and_server_agree(serve: Callable[..., Any]) -> None:
    server = serve()
    (target,) = locate.targets(f"ws://127.0.0.1:{server.port}")
    found = client.run_test(target, SMALL)
    assert found.down_mbps is not None
    assert found.up_mbps is not None
    assert found.down_mbps > 1
    assert found.up_mbps > 1
    assert found.min_rtt_ms is not None
    assert 0 < found.min_rtt_ms < 1000
    assert found.retrans_ratio is not None
    assert 0 <= found.retrans_ratio < 1
    # What went over the wire is what the rates say, within the protocol's own rounding of time.
    assert found.bytes_used >= (found.down_mbps + found.up_mbps) * 0.2 / 8 * 1e6


def test_a_volume_ends_a_test_before_its_time(serve: Callable[..., Any]) -> None:
    (target,) = locate.targets(f"ws://127.0.0.1:{serve().port}")
    little = Limits(duration_s=10, max_bytes=500_000)
    for direction in (client.download(target.download, little), client.upload(target.upload, little)):
        assert 500_000 <= direction.moved < 5_000_000


def test_a_third_partys_client_is_served(serve: Callable[..., Any]) -> None:
    """As any ndt7 client does it, over the `websockets` package."""
    from websockets.sync.client import connect  # noqa: PLC0415 - an optional peer

    base = f"ws://127.0.0.1:{serve().port}/ndt/v7"
    sizes, reports = [], []
    with connect(f"{base}/download", subprotocols=["net.measurementlab.ndt.v7"], max_size=1 << 24) as ws:  # type: ignore[list-item]  # plain text is a subprotocol
        for message in ws:
            sizes.append(len(message)) if isinstance(message, bytes) else reports.append(json.loads(message))
        assert ws.close_code == 1000
    assert sizes[0] == 1 << 13
    assert all(size in {1 << power for power in range(13, 21)} for size in sizes)
    assert sizes == sorted(sizes)
    info = reports[-1]
    assert {"AppInfo", "ConnectionInfo", "Origin", "Test", "TCPInfo"} == set(info)
    assert (info["Origin"], info["Test"]) == ("server", "download")
    assert info["AppInfo"]["NumBytes"] == sum(sizes)
    assert info["TCPInfo"]["BytesSent"] > 0
    assert len(reports) <= 10 * info["AppInfo"]["ElapsedTime"] / 1e6 + 2
    with connect(f"{base}/upload", subprotocols=["net.measurementlab.ndt.v7"]) as ws:  # type: ignore[list-item]  # the same
        for _ in range(50):
            ws.send(bytes(10_000))
        report = json.loads(ws.recv(timeout=30))
    assert report["TCPInfo"]["BytesReceived"] >= 10_000


def test_who_does_not_speak_ndt7_is_refused(serve: Callable[..., Any]) -> None:
    server = serve(at_once=1)
    with pytest.raises(WebSocketTrouble, match="404"):
        websocket.connect(f"ws://127.0.0.1:{server.port}/other", 5)
    first = websocket.connect(f"ws://127.0.0.1:{server.port}/ndt/v7/upload", 5)
    second = client.download(f"ws://127.0.0.1:{server.port}/ndt/v7/download", SMALL)
    assert second.moved == 0  # one at a time here
    first.close()


def test_tls_is_verified(tmp_path: Path, serve: Callable[..., Any]) -> None:
    server = serve()
    with pytest.raises((ssl.SSLError, OSError)):
        websocket.connect(f"wss://127.0.0.1:{server.port}/ndt/v7/upload", 5)


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: nonsense\r\n\r\n",
        b"",
        b"\0" * 20_000,
    ],
)
def test_what_is_no_websocket_is_trouble(sent: bytes) -> None:
    import socket  # noqa: PLC0415 - only here

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(sent)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(OSError, match=r"server|reset"):
            websocket.connect(f"ws://127.0.0.1:{listener.getsockname()[1]}/ndt/v7/download", 5)
        thread.join()


def frame(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    length = bytes((size,)) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
    return bytes((0x80 | opcode,)) + length + payload


@pytest.mark.parametrize("piece", [1, 2, 7, 1000])
def test_frames_are_read_however_they_are_cut(piece: int) -> None:
    data = frame(2, b"x" * 300) + frame(1, b'{"a":1}') + frame(9, b"") + frame(2, b"") + frame(8, b"\x03\xe8")
    reader = Reader()
    events = [
        event for at in range(0, len(data), piece) for event in reader.feed(memoryview(data)[at : at + piece])
    ]
    assert sum(event.size for event in events) == 300
    assert [event.text for event in events if event.text] == ['{"a":1}']
    assert events[-1].closed


def test_frames_that_a_server_may_not_send() -> None:
    for bad in (masked(1, b"text"), b"\x81\x7f" + (1 << 40).to_bytes(8, "big"), b"\x82\x7f" + b"\xff" * 8):
        with pytest.raises(WebSocketTrouble):
            Reader().feed(memoryview(bad))


# ---- the Locate API


@pytest.fixture
def api() -> Iterator[Callable[[int, bytes], str]]:
    servers: list[tuple[HTTPServer, threading.Thread]] = []

    def start(status: int, body: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Quiet."""

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/v2/nearest/ndt/ndt7"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_locate_api_names_servers_in_order(api: Callable[[int, bytes], str]) -> None:
    results = [
        {
            "machine": f"mlab{number}-sgn01",
            "urls": {
                f"{scheme}:///ndt/v7/{way}": f"{scheme}://mlab{number}/ndt/v7/{way}?token=x"
                for scheme in ("wss",)
                for way in ("download", "upload")
            },
        }
        for number in (1, 2)
    ]
    found = locate.targets(api(200, json.dumps({"results": results}).encode()))
    assert found[0] == Target(
        "wss://mlab1/ndt/v7/download?token=x", "wss://mlab1/ndt/v7/upload?token=x", "mlab1-sgn01"
    )
    assert len(found) == 2


def test_no_capacity_and_nonsense(api: Callable[[int, bytes], str]) -> None:
    with pytest.raises(locate.NoCapacity):
        locate.targets(api(204, b""))
    for body in (b"nonsense", b'{"results":[{}]}', b'{"results":[{"urls":{}}]}', b"[]"):
        with pytest.raises(OSError, match="something else"):
            locate.targets(api(200, body))


# ---- when

NOON_MS = 1_790_053_200_000  # 12:00 in Viet Nam
FIBRE = Uplink("wan", "primary", "eth0", "fibre")
LTE = Uplink("lte", "backup", "eth0", "4g")
ROUTE = (
    "Iface Destination Gateway Flags RefCnt Use Metric Mask\neth0 00000000 0101A8C0 0003 0 0 10 00000000\n"
)


class Line:
    """A machine with one line, and speed tests that are only counted."""

    def __init__(self, root: Path, uplink: Uplink = FIBRE, now_ms: int = NOON_MS, **own: Any) -> None:
        self.root = root
        self.uplink = uplink
        self.clock = FakeClock(now_ms)
        self.tests = 0
        self.per_look = 0
        self.octets = 0
        self.trouble: OSError | None = None
        (root / "proc/net").mkdir(parents=True, exist_ok=True)
        (root / "proc/net/route").write_text(ROUTE)
        self.traffic()
        self.own = Own(**({"server": "mlab"} | own))
        self.probe = self.new_probe()

    def new_probe(self) -> SpeedtestProbe:
        surroundings = Surroundings((self.uplink,), self.clock, self.root, self.root)
        return SpeedtestProbe(self.own, surroundings, test=self.test, chance=random.Random(7))

    def test(self, _own: Own, interface: str) -> tuple[Outcome, str]:
        assert interface == "eth0"
        if self.trouble is not None:
            raise self.trouble
        self.tests += 1
        return Outcome(93.1, 40.2, 3.1, 0.001, 300_000_000), "mlab1"

    def traffic(self) -> None:
        self.octets += self.per_look
        (self.root / "proc/net/dev").write_text(f" eth0: {self.octets}" + " 0" * 15 + "\n")

    def run(self, hours: float) -> list[float]:
        """Look each five minutes for so long; the hours at which there was a test."""
        times = []
        for _ in range(round(hours * 12)):
            before = self.tests
            self.probe.measure()
            if self.tests > before:
                times.append(self.clock.monotonic() / 3600)
            self.clock.advance(300)
        return times


def test_tests_come_at_random_with_a_mean_of_six_hours(tmp_path: Path) -> None:
    line = Line(tmp_path, from_h=0, to_h=24, monthly_mb=10**7)
    times = line.run(24 * 40)
    gaps = [after - before for before, after in zip(times, times[1:])]  # noqa: B905, RUF007 - Python 3.9
    assert 130 < len(times) < 210  # 40 days at 4 a day, give or take; the seed is fixed
    assert min(gaps) >= LEAST_S / 3600 - 0.1
    assert max(gaps) <= MOST_S / 3600 + 0.1
    assert len({round(gap, 1) for gap in gaps}) > 30


def test_only_within_the_allowed_hours(tmp_path: Path) -> None:
    line = Line(tmp_path, from_h=8, to_h=17, monthly_mb=10**7)
    hours = [(12 + time) % 24 for time in line.run(24 * 20)]
    assert len(hours) > 20
    assert all(8 <= hour < 17 for hour in hours)


def test_the_budget_holds_across_restarts_and_begins_anew_each_month(tmp_path: Path) -> None:
    line = Line(tmp_path, from_h=0, to_h=24, monthly_mb=1000)
    line.run(24 * 5)
    assert line.tests == 2  # 600 MB used; the worst that a third could take no longer fits
    line.probe = line.new_probe()
    line.run(24)
    assert line.tests == 2
    line.clock.advance(31 * 86_400)
    line.run(24)
    assert line.tests > 2


def test_never_over_a_metered_line(tmp_path: Path) -> None:
    assert Line(tmp_path, LTE).run(48) == []
    assert Line(tmp_path, LTE._replace(metered=False)).run(48) != []
    assert Line(tmp_path, FIBRE._replace(metered=True)).run(48) == []


def test_a_busy_line_is_left_alone_until_it_is_quiet(tmp_path: Path) -> None:
    line = Line(tmp_path)
    line.probe.test_now()
    line.per_look = 10_000_000
    wait = line.clock.wait

    def wait_with_traffic(event: threading.Event, timeout_s: float) -> bool:
        line.traffic()
        return wait(event, timeout_s)

    line.clock.wait = wait_with_traffic  # type: ignore[method-assign]  # time passes, and so does traffic
    assert line.probe.measure().readings == []
    line.per_look = 1000
    line.clock.advance(PUT_OFF_S)
    (reading,) = line.probe.measure().readings
    assert dict(reading.fields)["down_mbps"] == 93.1
    assert dict(reading.tags) == {"uplink": "wan", "role": "primary", "server": "mlab1"}


def test_a_server_that_fails_is_tried_again_later_and_later(tmp_path: Path) -> None:
    line = Line(tmp_path, from_h=0, to_h=24)
    line.trouble = OSError("no capacity")
    tried: list[float] = []

    def test(own: Own, interface: str) -> tuple[Outcome, str]:
        tried.append(line.clock.monotonic())
        return line.test(own, interface)

    line.probe = SpeedtestProbe(
        line.own, Surroundings((FIBRE,), line.clock, tmp_path, tmp_path), test=test, chance=random.Random(7)
    )
    line.run(24)
    gaps = [after - before for before, after in zip(tried, tried[1:])]  # noqa: B905, RUF007 - Python 3.9
    assert gaps == sorted(gaps)
    assert gaps[0] <= 310
    assert gaps[-1] > 3600
