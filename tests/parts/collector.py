"""A whole collector as its own process, from a configuration file, to be killed and started again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import urllib3
from prometheus_client.parser import text_string_to_metric_families

from parts import Part, free_port


class CollectorProcess(Part):
    """``schoolpulse serve`` on a loopback port of its own.

    Args:
        folder: for its configuration, data and log.
        settings: TOML after ``data_dir`` and ``[http]``.
    """

    def __init__(self, folder: Path, settings: str) -> None:
        port = free_port()
        self.data_dir = folder / "collector"
        self.config = folder / "collector.toml"
        self.config.write_text(
            f'data_dir = "{self.data_dir}"\n\n[http]\nhost = "127.0.0.1"\nport = {port}\n\n{settings}',
            "utf-8",
        )
        command = [sys.executable, "-m", "schoolpulse", "serve", "--config", str(self.config)]
        super().__init__(command, port, folder / "collector.log")
        self._http = urllib3.PoolManager(
            retries=urllib3.Retry(connect=5, read=5, backoff_factor=0.2), timeout=30
        )

    def import_csv(self, file: Path) -> None:
        """``schoolpulse import``, in a process of its own."""
        arguments = ["import", str(file), "--config", str(self.config)]
        subprocess.run(
            [sys.executable, "-m", "schoolpulse", *arguments], check=True, stdout=subprocess.DEVNULL
        )

    def metrics(self) -> dict[str, float]:
        """The figures of ``/metrics`` by name, summed over their labels."""
        text = self._http.request("GET", f"http://127.0.0.1:{self.port}/metrics").data.decode()
        totals: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                totals[sample.name] = totals.get(sample.name, 0.0) + sample.value
        return totals

    def get(self, path: str) -> urllib3.BaseHTTPResponse:
        """The answer to a GET of `path`."""
        return self._http.request("GET", f"http://127.0.0.1:{self.port}{path}")
