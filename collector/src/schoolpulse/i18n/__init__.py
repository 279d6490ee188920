"""The one catalogue of everything people read: Vietnamese first, English second.

The texts lie in ``*.toml`` beside this file, one file a room, one table a key::

    [wall.title]
    vi = "Trường học"
    en = "Schools"

A key that lacks a language, or stands in two files, is an error at import and so in every test.
Texts may hold ``{names}`` that the caller fills in.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

Language = Literal["vi", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


def _texts(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, str]]]:
    for key, value in table.items():
        if not isinstance(value, dict):
            raise TypeError(f"{prefix}{key}: a text without a language")
        if set(value) == set(LANGUAGES) and all(isinstance(text, str) for text in value.values()):
            yield prefix + key, value
        else:
            yield from _texts(value, f"{prefix}{key}.")


@cache
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """Every text by key, then by language."""
    merged: dict[str, Mapping[str, str]] = {}
    for file in files(__package__).iterdir():
        if file.name.endswith(".toml"):
            for key, text in _texts(tomllib.loads(file.read_text("utf-8"))):
                if key in merged:
                    raise ValueError(f"{file.name}: {key} stands in two files")
                merged[key] = text
    return merged


def translate(key: str, language: Language, **values: object) -> str:
    """The text of `key` in `language`, with its ``{names}`` filled in."""
    return catalogue()[key][language].format(**values)
