"""Everything that Apprise can reach: e-mail, Telegram, Zalo, Teams, Slack and many more.

Apprise is the extra ``schoolpulse[channels]`` and is imported with the first message. It says only whether
a message was taken, so every failure is tried again on schedule.
"""

from __future__ import annotations

import json
from typing import Any

from schoolpulse.notify.channels.base import Note, Outcome
from schoolpulse.notify.settings import EndpointSettings

HINT = "pip install 'schoolpulse[channels]'"


class AppriseChannel:
    """Sends a headline and a text to an Apprise address."""

    def compose(self, note: Note, endpoint: EndpointSettings) -> str:  # noqa: ARG002  # the protocol's
        """Headline, text and Apprise's kind of message."""
        if note.transition is None:
            kind = "info"
        else:
            kind = "success" if note.transition.incident.resolved_at is not None else "failure"
        return json.dumps(
            {"title": note.text.title, "body": note.text.body, "type": kind}, ensure_ascii=False
        )

    def send(self, endpoint: EndpointSettings, message_id: str, body: str, now_ms: int) -> Outcome:  # noqa: ARG002  # the protocol's
        """One attempt."""
        try:
            import apprise  # noqa: PLC0415  # an extra, and heavy
        except ImportError:
            return Outcome(delivered=False, error=f"apprise is not installed: {HINT}")
        sender: Any = apprise.Apprise()
        try:
            if not sender.add(endpoint.apprise_address()):
                return Outcome(delivered=False, error="not an address that Apprise knows")
            message = json.loads(body)
            taken = sender.notify(body=message["body"], title=message["title"], notify_type=message["type"])
        except Exception as error:  # noqa: BLE001  # 170 plug-ins; none of them may end the delivery
            return Outcome(delivered=False, error=type(error).__name__)
        return Outcome(delivered=True) if taken else Outcome(delivered=False, error="Apprise was refused")
