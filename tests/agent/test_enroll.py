"""Enrolment on the gateway: what is verified, what is written, what is never lost, and what is said."""

from __future__ import annotations

import http.server
import io
import json
import os
import ssl
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock
from parts import need

from schoolpulse_agent.__main__ import main
from schoolpulse_agent.config import load
from schoolpulse_agent.disk import SystemDisk
from schoolpulse_agent.enroll import Enrolment
from schoolpulse_agent.enroll_http import server_at
from schoolpulse_agent.enroll_target import TomlTarget, UciTarget, edit
from schoolpulse_agent.enroll_words import WORDS, EnrollTrouble
from schoolpulse_agent.spool import Spool
from schoolpulse_agent.wire_code import Code, parse_code, pin_of

CODE = parse_code("7K3F-9QWX-2MTY")
CA = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


class Server:
    """A collector's enrolment address on loopback: answers what it is told to, remembers what came."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answers: list[int] = []
        self.agent_id = "gw-1"
        self.role = "gateway"
        self.ca_pem: str | None = None
        self.broker_url = "mqtts://mqtt.example.vn"
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked.append(json.loads(body))
                status = outer.answers.pop(0) if outer.answers else 200
                if status == 0:  # taken, and the answer is lost
                    self.close_connection = True
                    return
                text = json.dumps(outer.answer()).encode() if status == 200 else b"{}"
                self.send_response(status)
                self.send_header("Retry-After", "17")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: Any) -> None:
                pass

        self._http = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self._http.handle_error = lambda *_: None  # type: ignore[method-assign]  # who hangs up is expected
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def answer(self) -> dict[str, Any]:
        return {
            "agent_id": self.agent_id,
            "role": self.role,
            "school": {"id": "thcs-1", "name": "THCS Một"},
            "broker": {
                "url": self.broker_url,
                "username": self.agent_id,
                "protocol": "5",
                "ca_pem": self.ca_pem,
            },
            "ready": True,
            "at_ms": 1,
        }

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "etc/agent.toml"


def enrolment(config: Path, **others: Any) -> Enrolment:
    target = TomlTarget(config, SystemDisk())
    state_dir = config.parent.parent / "state"
    return Enrolment(
        target, config.with_suffix(".password"), state_dir=state_dir, clock=FakeClock(), **others
    )


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_an_identity_is_written_for_its_owner_alone(server: Server, config: Path) -> None:
    server.ca_pem = CA
    identity = enrolment(config).run(CODE, server.url)
    assert (identity.agent_id, identity.school) == ("gw-1", "THCS Một")
    settings = load(config)
    assert (settings.agent.id, settings.broker.username) == ("gw-1", "gw-1")
    assert (settings.broker.host, settings.broker.tls) == ("mqtt.example.vn", True)
    assert settings.broker.password_file is not None
    password = settings.broker.password_file.read_text().strip()
    assert server.asked == [{"code": CODE.secret, "password": password}]
    assert len(password) >= 32
    assert settings.broker.ca_file is not None
    assert settings.broker.ca_file.read_text() == CA
    assert {mode(config), mode(settings.broker.password_file), mode(settings.broker.ca_file)} == {0o600}
    assert not (settings.agent.state_dir / "enrolling").exists()


def test_what_else_stands_in_the_file_stays(server: Server, config: Path) -> None:
    config.parent.mkdir()
    config.write_text(
        '# mine\n[agent]\nid = ""        # as given\nclock_wait_s = 60\n\n[broker]\nurl = ""\n'
        'username = "old"  # old\nca_file = "/gone"\nkeepalive_s = 20\n# end\n\n[[uplink]]\nname = "wan"\n'
        'interface = "eth0"\n\n[probes.system]\ninterval_s = 7\n'
    )
    enrolment(config).run(CODE, server.url)
    text = config.read_text()
    for kept in ("# mine", "# end", "keepalive_s = 20", "[probes.system]\ninterval_s = 7\n"):
        assert kept in text
    settings = load(config)
    assert (settings.agent.clock_wait_s, settings.broker.keepalive_s) == (60, 20)
    assert (settings.broker.username, settings.broker.ca_file) == ("gw-1", None)
    assert [uplink.interface for uplink in settings.uplinks] == ["eth0"]


@pytest.mark.parametrize(
    "text",
    [
        'agent.id = "x"\n',
        'agent = { id = "x" }\n',
        'note = """\n[broker]\n"""\n',
        "not toml",
        "agent = 3\n",
        "[broker]\nurl = '''\n[x]\n'''\n",
    ],
)
def test_a_file_that_cannot_be_edited_costs_no_code(server: Server, config: Path, text: str) -> None:
    config.parent.mkdir()
    config.write_text(text)
    with pytest.raises(EnrollTrouble) as trouble:
        enrolment(config).run(CODE, server.url)
    assert trouble.value.key == "edit"
    assert server.asked == []
    assert config.read_text() == text


def test_edit_adds_a_table_that_is_not_there() -> None:
    assert edit("", "agent", {"id": "x"}) == '[agent]\nid = "x"\n'
    assert edit("a = 1\n", "agent", {"id": "x", "b": ""}) == 'a = 1\n\n[agent]\nid = "x"\n'


def test_a_lost_answer_is_asked_for_again_with_the_same_password(server: Server, config: Path) -> None:
    server.answers = [0, 503, 200]
    enrolment(config).run(CODE, server.url)
    assert len(server.asked) == 3
    assert len({ask["password"] for ask in server.asked}) == 1


def test_an_enrolment_that_was_cut_off_is_done_again_with_the_same_password(
    server: Server, config: Path
) -> None:
    server.answers = [0, 0, 0]
    with pytest.raises(EnrollTrouble):
        enrolment(config).run(CODE, server.url)
    assert mode(config.parent.parent / "state/enrolling") == 0o600
    enrolment(config).run(CODE, server.url)
    assert len({ask["password"] for ask in server.asked}) == 1
    enrolment(config).run(CODE, server.url)
    assert len({ask["password"] for ask in server.asked}) == 2  # that one was through


def test_another_identity_needs_force_and_takes_nothing_along(server: Server, config: Path) -> None:
    enrolment(config).run(CODE, server.url)
    state_dir = config.parent.parent / "state"
    spool = Spool(state_dir / "spool", max_bytes=1_000_000)
    stream = spool.stream
    spool.append(b"{}")
    server.agent_id = "gw-2"
    with pytest.raises(EnrollTrouble) as trouble:
        enrolment(config).run(CODE, server.url)
    assert trouble.value.key == "other"
    assert load(config).agent.id == "gw-1"
    with pytest.raises(EnrollTrouble) as trouble:
        enrolment(config).run(CODE, server.url, force=True)
    assert trouble.value.key == "running"  # this very test holds the spool
    spool.close()
    enrolment(config).run(CODE, server.url, force=True)
    assert len({ask["password"] for ask in server.asked[1:]}) == 1
    assert load(config).agent.id == "gw-2"
    assert not (state_dir / "spool").exists()
    (aside,) = state_dir.glob("spool-of-gw-1-*")
    assert any(stream in path.name for path in aside.rglob("*"))


def test_the_same_identity_again_keeps_its_stream(server: Server, config: Path) -> None:
    enrolment(config).run(CODE, server.url)
    spool = Spool(config.parent.parent / "state/spool", max_bytes=1_000_000)
    spool.append(b"{}")
    enrolment(config).run(CODE, server.url)  # while the agent runs
    assert spool.pending()
    spool.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_writes_belongs_to_the_agents_user(server: Server, config: Path) -> None:
    server.ca_pem = CA
    state_dir = config.parent.parent / "state"
    state_dir.mkdir()
    os.chown(state_dir, 12345, 54321)
    enrolment(config).run(CODE, server.url)
    for path in (config, config.with_suffix(".password"), state_dir / "broker-ca.pem"):
        assert (path.stat().st_uid, path.stat().st_gid, mode(path)) == (12345, 54321, 0o600)


def test_a_classrooms_machine_is_told_that_it_is_one(server: Server, config: Path) -> None:
    server.role = "classroom"
    enrolment(config).run(CODE, server.url)
    assert load(config).agent.role == "classroom"
    server.role = "gateway"
    enrolment(config).run(CODE, server.url)
    assert load(config).agent.role == "gateway"


@pytest.mark.parametrize(
    ("status", "key", "words"),
    [
        (403, "refused", "Xin mã mới"),
        (429, "often", "17"),
        (404, "answer", "HTTP 404"),
        (307, "answer", "307"),
    ],
)
def test_what_the_server_says_is_told_in_plain_words(
    server: Server, config: Path, status: int, key: str, words: str
) -> None:
    server.answers = [status]
    with pytest.raises(EnrollTrouble) as trouble:
        enrolment(config).run(CODE, server.url)
    assert trouble.value.key == key
    assert words in str(trouble.value)
    assert len(server.asked) == 1
    assert not config.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"agent_id": "GW/1"},
        {"role": "boss"},
        {"broker_url": "http://x"},
        {"broker_url": 'mqtts://x" '},
        {"ca_pem": "no certificate"},
    ],
)
def test_an_answer_that_makes_no_sense_writes_nothing(
    server: Server, config: Path, change: dict[str, str]
) -> None:
    for name, value in change.items():
        setattr(server, name, value)
    with pytest.raises(EnrollTrouble) as trouble:
        enrolment(config).run(CODE, server.url)
    assert trouble.value.key == "answer"
    assert not config.exists()


@pytest.mark.parametrize(
    "url", ["http://giamsat.example.vn", "ftp://x", "https://", "https://u:p@x", "https://x?y", "https://x:0"]
)
def test_an_address_that_will_not_do(url: str) -> None:
    with pytest.raises(EnrollTrouble):
        server_at(url)


def test_an_address_may_lack_its_scheme_and_have_a_prefix() -> None:
    server = server_at("giamsat.example.vn:8443/sp/")
    assert (server.host, server.port, server.tls, server.path) == (
        "giamsat.example.vn",
        8443,
        True,
        "/sp/api/v1/enrol",
    )


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "crt.pem"
    command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([need("openssl"), *command.split(), *names], check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def secure(pair: tuple[Path, Path]) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    server = Server(context)
    yield server
    server.close()


def test_an_unknown_authority_is_not_spoken_to(secure: Server, config: Path) -> None:
    with pytest.raises(EnrollTrouble) as trouble:
        enrolment(config).run(CODE, secure.url)
    assert trouble.value.key == "certificate"
    assert secure.asked == []


def test_one_that_is_given_is(secure: Server, config: Path, pair: tuple[Path, Path]) -> None:
    assert enrolment(config).run(CODE, secure.url, ca_file=pair[0]).agent_id == "gw-1"


def test_the_pin_in_the_code_vouches_for_it(secure: Server, config: Path, pair: tuple[Path, Path]) -> None:
    pin = pin_of(ssl.PEM_cert_to_DER_cert(pair[0].read_text()))
    code = parse_code(str(Code(CODE.secret, pin)))
    assert enrolment(config).run(code, secure.url).agent_id == "gw-1"
    assert secure.asked[0]["code"] == CODE.secret


def test_another_pin_gets_nothing(secure: Server, config: Path, pair: tuple[Path, Path]) -> None:
    code = Code(CODE.secret, pin_of(b"another certificate"))
    for ca_file in (None, pair[0]):
        with pytest.raises(EnrollTrouble) as trouble:
            enrolment(config).run(code, secure.url, ca_file=ca_file)
        assert trouble.value.key == "pin"
    assert secure.asked == []


UCI = """#!/bin/sh
# What OpenWrt's uci does of what is used here, on a file of NAME=VALUE lines.
[ "$1" = -q ] && shift
case "$1" in
get) sed -n "s/^$2=//p" "$STORE" ;;
batch)
    while read -r verb rest; do
        name="${rest%%=*}"
        case "$verb" in
        set) value="${rest#*=}"; value="${value#\\'}"; value="${value%\\'}"
             sed -i "/^$name=/d" "$STORE"; echo "$name=$value" >>"$STORE" ;;
        delete) sed -i "/^$name=/d" "$STORE" ;;
        esac
    done ;;
