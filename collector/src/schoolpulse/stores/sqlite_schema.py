"""The embedded store's file: its tables and how it is opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

FIVE_MINUTES_MS = 300_000

_TABLES = """
-- One row for each combination of measurement, field and tags (sorted JSON).
CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY, measurement TEXT NOT NULL, field TEXT NOT NULL, tags TEXT NOT NULL,
    UNIQUE (measurement, field, tags));
CREATE TABLE IF NOT EXISTS series_tag (
    key TEXT NOT NULL, value TEXT NOT NULL, series_id INTEGER NOT NULL,
    PRIMARY KEY (key, value, series_id)) WITHOUT ROWID;
-- A field holds numbers or text, as its first value decided.
CREATE TABLE IF NOT EXISTS field (
    measurement TEXT NOT NULL, name TEXT NOT NULL, is_text INTEGER NOT NULL,
    PRIMARY KEY (measurement, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS value (
    series_id INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    value NOT NULL CHECK (value != 9e999 AND value != -9e999), -- infinite is not a measurement
    PRIMARY KEY (series_id, at_ms)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS five_minutes (
    series_id INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    min REAL NOT NULL, max REAL NOT NULL, sum REAL NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (series_id, at_ms)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS hours (
    series_id INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    min REAL NOT NULL, max REAL NOT NULL, sum REAL NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (series_id, at_ms)) WITHOUT ROWID;
-- 5-minute windows that were written to since they were last rolled up.
CREATE TABLE IF NOT EXISTS dirty (
    series_id INTEGER NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (series_id, at_ms)) WITHOUT ROWID;
-- Where each table begins: what is older was ended by the retention and is never taken again.
CREATE TABLE IF NOT EXISTS floor (name TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stream (
    id INTEGER PRIMARY KEY, stream TEXT NOT NULL UNIQUE, agent TEXT NOT NULL, school TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS delivery (
    stream_id INTEGER NOT NULL, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    points INTEGER NOT NULL, delay_ms INTEGER NOT NULL,
    PRIMARY KEY (stream_id, seq)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS delivery_at ON delivery (at_ms);
"""


def open_to_write(path: Path) -> sqlite3.Connection:
    """The file at `path`, made where it is missing; what is committed survives a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "cache_size=-32000"):
        connection.execute(f"PRAGMA {pragma}")
    connection.executescript(_TABLES)
    return connection


def open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that sees what is committed and can change nothing."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in ("query_only=ON", "busy_timeout=10000", "cache_size=-8000"):
        connection.execute(f"PRAGMA {pragma}")
    return connection
