"""What SNMP answers mean: walks of odd agents, uptimes that go round, counters that wrap, profiles."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import pytest

from schoolpulse_agent.probes.snmp import ports
from schoolpulse_agent.probes.snmp.kinds import BUILT_IN, Field, find_profile, load_kind, value_of
from schoolpulse_agent.probes.snmp.poll import SYS_UPTIME, DevicePoll
from schoolpulse_agent.probes.snmp.ports import Counts, Traffic, traffic
from schoolpulse_agent.probes.snmp.talk import (
    NO_SUCH_NAME,
    TOO_BIG,
    Bulk,
    Column,
    Get,
    Request,
    Response,
    SnmpTrouble,
    Talk,
    Value,
    get,
    parse_oid,
    walk,
)
from schoolpulse_agent.probes.snmp.uptime import UptimeTracker
from schoolpulse_agent.settings import Device, SnmpAccess

Result = TypeVar("Result")
TICKS_497_DAYS = 2**32
COLUMN, OTHER = (1, 3, 9, 1), (1, 3, 9, 2)


class Agent:
    """Answers like an SNMP agent that has `objects`; `most` varbinds a response, v1's errors if asked for."""

    def __init__(self, objects: dict[tuple[int, ...], Value], *, most: int = 100, v1: bool = False) -> None:
        self.objects = dict(sorted(objects.items()))
        self.most = most
        self.v1 = v1
        self.requests = 0
        self.varbinds = 0

    def answer(self, request: Request) -> Response:
        self.requests += 1
        response = self._get(request) if isinstance(request, Get) else self._bulk(request)
        self.varbinds += len(response.varbinds)
        return response

    def _get(self, request: Get) -> Response:
        if len(request.oids) > self.most:
            return Response([], TOO_BIG)
        for at, oid in enumerate(request.oids, start=1):
            if self.v1 and oid not in self.objects:
                return Response([], NO_SUCH_NAME, at)
        return Response([(oid, self.objects.get(oid)) for oid in request.oids])

    def _bulk(self, request: Bulk) -> Response:
        repetitions = 1 if self.v1 else request.repetitions
        if self.v1:
            for at, oid in enumerate(request.oids, start=1):
                if self._next(oid)[1] is None:
                    return Response([], NO_SUCH_NAME, at)
        if len(request.oids) * repetitions > self.most and repetitions > 1:
            return Response([], TOO_BIG)
        varbinds = []
        at_oids = list(request.oids)
        for _ in range(repetitions):
            step = [self._next(oid) for oid in at_oids]
            at_oids = [oid for oid, _ in step]
            varbinds += step
        return Response(varbinds)

    def _next(self, oid: tuple[int, ...]) -> tuple[tuple[int, ...], Value]:
        return next(((known, value) for known, value in self.objects.items() if known > oid), (oid, None))


def converse(talk: Talk[Result], agent: Agent) -> Result:
    """Let `agent` answer everything that `talk` asks."""
    try:
        request = next(talk)
        while True:
            request = talk.send(agent.answer(request))
    except StopIteration as stop:
        result: Result = stop.value
        return result


def table(rows: int) -> dict[tuple[int, ...], Value]:
    objects: dict[tuple[int, ...], Value] = {(*COLUMN, row): row for row in range(1, rows + 1)}
    return objects | {(*OTHER, row): -row for row in range(1, rows + 1)}


# ---- walking


@pytest.mark.parametrize("v1", [True, False])
@pytest.mark.parametrize("most", [3, 20, 100])
def test_whole_columns_come_whatever_fits_into_a_response(most: int, v1: bool) -> None:
    found = converse(walk((COLUMN, OTHER)), Agent(table(30), most=most, v1=v1))
    assert found[COLUMN] == {(row,): row for row in range(1, 31)}
    assert found[OTHER] == {(row,): -row for row in range(1, 31)}


def test_getbulk_takes_few_requests() -> None:
    agent = Agent(table(24))
    converse(walk((COLUMN, OTHER)), agent)
    assert agent.requests <= 2


@pytest.mark.parametrize(("rows", "read"), [(24, 50), (3, 50), (25, 100), (60, 150)])
def test_a_table_of_a_known_length_is_read_to_its_end_and_not_beyond(rows: int, read: int) -> None:
    agent = Agent(table(rows))
    found = converse(walk((COLUMN, OTHER), 24), agent)
    assert len(found[COLUMN]) == len(found[OTHER]) == rows
    assert agent.varbinds <= read


