"""User name, password, certificates: read from files at each connection, so that they may be renewed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from schoolpulse_agent.errors import SetupError
from schoolpulse_agent.settings import BrokerSettings

if TYPE_CHECKING:
    from paho.mqtt.client import Client


def private_file_trouble(path: Path) -> tuple[str, str] | None:
    """What is wrong with a file that holds a secret, and what to do; None where nothing is."""
    try:
        mode = path.stat().st_mode
        with path.open("rb"):
            pass
    except OSError as error:
        return f"cannot be read: {error.strerror}", "it must exist and belong to the agent's user"
    if mode & 0o077:
        return "may be read or changed by other users", f"chmod 600 {path}"
    return None


def read_password(path: Path) -> str:
    """The first line of a password file.

    Raises:
        SetupError: it cannot be read, or others could read it too.
    """
    trouble = private_file_trouble(path)
    if trouble is not None:
        raise SetupError(f"{path} {trouble[0]}", hint=trouble[1])
    lines = path.read_text("utf-8").splitlines()
    if not lines or not lines[0]:
        raise SetupError(f"{path} is empty", hint="its first line is the password")
    return lines[0]


def apply(client: Client, settings: BrokerSettings) -> None:
    """Give `client` what `settings` name.

    Raises:
        SetupError: a file cannot be used.
    """
    if settings.username is not None:
        password = read_password(settings.password_file) if settings.password_file else None
        client.username_pw_set(settings.username, password)
    if settings.tls:
        _apply_tls(client, settings)


def _apply_tls(client: Client, settings: BrokerSettings) -> None:
    import ssl  # noqa: PLC0415  # only agents that use TLS pay for it

    if settings.key_file is not None:
        trouble = private_file_trouble(settings.key_file)
        if trouble is not None:
            raise SetupError(f"{settings.key_file} {trouble[0]}", hint=trouble[1])
    try:
        context = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.ca_file is not None:
            # Python 3.13 began to refuse certificates without every extension of RFC 5280, which those of
            # a district's own authority often lack. Chain and name are verified all the same.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if settings.cert_file is not None:
            context.load_cert_chain(settings.cert_file, settings.key_file)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise SetupError(
            f"the certificates cannot be used: {error}", hint="look at [broker] ca_file, cert_file, key_file"
        ) from error
    client.tls_set_context(context)
