"""The ingest as a process, to be killed: ``collector_process.py FOLDER URL`` runs until it dies."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from schoolpulse.clock import SystemClock
from schoolpulse.ingest.journal import Journal
from schoolpulse.ingest.settings import BrokerSettings
from schoolpulse.ingest.subscriber import Subscriber
from schoolpulse.metrics import Metrics


def main(folder: str, url: str) -> None:
    clock, metrics = SystemClock(), Metrics()
    journal = Journal(Path(folder) / "journal.db", max_bytes=1 << 30, metrics=metrics, clock=clock)
    Subscriber(BrokerSettings(url=url, keepalive_s=2), journal, clock, metrics).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
