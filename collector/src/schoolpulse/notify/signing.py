"""Signatures as the Standard Webhooks specification (1.0.0) has them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
MIN_BYTES, MAX_BYTES = 24, 64
"""Sizes of a key that the specification allows."""


def decode_secret(text: str) -> bytes:
    """The key in ``whsec_<base64>``.

    Raises:
        ValueError: it is none, or too short or long. The text is not in the message.
    """
    encoded = text.removeprefix(PREFIX)
    if encoded == text:
        raise ValueError(f"secret: begins with {PREFIX}")
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ValueError(f"secret: base64 follows {PREFIX}") from error
    if not MIN_BYTES <= len(key) <= MAX_BYTES:
        raise ValueError(f"secret: {MIN_BYTES} to {MAX_BYTES} bytes, these are {len(key)}")
    return key


def new_secret() -> str:
    """A fresh secret of 32 bytes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def headers(message_id: str, timestamp_s: int, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The three headers of a message; without keys no signature, and the receiver cannot check it."""
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp_s, body)
    found = {"webhook-id": message_id, "webhook-timestamp": str(timestamp_s)}
    signatures = [
        "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys
    ]
    if signatures:
        found["webhook-signature"] = " ".join(signatures)
    return found
