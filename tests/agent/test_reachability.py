"""Questions to real sockets on loopback, all side by side; and what of it is reported when."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock
from parts import free_port

from schoolpulse_agent.probes.base import Round, Surroundings
from schoolpulse_agent.probes.methods import METHODS, dns, http, icmp
from schoolpulse_agent.probes.methods.engine import Answer, Question, ask_all, family_of, split_port
from schoolpulse_agent.probes.reachability import Own, ReachabilityProbe
from schoolpulse_agent.probes.summary import STEADY_ROUNDS, Asked, Figures, Summary
from schoolpulse_agent.probes.targets import Target
from schoolpulse_agent.settings import Uplink

CAPTURES = Path(__file__).parent / "captures"


def ask(method: str, address: str, timeout_s: float = 5.0, **options: Any) -> Answer:
    question = Question(address, **options)
    return ask_all({"it": METHODS[method](question, time.monotonic() + timeout_s)})["it"]


@contextlib.contextmanager
def name_server(reply: Callable[[bytes], bytes | None]) -> Iterator[str]:
    """A name server on loopback that answers each query with what `reply` makes of it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                packet, peer = server.recvfrom(4096)
                if packet == b"end":
                    return
                answer = reply(packet)
                if answer is not None:
                    server.sendto(answer, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"end", server.getsockname())
        thread.join()


def a_record(query: bytes, address: str = "127.0.0.1", *, rcode: int = 0) -> bytes:
    head = query[:2] + struct.pack(">HHHHH", 0x8180 | rcode, 1, 0 if rcode else 1, 0, 0)
    answer = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(address)
    return head + query[12:] + (b"" if rcode else answer)


