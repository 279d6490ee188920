"""M-Lab's own ndt7 client, in a real browser, measures against our server.

``npm install --prefix build @m-lab/ndt7@0.1.4`` brings the client; without it the test is skipped. It carries
no code of ours: the page loads it as any speed test page does.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext

from schoolpulse.ndt7 import server as ndt7_server

CLIENT = Path(__file__).parents[2] / "build/node_modules/@m-lab/ndt7"
PAGE = """
async ([server]) => {
  const seen = {errors: []};
  const codes = await window.ndt7.test(
    {server, protocol: "ws", userAcceptedDataPolicy: true,
     downloadworkerfile: "/src/ndt7-download-worker.js", uploadworkerfile: "/src/ndt7-upload-worker.js"},
    {error: (what) => seen.errors.push(String(what)),
     downloadComplete: (data) => { seen.download = data; },
     uploadComplete: (data) => { seen.upload = data; }});
  return {...seen, codes};
}
"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        """Says nothing."""

    def do_GET(self) -> None:
        if self.path != "/":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>t</title><script src=/src/ndt7.js></script>")


@pytest.fixture
def site() -> Iterator[str]:
    """A web page that has the client."""
    if not (CLIENT / "src/ndt7.js").is_file():
        pytest.skip("the client is not here: npm install --prefix build @m-lab/ndt7@0.1.4")
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(CLIENT))) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{web.server_port}/"
        web.shutdown()


def test_m_labs_client_measures_against_our_server(site: str, context: BrowserContext) -> None:
    server = ndt7_server.Ndt7Server("127.0.0.1", 0, limits=ndt7_server.Limits(test_s=1.5, hard_stop_s=3))
    server.start()
    try:
        page = context.new_page()
        page.goto(site)
        found = page.evaluate(PAGE, [f"127.0.0.1:{server.port}"])
    finally:
        server.stop()
    assert found["errors"] == []
    for direction in ("download", "upload"):
        ours, theirs = found[direction]["LastServerMeasurement"], found[direction]["LastClientMeasurement"]
        assert theirs["MeanClientMbps"] > 1
        assert ours["TCPInfo"]["ElapsedTime"] > 0
    assert found["upload"]["LastServerMeasurement"]["TCPInfo"]["BytesReceived"] > 100_000
