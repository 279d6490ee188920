"""What a channel is: it composes a body once, when something happened, and sends it until it is taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from schoolpulse.incidents.model import Incident, Transition
from schoolpulse.notify.message import Text
from schoolpulse.notify.settings import EndpointSettings
from schoolpulse.registry.models import School


@dataclass(frozen=True, slots=True)
class Note:
    """Everything that a body may be made of.

    `transition` is None in a test message and in a summary, which lists the `incidents` that are open.
    """

    message_id: str
    at_ms: int
    text: Text
    transition: Transition | None = None
    school: School | None = None
    link: str = ""
    incidents: tuple[Incident, ...] | None = None


class Outcome(NamedTuple):
    """How one attempt went. `gone`: never try this endpoint again."""

    delivered: bool
    status: int | None = None
    error: str = ""
    retry_after_s: float | None = None
    gone: bool = False


class Channel(Protocol):
    """One way to deliver."""

    def compose(self, note: Note, endpoint: EndpointSettings) -> str:
        """The body; it is stored, and the same at every attempt."""
        ...

    def send(self, endpoint: EndpointSettings, message_id: str, body: str, now_ms: int) -> Outcome:
        """One attempt. May block for its time-out, and raises nothing: every failure is an outcome."""
        ...
