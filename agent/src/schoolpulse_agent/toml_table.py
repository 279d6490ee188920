"""Reads typed settings out of a TOML file and notes every mistake with its line, instead of the first."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from schoolpulse_agent.errors import Problem

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_BYTES = 256 * 1024

_TABLE = re.compile(r"\s*\[(\[)?\s*([A-Za-z0-9_.\-\"' ]+?)\s*\]")
_KEY = re.compile(r"\s*([A-Za-z0-9_\-\"']+)\s*=")


class Mistakes:
    """The mistakes found so far in one file, and where each of its tables and keys stands."""

    def __init__(self, text: str = "") -> None:
        self.problems: list[Problem] = []
        self._lines = _lines(text)

    def note(self, place: tuple[str | int, ...], message: str, hint: str = "") -> None:
        """Note one mistake at `place`."""
        line, around = None, place
        while around and line is None:
            line = self._lines.get(around)
            around = around[:-1]
        self.problems.append(Problem(".".join(map(str, place)), message, hint, line))


class Table:
    """One table of the file. Asking for a key makes it known; `done` complains of all others.

    A value that is wrong is noted, and the default stands in for it so that reading can go on.
    """

    def __init__(self, values: dict[str, Any], mistakes: Mistakes, place: tuple[str | int, ...] = ()) -> None:
        self.values = values
        self.place = place
        self.mistakes = mistakes
        self._known: list[str] = []

    def wrong(self, key: str, message: str, hint: str = "") -> None:
        """Note that the value of `key` is wrong."""
        self.mistakes.note((*self.place, key), message, hint)

    def text(self, key: str, default: str = "", *, required: bool = False, matching: str = ".*") -> str:
        """A string that matches the whole of a pattern."""
        value = self._get(key, str, "text", 'write it in "quotes"')
        if value is None:
            if required and key not in self.values:
                self.wrong(key, "is missing")
            return default
        if required and not value:
            self.wrong(key, "is empty")
            return default
        if not re.fullmatch(matching, value, re.DOTALL) or len(value) > 256:
            self.wrong(key, f"{value[:40]!r} is not allowed", f"allowed is {matching}")
            return default
        return str(value)

    def choice(self, key: str, default: str, allowed: tuple[str, ...], *, required: bool = False) -> str:
        """One of `allowed`."""
        value = self.text(key, default, required=required)
        if value not in allowed and key in self.values and isinstance(self.values[key], str):
            self.wrong(key, f"{value[:40]!r} is not known", _suggestion(value, list(allowed)))
            return default
        return value

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """A number between `low` and `high`, both allowed."""
        value = self._get(key, (int, float), "a number", "without quotes")
        if value is None:
            return default
        if not low <= value <= high:
            self.wrong(key, f"{value:g} is out of range", f"from {low:g} to {high:g}")
            return default
        return float(value)

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number between `low` and `high`, both allowed."""
        value = self._get(key, int, "a whole number", "without quotes and without a point")
        if value is None:
            return default
        if not low <= value <= high:
            self.wrong(key, f"{value} is out of range", f"from {low} to {high}")
            return default
        return int(value)

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._get(key, bool, "true or false", "without quotes")
        return default if value is None else bool(value)

    def path(self, key: str, default: Path | None = None) -> Path | None:
        """An absolute path."""
        value = self.text(key)
        if not value:
            return default
        if not value.startswith("/"):
            self.wrong(key, f"{value[:40]!r} is no absolute path", "begin it with /")
            return default
        return Path(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        value = self._get(key, list, "a list", 'like ["eth0", "eth1"]')
        if value is None:
            return ()
        if not all(isinstance(item, str) and 0 < len(item) <= 64 for item in value) or len(value) > 64:
            self.wrong(key, "must hold at most 64 names", 'like ["eth0", "eth1"]')
            return ()
        return tuple(value)

    def wholes(self, key: str) -> tuple[int, ...]:
        """A list of whole numbers."""
        value = self._get(key, list, "a list", "like [1, 2]")
        if value is None:
            return ()
        if not all(isinstance(item, int) and not isinstance(item, bool) for item in value) or len(value) > 64:
            self.wrong(key, "must hold at most 64 whole numbers", "like [1, 2]")
            return ()
        return tuple(value)

    def words(self, key: str) -> dict[str, str]:
        """A table of texts."""
        value = self._get(key, dict, "a table", 'like { 1 = "good", 2 = "bad" }')
        if value is None:
            return {}
        if (
            not all(isinstance(item, str) and 0 < len(item) <= 64 for item in value.values())
            or len(value) > 64
        ):
            self.wrong(key, "must hold at most 64 words", 'like { 1 = "good", 2 = "bad" }')
            return {}
        return dict(value)

    def table(self, key: str) -> Table:
        """The table under `key`; an empty one where there is none."""
        value = self._get(key, dict, "a table", f"write it as [{'.'.join(map(str, (*self.place, key)))}]")
        return Table(value or {}, self.mistakes, (*self.place, key))

    def tables(self, key: str) -> list[Table]:
        """The tables under ``[[key]]``."""
        hint = f"write each as [[{'.'.join(map(str, (*self.place, key)))}]]"
        value = self._get(key, list, "a list of tables", hint)
        if value is None:
            return []
        if not all(isinstance(item, dict) for item in value):
            self.wrong(key, "must be a list of tables", hint)
            return []
        return [Table(item, self.mistakes, (*self.place, key, at)) for at, item in enumerate(value)]

    def done(self) -> None:
        """Complain of every key that nobody asked for."""
        for key in self.values:
            if key not in self._known:
                self.wrong(key, "unknown setting", _suggestion(key, self._known))

    def _get(self, key: str, wanted: Any, named: str, hint: str) -> Any:
        self._known.append(key)
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            self.wrong(key, f"must be {named}", hint)
            return None
        return value


def read_table(data: bytes, mistakes: Mistakes | None = None) -> Table:
    """The top table of the TOML in `data`; what is no TOML is an empty table with a mistake noted."""
    mistakes = mistakes or Mistakes()
    try:
        if len(data) > MAX_BYTES:
            mistakes.note(("file",), f"is larger than {MAX_BYTES} bytes", "is it the right file?")
            return Table({}, mistakes)
        text = data.decode("utf-8")
        values = tomllib.loads(text)
    except UnicodeDecodeError:
        mistakes.note(("file",), "not UTF-8", "save it as UTF-8")
        return Table({}, mistakes)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+)", str(error))
        message = re.sub(r" \(at .*\)$", "", str(error))
        line = int(found.group(1)) if found else None
        mistakes.problems.append(Problem("file", f"not TOML: {message}", 'text goes in "quotes"', line))
        return Table({}, mistakes)
    return Table(values, Mistakes(text))


def _suggestion(word: str, known: list[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  # memory that only a mistake needs

    close = get_close_matches(word, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(sorted(known))}"


def _lines(text: str) -> dict[tuple[str | int, ...], int]:
    """Where each table and key stands. Read by shape, so that it works on what the parser took."""
    found: dict[tuple[str | int, ...], int] = {}
    table: tuple[str | int, ...] = ()
    counts: dict[tuple[str | int, ...], int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _TABLE.match(line):
            table = tuple(part.strip(" \"'") for part in match[2].split("."))
            if match[1]:
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            found.setdefault(table, number)
        elif match := _KEY.match(line):
            found.setdefault((*table, match[1].strip("\"'")), number)
    return found
