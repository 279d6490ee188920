"""Line protocol to the byte."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schoolpulse.stores.base import BadPoint, Delivery, PointBlock
from schoolpulse.stores.line_protocol import delivery_line, encode, escape, lines_of
from schoolpulse.stores.shape import clean_tag

T0 = 1_790_000_000_000


def lines(*rows: Any, **more: Any) -> list[str]:
    refused: list[BadPoint] = []
    values = {"measurement": "m", "common_tags": (), "tag_keys": (), "field_keys": ("x", "y"), **more}
    found = lines_of(PointBlock(rows=rows, **values), refused)
    assert refused == []
    return found


@pytest.mark.parametrize("count", [1, 10])
def test_a_reachability_block(count: int) -> None:
    rows = [(T0 + at, ["vnix-hcm", "national"], [1, 4.2, 0.3, 0.0]) for at in range(count)]
    found = lines(
        *rows,
        measurement="reachability",
        common_tags=(("school", "THCS Gò Vấp"), ("agent", "a1")),
        tag_keys=["target", "scope"],
        field_keys=["up", "rtt_ms", "jitter_ms", "loss_ratio"],
    )
    assert found == [
        "reachability,agent=a1,school=THCS\\ Gò\\ Vấp,scope=national,target=vnix-hcm"
        f" up=1,rtt_ms=4.2,jitter_ms=0.3,loss_ratio=0.0 {T0 + at}000000"
        for at in range(count)
    ]


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ((1, 2.5), "x=1,y=2.5"),
        ((True, False), "x=1,y=0"),
        ((-0.0, 1e-10), "x=-0.0,y=1e-10"),
        ((1e22, 123456789.123), "x=1e+22,y=123456789.123"),
        ((2**63, -(2**70)), "x=9223372036854775808,y=-1180591620717411303424"),
        ((None, 2), "y=2"),
        ((1, None), "x=1"),
        (("text", None), 'x="text"'),
        (('a "b" \\ c', 1), 'x="a \\"b\\" \\\\ c",y=1'),
        (("two\nlines, a=b", 1), 'x="two\nlines, a=b",y=1'),
        (("100%r %s %d", 0), 'x="100%r %s %d",y=0'),
        (("", 0), 'x="",y=0'),
    ],
)
@pytest.mark.parametrize("count", [1, 6])
def test_values(values: tuple[Any, Any], fields: str, count: int) -> None:
    assert lines(*[(T0, (), values)] * count) == [f"m {fields} {T0}000000"] * count


def test_rows_without_a_field_are_skipped() -> None:
    assert lines((T0, (), (None, None)), (T0, (), (1, None))) == [f"m x=1 {T0}000000"]
    assert lines((T0, (), (1,)), common_tags=(("x", "tag"),), field_keys=("x",)) == []


def test_tags_that_are_absent_or_empty_are_left_out() -> None:
    rows = [(T0, tags, (1, 2)) for tags in ((None, "b"), ("a", ""), (None, None))]
    assert lines(*rows, tag_keys=("t", "s")) == [
        f"m,s=b x=1,y=2 {T0}000000",
        f"m,t=a x=1,y=2 {T0}000000",
        f"m x=1,y=2 {T0}000000",
    ]


def test_a_second_column_of_a_name_is_left_out() -> None:
    assert lines((T0, ("a", "b"), (1, 2)), tag_keys=("t", "t"), field_keys=("x", "x")) == [
        f"m,t=a x=1 {T0}000000"
    ]


@pytest.mark.parametrize(
    ("raw", "escaped"),
    [
        ("Gò Vấp", "Gò\\ Vấp"),
        ("a,b=c d", "a\\,b\\=c\\ d"),
        ("C:\\temp", "C:\\temp"),
        ("ends\\", "ends/"),
        ("\\\\server\\printer", "//server/printer"),
        ("a\\, b", "a/\\,\\ b"),
        ("x\ny\tz\x00", "x\\ y\\ z\\ "),
        ('"quoted"', '"quoted"'),
        ("'", "'"),
    ],
)
def test_tags(raw: str, escaped: str) -> None:
    assert escape(raw) == escaped


@given(st.text())
def test_a_cleaned_tag_needs_no_more_cleaning_and_no_backslash_joins_anything(value: str) -> None:
    clean = clean_tag(value)
    assert clean_tag(clean) == clean
    assert "\n" not in clean
    assert all(
        clean[at + 1 : at + 2] not in {"", ",", "=", " ", "\\"}
        for at, letter in enumerate(clean)
        if letter == "\\"
    )


def test_a_receipt_has_a_nanosecond_of_its_own() -> None:
    receipt = Delivery("trường 1", "a1", "9f2c", 3_000_007, T0, 50, -3)
    assert delivery_line(receipt) == (
        f"delivery,agent=a1,school=trường\\ 1,stream=9f2c delay_ms=-3,points=50,seq=3000007 {T0}000007"
    )


def test_encoding_survives_what_is_no_unicode() -> None:
    assert encode(["m x=1", 'm s="\ud800"']) == b'm x=1\nm s="?"'
