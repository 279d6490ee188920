"""A tiny Grafana over real HTTP: keeps folders, data sources and dashboards as the real one answers."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "glsa_right"


class FakeGrafana:
    """Answers on a loopback port until `close`."""

    def __init__(self, version: str = "10.4.2", role: str = "Admin") -> None:
        self.version = version
        self.role = role
        self.folders: dict[str, dict[str, Any]] = {}
        self.datasources: dict[str, dict[str, Any]] = {}
        self.dashboards: dict[str, dict[str, Any]] = {}
        self.changes: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer._answer(self, "GET")

            def do_POST(self) -> None:
                outer._answer(self, "POST")

            def do_PUT(self) -> None:
                outer._answer(self, "PUT")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/grafana"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request: BaseHTTPRequestHandler, method: str) -> None:
        length = int(request.headers.get("Content-Length") or 0)
        body = json.loads(request.rfile.read(length)) if length else {}
        status, answer = self._route(method, request.path, request.headers.get("Authorization", ""), body)
        text = json.dumps(answer).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    def _route(self, method: str, path: str, token: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        assert path.startswith("/grafana/api/"), path
        parts = path.removeprefix("/grafana/api/").split("/")
        if parts == ["health"]:
            return 200, {"version": self.version, "database": "ok"}
        if token != f"Bearer {TOKEN}":
            return 401, {"message": "Invalid API key"}
        if method != "GET":
            if self.role != "Admin" and parts[0] == "datasources":
                return 403, {"message": "You'll need additional permissions"}
            self.changes.append(f"{method} /{'/'.join(parts)}")
        return self._keep(method, parts, body)

    def _keep(self, method: str, parts: list[str], body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if parts == ["dashboards", "db"]:
            model = body["dashboard"] | {"id": len(self.dashboards) + 1, "version": 1}
            self.dashboards[model["uid"]] = {"dashboard": model, "meta": {"folderUid": body["folderUid"]}}
            return 200, {"status": "success", "uid": model["uid"]}
        if parts[-1] == "health":
            return 200, {"status": "OK", "message": "datasource is working. 3 measurements found"}
        kept = {"folders": self.folders, "datasources": self.datasources, "dashboards": self.dashboards}[
            parts[0]
        ]
        uid = parts[-1] if method != "POST" else body["uid"]
        if method == "GET":
            return (200, kept[uid]) if uid in kept else (404, {"message": "not found"})
        secrets = dict.fromkeys(body.pop("secureJsonData", {}), True)
        kept[uid] = kept.get(uid, {}) | body | {"secureJsonFields": secrets}
        return 200, kept[uid]