esac
"""


def test_openwrts_configuration_is_set_through_its_own_tool(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool, store = tmp_path / "uci", tmp_path / "store"
    tool.write_text(UCI)
    tool.chmod(0o755)
    store.write_text(f"schoolpulse-agent.agent.state_dir={tmp_path}/flash\n")
    monkeypatch.setenv("STORE", str(store))
    server.ca_pem = CA
    target = UciTarget(str(tool))
    Enrolment(target, tmp_path / "agent.password").run(CODE, server.url)
    values = dict(line.split("=", 1) for line in store.read_text().splitlines())
    name = "schoolpulse-agent."
    assert target.present() == ("gw-1", f"{tmp_path}/flash")
    assert values[name + "agent.enabled"] == "1"
    assert values[name + "broker.url"] == "mqtts://mqtt.example.vn"
    assert values[name + "broker.password_file"] == str(tmp_path / "agent.password")
    assert Path(values[name + "broker.ca_file"]).read_text() == CA
    assert mode(tmp_path / "agent.password") == 0o600


def test_without_that_tool_no_code_is_used(server: Server, tmp_path: Path) -> None:
    with pytest.raises(EnrollTrouble):
        Enrolment(UciTarget(str(tmp_path / "uci")), tmp_path / "p").run(CODE, server.url)
    assert server.asked == []


def test_the_command_says_what_to_do_where_the_broker_is_not_there(
    server: Server, config: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    server.broker_url = "mqtt://127.0.0.1:1"
    arguments = ["enroll", str(CODE), "--server", server.url, "--config", str(config)]
    assert main([*arguments, "--state-dir", str(config.parent / "state")]) == 1
    said = capsys.readouterr().out
    assert "gw-1 (THCS Một)" in said
    assert "tường lửa" in said
    assert "firewall" in said
    assert "NTP" in said  # the server's clock and ours differ by half a century
    password = config.with_suffix(".password").read_text().strip()
    assert password not in said + caplog.text
    assert main(["enroll", "7K3F", "--server", server.url, "--config", str(config)]) == 1
    assert "Mã không đúng" in capsys.readouterr().err


def test_the_code_may_come_from_standard_input_and_other_mistakes_are_named(
    server: Server, config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config.parent.mkdir()
    config.write_text("[batch]\nintervall_s = 3\n")
    arguments = ["enroll", "-", "--server", server.url, "--config", str(config), "--json"]
    for typed, status in (("7k3f 9qwx 2mty\n", 1), ("", 1)):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        assert main([*arguments, "--state-dir", str(config.parent / "state")]) == status
    told = json.loads(capsys.readouterr().out)
    assert told["agent"] == "gw-1"
    assert any("batch.intervall_s" in trouble for trouble in told["troubles"])
    assert server.asked[0]["code"] == CODE.secret


def test_everything_is_said_in_both_languages() -> None:
    for vietnamese, english in WORDS.values():
        assert vietnamese
        assert english
        assert english.isascii()
        for mark in ("{where}", "{why}"):
            assert (mark in vietnamese) == (mark in english)
