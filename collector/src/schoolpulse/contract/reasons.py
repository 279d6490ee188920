"""Why something was put aside: a closed set of words that never change, each naming its counter."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The reasons of `Rejected`. `explain` says each in a sentence; the vendor's page lists them all."""

    BAD_TOPIC = "bad_topic"
    UNEXPECTED_KIND = "unexpected_kind"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    NOT_UTF8 = "not_utf8"
    BAD_JSON = "bad_json"
    NESTED_TOO_DEEP = "nested_too_deep"
    NOT_AN_OBJECT = "not_an_object"
    WRONG_VERSION = "wrong_version"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    NOT_FINITE = "not_finite"
    BAD_WORD = "bad_word"
    BAD_NAME = "bad_name"
    RESERVED_NAME = "reserved_name"
    DUPLICATE_COLUMN = "duplicate_column"
    TOO_LONG = "too_long"
    CONTROL_CHARACTER = "control_character"
    EMPTY_BLOCK = "empty_block"
    TOO_MANY_BLOCKS = "too_many_blocks"
    TOO_MANY_COLUMNS = "too_many_columns"
    TOO_MANY_ROWS = "too_many_rows"
    TOO_MANY_ITEMS = "too_many_items"
    BAD_ROW_WIDTH = "bad_row_width"
    TIME_IN_FUTURE = "time_in_future"
    TIME_TOO_OLD = "time_too_old"
    UNDECODABLE = "undecodable"
    TOO_MANY_STREAMS = "too_many_streams"
    TOO_MANY_GAPS = "too_many_gaps"
    POINT_REFUSED = "point_refused"
    SINK_FAILED = "sink_failed"

    @property
    def explain(self) -> str:
        """One English sentence for logs, the quarantine list and the vendor's page."""
        return _EXPLAIN[self]


_EXPLAIN = {
    Reason.BAD_TOPIC: "the topic is not schoolpulse/v1/<agent_id>/<kind> with an id of a-z, 0-9 and -",
    Reason.UNEXPECTED_KIND: "agents do not send messages of this kind",
    Reason.EMPTY: "there is no payload",
    Reason.TOO_LARGE: "the payload has more bytes than a message may have",
    Reason.NOT_UTF8: "the payload is not UTF-8",
    Reason.BAD_JSON: "the payload is not JSON",
    Reason.NESTED_TOO_DEEP: "the JSON is nested deeper than any message of this contract",
    Reason.NOT_AN_OBJECT: "the payload is JSON but not an object",
    Reason.WRONG_VERSION: "`v` is not a version of the contract that belongs on this topic",
    Reason.MISSING_FIELD: "a required key is missing",
    Reason.WRONG_TYPE: "a value has another type than the contract gives it",
    Reason.OUT_OF_RANGE: "a number is smaller or larger than the contract allows",
    Reason.NOT_FINITE: "a number is NaN or infinite",
    Reason.BAD_WORD: "a value is not one of the words that may stand there",
    Reason.BAD_NAME: "an id, measurement or column name has characters or a length that are not allowed",
    Reason.RESERVED_NAME: "a measurement or column has a name that the collector itself uses",
    Reason.DUPLICATE_COLUMN: "two columns of a block have the same name",
    Reason.TOO_LONG: "a string is longer than a string may be",
    Reason.CONTROL_CHARACTER: "a string holds a control character or a line separator",
    Reason.EMPTY_BLOCK: "a block has no fields or no rows",
    Reason.TOO_MANY_BLOCKS: "a batch has more blocks than it may have",
    Reason.TOO_MANY_COLUMNS: "a block has more tag or field columns than it may have",
    Reason.TOO_MANY_ROWS: "a batch has more rows than it may have",
    Reason.TOO_MANY_ITEMS: "a list has more items than it may have",
    Reason.BAD_ROW_WIDTH: "a row has more or fewer values than its block has columns",
    Reason.TIME_IN_FUTURE: "a sample is stamped more than five minutes ahead of the collector's clock",
    Reason.TIME_TOO_OLD: "a sample is stamped before 2020: the clock was never set",
    Reason.UNDECODABLE: "reading it failed in a way that has no name yet; that is the collector's fault",
    Reason.TOO_MANY_STREAMS: "there are more streams than the collector keeps",
    Reason.TOO_MANY_GAPS: "the stream has more gaps than the collector keeps; fill them first",
    Reason.POINT_REFUSED: "the store's database refuses this point for good",
    Reason.SINK_FAILED: "the message made a part of the collector fail every time it was tried",
}
