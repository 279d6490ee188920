"""From the text of a cell to a value, the same for files and for what the API is sent.

Each parser takes text without blanks around it, never empty, and raises `Wrong`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime, time

from schoolpulse.local_time import local, midnight_ms, ms_of
from schoolpulse.registry.mistakes import Wrong
from schoolpulse_agent import wire

LEVELS = ("mam_non", "tieu_hoc", "thcs")
Parser = Callable[[str], object]

_ALWAYS = frozenset({"always", "tutruoc", "luonluon"})
_LEVEL_NAMES = {
    "mamnon": "mam_non",
    "mn": "mam_non",
    "tieuhoc": "tieu_hoc",
    "th": "tieu_hoc",
    "trunghoccoso": "thcs",
    "thcs": "thcs",
}
_ROLE_NAMES = {"primary": "primary", "chinh": "primary", "backup": "backup", "duphong": "backup"}
_TECHNOLOGY_NAMES = {"capquang": "fibre", "ftth": "fibre", "fiber": "fibre", "cap": "cable"}
_SCHOOL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_WORD = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
_PHONE = re.compile(r"\+?[0-9][0-9 ().-]{2,38}\Z")
_EMAIL = re.compile(r"[^\s@<>\"',;:()\\]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+\Z")
_FORMULA_STARTS = ("=", "+", "-", "@")
# Letters of TCVN3 as Unicode shows them: ă â ê ô ơ ư đ; nothing in Vietnamese is written with these signs.
_TCVN3 = re.compile("[\u00a8-\u00ac\u00ae\u00b5-\u00b9]|\u00ad")


def folded(text: str) -> str:
    """`text` without accents, case and everything but letters and digits: ``Mã trường`` is ``matruong``."""
    plain = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return "".join(sign for sign in plain if sign.isascii() and sign.isalnum())


def text(limit: int) -> Callable[[str], str]:
    """Text of at most `limit` characters, as people read it."""

    def parse(value: str) -> str:
        value = unicodedata.normalize("NFC", value)
        if len(value) > limit:
            raise Wrong("too_long", limit=limit)
        if _TCVN3.search(value):
            raise Wrong("tcvn3")
        if any(unicodedata.category(sign) in {"Cc", "Cs", "Cn"} for sign in value):
            raise Wrong("unprintable")
        if value.startswith(_FORMULA_STARTS):
            raise Wrong("starts_formula", start=value[0])
        return value

    return parse


def number(low: float, high: float) -> Callable[[str], float]:
    """A number with a decimal point."""

    def parse(value: str) -> float:
        try:
            found = float(value)
        except ValueError:
            found = float("nan")
        if not low <= found <= high:
            raise Wrong("number", low=low, high=high)
        return found

    return parse


def school_id(value: str) -> str:
    """A school's id."""
    if not _SCHOOL_ID.match(value):
        raise Wrong("school_id")
    return value


def agent_id(value: str) -> str:
    """An agent's id, as the wire contract has it."""
    if not wire.valid_agent_id(value):
        raise Wrong("agent_id")
    return value


def level(value: str) -> str:
    """A level by its word or its Vietnamese name."""
    if (found := _LEVEL_NAMES.get(folded(value))) is None:
        raise Wrong("choice", choices=", ".join(LEVELS))
    return found


def role(value: str) -> str:
    """A line's role by its word or its Vietnamese name."""
    if (found := _ROLE_NAMES.get(folded(value))) is None:
        raise Wrong("choice", choices="primary, backup")
    return found


def technology(value: str) -> str:
    """A line's technology: ``fibre``, ``4g``, ...; some by their Vietnamese name."""
    return _TECHNOLOGY_NAMES.get(folded(value)) or text(32)(value)


def word(value: str) -> str:
    """A kind of device."""
    if not _WORD.match(value):
        raise Wrong("word")
    return value


def currency(value: str) -> str:
    """An ISO 4217 code."""
    if not re.match(r"[A-Za-z]{3}\Z", value):
        raise Wrong("currency")
    return value.upper()


def phone(value: str) -> str:
    """The telephone number of a post."""
    if not _PHONE.match(value):
        raise Wrong("phone")
    return value


def email(value: str) -> str:
    """The e-mail address of a post."""
    if len(value) > 254 or not value.isascii() or not _EMAIL.match(value) or value[0] in _FORMULA_STARTS:
        raise Wrong("email")
    return value


def day(value: str) -> date:
    """A day: ``2026-09-01``, or as Vietnam writes it, ``01/09/2026``."""
    local = re.match(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})\Z", value)
    try:
        found = date(int(local[3]), int(local[2]), int(local[1])) if local else date.fromisoformat(value)
    except ValueError as error:
        raise Wrong("date") from error
    if not 1970 <= found.year < 2100:
        raise Wrong("date")
    return found


def moment(value: str) -> int:
    """Milliseconds since 1970 of a day's beginning in Vietnam, or of an ISO 8601 time with its offset."""
    if "T" not in value:
        return midnight_ms(day(value))
    try:
        at = datetime.fromisoformat(value)
        at_ms = ms_of(at)
    except (ValueError, OverflowError) as error:
        raise Wrong("date") from error
    if not 0 <= at_ms < 4_102_444_800_000:
        raise Wrong("date")
    return at_ms


def since(value: str) -> int | str:
    """A day or a time, or "always" ("từ trước")."""
    return "always" if folded(value) in _ALWAYS else moment(value)


def moment_text(at_ms: int | None) -> str:
    """The shortest text that `moment` reads as `at_ms`; empty for None."""
    if at_ms is None:
        return ""
    at = local(at_ms)
    if at.time() == time():
        return at.date().isoformat()
    return at.isoformat(timespec="milliseconds")


def area_path(value: str) -> tuple[str, ...]:
    """A path of area names from the top down, joined by slashes."""
    names = [name.strip() for name in value.split("/")]
    if not all(names) or len(names) > 16:
        raise Wrong("area_name")
    return tuple(text(200)(name) for name in names)


def area_name(value: str) -> str:
    """The name of one area."""
    if "/" in value:
        raise Wrong("area_name")
    return text(200)(value)
