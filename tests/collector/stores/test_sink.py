"""The store sink: whose points they are, receipts, presence, refusals, the cursor, housekeeping."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock

from schoolpulse.contract.models import Birth, State, Telemetry
from schoolpulse.errors import JournalFull, SinkUnavailable, StoreUnavailable
from schoolpulse.messages import Link, Received, Sink
from schoolpulse.metrics import Metrics
from schoolpulse.stores.base import BadPoint, Delivery, PointBlock, SeriesQuery, Window, Written
from schoolpulse.stores.sink import StoreSink
from schoolpulse.stores.sqlite import SqliteStore
from schoolpulse.stores.sqlite_settings import SqliteSettings

T0 = 1_789_999_200_000


@dataclass
class Around:
    """What the sink needs of the rest: the journal's cursor and quarantine, the registry."""

    cursor: int = 0
    full: bool = False
    letters: list[tuple[str, str, bytes]] = field(default_factory=list)
    asked: list[tuple[str, int]] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)
    clock: FakeClock = field(default_factory=FakeClock)

    def identify(self, agent_id: str, at_ms: int) -> str | None:
        self.asked.append((agent_id, at_ms))
        return {"a1": "s1"}.get(agent_id)

    def save(self, position: int) -> None:
        self.cursor = position

    def put_aside(self, reason: str, detail: str, payload: bytes) -> None:
        if self.full:
            raise JournalFull("the disk is full", hint="make room")
        self.letters.append((reason, detail, payload))

    def sink(self, store: Any) -> StoreSink:
        return StoreSink(
            store=store,
            identify=self.identify,
            load_cursor=lambda: self.cursor,
            save_cursor=self.save,
            put_aside=self.put_aside,
            metrics=self.metrics,
            clock=self.clock,
        )

    def metric(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"schoolpulse_{name}_total")


class RecordingStore:
    """A store that remembers what it was given and answers as told."""

    name = "recording"

    def __init__(self) -> None:
        self.blocks: list[PointBlock] = []
        self.deliveries: list[Delivery] = []
        self.refused: Sequence[BadPoint] = ()
        self.error: Exception | None = None
        self.maintained: list[int] = []

    def write(self, blocks: Sequence[PointBlock], deliveries: Sequence[Delivery]) -> Written:
        if self.error is not None:
            raise self.error
        self.blocks += blocks
        self.deliveries += deliveries
        return Written(sum(len(block.rows) for block in blocks) - len(self.refused), self.refused)

    def maintain(self, now_ms: int) -> None:
        self.maintained.append(now_ms)


@pytest.fixture
def around() -> Around:
    return Around()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(SqliteSettings(kind="sqlite", path=tmp_path / "points.db"))
    yield store
    store.close()


def telemetry(seq: int, *rows: Any, agent: str = "a1", position: int = 0, m: str = "wan") -> Received:
    blocks = [{"m": m, "tags": ["uplink"], "fields": ["active"], "rows": rows}] if rows else []
    batch = {
        "v": 1,
        "stream": "st",
        "seq": seq,
        "boot": "b",
        "clock": "synced",
        "sent_at": T0 + 500,
        "blocks": blocks,
    }
    return Received(position or seq, T0 + 1_000, agent, Telemetry.model_validate(batch, strict=False))


def state(at_ms: int | None, *, online: bool = True, retained: bool = False, agent: str = "a1") -> Received:
    return Received(1, T0 + 1_000, agent, State(online=online, boot="b", session=3, at=at_ms), retained)


def test_telemetry_becomes_points_of_the_registrys_school_and_a_receipt(around: Around) -> None:
    store = RecordingStore()
    sink: Sink = around.sink(store)
    assert (sink.name, sink.position()) == ("store", 0)
    rows = [(T0 + 7, ["fibre"], [1]), (T0 + 3, ["fibre"], [0])]
    sink.process([telemetry(5, *rows), telemetry(6, *rows, agent="stranger")], 6)
    assert [(block.measurement, block.common_tags) for block in store.blocks] == [
        ("wan", (("agent", "a1"), ("school", "s1"))),
        ("wan", (("agent", "stranger"), ("school", "unassigned"))),
    ]
    assert store.deliveries == [
        Delivery("s1", "a1", "st", 5, T0 + 7, 2, 993),
        Delivery("unassigned", "stranger", "st", 6, T0 + 7, 2, 993),
    ]
    assert around.asked == [("a1", T0 + 7), ("stranger", T0 + 7)]
    assert (around.cursor, around.metric("points_written")) == (6, 4)


def test_a_batch_without_samples_has_a_receipt_too(around: Around) -> None:
    store = RecordingStore()
    around.sink(store).process([telemetry(5)], 5)
    assert (store.blocks, store.deliveries) == ([], [Delivery("s1", "a1", "st", 5, T0 + 500, 0, 500)])


