"""The wire module: topics, batches and sets of sequence numbers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schoolpulse_agent import wire

seqs = st.integers(min_value=1, max_value=60)


@given(st.lists(st.one_of(seqs, st.tuples(seqs, seqs)), max_size=40), st.integers(0, 60))
def test_a_seq_set_is_a_set_of_numbers(steps: list[int | tuple[int, int]], through: int) -> None:
    compact, plain = wire.SeqSet(), set[int]()
    for step in steps:
        if isinstance(step, int):
            compact.add(step)
            plain.add(step)
        else:
            compact.add_range(*step)
            plain.update(range(step[0], step[1] + 1))
    compact.advance(through)
    plain.update(range(1, through + 1))
    assert {number for number in range(1, 62) if number in compact} == plain
    assert compact.missing_through(60) == 60 - len(plain)
    ends = [compact.through, *(edge for pair in compact.also for edge in pair)]
    gaps = list(zip([compact.through, *(last for _, last in compact.also)], compact.also))  # noqa: B905  # Python 3.9
    assert ends == sorted(ends)
    assert all(first > before + 1 for before, (first, _) in gaps), "ranges that touch are one range"
    assert wire.SeqSet(compact.through, compact.also) == compact


@given(st.sets(seqs), st.sets(seqs))
def test_update_is_the_union(one: set[int], other: set[int]) -> None:
    def compact(numbers: set[int]) -> wire.SeqSet:
        return wire.SeqSet(0, ((number, number) for number in numbers))

    union = compact(one)
    union.update(compact(other))
    assert union == compact(one | other)


def test_topics_go_there_and_back() -> None:
    name = wire.topic("thcs-go-vap", wire.Kind.TELEMETRY)
    assert name == "schoolpulse/v1/thcs-go-vap/telemetry"
    assert wire.split_topic(name) == ("thcs-go-vap", wire.Kind.TELEMETRY)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "schoolpulse/v1",
        "schoolpulse/v1/gw",
        "schoolpulse/v1//state",
        "schoolpulse/v1/GW/state",
        "schoolpulse/v1/gw/state/more",
        "schoolpulse/v1/gw/nonsense",
        "schoolpulse/v2/gw/state",
        "x/schoolpulse/v1/gw/state",
        "schoolpulse/v1/gw\n/state",
        f"schoolpulse/v1/{'a' * 65}/state",
    ],
)
def test_other_topics_are_refused(name: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # any reason will do: the topic is foreign
        wire.split_topic(name)


def test_a_batch_is_columnar_and_keeps_its_order() -> None:
    samples = [
        wire.Sample("reachability", at, (("target", name),), (("up", 1), ("rtt_ms", 4.5)))
        for at, name in ((1, "vnix"), (2, "google"), (3, "vnix"))
    ]
    samples.insert(1, wire.Sample("system", 2, (), (("load_1m", 0.5),)))
    body = wire.telemetry_body("boot-1", "synced", wire.blocks_of(samples))
    message = json.loads(wire.telemetry_message("s", 7, 99, body, discarded_through=3))
    assert message == {
        "v": 1,
        "stream": "s",
        "seq": 7,
        "sent_at": 99,
        "discarded_through": 3,
        "boot": "boot-1",
        "clock": "synced",
        "blocks": [
            {
                "m": "reachability",
                "tags": ["target"],
                "fields": ["up", "rtt_ms"],
                "rows": [[1, ["vnix"], [1, 4.5]], [2, ["google"], [1, 4.5]], [3, ["vnix"], [1, 4.5]]],
            },
            {"m": "system", "tags": [], "fields": ["load_1m"], "rows": [[2, [], [0.5]]]},
        ],
    }


def test_not_a_number_is_no_measurement() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        wire.dumps({"rtt_ms": float("nan")})


def test_a_confirm_goes_there_and_back() -> None:
    confirmed = wire.SeqSet(10, [(12, 14), (20, 20)])
    assert wire.parse_confirm(wire.confirm_message("s", confirmed)) == wire.Confirm(
        "s", 10, ((12, 14), (20, 20))
    )


def test_a_confirm_with_too_many_ranges_keeps_the_newest() -> None:
    confirmed = wire.SeqSet(0, ((n, n) for n in range(2, 400, 2)))
    parsed = wire.parse_confirm(wire.confirm_message("s", confirmed))
    assert len(parsed.also) == wire.MAX_CONFIRM_RANGES
    assert parsed.also[-1] == (398, 398)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b'{"through":1}',
        b'{"stream":"s"}',
        b'{"stream":"s","through":-1}',
        b'{"stream":"s","through":1.5}',
        b'{"stream":"s","through":true}',
        b'{"stream":"s","through":1,"also":[[1]]}',
        b'{"stream":"s","through":1,"also":[[1,"2"]]}',
        b'{"stream":"s","through":9223372036854775808}',
    ],
)
def test_a_confirm_is_never_guessed(payload: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # whichever part is wrong, nothing is forgotten
        wire.parse_confirm(payload)
