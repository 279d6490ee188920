"""A TOML file into a pydantic model, or every mistake in it at once, each with its line and a hint."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from schoolpulse.errors import ConfigError, Problem

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[int | str, ...]
MAX_BYTES = 1024 * 1024

_TABLE = re.compile(r"\s*\[(\[)?\s*([A-Za-z0-9_.\-\"' ]+?)\s*\]")
_KEY = re.compile(r"\s*([A-Za-z0-9_\-\"']+)\s*=")


def load(path: Path, model: type[Model]) -> Model:
    """The file at `path` as a `model`.

    Raises:
        ConfigError: the file cannot be read, is no TOML, or has mistakes: all of them.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        problem = Problem(str(path), error.strerror or "cannot be read", "is the path right?")
        raise ConfigError(f"{path}: cannot be read", [problem]) from error
    return parse(data, model, name=str(path))


def parse(data: bytes, model: type[Model], *, name: str = "configuration") -> Model:
    """The TOML in `data` as a `model`; `name` is for the error's text.

    Raises:
        ConfigError: with every mistake.
    """
    try:
        text = data[:MAX_BYTES].decode("utf-8")
        values = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: not UTF-8", [Problem(name, "not UTF-8", "save it as UTF-8")]) from error
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+)", str(error))
        message = re.sub(r" \(at .*\)$", "", str(error))
        line = int(found.group(1)) if found else None
        problem = Problem(name, f"not TOML: {message}", 'text goes in "quotes"', line)
        raise ConfigError(f"{name}: not TOML", [problem]) from error
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = sorted(_problems(error, model, text), key=lambda problem: problem.line or 0)
        raise ConfigError(f"{name}: {len(problems)} mistakes", problems) from error


def _problems(error: ValidationError, model: type[BaseModel], text: str) -> Iterator[Problem]:
    lines = _lines(text)
    for mistake in error.errors(include_url=False, include_context=False, include_input=False):
        location: Location = mistake["loc"]
        where = ".".join(str(part) for part in location) or "file"
        hint = ""
        message = mistake["msg"].removeprefix("Value error, ")
        if mistake["type"] == "extra_forbidden":
            message = "unknown setting"
            known = _settings_at(model, location[:-1])
            close = difflib.get_close_matches(str(location[-1]), known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(sorted(known))}"
        elif mistake["type"] == "missing":
            message = "is missing"
        yield Problem(where, message, hint, _line_of(location, lines))


def _settings_at(model: type[BaseModel], location: Location) -> list[str]:
    """The names of the settings that may stand in the table at `location`."""
    candidates: list[type[BaseModel]] = [model]
    for part in location:
        below = [
            found
            for candidate in candidates
            if part in candidate.model_fields
            for found in _models_in(candidate.model_fields[str(part)].annotation)
        ]
        # An index of a list and the tag of a union stay on the level they are on.
        candidates = below or candidates
    return [name for candidate in candidates for name in candidate.model_fields]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for argument in get_args(annotation) for found in _models_in(argument)]


def _lines(text: str) -> dict[Location, int]:
    """Where each table and key stands. Read by shape, so that it works on what the parser took."""
    found: dict[Location, int] = {}
    table: Location = ()
    counts: dict[Location, int] = {}
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


def _line_of(location: Location, lines: dict[Location, int]) -> int | None:
    """The line of `location`, or of the nearest thing around it that stands in the file."""
    while location:
        # A union puts the name of its member into the location, which stands nowhere in the file.
        without_one = (location[:at] + location[at + 1 :] for at in range(1, len(location) - 1))
        for candidate in (location, *without_one):
            if candidate in lines:
                return lines[candidate]
        location = location[:-1]
    return None
