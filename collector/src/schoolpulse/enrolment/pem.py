"""The certificates that agents are told of, read from their files when they are asked for."""

from __future__ import annotations

import ssl
from pathlib import Path

from schoolpulse.errors import ConfigError, Problem, Reason
from schoolpulse_agent import wire_code

MAX_BYTES = 64 * 1024
_SERVER = "enrolment.server_certificate_file"


def text_of(path: Path | None, setting: str) -> str | None:
    """The PEM file at `path`, None where none is set; `setting` names it in an error.

    Raises:
        ConfigError: it cannot be read.
    """
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(setting, f"{path} cannot be read: {error}") from error


def pin_in(path: Path | None) -> str:
    """The pin of the first certificate in the file, the server's own; empty where none is set.

    Raises:
        ConfigError: it cannot be read, or holds no certificate.
    """
    pem = text_of(path, _SERVER)
    if pem is None:
        return ""
    begin, end = pem.find(ssl.PEM_HEADER), pem.find(ssl.PEM_FOOTER)
    if begin < 0 or end < begin:
        raise _unusable(_SERVER, f"{path} holds no certificate")
    try:
        return wire_code.pin_of(ssl.PEM_cert_to_DER_cert(pem[begin : end + len(ssl.PEM_FOOTER)]))
    except ValueError as error:
        raise _unusable(_SERVER, f"{path} holds no certificate") from error


def _unusable(setting: str, message: str) -> ConfigError:
    return ConfigError(
        f"{setting} cannot be used",
        [Problem(setting, message, "a PEM file")],
        why=Reason("certificate_unreadable"),
    )
