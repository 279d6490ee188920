"""The sink ``commands``: agents' answers to commands, and their connecting anew, out of the journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy.exc import SQLAlchemyError

from schoolpulse.contract.models import Reply, State
from schoolpulse.enrolment.orders import Orders
from schoolpulse.errors import SinkUnavailable
from schoolpulse.messages import Received


class ReplySink:
    """Puts answers to their commands. Taking a message twice changes nothing.

    Args:
        orders: the commands.
        load_cursor: where this sink stands in the journal.
        save_cursor: keeps that.
        wake: called when there may be something to send again.
    """

    name = "commands"

    def __init__(
        self,
        orders: Orders,
        load_cursor: Callable[[], int],
        save_cursor: Callable[[int], None],
        wake: Callable[[], None],
    ) -> None:
        self._orders = orders
        self._load_cursor = load_cursor
        self._save_cursor = save_cursor
        self._wake = wake

    def position(self) -> int:
        """The last journal position taken in."""
        return self._load_cursor()

    def process(self, messages: Sequence[Received], through: int) -> None:
        """Take the answers out of `messages`.

        Raises:
            SinkUnavailable: the database takes nothing now.
        """
        ours = [message for message in messages if isinstance(message.body, (Reply, State))]
        if ours:
            try:
                self._take(ours)
            except SQLAlchemyError as error:
                raise SinkUnavailable(f"the database is away: {type(error).__name__}") from error
        self._save_cursor(through)

    def idle(self, now_ms: int) -> None:
        """Nothing here depends on silence."""

    def _take(self, messages: Sequence[Received]) -> None:
        waiting = self._orders.open_agents() if any(isinstance(m.body, State) for m in messages) else ()
        for message in messages:
            body = message.body
            if isinstance(body, Reply):
                self._orders.take_reply(message.agent_id, body, message.received_ms)
            elif (
                isinstance(body, State)
                and body.online
                and not message.retained
                and message.agent_id in waiting
            ):
                self._orders.send_again(message.agent_id, message.received_ms)
                self._wake()
