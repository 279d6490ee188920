"""Refusals in the words of InfluxDB 1.6.7 (recorded), 2.7 and 3, and which lines they mean."""

from __future__ import annotations

import json

from schoolpulse.stores.influx_refusals import read_refusal

CONFLICT = (
    'partial write: field type conflict: input field "x" on measurement "m" is type string,'
    " already exists as type float dropped={}"
)


def body(message: str) -> str:
    return json.dumps({"error": message})


def test_lines_that_cannot_be_read_are_named() -> None:
    lines = ["m x=1 1", "m,=a x=2 2", "bad", "m,t=': x=1 3"]
    found = read_refusal(
        body(
            "partial write: unable to parse 'm,=a x=2 2': missing tag key\n"
            "unable to parse 'bad': missing fields\n"
            "unable to parse 'm,t=': x=1 3': invalid number dropped=0"
        ),
        lines,
    )
    assert found.named == {
        1: "unable to parse: missing tag key",
        2: "unable to parse: missing fields",
        3: "unable to parse: invalid number",
    }


def test_a_parse_error_about_no_line_of_ours_names_none() -> None:
    found = read_refusal(body("unable to parse 'm x=9 9': invalid number"), ["m x=1 1", "m x=2 2"])
    assert (found.named, list(found.suspects), found.about_points) == ({}, [], True)


def test_a_conflict_points_at_the_field_in_that_type() -> None:
    lines = [
        "m x=1 1",
        'm x="text" 2',
        'm,t=a y=1,x="text" 3',
        'm y="x=1" 4',
        'mm x="text" 5',
        'm xx="text" 6',
        "m y=1 7",
    ]
    found = read_refusal(body(CONFLICT.format(2)), lines)
    assert (found.named, list(found.suspects)) == ({}, [1, 2])
    assert found.reason == (
        'field type conflict: input field "x" on measurement "m" is type string, already exists as type float'
    )


def test_when_as_many_were_dropped_as_were_sent_all_are_bad() -> None:
    found = read_refusal(body(CONFLICT.format(2)), ['m x="a" 1', 'm x="b" 2'])
    assert sorted(found.named) == [0, 1]


def test_what_is_beyond_the_retention_is_the_oldest() -> None:
    lines = [f"m x=1 {at}" for at in (5, 1, 4, 2, 3)]
    found = read_refusal(body("partial write: points beyond retention policy dropped=2"), lines)
    assert sorted(found.suspects) == [1, 3]


def test_the_bare_conflict_within_one_request_points_at_nothing() -> None:
    found = read_refusal(body("field type conflict"), ["m x=1 1", 'm x="a" 2'])
    assert (found.named, list(found.suspects), found.about_points) == ({}, [], True)


def test_a_name_that_cannot_be_is_pointed_at() -> None:
    text = 'partial write: invalid field name: input field "time" on measurement "m" is invalid dropped=1'
    assert list(read_refusal(body(text), ["m x=1 1", "m time=2 2"]).suspects) == [1]


def test_words_about_something_else_are_not_about_points() -> None:
    for text in ('{"error":"database is required"}', "<html>400 Bad Request</html>", "", "[]", "{}", "null"):
        found = read_refusal(text, ["m x=1 1"])
        assert (found.about_points, found.named, list(found.suspects)) == (False, {}, [])
        assert found.reason


def test_a_list_that_does_not_fit_is_not_believed() -> None:
    for data in ([{"line_number": 9, "error_message": "x"}], [{"line_number": "a"}], "no list", [None]):
        found = read_refusal(json.dumps({"error": "partial write", "data": data}), ["m x=1 1"])
        assert found.named == {}