@pytest.mark.parametrize(
    ("message", "at_ms"),
    [
        (state(T0 + 5), T0 + 5),
        (state(T0 + 5, retained=True), T0 + 5),
        (state(None, online=False), T0 + 1_000),
        (state(None, online=False, retained=True), None),
        (state(12_345), T0 + 1_000),
        (state(T0 + 10**9), T0 + 1_000),
    ],
    ids=["own time", "retained", "will", "retained will", "clock never set", "clock ahead"],
)
def test_presence_is_stored_at_its_own_time(around: Around, message: Received, at_ms: int | None) -> None:
    store = RecordingStore()
    around.sink(store).process([message], 1)
    assert store.deliveries == []
    found = [(block.measurement, block.field_keys, list(block.rows)) for block in store.blocks]
    assert isinstance(message.body, State)
    online = int(message.body.online)
    assert found == ([] if at_ms is None else [("agent", ("online", "session"), [(at_ms, (), (online, 3))])])
    assert around.cursor == 1


def test_other_messages_only_move_the_cursor(around: Around) -> None:
    store = RecordingStore()
    birth = Birth(v=1, agent_version="1", boot="b", session=1, at=T0, uptime_s=1)
    around.sink(store).process([Received(8, T0, "", Link(True)), Received(9, T0, "a1", birth)], 11)
    assert (store.blocks, store.deliveries, around.cursor) == ([], [], 11)
    around.sink(store).process([], 12)
    assert around.cursor == 12


def test_the_cursor_stays_while_the_store_is_away(around: Around) -> None:
    store = RecordingStore()
    store.error = StoreUnavailable("away", retry_after_s=9)
    sink = around.sink(store)
    with pytest.raises(SinkUnavailable) as caught:
        sink.process([telemetry(1, (T0, ["x"], [1]))], 1)
    assert (caught.value.retry_after_s, around.cursor, around.metric("points_written")) == (9, 0, 0)


def test_refused_points_go_to_quarantine_by_reason(around: Around) -> None:
    store = RecordingStore()
    store.refused = [
        BadPoint("wan", "conflict", "one"),
        BadPoint("wan", "conflict", "hai"),
        BadPoint("m", "conflict", "x" * 10**6),
    ]
    sink = around.sink(store)
    sink.process([telemetry(1, *[(T0 + at, ["x"], [1]) for at in range(5)])], 1)
    assert [(reason, detail) for reason, detail, _ in around.letters] == [
        ("point_refused", "wan: conflict (2 points)"),
        ("point_refused", "m: conflict (1 points)"),
    ]
    assert around.letters[0][2] == b"one\nhai"
    assert len(around.letters[1][2]) < 100_000
    assert (around.metric("points_refused"), around.metric("points_written"), around.cursor) == (3, 2, 1)


def test_no_refused_point_is_forgotten_for_want_of_room(around: Around) -> None:
    store = RecordingStore()
    store.refused = [BadPoint("wan", "conflict", "one")]
    around.full = True
    sink = around.sink(store)
    with pytest.raises(SinkUnavailable) as caught:
        sink.process([telemetry(1, (T0, ["x"], [1]))], 1)
    assert (around.cursor, caught.value.hint) == (0, "make room")
    around.full = False
    sink.process([telemetry(1, (T0, ["x"], [1]))], 1)
    assert (around.cursor, len(around.letters)) == (1, 1)


def test_housekeeping_every_thirty_seconds_idle_or_not(around: Around) -> None:
    store = RecordingStore()
    sink = around.sink(store)
    for second in range(0, 100, 10):
        sink.idle(T0 + second * 1000)
        around.clock.advance(10)
    assert store.maintained == [T0, T0 + 30_000, T0 + 60_000, T0 + 90_000]
    for _ in range(10):
        sink.process([], 1)
        around.clock.advance(10)
    assert len(store.maintained) == 7


def test_into_a_real_store_and_again_after_a_crash(around: Around, sqlite: SqliteStore) -> None:
    messages = [
        state(T0),
        *[telemetry(seq, (T0 + seq * 1_000, ["fibre"], [1]), position=seq + 1) for seq in range(1, 21)],
        state(None, online=False),
    ]
    around.sink(sqlite).process(messages, 22)
    around.cursor = 0
    again = around.sink(sqlite)
    again.process(messages[:9], 9)
    again.process(messages[9:], 22)

    def chart(measurement: str, name: str) -> Sequence[Window]:
        (series,) = sqlite.query(SeriesQuery(measurement, name, T0, T0 + 60_000, 60_000, {"school": "s1"}))
        return series.windows

    assert chart("wan", "active") == [Window(T0, 1.0, 1.0, 1.0, 20)]
    assert chart("delivery", "seq") == [Window(T0, 10.5, 1.0, 20.0, 20)]
    assert chart("agent", "online") == [Window(T0, 0.5, 0.0, 1.0, 2)]
