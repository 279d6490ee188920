"""An ``ETag`` on every JSON answer of the API, and 304 for who has that one already (RFC 9110, 13.1.2)."""

from __future__ import annotations

import hashlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class ETags:
    """Tags answers of one piece: what is streamed passes as it is.

    The tag is weak: the same figures packed or not are the same answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        seen = Headers(scope=scope).get("if-none-match", "")
        start: Message | None = None

        async def tagged(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_ours(message):
                start = message
                return
            if start is not None:
                first, start = start, None
                if not message.get("more_body", False):
                    message = _tag(first, message, seen)
                await send(first)
            await send(message)

        await self._app(scope, receive, tagged)


def _is_ours(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    json = headers.get("content-type", "").startswith("application/json")
    return start["status"] == 200 and json and "etag" not in headers


def _tag(start: Message, body: Message, seen: str) -> Message:
    """Write the tag into `start`; gives what to send after it, which is nothing where it was seen before."""
    tag = f'W/"{hashlib.sha256(body.get("body", b"")).hexdigest()[:20]}"'
    headers = MutableHeaders(raw=start["headers"])
    headers["ETag"] = tag
    if tag.removeprefix("W/") not in seen:
        return body
    start["status"] = 304
    for name in ("Content-Length", "Content-Type"):
        del headers[name]
    return {"type": "http.response.body", "body": b""}
