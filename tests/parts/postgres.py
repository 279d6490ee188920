"""Debian's PostgreSQL: a cluster of its own on a loopback port, a fresh database for each test."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, create_engine, text

from parts import free_port, need, wait_for_port

FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
"""Debian keeps the programs of each version apart, and outside of the PATH."""


class Postgres:
    """A server that runs; `url` makes a new empty database in it at each call."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._databases = 0

    def url(self) -> str:
        """As the collector's ``database`` setting wants it."""
        self._databases += 1
        name = f"test_{self._databases}"
        engine = create_engine(self._of("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self._of(name)

    def _of(self, database: str) -> str:
        url = URL.create(
            "postgresql+psycopg", "schoolpulse", host="127.0.0.1", port=self._port, database=database
        )
        return url.render_as_string()


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server, gone with all its data afterwards."""
    initdb, server = need("initdb", *FOLDERS), need("postgres", *FOLDERS)
    # It refuses to run as root, and another user cannot enter the folders that pytest makes.
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="schoolpulse-postgres-"))
    if user is not None:
        shutil.chown(folder, user)
    data, port = folder / "data", free_port()
    process: subprocess.Popen[bytes] | None = None
    try:
        make = [initdb, "--auth=trust", "--username=schoolpulse", "--encoding=UTF8", "--locale=C.UTF-8"]
        subprocess.run([*make, str(data)], check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)
        process = subprocess.Popen(
            # Its data goes with the run: nothing of it needs to survive a power cut.
            [
                server,
                "-D",
                str(data),
                "-h",
                "127.0.0.1",
                "-p",
                str(port),
                "-k",
                str(folder),
                "-c",
                "fsync=off",
            ],
            user=user,
            cwd=folder,
            stderr=subprocess.DEVNULL,
        )
        wait_for_port(port, process)
        yield Postgres(port)
    finally:
        if process is not None:
            process.terminate()
            process.wait(60)
        shutil.rmtree(folder)
