"""The collector's configuration: its documentation is complete, its example works, its mistakes are named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from schoolpulse.config import Config, load
from schoolpulse.errors import ConfigError

ROOT = Path(__file__).parent.parent.parent
BAD = Path(__file__).parent / "bad_configs"


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


def settings_of(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        below = list(models_in(field.annotation))
        yield name
        for inner in below:
            yield from settings_of(inner)


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs/administrator/configuration.md").read_text("utf-8")
    named = set(re.findall(r"`\[*([a-z_0-9]+)\]*`", page)) | {"kind"}
    assert set(settings_of(Config)) - named == set()


def test_the_example_is_a_configuration() -> None:
    config = load(ROOT / "deploy/debian/collector.toml")
    assert config.store.kind == "influx"
    assert config.broker.tls


def test_the_least_configuration_keeps_everything_in_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "collector.toml"
    file.write_text(f'data_dir = "{tmp_path}/data"\n')
    config = load(file)
    assert config.store.kind == "sqlite"
    assert config.store.path == tmp_path / "data/points.db"
    assert config.database_url == f"sqlite:///{tmp_path}/data/state.db"
    config.make_folders()
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_an_embedded_broker_is_the_one_to_connect_to(tmp_path: Path) -> None:
    file = tmp_path / "collector.toml"
    file.write_text(f'data_dir = "{tmp_path}"\n[embedded_broker]\nport = 18830\n[broker]\nkeepalive_s = 7\n')
    settings = load(file).broker_settings
    assert (settings.port, settings.keepalive_s) == (18830, 7)


@pytest.mark.parametrize("file", sorted(BAD.glob("*.toml")), ids=lambda file: file.stem)
def test_every_mistake_has_its_line_and_its_words(file: Path) -> None:
    """Each bad file says in its ``#:`` comments exactly what is said about it."""
    expected = re.findall(r"^#: (.*)$", file.read_text("utf-8"), re.MULTILINE)
    with pytest.raises(ConfigError) as refused:
        load(file)
    assert [str(problem) for problem in refused.value.problems] == expected
