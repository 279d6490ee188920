"""The page's backend over a real registry in memory, which can be written to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from access_parts import engine_in_memory
from page_backend import Backend

from schoolpulse.api.app import create_app
from schoolpulse.api.record_common import RegistryDesk
from schoolpulse.clock import Clock, SystemClock
from schoolpulse.database import load_tables
from schoolpulse.live import LiveView
from schoolpulse.registry.models import School
from schoolpulse.registry.repository import Registry

AREA = ("TP.HCM", "Gò Vấp")


@contextmanager
def with_registry(schools: Sequence[School], clock: Clock | None = None) -> Iterator[Backend]:
    """`schools` behind the API, in a registry that is gone afterwards."""
    clock = clock or SystemClock()
    load_tables()
    engine = engine_in_memory()
    try:
        registry = Registry(engine, clock)
        registry.upsert(schools)
        backend = Backend(schools, clock)
        made: Any = backend
        made.registry = registry
        backend.live = LiveView(registry, clock)
        backend.services = replace(
            backend.services, registry=registry, live=backend.live, records=RegistryDesk(registry, AREA)
        )
        backend.app = create_app(backend.services)
        yield backend
    finally:
        engine.dispose()
