"""The test button: one message at once, past the outbox, so that its outcome can be shown."""

from __future__ import annotations

from schoolpulse.i18n import translate
from schoolpulse.notify.channels.base import Note, Outcome
from schoolpulse.notify.message import Text
from schoolpulse.notify.outbox import Outbox, message_id_of
from schoolpulse.notify.settings import EndpointSettings


def send_test(outbox: Outbox, endpoint: EndpointSettings, now_ms: int) -> Outcome:
    """Send a test message to `endpoint` and say how it went. Blocks for the channel's time-out at most."""
    text = Text(
        translate("notify.test.title", endpoint.language),
        (translate("notify.test.text", endpoint.language),),
    )
    message_id = message_id_of("test", now_ms, endpoint.id)
    channel = outbox.channel(endpoint)
    body = channel.compose(Note(message_id, now_ms, text), endpoint)
    return channel.send(endpoint, message_id, body, now_ms)


def send_test_to(outbox: Outbox, endpoint_id: str, now_ms: int) -> Outcome | None:
    """`send_test` by the endpoint's id, for the API and the command; None where it is not configured.

    Neither the outbox nor the endpoint's health changes: a disabled endpoint stays so until it is enabled.
    """
    endpoint = outbox.endpoint(endpoint_id)
    return send_test(outbox, endpoint, now_ms) if endpoint is not None else None
