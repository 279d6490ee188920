"""What InfluxDB says when it refuses points, and which lines it means. Pure.

Read from the servers' own words. 1.x answers 400: ``unable to parse '<line>': <why>`` for each line that it
cannot read, ``partial write: <why> dropped=<n>`` for points that it can read and not keep (with the first
reason only), or a bare ``field type conflict`` where two lines of one request disagree. 2.x says the second
kind with 422. 3 lists ``data[]{error_message,line_number,original_line}``.
"""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from schoolpulse.stores.influx_http import error_text

_PARSE = "unable to parse '"
_DROPPED = re.compile(r"dropped=(\d+)\s*\Z")
_CONFLICT = re.compile(
    r'input (?:field|tag) "(?P<name>[^"]*)" on measurement "(?P<measurement>[^"]*)" is'
    r"(?: type (?P<kind>\w+))?"
)
_ABOUT_POINTS = (
    "partial write",
    "unable to parse",
    "field type conflict",
    "invalid",
    "line protocol",
    "schema",
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What one refusal says about the lines of its request.

    `named` are lines that InfluxDB names, by index, with its reason: certainly bad. `suspects` are the
    lines that its reason fits. `about_points` is false where the words are about something else.
    """

    reason: str
    about_points: bool
    named: dict[int, str] = field(default_factory=dict)
    suspects: Sequence[int] = ()


def read_refusal(body: str, lines: Sequence[str]) -> Refusal:
    """What `body`, the text of a 400 or 422, says about `lines`."""
    named = _listed(body, lines)
    said = error_text(body)
    if named:
        return Refusal(said, True, named)
    if _PARSE in said:
        return Refusal(_reason(said), True, _parse_errors(said, lines))
    about_points = any(word in said for word in _ABOUT_POINTS)
    dropped = _DROPPED.search(said)
    reason = _reason(said)
    if dropped is not None and int(dropped[1]) == len(lines):
        return Refusal(reason, True, dict.fromkeys(range(len(lines)), reason))
    if dropped is not None and "beyond retention" in said:
        oldest = heapq.nsmallest(int(dropped[1]), range(len(lines)), key=lambda at: _time_of(lines[at]))
        return Refusal(reason, True, suspects=oldest)
    return Refusal(reason, about_points, suspects=_like(said, lines))


def _reason(said: str) -> str:
    """InfluxDB's reason without the line, which is a payload."""
    text = said.removeprefix("failure writing points to database: ").removeprefix("partial write: ")
    text = _DROPPED.sub("", text)
    if text.startswith(_PARSE):
        text = "unable to parse" + text[text.rfind("': ") + 1 :]
    return text.strip()[:300] or "refused without a reason"


def _listed(body: str, lines: Sequence[str]) -> dict[int, str]:
    """The lines in InfluxDB 3's list, where it is one and fits."""
    try:
        answer = json.loads(body)
        entries = answer["data"]
        found = {int(one["line_number"]) - 1: str(one["error_message"])[:300] for one in entries}
    except (ValueError, KeyError, TypeError):
        return {}
    return {at: reason for at, reason in found.items() if 0 <= at < len(lines)}


def _parse_errors(said: str, lines: Sequence[str]) -> dict[int, str]:
    """The lines named by ``unable to parse '<line>': <why>``; a line may itself hold ``': ``."""
    reasons: dict[str, str] = {}
    for piece in said.split(_PARSE)[1:]:
        end = piece.find("': ")
        while end >= 0:
            reasons.setdefault(piece[:end], _DROPPED.sub("", piece[end + 3 :]).strip()[:300])
            end = piece.find("': ", end + 1)
    return {at: f"unable to parse: {reasons[line]}" for at, line in enumerate(lines) if line in reasons}


def _like(said: str, lines: Sequence[str]) -> list[int]:
    """The lines that hold the measurement and the field (in the type) that `said` complains of."""
    found = _CONFLICT.search(said)
    if found is None:
        return []
    value = {"string": '"', None: ""}.get(found["kind"], '[^"]')
    pattern = re.compile(
        rf"{re.escape(found['measurement'])}[, ](?:.*[ ,])?{re.escape(found['name'])}={value}", re.DOTALL
    )
    return [at for at, line in enumerate(lines) if pattern.match(line)]


def _time_of(line: str) -> int:
    return int(line[line.rfind(" ") + 1 :])