def test_columns_of_different_length_end_by_themselves() -> None:
    objects = table(5)
    objects |= {(*COLUMN, row): row for row in range(6, 60)}
    found = converse(walk((COLUMN, OTHER)), Agent(objects, most=20))
    assert (len(found[COLUMN]), len(found[OTHER])) == (59, 5)


def test_an_agent_that_walks_in_a_circle_is_left() -> None:
    class Circle(Agent):
        def _next(self, _oid: tuple[int, ...]) -> tuple[tuple[int, ...], Value]:
            return (*COLUMN, 1), 1

    agent = Circle(table(3))
    assert converse(walk((COLUMN,)), agent) == {COLUMN: {(1,): 1}}
    assert agent.requests < 3


def test_a_table_without_end_is_cut_off() -> None:
    class Endless(Agent):
        def _next(self, oid: tuple[int, ...]) -> tuple[tuple[int, ...], Value]:
            return (*COLUMN, (oid[-1] if len(oid) > len(COLUMN) else 0) + 1), 1

    assert len(converse(walk((COLUMN,)), Endless({}))[COLUMN]) == 1024


@pytest.mark.parametrize("v1", [True, False])
def test_objects_that_a_device_lacks_do_not_hide_the_others(v1: bool) -> None:
    objects: dict[tuple[int, ...], Value] = {(1, 1, number, 0): number for number in range(30) if number % 3}
    asked = [(1, 1, number, 0) for number in range(30)]
    assert converse(get(asked), Agent(objects, most=7, v1=v1)) == objects


def test_an_agent_that_only_errs_is_trouble() -> None:
    class Broken(Agent):
        def answer(self, _request: Request) -> Response:
            return Response([], 5)

    with pytest.raises(SnmpTrouble, match="error status 5"):
        converse(get([COLUMN]), Broken({}))


@pytest.mark.parametrize("text", ["", "1", "1.x", "1.-3", "1.99999999999"])
def test_what_is_no_object_identifier(text: str) -> None:
    with pytest.raises(ValueError, match=r"object identifier|invalid literal"):
        parse_oid(text)


# ---- uptime


def test_497_days_are_no_reboot() -> None:
    uptime = UptimeTracker()
    seen = [
        uptime.take(ticks, at)
        for at, ticks in ((0, TICKS_497_DAYS - 3000), (60, 3000), (120, 9000), (180, 500))
    ]
    wrap_s = TICKS_497_DAYS / 100
    assert [round(up_s - wrap_s) for up_s, _ in seen[:3]] == [-30, 30, 90]
    assert [rebooted for _, rebooted in seen] == [False, False, False, True]
    assert seen[3][0] == 5


def test_a_reboot_is_told_even_after_a_long_silence() -> None:
    uptime = UptimeTracker()
    uptime.take(1_000_00, 0)
    assert uptime.take(2_000_00, 5_000) == (2000, True)  # 5000 s passed and only 1000 s were counted
    assert uptime.take(2_060_00, 5_060) == (2060, False)


def test_the_engines_time_tells_how_often_the_ticks_went_round() -> None:
    two_rounds_s = round((2 * TICKS_497_DAYS + 5000) / 100)
    assert UptimeTracker().take(5000, 0, two_rounds_s)[0] == pytest.approx(two_rounds_s, abs=1)
    assert UptimeTracker().take(5000, 0, 50)[0] == 50
    assert UptimeTracker().take(5000, 0, 10_000_000)[0] == 50  # the engine is older than its uptime: no round


# ---- ports


def counts(rx: int | None, tx: int | None = 0, bits: int = 64) -> Counts:
    return Counts(True, rx, tx, 0, 0, bits)


@pytest.mark.parametrize(
    ("before", "now", "mbps", "expected"),
    [
        (counts(1000), counts(76_000), 1000.0, 10_000),
        (counts(2**32 - 1000, bits=32), counts(74_000, bits=32), 100.0, 10_000),  # went round once
        (counts(1000, bits=32), counts(76_000, bits=32), 1000.0, None),  # may have gone round more than once
        (counts(10**12), counts(5), 1000.0, None),  # began anew
        (counts(None), counts(5), 1000.0, None),
        (counts(5, bits=32), counts(5, bits=64), 100.0, None),
    ],
)
def test_rates_of_a_port(before: Counts, now: Counts, mbps: float, expected: int | None) -> None:
    assert traffic(before, now, 60.0, mbps).rx_bps == expected


