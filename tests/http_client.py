"""Asks an ASGI application in this process, without a socket. (Server-sent events need a real one.)"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from fastapi import FastAPI


class Client:
    """Synchronous requests; a failure of the application is its answer, as it is for a browser."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def get(self, path: str, params: Any = None, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.request("GET", path, params=params, headers=headers)

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
                return await client.request(method, path, **arguments)

        return asyncio.run(ask())
