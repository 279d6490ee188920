"""What every point store promises, shown with the real ones."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schoolpulse.errors import UsageError
from schoolpulse.stores.base import Delivery, PointBlock, PointStore, Series, SeriesQuery, Window
from schoolpulse.stores.shape import clean_tag

T0 = 1_789_999_200_000
MINUTE = 60_000
HOUR = 60 * MINUTE
COMMON = (("agent", "a1"), ("school", "s1"))
ODD_TAGS = [
    "Trường THCS Gò Vấp – Phường 10",
    "comma, equals= and  two spaces",
    " spaces around ",
    "quotes \" and ' both",
    "C:\\temp",
    "#hash and \\ space",
    "'; DROP TABLE value; --",
    "ends with a backslash\\",
    "\\\\server\\printer, 1",
    "two\nlines\r\nand a\ttab",
    "🙂 emoji",
    "=",
    ",",
    "\\",
]


def block(*rows: Any, **more: Any) -> PointBlock:
    """A block of one school, with a tag `t` and a field `x` where nothing else is said."""
    values = {"measurement": "m", "common_tags": COMMON, "tag_keys": ("t",), "field_keys": ("x",), **more}
    return PointBlock(rows=rows, **values)


def query(store: PointStore, **more: Any) -> list[Series]:
    """The series of field `x` in an hour of minutes where nothing else is said."""
    values = {"measurement": "m", "field": "x", "from_ms": T0, "to_ms": T0 + HOUR, "step_ms": MINUTE, **more}
    return list(store.query(SeriesQuery(**values)))


def count(store: PointStore, **more: Any) -> int:
    return sum(window.count for series in query(store, **more) for window in series.windows)


def test_windows_are_aligned_and_hold_mean_min_max_and_count(store: PointStore) -> None:
    rows = [(T0 + second * 1000, ("a",), (float(second),)) for second in (0, 30, 59, 60, 200)]
    assert store.write([block(*rows)], []).points == 5
    (series,) = query(store)
    assert series == Series(
        {},
        [
            Window(T0, 89 / 3, 0.0, 59.0, 3),
            Window(T0 + MINUTE, 60.0, 60.0, 60.0, 1),
            Window(T0 + 3 * MINUTE, 200.0, 200.0, 200.0, 1),
        ],
    )


def test_a_range_begins_with_its_first_and_ends_before_its_last_millisecond(store: PointStore) -> None:
    store.write([block(*[(T0 + at, ("a",), (1,)) for at in (-1, 0, 99_999, 100_000)])], [])
    assert count(store, to_ms=T0 + 100_000) == 2
    assert count(store, to_ms=T0 + 100_001) == 3
    assert query(store, from_ms=T0 + HOUR, to_ms=T0) == []
    assert count(store, from_ms=-(2**60), to_ms=2**62, step_ms=2**50) == 4


def test_writing_again_changes_nothing(store: PointStore) -> None:
    blocks = [block(*[(T0 + at * 1000, ("a",), (at,)) for at in range(20)])]
    receipts = [Delivery("s1", "a1", "stream", 7, T0, 20, 15)]
    before = [
        store.write(blocks, receipts).points,
        count(store),
        count(store, measurement="delivery", field="seq"),
    ]
    for _ in range(2):
        assert store.write(blocks, receipts).refused == []
    assert before == [20, 20, 1]
    assert [count(store), count(store, measurement="delivery", field="seq")] == [20, 1]


def test_the_newest_value_of_one_moment_wins(store: PointStore) -> None:
    store.write([block((T0, ("a",), (1,)))], [])
    store.write([block((T0, ("a",), (5,)))], [])
    assert query(store)[0].windows == [Window(T0, 5.0, 5.0, 5.0, 1)]


def test_fields_of_one_moment_merge(store: PointStore) -> None:
    store.write([block((T0, ("a",), (1, None)), field_keys=("x", "y"))], [])
    store.write([block((T0, ("a",), (None, 2)), field_keys=("x", "y"))], [])
    assert [count(store), count(store, field="y")] == [1, 1]


def test_each_batch_is_one_receipt(store: PointStore) -> None:
    receipts = [
        Delivery("s1", f"a{agent}", f"st{agent}", seq, T0, 50, 4) for agent in (1, 2) for seq in range(1, 501)
    ]
    store.write([], receipts)
    store.write([], receipts[300:700])
    found = query(store, measurement="delivery", field="points", step_ms=HOUR, group_by=("agent", "stream"))
    assert [(one.tags, one.windows) for one in found] == [
        ({"agent": f"a{agent}", "stream": f"st{agent}"}, [Window(T0, 50.0, 50.0, 50.0, 500)])
        for agent in (1, 2)
    ]
    one_agent = {
        "measurement": "delivery",
        "field": "seq",
        "step_ms": HOUR,
        "tags": {"agent": "a2", "school": "s1"},
    }
    assert query(store, **one_agent)[0].windows == [Window(T0, 250.5, 1.0, 500.0, 500)]
    assert query(store, **{**one_agent, "tags": {"target": "x"}}) == []
    assert query(store, **{**one_agent, "field": "x"}) == []


def test_numbers_and_booleans_are_one_type(store: PointStore) -> None:
    rows = [(T0 + at, ("a",), (value,)) for at, value in enumerate((1, 1.0, True, 2**40, -0.5, False, 2**70))]
    written = store.write([block(*rows)], [])
    assert (written.points, written.refused) == (7, [])
    (window,) = query(store)[0].windows
    assert window.mean == pytest.approx(2**70 / 7)
    assert (window.min, window.max, window.count) == (-0.5, 2.0**70, 7)


def test_what_is_none_is_absent(store: PointStore) -> None:
    rows = [(T0, (None,), (1, None)), (T0 + 1, ("a",), (None, None)), (T0 + 2, ("",), (None, 2))]
    written = store.write([block(*rows, field_keys=("x", "y"))], [])
    assert (written.points, written.refused) == (2, [])
    assert [series.tags for series in query(store, group_by=("t",))] == [{"t": ""}]
    assert count(store, tags={"t": ""}) == 1
    assert count(store, field="y", tags={"t": ""}) == 1
    assert query(store, tags={"t": "a"}) == []


@pytest.mark.parametrize("value", ODD_TAGS)
def test_tags_hold_any_text(store: PointStore, value: str) -> None:
    rows = [(T0, (value,), (1,)), (T0, ("other",), (2,)), (T0, (value + "x",), (3,))]
    assert store.write([block(*rows)], []).refused == []
    assert query(store, tags={"t": value})[0].windows == [Window(T0, 1.0, 1.0, 1.0, 1)]
    tags = [series.tags["t"] for series in query(store, group_by=("t",))]
    assert sorted(tags) == sorted([clean_tag(value), "other", clean_tag(value + "x")])


def test_series_come_in_order_of_their_tags_and_merge_what_is_not_grouped(store: PointStore) -> None:
    rows = [(T0 + at, (name, side), (at,)) for at, (name, side) in enumerate(itertools.product("ba", "yx"))]
    store.write([block(*rows, tag_keys=("t", "u"))], [])
    assert [series.tags for series in query(store, group_by=("t",))] == [{"t": "a"}, {"t": "b"}]
    assert [series.windows[0].count for series in query(store, group_by=("t",))] == [2, 2]
    assert [series.tags for series in query(store, group_by=("u", "t"), tags={"t": "a"})] == [
        {"u": "x", "t": "a"},
        {"u": "y", "t": "a"},
    ]


def test_the_registrys_tags_cannot_be_claimed(store: PointStore) -> None:
    forged = block((T0, ("other school", "a"), (1, 9)), tag_keys=("school", "t"), field_keys=("x", "agent"))
    assert store.write([forged], []).refused == []
    assert query(store, group_by=("school", "agent"))[0].tags == {"school": "s1", "agent": "a1"}
    assert query(store, field="agent") == []


def test_a_field_that_changes_its_type_is_refused_and_the_rest_is_written(store: PointStore) -> None:
    store.write([block((T0, ("a",), (1, "text")), field_keys=("x", "note"))], [])
    rows: list[Any] = [(T0 + 1000 * at, ("a",), (at, "fine")) for at in range(1, 300)]
    rows[17] = (T0 + 17_000, ("a",), ("seventeen", "fine"))
    rows[201] = (T0 + 201_000, ("a",), (201, 5.5))
    written = store.write(
        [block(*rows, field_keys=("x", "note"))], [Delivery("s1", "a1", "st", 1, T0, 299, 0)]
    )
    conflict = (
        'field type conflict: input field "{}" on measurement "m" is type {}, already exists as type {}'
    )
    assert written.points == 297
    assert sorted((bad.measurement, bad.reason) for bad in written.refused) == [
        ("m", conflict.format("note", "float", "string")),
        ("m", conflict.format("x", "string", "float")),
    ]
    assert sum("seventeen" in bad.line for bad in written.refused) == 1
    assert count(store) == 298
    assert count(store, measurement="delivery", field="seq") == 1


def test_types_that_differ_within_one_write_are_settled_by_the_first(store: PointStore) -> None:
    rows = [(T0 + at, ("a",), (at if at % 2 == 0 else "odd",)) for at in range(40)]
    written = store.write([block(*rows), block((T0, ("a",), (7,)), measurement="other")], [])
    assert written.points == 21
    assert len(written.refused) == 20
    assert all("odd" in bad.line for bad in written.refused)
    assert [count(store), count(store, measurement="other")] == [20, 1]


def test_a_write_of_nothing_but_conflicts_is_refused_whole(store: PointStore) -> None:
    store.write([block((T0, ("a",), (1,)))], [])
    written = store.write([block(*[(T0 + at, ("a",), ("text",)) for at in range(200)])], [])
    assert (written.points, len(written.refused)) == (0, 200)
    assert count(store) == 1


def test_text_is_kept_and_has_no_chart(store: PointStore) -> None:
    assert store.write([block((T0, ("a",), ("tiếng Việt",)))], []).points == 1
    assert query(store) == []


@pytest.mark.parametrize("bad", [10**400, 10**5000, math.nan, math.inf], ids=["400", "5000", "nan", "inf"])
def test_a_number_that_is_no_float_is_refused_alone(store: PointStore, bad: float) -> None:
    rows = [(T0 + at, ("a",), (1.5, "s")) for at in range(10)]
    rows[3] = (T0 + 3, ("a",), (bad, "s"))
    written = store.write([block(*rows, field_keys=("x", "y"))], [])
    assert (written.points, len(written.refused)) == (9, 1)
    assert count(store) == 9


@pytest.mark.parametrize("bad", [10**400, math.nan], ids=["400", "nan"])
def test_the_same_among_numbers_only(store: PointStore, bad: float) -> None:
    rows = [(T0 + at, ("a",), (1.5,)) for at in range(10)]
    rows[3] = (T0 + 3, ("a",), (bad,))
    written = store.write([block(*rows)], [])
    assert (written.points, len(written.refused), count(store)) == (9, 1, 9)


@pytest.mark.parametrize(
    "shape",
    [
        {"measurement": "m,t=1 x"},
        {"measurement": ""},
        {"measurement": "#comment"},
        {"tag_keys": ("t=",)},
        {"tag_keys": ("time",)},
        {"field_keys": ("x y",)},
        {"field_keys": ("time",)},
        {"field_keys": ('x"',)},
    ],
)
def test_names_outside_the_contract_are_refused(store: PointStore, shape: dict[str, object]) -> None:
    written = store.write([block((T0, ("a",), (1,)), **shape), block((T0, ("a",), (1,)))], [])
    assert written.points == 1
    assert [bad.reason != "" for bad in written.refused] == [True]


def test_rows_of_the_wrong_width_are_refused_alone(store: PointStore) -> None:
    rows = [
        (T0, ("a",), (1,)),
        (T0, (), (1,)),
        (T0, ("a", "b"), (1,)),
        (T0, ("a",), ()),
        (T0, ("b",), (1, 2)),
    ]
    written = store.write([block(*rows)], [])
    assert (written.points, [bad.reason for bad in written.refused]) == (1, ["a row of the wrong width"] * 4)


@pytest.mark.parametrize(
    "name",
    [
        'x") FROM "m"; DROP MEASUREMENT "m" --',
        "x'; DROP TABLE value; --",
        'x" OR "1"=\'1',
        "x\\",
        'x\\"',
        "x\n; DROP DATABASE test",
        "*",
        "/.*/",
        "",
    ],
)
def test_names_and_values_in_a_query_are_only_names_and_values(store: PointStore, name: str) -> None:
    store.write([block((T0, ("a",), (1,)))], [])
    assert query(store, measurement=name) == []
    assert query(store, field=name) == []
    assert query(store, tags={"t": name or "-"}) == []
    assert query(store, tags={name or "-": "a"}) == []
    assert [series.windows[0].count for series in query(store, group_by=(name or "-",))] == [1]
    assert count(store) == 1


def test_ten_thousand_windows_and_not_one_more(store: PointStore) -> None:
    store.write([block((T0, ("a",), (1,)))], [])
    assert count(store, to_ms=T0 + 10_000 * 1000, step_ms=1000) == 1
    for more in ({"to_ms": T0 + 10_001 * 1000, "step_ms": 1000}, {"step_ms": 0}, {"step_ms": -5}):
        with pytest.raises(UsageError) as caught:
            query(store, **more)
        assert caught.value.hint


def test_many_points_in_one_write(store: PointStore) -> None:
    rows = [(T0 + at * 100, (f"t{at % 7}",), (at, at / 2)) for at in range(12_345)]
    assert store.write([block(*rows, field_keys=("x", "y"))], []).points == 12_345
    (window,) = query(store, field="y", step_ms=HOUR)[0].windows
    assert window.mean == pytest.approx(12_344 / 4)
    assert (window.min, window.max, window.count) == (0.0, 6172.0, 12_345)


_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_values = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False, width=32), st.integers(-(2**53), 2**53), st.booleans()
)
_rows = st.lists(
    st.tuples(st.integers(0, 59), st.none() | _texts, st.none() | _texts, st.none() | _values), max_size=12
)
_measurements = (f"p{number}" for number in itertools.count())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_rows)
def test_whatever_is_written_comes_back(
    store: PointStore, rows: list[tuple[int, str | None, str | None, float]]
) -> None:
    """Against a dictionary: by (cleaned tags, time) the last value wins; absent and empty are one."""
    name = next(_measurements)
    expected: dict[tuple[str, str], dict[int, float]] = {}
    for second, one, two, value in rows:
        if value is not None:
            key = (clean_tag(one or ""), clean_tag(two or ""))
            expected.setdefault(key, {})[second] = float(value)
    written = store.write(
        [
            block(
                *[(T0 + second * 1000, (one, two), (value,)) for second, one, two, value in rows],
                measurement=name,
                tag_keys=("t", "u"),
            )
        ],
        [],
    )
    assert written.refused == []
    found = query(store, measurement=name, step_ms=1000, group_by=("t", "u"))
    assert {
        (series.tags["t"], series.tags["u"]): {
            (window.at_ms - T0) // 1000: window.mean for window in series.windows
        }
        for series in found
    } == expected
