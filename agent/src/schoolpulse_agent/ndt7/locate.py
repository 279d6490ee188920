"""Which server to test against: a district's own, or the nearest of M-Lab's by the Locate API."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from schoolpulse_agent import __version__
from schoolpulse_agent.ndt7.client import Target

MLAB = "mlab"
LOCATE_URL = "https://locate.measurementlab.net/v2/nearest/ndt/ndt7"
_MAX_BYTES = 256 * 1024
_DOWN, _UP = "/ndt/v7/download", "/ndt/v7/upload"


class NoCapacity(OSError):
    """M-Lab asks us to come again later (204)."""


def targets(server: str, timeout_s: float = 15.0) -> list[Target]:
    """Where `server` (``mlab``, a Locate URL, or ``ws://``/``wss://host[:port]``) says to test, best first.

    Raises:
        NoCapacity: not now.
        OSError: the Locate API cannot be asked.
    """
    if server.startswith(("ws://", "wss://")):
        base = server.rstrip("/")
        return [Target(base + _DOWN, base + _UP, urlsplit(server).hostname or "")]
    return _located(LOCATE_URL if server == MLAB else server, timeout_s)


def _located(url: str, timeout_s: float) -> list[Target]:
    request = urllib.request.Request(url, headers={"User-Agent": f"schoolpulse-agent/{__version__}"})  # noqa: S310 - http or https, checked in the configuration
    with urllib.request.urlopen(request, timeout=timeout_s) as response:  # noqa: S310 - the same
        if response.status == 204:
            raise NoCapacity("M-Lab has no capacity now")
        body = response.read(_MAX_BYTES)
    try:
        results = json.loads(body)["results"]
        return [_target(result) for result in results[:4]]
    except (ValueError, KeyError, TypeError) as error:
        raise OSError("the Locate API answers something else") from error


def _target(result: dict[str, object]) -> Target:
    urls = result["urls"]
    if not isinstance(urls, dict):
        raise TypeError("urls")
    named = {str(key): str(url) for key, url in urls.items()}
    down, *_ = [url for key, url in named.items() if key.endswith(_DOWN)]
    up, *_ = [url for key, url in named.items() if key.endswith(_UP)]
    return Target(down, up, str(result.get("machine") or urlsplit(down).hostname)[:64])