def test_a_restarted_device_has_no_rates() -> None:
    kind, problems = load_kind(BUILT_IN / "switch.toml")
    assert problems == []
    device = Device("sw", "switch", "snmp", "127.0.0.1", snmp=SnmpAccess(ports=("ge1",)))
    poll = DevicePoll(device, kind)
    seen = []
    for at, ticks, octets in ((0, 100_000, 10**9), (60, 106_000, 10**9 + 75_000), (120, 200, 10**9 + 80_000)):
        objects: dict[tuple[int, ...], Value] = {
            SYS_UPTIME: ticks,
            (*ports.STATUS, 1): 1,
            (*ports.TYPE, 1): 6,
            (*ports.NAME, 1): b"ge1",
            (*ports.HIGH_SPEED, 1): 1000,
            (*ports.IN_64, 1): octets,
            (*ports.OUT_64, 1): 0,
        }
        look = poll.look(converse(poll.talk(at), Agent(objects)), at, 1.0)
        rows = {reading.measurement: dict(reading.fields) for reading in look.readings}
        seen.append((look.rebooted, rows["switch"]["rx_bps"], rows.get("port", {}).get("rx_bps")))
    assert seen == [(False, None, None), (False, 10_000, 10_000), (True, None, None)]
    assert isinstance(traffic(counts(1), counts(2), 1.0, None), Traffic)


# ---- kinds


@pytest.mark.parametrize("path", sorted(BUILT_IN.glob("*.toml")), ids=lambda path: path.stem)
def test_the_built_in_profiles_are_right(path: Path) -> None:
    kind, problems = load_kind(path)
    assert problems == []
    assert kind.fields or kind.interfaces


def test_a_new_kind_needs_no_code(tmp_path: Path) -> None:
    (tmp_path / "camera.toml").write_text(
        'measurement = "camera"\n[[field]]\nname = "recording"\noid = "1.3.6.1.4.1.5.0"\none_of = [1]\n'
    )
    path = find_profile("camera", tmp_path)
    assert path is not None
    kind, problems = load_kind(path)
    assert (kind.measurement, problems) == ("camera", [])
    (field,) = kind.fields
    assert value_of(field, {field.oid: 1}, {}) == 1
    assert find_profile("camera", None) is None


def test_the_mistakes_of_a_profile_are_said(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('measurement = "Bad"\n[[field]]\nname = "x"\noid = "1.x"\ntake = "most"\nsclae = 2\n')
    said = [str(problem) for problem in load_kind(path)[1]]
    assert len(said) == 5
    assert any("did you mean scale?" in text for text in said)


ROWS: dict[tuple[int, ...], Column] = {
    COLUMN: {(1,): 30, (2,): -2, (3,): 90},
    OTHER: {(1,): 60, (2,): 60, (3,): 100},
    (9, 9): {(1,): (1, 3)},
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (Field("x", column=COLUMN, over=OTHER, take="min"), 0.5),  # -2 stands for "unknown"
        (Field("x", column=COLUMN, take="sum"), 118),
        (Field("x", column=COLUMN, take="count"), 3),
        (Field("x", column=COLUMN, take="mean", where=(9, 9), where_is=("1.3",)), 30),
        (Field("x", column=COLUMN, take="max", where=(9, 9), where_is=("1.4",)), None),
        (Field("x", column=COLUMN, words={30: "good"}), "good"),
        (Field("x", oid=(1, 1), scale=0.1), 47.8),
        (Field("x", oid=(1, 1), words={1: "good"}), "478"),
        (Field("x", oid=(1, 2), bits=("low", "out", "open")), "low open"),
        (Field("x", oid=(1, 2)), None),
        (Field("x", oid=(1, 9)), None),
    ],
)
def test_what_values_mean(field: Field, value: object) -> None:
    assert value_of(field, {(1, 1): 478, (1, 2): b"\xa0"}, ROWS) == value
