"""The collector's configuration: one TOML file, refused with all of its mistakes at once.

Each room declares its own settings; this module only puts them together. Every setting is described in
``docs/administrator/configuration.md``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import Engine

from schoolpulse import toml_file
from schoolpulse.access.settings import AccessSettings
from schoolpulse.broker.registry import BROKERS
from schoolpulse.database import connect
from schoolpulse.enrolment.settings import AccountSettings, EnrolmentSettings, NoAccounts
from schoolpulse.ingest.settings import BrokerSettings, IngestSettings
from schoolpulse.notify.settings import EndpointSettings, OutboxSettings
from schoolpulse.reports.settings import ReportSettings
from schoolpulse.stores.registry import StoreSettings
from schoolpulse.web.settings import PageSettings

Port = Annotated[int, Field(ge=1, le=65535)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HttpSettings(_Section):
    """Where the API and the page listen. On loopback nobody signs in until there is a user."""

    host: str = "127.0.0.1"
    port: Port = 8080
    public_url: Annotated[str, Field(pattern=r"^(https?://[^\s?#]*[^\s?#/])?$")] = ""
    """Where people open the page, for the links in messages; without a slash at its end."""


class EmbeddedBrokerSettings(_Section):
    """A broker of the collector's own, for a first run: anonymous, so on loopback only.

    `name` chooses one of `schoolpulse.broker.registry`; without it the first that this machine has.
    """

    name: str | None = None
    host: str = "127.0.0.1"
    port: Port = 1883

    @model_validator(mode="after")
    def _known(self) -> EmbeddedBrokerSettings:
        if self.name is not None and self.name not in BROKERS:
            raise ValueError(f"name: none of {', '.join(BROKERS)}")
        return self

    @property
    def url(self) -> str:
        """As `[broker] url` would say it."""
        return f"mqtt://{self.host}:{self.port}"


class Config(_Section):
    """A whole collector."""

    data_dir: Path
    area: tuple[str, ...] = ()
    """The path of the area that is operated, from the top down: ``["TP.HCM", "Gò Vấp"]``."""
    database: str | None = None
    """The SQLAlchemy URL of the relational state; a SQLite file in `data_dir` without it."""
    policy_file: Path | None = None
    """What counts as an outage and who is told when: `schoolpulse.notify.policy`."""
    http: HttpSettings = HttpSettings()
    access: AccessSettings = AccessSettings()
    embedded_broker: EmbeddedBrokerSettings | None = None
    broker: BrokerSettings = Field(default_factory=BrokerSettings)
    ingest: IngestSettings = Field(default_factory=IngestSettings)
    store: StoreSettings
    enrolment: EnrolmentSettings = EnrolmentSettings()
    accounts: AccountSettings = NoAccounts()
    endpoints: tuple[EndpointSettings, ...] = ()
    outbox: OutboxSettings = OutboxSettings()
    report: ReportSettings = ReportSettings()
    page: PageSettings = PageSettings()

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: object) -> object:
        """What follows from something else: the embedded store's file, the embedded broker's address."""
        if not isinstance(values, dict):
            return values
        filled = dict(values)
        store = filled.setdefault("store", {"kind": "sqlite"})
        accounts = filled.get("accounts")
        if isinstance(accounts, dict):
            filled["accounts"] = {"kind": "none", **accounts}
        folder = Path(str(filled.get("data_dir", ".")))
        if isinstance(store, dict) and store.get("kind", "sqlite") == "sqlite":
            filled["store"] = {"kind": "sqlite", "path": folder / "points.db", **store}
        elif isinstance(store, dict) and store.get("kind") == "influx":
            filled["store"] = {"rollups_path": folder / "rollups.db", **store}
        return filled

    @model_validator(mode="after")
    def _one_of_each(self) -> Config:
        ids = [endpoint.id for endpoint in self.endpoints]
        if doubled := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"endpoints: the id {', '.join(doubled)} stands twice")
        return self

    @property
    def database_url(self) -> str:
        """Where the relational state is."""
        return self.database or f"sqlite:///{self.data_dir / 'state.db'}"

    @property
    def broker_settings(self) -> BrokerSettings:
        """The broker to connect to: the embedded one where there is one."""
        if self.embedded_broker is None:
            return self.broker
        return self.broker.model_copy(update={"url": self.embedded_broker.url})

    def open_state(self) -> Engine:
        """The relational state, in a folder that is made where it is missing."""
        self.make_folders()
        return connect(self.database_url)

    def make_folders(self) -> None:
        """Make the folder for data, for nobody else to read."""
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)


def load(path: Path) -> Config:
    """The configuration at `path`.

    Raises:
        ConfigError: with every mistake.
    """
    return toml_file.load(path, Config)
