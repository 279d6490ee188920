"""The framework's application, with its one answer that is no problem document made into one."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from schoolpulse.api.problems import Refused


class Application(FastAPI):
    """Answers a body that is too large as everything else is refused.

    The framework looks at ``Content-Length`` before it reads, outside of every handler and middleware, and
    answers with plain text.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        replaced = False

        async def send_problem(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start" and _is_plain_413(message):
                replaced = True
                answer = Refused(413, "body_too_large", headers={"Connection": "close"}).answer()
                await answer(scope, receive, send)
            if not replaced:
                await send(message)

        await super().__call__(scope, receive, send_problem)


def _is_plain_413(message: Message) -> bool:
    kinds = [value for name, value in message["headers"] if name.lower() == b"content-type"]
    return message["status"] == 413 and any(kind.startswith(b"text/plain") for kind in kinds)