@contextlib.contextmanager
def web_server(answer: bytes) -> Iterator[str]:
    """A server on loopback that answers one request after another with the same bytes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                connection, _ = server.accept()
                with connection:
                    if connection.recv(4096) == b"end":
                        return
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        with socket.create_connection(server.getsockname()) as last:
            last.sendall(b"end")
        thread.join()


# ---- dns


def test_a_name_is_looked_up_and_timed() -> None:
    with name_server(a_record) as server:
        answer = ask("dns", server, query="vnnic.vn")
    assert answer.trouble == ""
    assert answer.rtt_ms is not None
    assert 0 < answer.rtt_ms < 5000


@pytest.mark.parametrize(
    ("reply", "trouble"),
    [
        (lambda query: a_record(query, rcode=3), "no such name"),
        (lambda query: a_record(query, rcode=2), "server failure"),
        (lambda query: a_record(query)[:-3], "malformed answer"),
        (lambda query: a_record(query)[:6] + b"\0\0" + a_record(query)[8:], "no address"),
    ],
)
def test_a_lookup_that_fails_says_how(reply: Callable[[bytes], bytes], trouble: str) -> None:
    with name_server(reply) as server:
        assert ask("dns", server) == Answer(None, trouble)


def test_an_answer_that_was_guessed_does_not_count() -> None:
    def guesses(query: bytes) -> bytes:
        wrong_id = bytes([query[0] ^ 1]) + query[1:]
        return a_record(wrong_id)

    def other_case(query: bytes) -> bytes:
        return a_record(query[:12] + query[12:].swapcase())

    def asks_back(query: bytes) -> bytes:
        return query

    for forged in (guesses, other_case, asks_back):
        with name_server(forged) as server:
            assert ask("dns", server, timeout_s=0.3).trouble == "no answer"


def test_the_query_hides_no_name_and_mixes_its_case() -> None:
    packet = dns.query("vnnic.vn", 7, random.Random(4))
    assert packet[12:].lower() == b"\x05vnnic\x02vn\x00\x00\x01\x00\x01"
    assert packet[12:] != packet[12:].lower()
    for bad in ("", "a..b", "x" * 64 + ".vn", ".".join(["x" * 60] * 5)):
        with pytest.raises((ValueError, UnicodeError)):
            dns.query(bad, 7, random.Random(4))


def test_the_machine_s_name_servers() -> None:
    text = (CAPTURES / "resolv_conf.txt").read_text()
    assert dns.parse_resolv_conf(text) == ("127.0.0.1", "::1", "203.162.4.190")


# ---- tcp, icmp


def test_tcp_connects_by_address_and_by_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, name_server(a_record) as resolver:
        port = server.getsockname()[1]
        assert ask("tcp", f"127.0.0.1:{port}").rtt_ms is not None
        assert ask("tcp", f"school.example:{port}", resolvers=(resolver,)).rtt_ms is not None
        assert ask("tcp", f"school.example:{port}").trouble == "name lookup: no name server is configured"
    assert ask("tcp", f"127.0.0.1:{free_port()}").trouble == "Connection refused"


def test_the_second_name_server_is_asked_where_the_first_is_dead() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, name_server(a_record) as resolver:
        port = server.getsockname()[1]
        dead = f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
        assert ask("tcp", f"school.example:{port}", resolvers=(dead, resolver)).rtt_ms is not None


def test_icmp_reaches_loopback_or_says_that_it_went_by_tcp() -> None:
    answer = ask("icmp", "127.0.0.1")
    assert answer.rtt_ms is not None
    assert answer.method in {"icmp", "tcp"}


def test_where_no_icmp_is_allowed_a_refused_connection_is_an_answer() -> None:
    steps = icmp._by_tcp(Question("127.0.0.1"), time.monotonic() + 5)
    answer = ask_all({"it": steps})["it"]
    assert (answer.method, answer.rtt_ms is not None) == ("tcp", True)


def test_an_echo_is_known_by_its_token_only() -> None:
    token = bytes(range(16))
    request = icmp.echo_request(socket.AF_INET, 9, token)
    assert icmp.checksum(request) == 0
    reply = b"\0" + request[1:]
    assert icmp.is_reply(reply, socket.AF_INET, token, with_ip_header=False)
    assert icmp.is_reply(b"\x45" + bytes(19) + reply, socket.AF_INET, token, with_ip_header=True)
    assert not icmp.is_reply(request, socket.AF_INET, token, with_ip_header=False)
    assert not icmp.is_reply(reply[:-1] + b"x", socket.AF_INET, token, with_ip_header=False)
    assert not icmp.is_reply(b"", socket.AF_INET, token, with_ip_header=True)


def test_a_dead_target_delays_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        silent = f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
            deaf.bind(("127.0.0.1", int(silent.rpartition(":")[2])))
            until = time.monotonic() + 1.0
            began = time.monotonic()
            questions: dict[Any, Any] = {n: METHODS["dns"](Question(silent), until) for n in range(30)}
            questions["alive"] = METHODS["tcp"](Question(f"127.0.0.1:{server.getsockname()[1]}"), until)
            answers = ask_all(questions)
    assert time.monotonic() - began < 20  # side by side: one second, not thirty
    assert answers["alive"].rtt_ms is not None
    assert [answers[n].trouble for n in range(30)] == ["no answer"] * 30


# ---- http


@pytest.mark.parametrize(
    ("path", "answer", "up", "captive"),
    [
        ("/generate_204", b"HTTP/1.1 204 No Content\r\n\r\n", True, False),
        ("/generate_204", b"HTTP/1.1 302 Found\r\nLocation: http://portal.lan/\r\n\r\n", False, True),
        ("/generate_204", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", False, True),
        ("/generate_204", b"HTTP/1.1 503 Busy\r\n\r\n", False, False),
        ("/generate_204", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", False, True),
        ("/generate_204", b"", False, True),
        ("/", b"HTTP/1.0 200 OK\r\n\r\n", True, False),
        ("/", b"HTTP/1.1 301 Moved\r\nlocation: https://127.0.0.1/\r\n\r\n", True, False),
        ("/", b"HTTP/1.1 301 Moved\r\nlocation: /login\r\n\r\n", True, False),
        ("/", b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/login\r\n\r\n", False, True),
        ("/", b"HTTP/1.1 511 Network Authentication Required\r\n\r\n", False, True),
        ("/", b"HTTP/1.1 404 Not Found\r\n\r\n", False, False),
    ],
)
def test_an_answer_is_judged(path: str, answer: bytes, up: bool, captive: bool) -> None:
    with web_server(answer) as url:
        found = ask("http", url + path)
    assert (found.rtt_ms is not None, found.captive) == (up, captive)


def test_a_head_without_an_end_is_given_up() -> None:
    with web_server(b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 40_000) as url:
        assert ask("http", url).trouble == "no HTTP answer"


def test_the_request_names_its_host() -> None:
    assert http.request("example.vn:8080", "/a?b=c").startswith(
        b"GET /a?b=c HTTP/1.1\r\nHost: example.vn:8080\r\n"
    )


# ---- addresses


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.vn", ("a.vn", 53)),
        ("a.vn:80", ("a.vn", 80)),
        ("1.1.1.1:5", ("1.1.1.1", 5)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]:80", ("2001:db8::1", 80)),
        ("[2001:db8::1]", ("2001:db8::1", 53)),
    ],
)
def test_hosts_and_ports(text: str, expected: tuple[str, int]) -> None:
    assert split_port(text, 53) == expected


def test_families() -> None:
    assert [family_of(host) for host in ("1.2.3.4", "::1", "a.vn", "1.2.3")] == [
        socket.AF_INET,
        socket.AF_INET6,
        0,
        0,
    ]


# ---- what is reported


def feed(summary: Summary, *rounds: tuple[float, float | None, int]) -> list[Figures]:
    reports = []
    for at, rtt_ms, questions in rounds:
        reports += summary.add(Asked(at, rtt_ms, questions))[0]
    return reports


def test_a_steady_target_is_reported_now_and_then_with_everything_since() -> None:
    summary = Summary(report_s=60)
    first = feed(summary, *((float(at), 10.0, 1) for at in range(0, STEADY_ROUNDS * 10, 10)))
    assert [report.at for report in first] == [0, 10, 20, 30, 40, 50]
    later = feed(summary, *((float(60 + at * 10), 10.0 + at % 2 * 4, 1 + (at == 3)) for at in range(12)))
    assert [report.at for report in later] == [110, 170]
    assert later[0].rtt_ms == 12.0
    assert later[0].jitter_ms == pytest.approx(3.33, abs=0.01)
    assert later[0].loss_ratio == pytest.approx(1 / 7, abs=1e-4)
    assert later[1].loss_ratio == 0


def test_a_change_is_reported_at_once_and_by_itself() -> None:
    summary = Summary(report_s=60)
    feed(summary, *((float(at), 10.0, 1) for at in range(0, 100, 10)))
    reports, changed = summary.add(Asked(100.0, None, 3))
    assert changed
    assert [(r.at, r.up, r.rtt_ms, r.loss_ratio) for r in reports] == [
        (90.0, True, 10.0, 0.0),  # what was gathered until then
        (100.0, False, None, 1.0),
    ]
    after = feed(summary, *((float(at), None, 3) for at in range(110, 300, 10)))
    assert [r.at for r in after[:STEADY_ROUNDS]] == [110, 120, 130, 140, 150, 160]
    assert len(after) == STEADY_ROUNDS + 2
    assert all(not r.up and r.loss_ratio == 1.0 for r in after)


def test_a_captive_portal_is_a_change() -> None:
    summary = Summary(report_s=60)
    summary.add(Asked(0.0, 10.0, 1, captive=False))
    assert summary.add(Asked(60.0, None, 1, captive=True))[1]
    assert not summary.add(Asked(120.0, None, 3, captive=None))[1]


# ---- the probe as a whole


class Site:
    """A machine with a default route over loopback and a name server."""

    def __init__(self, root: Path, *targets: Target) -> None:
        self.root = root
        self.clock = FakeClock()
        (root / "proc/net").mkdir(parents=True)
        (root / "etc").mkdir()
        self.route("lo 00000000 0100007F 0003 0 0 0 00000000 0 0 0\n")
        surroundings = Surroundings((Uplink("wan", "primary", "lo"),), self.clock, root, root)
        own = Own(targets, timeout_s=2.0, tries=2)
        self.probe = ReachabilityProbe(own, surroundings)

    def route(self, line: str) -> None:
        (self.root / "proc/net/route").write_text("Iface\n" + line)

    def measure(self) -> Round:
        found = self.probe.measure()
        self.clock.advance(10)
        return found


def test_a_round_tells_of_each_target_and_what_went_down_and_up_again(tmp_path: Path) -> None:
    port = free_port()
    site = Site(
        tmp_path,
        Target("gateway", "lan_gateway", "icmp", "gateway"),
        Target("web", "national", "tcp", f"127.0.0.1:{port}"),
        Target("slow", "national", "tcp", f"127.0.0.1:{port}", interval_s=30),
    )
    with socket.create_server(("127.0.0.1", port)):
        first = site.measure()
    tags = [dict(reading.tags) for reading in first.readings]
    assert [tag["target"] for tag in tags] == ["gateway", "web", "slow"]
    assert tags[0]["scope"] == "lan_gateway"
    assert {tag["uplink"] for tag in tags} == {"wan"}
    assert [dict(reading.fields)["up"] for reading in first.readings] == [1, 1, 1]
    assert first.changes == ()
    second = site.measure()
    assert [dict(reading.tags)["target"] for reading in second.readings] == ["gateway", "web"]
    assert second.changes == ("web does not answer: Connection refused",)
    assert dict(second.readings[1].fields) == {
        "up": 0,
        "rtt_ms": None,
        "jitter_ms": None,
        "loss_ratio": 1.0,
    }
    with socket.create_server(("127.0.0.1", port)):
        third = site.measure()
    assert (third.changes, third.reachable_again) == (("web answers",), True)
    site.route("")
    fourth = site.measure()
    assert "gateway does not answer: no default route" in fourth.changes
    assert {dict(reading.tags)["uplink"] for reading in fourth.readings} == {"none"}


def test_a_target_can_be_bound_to_an_uplink(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        site = Site(tmp_path, Target("web", "national", "tcp", address, uplink="wan"))
        (reading,) = site.measure().readings
        assert dict(reading.fields)["up"] == 1
        gone = Surroundings((Uplink("wan", "primary", "no-such-if"),), site.clock, tmp_path, tmp_path)
        bound = Target("web", "national", "tcp", address, uplink="wan")
        (reading,) = ReachabilityProbe(Own((bound,)), gone).measure().readings
    assert dict(reading.fields)["up"] == 0
    assert dict(reading.tags)["uplink"] == "wan"
