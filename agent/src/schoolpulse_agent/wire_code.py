"""Enrolment codes as both ends know them: what a person types, and how a slip of the finger shows.

A code is 12 characters, ``7K3F-9QWX-2MTY``: 55 random bits and a check character, in the 32 characters that
are left of digits and letters without I, L, O and U (which are read as 1, 1 and 0 where somebody writes
them). It may be followed by 16 more, the pin: the beginning of the SHA-256 of the certificate that the
server shows, for servers whose authority nobody else knows. Plain standard library, no I/O.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SECRET_CHARS = 12
PIN_CHARS = 16
MIN_PASSWORD_CHARS = 32
"""A password that an agent makes for itself has at least so many characters: 192 bits of base64."""
_GROUP = 4
_LOOKALIKES = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None, ".": None, "–": None})


class Code(NamedTuple):
    """A code taken apart: the secret part, and the pin or nothing, both without hyphens."""

    secret: str
    pin: str = ""

    def __str__(self) -> str:
        text = self.secret + self.pin
        return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def parse_code(text: str) -> Code:
    """The code in `text`, however it was typed.

    Raises:
        ValueError: it is none; says what seems to be wrong with it.
    """
    plain = text.strip().upper().translate(_LOOKALIKES)
    strange = sorted(set(plain) - set(ALPHABET))
    if strange:
        raise ValueError(f"{strange[0]!r} stands in no code")
    if len(plain) not in (SECRET_CHARS, SECRET_CHARS + PIN_CHARS):
        raise ValueError(f"it has {len(plain)} characters and not {SECRET_CHARS}")
    code = Code(plain[:SECRET_CHARS], plain[SECRET_CHARS:])
    for part in code:
        if part and check_character(part[:-1]) != part[-1]:
            raise ValueError("a character of it is wrong, or two stand in the wrong order")
    return code


def check_character(text: str) -> str:
    """The character that makes `text` whole (Luhn's algorithm with 32 instead of 10).

    It shows every single wrong character, and nearly every two neighbours that changed places.
    """
    total = 0
    for place, character in enumerate(reversed(text)):
        value = ALPHABET.index(character) * (2 - place % 2)
        total += value // 32 + value % 32
    return ALPHABET[-total % 32]


def pin_of(certificate: bytes) -> str:
    """The pin of a certificate in DER: 75 bits of its SHA-256, and their check character."""
    bits = int.from_bytes(hashlib.sha256(certificate).digest(), "big") >> (256 - 5 * (PIN_CHARS - 1))
    text = "".join(ALPHABET[bits >> shift & 31] for shift in range(5 * (PIN_CHARS - 2), -1, -5))
    return text + check_character(text)
