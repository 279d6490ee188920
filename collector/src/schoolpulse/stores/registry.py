"""Every kind of point store by name. A new one is its own files and two lines here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field

from schoolpulse.stores.base import PointStore
from schoolpulse.stores.influx_settings import InfluxSettings
from schoolpulse.stores.sqlite_settings import SqliteSettings

StoreSettings = Annotated[InfluxSettings | SqliteSettings, Field(discriminator="kind")]
"""`[store]` of the configuration: `kind` says which."""


def _influx(settings: InfluxSettings) -> PointStore:
    from schoolpulse.stores.influx import InfluxStore  # noqa: PLC0415 -- its client's 20 MB are for those who use it

    return InfluxStore(settings)


def _sqlite(settings: SqliteSettings) -> PointStore:
    from schoolpulse.stores.sqlite import SqliteStore  # noqa: PLC0415 -- as above: only what is used is loaded

    return SqliteStore(settings)


STORES: Mapping[str, Callable[[Any], PointStore]] = {"influx": _influx, "sqlite": _sqlite}


def create_store(settings: StoreSettings) -> PointStore:
    """The store that `settings` ask for. It need not be there yet: only writing and querying find out.

    Raises:
        UsageError: a secret's file cannot be read.
        StoreUnavailable: the embedded store's file cannot be opened.
    """
    return STORES[settings.kind](settings)
