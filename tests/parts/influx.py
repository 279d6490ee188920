"""Debian's InfluxDB 1.6.7 behind the nginx that deploy/debian ships for it."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Self

import urllib3

from parts import Part, free_port, need

NGINX_FILE = Path(__file__).parents[2] / "deploy/debian/nginx/schoolpulse-influx.conf"

_INFLUXD = """\
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[continuous_queries]
  enabled = false
[http]
  bind-address = "127.0.0.1:{http}"
  auth-enabled = {auth}
  log-enabled = false
  max-body-size = {max_body}
"""

_NGINX = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log warn;
events {{ worker_connections 256; }}
http {{
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    include {folder}/schoolpulse-influx.conf;
}}
"""


class Influx:
    """influxd and its nginx on free loopback ports; data in `folder` outlives `stop` and `kill`.

    Args:
        folder: for configuration, data and logs; made where it is missing.
        auth: whether a user and password are asked for (make the first with `query`).
        max_body_bytes: of one write request, at InfluxDB and at nginx; beyond it they answer 413.
    """

    def __init__(self, folder: Path, *, auth: bool = False, max_body_bytes: int = 25_000_000) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        influxd, nginx = need("influxd"), need("nginx")
        http, rpc, proxy = free_port(), free_port(), free_port()
        config = folder / "influxd.conf"
        text = _INFLUXD.format(
            folder=folder, http=http, rpc=rpc, auth=str(auth).lower(), max_body=max_body_bytes
        )
        config.write_text(text)
        shipped = NGINX_FILE.read_text()
        for line, ours in (
            ("server 127.0.0.1:8086;", f"server 127.0.0.1:{http};"),
            ("listen 127.0.0.1:8087;", f"listen 127.0.0.1:{proxy};"),
            ("client_max_body_size 25m;", f"client_max_body_size {max_body_bytes};"),
        ):
            assert shipped.count(line) == 1, f"{NGINX_FILE.name} no longer says {line!r} once"
            shipped = shipped.replace(line, ours)
        (folder / "schoolpulse-influx.conf").write_text(shipped)
        (folder / "nginx.conf").write_text(_NGINX.format(folder=folder))
        self.database = Part([influxd, "-config", str(config)], http, folder / "influxd.log")
        self.proxy = Part(
            [
                nginx,
                "-p",
                str(folder),
                "-e",
                str(folder / "nginx-error.log"),
                "-c",
                str(folder / "nginx.conf"),
            ],
            proxy,
            folder / "nginx.log",
        )
        self._proxy_runs = False

    @property
    def url(self) -> str:
        """Where a collector writes to and reads from: nginx."""
        return f"http://127.0.0.1:{self.proxy.port}"

    @property
    def direct_url(self) -> str:
        """InfluxDB itself."""
        return f"http://127.0.0.1:{self.database.port}"

    def start(self) -> None:
        """Start what does not run; returns when InfluxDB answers."""
        self.database.start()
        if not self._proxy_runs:
            self.proxy.start()
            self._proxy_runs = True
        end = time.monotonic() + 60
        while urllib3.request("GET", f"{self.url}/ping", retries=5).status != 204:
            if time.monotonic() > end:
                raise TimeoutError("InfluxDB listens and does not answer")
            time.sleep(0.05)  # polling another process: there is nothing to wait on but its answer

    def stop(self) -> None:
        """End both in order."""
        self.proxy.stop()
        self._proxy_runs = False
        self.database.stop()

    def kill(self) -> None:
        """End InfluxDB as a power cut would; nginx stays and answers 502, until `start`."""
        self.database.kill()

    def query(self, statement: str, database: str = "", **headers: str) -> dict[str, object]:
        """The answer to one InfluxQL statement, asked of InfluxDB itself; times in ns."""
        response = urllib3.request(
            "POST",
            f"{self.direct_url}/query",
            fields={"q": statement, "db": database, "epoch": "ns"},
            headers=headers,
        )
        answer: dict[str, object] = response.json()["results"][0]
        if response.status != 200 or "error" in answer:
            raise RuntimeError(f"{statement}: {response.data!r}")
        return answer

    def rows(self, statement: str, database: str) -> list[list[object]]:
        """The rows of the first series that `statement` selects; none where it selects nothing."""
        series = self.query(statement, database).get("series")
        return series[0]["values"] if isinstance(series, list) else []

    def create_database(self, name: str) -> None:
        """Make an empty database."""
        self.query(f'CREATE DATABASE "{name}"')

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
