"""Text that comes from people and devices, made harmless for spreadsheets."""

from __future__ import annotations

import re

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the begin of a formula (OWASP, "CSV Injection")."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


def plain(text: str) -> str:
    """Without what XML cannot hold."""
    return _CONTROL.sub(" ", text)


def for_csv(text: str) -> str:
    """With an apostrophe before what would be a formula: a CSV has no other way to say that it is text."""
    text = plain(text)
    return "'" + text if text.lstrip(" \u2003").startswith(_DANGEROUS) else text
