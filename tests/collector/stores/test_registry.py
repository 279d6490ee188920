"""Settings of the stores: what is refused, what each changes, and that only what is used is loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from schoolpulse import toml_file
from schoolpulse.errors import ConfigError
from schoolpulse.stores.registry import STORES, StoreSettings, create_store


class Wrapped(BaseModel):
    store: StoreSettings


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        toml_file.parse(text.encode(), Wrapped)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("kind", STORES)
def test_every_kind_makes_its_store_without_needing_it_there(kind: str, tmp_path: Path) -> None:
    place = f'path = "{tmp_path / "points.db"}"' if kind == "sqlite" else ""
    wrapped = toml_file.parse(f'[store]\nkind = "{kind}"\n{place}\n'.encode(), Wrapped)
    store = create_store(wrapped.store)
    assert store.name == kind
    store.close()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('kind = "postgres"', "postgres"),
        ('kind = "influx"\nurl = "127.0.0.1:8086"', "pattern"),
        ('kind = "influx"\nurl = "http://h/?db=x"', "pattern"),
        ('kind = "influx"\ndatabase = "a b"', "pattern"),
        ('kind = "influx"\nusername = "u"', "go together"),
        ('kind = "influx"\nusername = "u"\npassword_file = "p"\ntoken_file = "t"', "not both"),
        ('kind = "influx"\nbatch_points = 0', "greater than or equal to 1"),
        ('kind = "influx"\ntimeout_s = 0', "greater than 0"),
        ('kind = "sqlite"\npath = "p"\nraw_days = 0', "greater than or equal to 1"),
        ('kind = "sqlite"\npath = "p"\nraw_days = 500', "kept longer"),
        ('kind = "sqlite"', "is missing"),
        ('kind = "influx"\nretention = 3', "unknown setting"),
    ],
)
def test_settings_that_cannot_be_are_refused(lines: str, words: str) -> None:
    (problem,) = problems(f"[store]\n{lines}\n")
    assert words in problem


def test_a_collector_on_sqlite_does_not_load_the_client_of_influxdb(tmp_path: Path) -> None:
    script = f"""
import sys
from schoolpulse.stores.registry import create_store
from schoolpulse.stores.sqlite_settings import SqliteSettings
create_store(SqliteSettings(kind="sqlite", path={str(tmp_path / "points.db")!r})).close()
sys.exit("influxdb_client" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
