"""The InfluxDB store against Debian's InfluxDB 1.6.7 behind the nginx that is shipped for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of
from hypothesis import strategies as st
from parts.influx import Influx

from schoolpulse.errors import StoreUnavailable, UsageError
from schoolpulse.stores.base import Delivery, PointBlock, SeriesQuery
from schoolpulse.stores.influx import InfluxStore
from schoolpulse.stores.influx_settings import InfluxSettings
from schoolpulse.stores.rollup_tiers import TIERS

T0_MS = 1_789_999_200_000
DAY_MS = 86_400_000


def points(*times_ms: int, text: str | None = None) -> PointBlock:
    rows = [(at_ms, ("gw",), (1.5, text)) for at_ms in times_ms]
    return PointBlock("m", (("agent", "a1"), ("school", "s1")), ("target",), ("x", "note"), rows)


def settings(part: Influx, database: str, **more: Any) -> InfluxSettings:
    return InfluxSettings(**{"kind": "influx", "url": part.url, "database": database, **more})


def counted(part: Influx, database: str, field: str = "x", measurement: str = "m") -> object:
    rows = part.rows(f'SELECT count("{field}") FROM "{measurement}"', database)  # noqa: S608 -- the test's own names
    return rows[0][1] if rows else 0


def test_points_and_receipts_lie_as_the_documentation_says(
    influx: Influx, influx_store: InfluxStore, database: str
) -> None:
    block = PointBlock(
        "m",
        (("school", "Trường Gò Vấp, 1=2"), ("agent", "a1")),
        ("t",),
        ("x", "up", "note"),
        [
            (T0_MS, ("C:\\temp",), (3, True, 'hai dòng\nvà "nháy" \\ ')),
            (T0_MS + 1, (None,), (None, False, None)),
        ],
    )
    receipt = Delivery("s1", "a1", "st-1", 18_234_007, T0_MS, 2, 41)
    influx_store.write([block], [receipt])
    answer: Any = influx.query('SELECT * FROM "m"', database)
    assert answer["series"][0] == {
        "name": "m",
        "columns": ["time", "agent", "note", "school", "t", "up", "x"],
        "values": [
            [T0_MS * 10**6, "a1", 'hai dòng\nvà "nháy" \\ ', "Trường Gò Vấp, 1=2", "C:\\temp", 1, 3],
            [(T0_MS + 1) * 10**6, "a1", None, "Trường Gò Vấp, 1=2", None, 0, None],
        ],
    }
    kinds = influx.rows("SHOW FIELD KEYS FROM m", database)
    assert kinds == [["note", "string"], ["up", "float"], ["x", "float"]]
    answer = influx.query('SELECT * FROM "delivery"', database)
    assert answer["series"][0]["columns"] == [
        "time",
        "agent",
        "delay_ms",
        "points",
        "school",
        "seq",
        "stream",
    ]
    assert answer["series"][0]["values"] == [[T0_MS * 10**6 + 234_007, "a1", 41, 2, "s1", 18_234_007, "st-1"]]


@settings_of(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=8))
def test_text_comes_back_to_the_letter(
    influx: Influx, influx_store: InfluxStore, database: str, texts: list[str]
) -> None:
    rows = [(T0_MS + at, (), (text,)) for at, text in enumerate(texts)]
    block = PointBlock("notes", (("agent", "a1"),), (), ("text",), rows)
    assert influx_store.write([block], []).refused == []
    found = influx.rows('SELECT "text" FROM "notes"', database)
    assert [row[1] for row in found[: len(texts)]] == texts


def test_a_database_is_made_with_the_retention_asked_for(influx: Influx, database: str) -> None:
    for days in (90, 365):
        store = InfluxStore(settings(influx, database, retention_days=days))
        store.write([], [])
        store.close()
        (policy,) = influx.rows(f'SHOW RETENTION POLICIES ON "{database}"', database)
        assert policy[:2] == ["autogen", f"{days * 24}h0m0s"]


def test_every_tier_has_its_retention_and_a_changed_setting_takes_effect(
    influx: Influx, database: str, tmp_path: Path
) -> None:
    def kept_days(raw: int, five_minutes: int, hours: int) -> list[int]:
        settings = InfluxSettings(
            kind="influx",
            url=influx.url,
            database=database,
            rollups_path=tmp_path / "rollups.db",
            retention_days=raw,
            five_minute_days=five_minutes,
            hourly_days=hours,
        )
        store = InfluxStore(settings)
        store.write([], [])
        store.close()
        names = (database, *(tier.database(database) for tier in TIERS))
        policies = [influx.rows(f'SHOW RETENTION POLICIES ON "{name}"', "")[0] for name in names]
        return [int(str(policy[1]).partition("h")[0]) // 24 for policy in policies]

    assert kept_days(90, 730, 3650) == [90, 730, 3650]
    assert kept_days(30, 365, 1825) == [30, 365, 1825]


def test_points_beyond_the_retention_are_refused_and_the_rest_is_written(
    influx: Influx, database: str
) -> None:
    store = InfluxStore(settings(influx, database, retention_days=36_500))
    now_ms = time.time_ns() // 1_000_000  # InfluxDB's retention goes by the real clock
    recent = points(*range(now_ms - 600, now_ms))
    old = points(*range(now_ms - 100 * DAY_MS, now_ms - 100 * DAY_MS + 40))
    store.write([recent], [])
    influx.query(f'ALTER RETENTION POLICY "autogen" ON "{database}" DURATION 60d')
    written = store.write([old, recent], [])
    store.close()
    assert (written.points, len(written.refused)) == (600, 40)
    assert {bad.reason for bad in written.refused} == {"points beyond retention policy"}
    assert counted(influx, database) == 600


def test_a_request_that_is_too_large_is_split(tmp_path: Path, database: str) -> None:
    with Influx(tmp_path / "small", max_body_bytes=2_000) as part:
        store = InfluxStore(settings(part, database))
        noise = [f"{number * 7919:x}-{number * 104_729:x}" for number in range(2_000)]
        blocks = [points(T0_MS + at, text=text) for at, text in enumerate(noise)]
        huge = points(T0_MS - 1, text="".join(noise))
        written = store.write([*blocks, huge], [])
        store.close()
        assert (written.points, [bad.reason for bad in written.refused]) == (
            2_000,
            ["larger than InfluxDB takes"],
        )
        assert counted(part, database) == 2_000


def test_nothing_is_lost_while_the_database_is_away(tmp_path: Path, database: str) -> None:
    with Influx(tmp_path / "influx") as part:
        store = InfluxStore(settings(part, database, batch_points=500))
        blocks = [
            points(*range(T0_MS + 1_000 * number, T0_MS + 1_000 * number + 1_000)) for number in range(20)
        ]
        receipts = [Delivery("s1", "a1", "st", seq, T0_MS, 1_000, 5) for seq in range(1, 21)]
        failures: list[StoreUnavailable] = []
        done = threading.Event()

        def write_until_done() -> None:
            while not done.is_set():
                try:
                    store.write(blocks, receipts)
                except StoreUnavailable as error:
                    failures.append(error)
                    if len(failures) > 3:
                        return

        writer = threading.Thread(target=write_until_done)
        writer.start()
        part.kill()
        writer.join(60)
        assert [error.hint for error in failures[1:]] == [
            "the proxy runs and InfluxDB behind it does not"
        ] * 3
        with pytest.raises(StoreUnavailable):
            store.query(SeriesQuery("m", "x", T0_MS, T0_MS + 1, 1))
        part.start()
        store.write(blocks, receipts)
        assert counted(part, database) == 20_000
        assert counted(part, database, "seq", "delivery") == 20
        part.stop()
        with pytest.raises(StoreUnavailable, match="does not answer") as caught:
            store.write(blocks, receipts)
        assert "journal keeps" in caught.value.hint
        store.close()


def test_a_database_that_vanished_is_made_again(
    influx: Influx, influx_store: InfluxStore, database: str
) -> None:
    influx_store.write([points(T0_MS)], [])
    influx.query(f'DROP DATABASE "{database}"')
    assert influx_store.query(SeriesQuery("m", "x", T0_MS, T0_MS + 1, 1)) == []
    with pytest.raises(StoreUnavailable, match="database not found") as caught:
        influx_store.write([points(T0_MS)], [])
    assert "does not exist" in caught.value.hint
    influx_store.write([points(T0_MS)], [])
    assert counted(influx, database) == 1


def test_without_nginx_an_old_influxdb_says_what_it_lacks(influx: Influx, database: str) -> None:
    store = InfluxStore(settings(influx, database, url=influx.direct_url))
    with pytest.raises(StoreUnavailable, match="404") as caught:
        store.write([points(T0_MS)], [])
    assert "nginx" in caught.value.hint
    store.close()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Influx]:
    with Influx(tmp_path / "guarded", auth=True) as part:
        part.query("CREATE USER root WITH PASSWORD 'top' WITH ALL PRIVILEGES")
        yield part


def test_credentials(guarded: Influx, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = {"authorization": "Basic cm9vdDp0b3A="}
    guarded.query("CREATE DATABASE d", **root)
    guarded.query("CREATE USER writer WITH PASSWORD 'secret'", **root)
    guarded.query("CREATE USER reader WITH PASSWORD 'secret'", **root)
    guarded.query("GRANT ALL ON d TO writer", **root)
    guarded.query("GRANT READ ON d TO reader", **root)
    password = tmp_path / "password"

    def attempt(user: str, secret: str) -> InfluxStore:
        password.write_text(secret + "\n")
        return InfluxStore(settings(guarded, "d", username=user, password_file=password))

    with caplog.at_level(logging.INFO):
        for user, secret, status in (
            ("writer", "wrong", 401),
            ("nobody", "secret", 401),
            ("reader", "secret", 403),
        ):
            store = attempt(user, secret)
            for _ in range(3):
                with pytest.raises(StoreUnavailable, match=str(status)) as caught:
                    store.write([points(T0_MS)], [])
                assert "token" in caught.value.hint
            store.close()
        nameless = InfluxStore(settings(guarded, "d"))
        with pytest.raises(StoreUnavailable, match="401"):
            nameless.write([points(T0_MS)], [])
        with pytest.raises(StoreUnavailable, match="401"):
            nameless.query(SeriesQuery("m", "x", T0_MS, T0_MS + 1, 1))
        nameless.close()
    refusals = [record for record in caplog.records if "CREATE DATABASE" in record.getMessage()]
    assert len(refusals) == 4, "once a store, not once a try"
    assert "secret" not in caplog.text
    assert "wrong" not in caplog.text
    store = attempt("writer", "secret")  # may not make databases, and need not
    assert store.write([points(T0_MS)], []).points == 1
    assert len(store.query(SeriesQuery("m", "x", T0_MS, T0_MS + 1, 1))) == 1
    store.close()


def test_a_secret_that_cannot_be_read_is_said_at_once(influx: Influx, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read") as caught:
        InfluxStore(settings(influx, "d", token_file=tmp_path / "nowhere"))
    assert caught.value.hint
