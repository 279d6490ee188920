"""Commands: each id once, none that has expired, none that is not known, and always an answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock

from schoolpulse_agent import wire
from schoolpulse_agent.commands import Commands, Hands
from schoolpulse_agent.probes.base import Round
from schoolpulse_agent.scheduler import Scheduler

decode = pytest.importorskip("schoolpulse.contract.decode").decode

NOW_MS = FakeClock().now_ms()
SOON_MS = NOW_MS + 60_000


class Done:
    """Remembers what was done."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.commands = Commands(
            Hands(
                run_probe=lambda name: self._note("run", name, known=name == "wan"),
                speed_test=lambda: self._note("speed"),
                send_birth=lambda: self.calls.append(("birth",)),
                set_interval=lambda name, interval_s: (
                    self._note("interval", name, interval_s) and name == "wan"
                ),
            ),
            lambda: NOW_MS,
        )

    def _note(self, *call: Any, known: bool = True) -> bool:
        self.calls.append(call)
        return known

    def say(self, **message: Any) -> dict[str, Any]:
        (reply,) = self.commands(json.dumps({"id": "c-1", "expires": SOON_MS} | message).encode())
        decode("schoolpulse/v1/thcs-go-vap/reply", reply, NOW_MS)  # raises if it breaks the contract
        found: dict[str, Any] = json.loads(reply)
        return found


@pytest.mark.parametrize(
    ("message", "call"),
    [
        ({"do": "run_probe", "probe": "wan"}, ("run", "wan")),
        ({"do": "speed_test"}, ("speed",)),
        ({"do": "send_birth"}, ("birth",)),
        ({"do": "set_interval", "probe": "wan", "interval_s": 30}, ("interval", "wan", 30.0)),
    ],
)
def test_what_can_be_asked_for(message: dict[str, Any], call: tuple[Any, ...]) -> None:
    done = Done()
    assert done.say(**message) == {"id": "c-1", "ok": True, "at": NOW_MS}
    assert done.calls == [call]
    assert done.say(**message)["ok"]  # delivered again: answered again, done once
    assert done.calls == [call]


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"do": "run_probe", "probe": "gone"}, "no such probe"),
        ({"do": "run_probe"}, "probe is missing"),
        ({"do": "run_probe", "probe": "wan", "expires": NOW_MS - 1}, "expired"),
        ({"do": "run_probe", "probe": "wan", "expires": NOW_MS + 10**9}, "expired"),
        ({"do": "run_probe", "probe": "wan", "expires": None}, "expired"),
        ({"do": "sh", "command": "reboot"}, "no such command"),
        ({}, "no such command"),
        ({"do": "set_interval", "probe": "wan", "interval_s": 0.1}, "from 1 to 3600"),
        ({"do": "set_interval", "probe": "wan", "interval_s": True}, "from 1 to 3600"),
        ({"do": "set_interval", "probe": "wan", "interval_s": "5"}, "from 1 to 3600"),
    ],
)
def test_what_is_refused_says_why(message: dict[str, Any], error: str) -> None:
    reply = Done().say(**message)
    assert not reply["ok"]
    assert error in reply["error"]
    assert reply["error"] in wire.REFUSALS.values(), "or no page could say it in another language"


@pytest.mark.parametrize("payload", [b"", b"nonsense", b"[]", b'{"id":7}', b'{"id":"a b"}', b" " * 5000])
def test_what_names_no_id_gets_no_answer(payload: bytes) -> None:
    assert Done().commands(payload) == []


def test_what_was_done_before_a_restart_is_not_done_again(tmp_path: Path) -> None:
    done, memory = Done(), tmp_path / "state/commands"
    hands = done.commands._hands
    message = json.dumps({"id": "c-1", "expires": SOON_MS, "do": "send_birth"}).encode()
    Commands(hands, lambda: NOW_MS, memory)(message)
    (reply,) = Commands(hands, lambda: NOW_MS, memory)(message)
    assert not json.loads(reply)["ok"]
    assert "before the agent was started again" in json.loads(reply)["error"]
    other = Commands(hands, lambda: NOW_MS, memory)
    for number in range(400):
        other(message.replace(b"c-1", b"d-%d" % number))
    assert len(done.calls) == 401
    assert len(json.loads(memory.read_bytes())) == 256


@pytest.mark.parametrize("content", [b"", b"nonsense", b"7", b"[1,2]"])
def test_a_damaged_memory_costs_no_command(tmp_path: Path, content: bytes) -> None:
    done, memory = Done(), tmp_path / "commands"
    memory.write_bytes(content)
    (reply,) = Commands(done.commands._hands, lambda: NOW_MS, memory)(
        json.dumps({"id": "c-1", "expires": SOON_MS, "do": "send_birth"}).encode()
    )
    assert json.loads(reply)["ok"]


def test_a_disk_that_takes_nothing_costs_no_command(tmp_path: Path) -> None:
    done = Done()
    (tmp_path / "file").write_text("")
    commands = Commands(done.commands._hands, lambda: NOW_MS, tmp_path / "file/commands")
    (reply,) = commands(json.dumps({"id": "c-1", "expires": SOON_MS, "do": "send_birth"}).encode())
    assert json.loads(reply)["ok"]


def test_what_is_remembered_is_bounded() -> None:
    done = Done()
    for number in range(1000):
        done.say(id=f"c-{number}", do="send_birth")
    assert len(done.calls) == 1000
    assert len(done.commands._answers) == 256


def test_a_probe_looks_at_once_and_at_another_pace() -> None:
    clock = FakeClock()
    looks: list[float] = []

    class Probe:
        def measure(self) -> Round:
            looks.append(clock.monotonic())
            return Round([])

    scheduler = Scheduler(clock, lambda task: task(), lambda *_: None, "thcs-go-vap")
    scheduler.add("wan", Probe(), 3600)

    def run(seconds: int) -> int:
        before = len(looks)
        for _ in range(seconds):
            scheduler.tick()
            clock.advance(1)
        return len(looks) - before

    run(3601)
    assert run(10) == 0
    assert scheduler.run_now("wan")
    assert run(10) == 1
    assert scheduler.set_interval("wan", 5)
    assert run(50) == 10
    assert not scheduler.run_now("gone")
    assert not scheduler.set_interval("gone", 5)
