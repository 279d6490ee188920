"""Commands to agents in the relational database: each with an id, an expiry and what became of it.

A command is ``waiting`` until it was handed to the broker, then ``sent``; it ends as ``answered``,
``refused`` (the agent says why) or ``expired``. An agent that connects anew is sent again what it did not
answer: it carries out each id once, whatever comes twice.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Engine, Row, delete, func, insert, select, update

from schoolpulse.clock import Clock
from schoolpulse.contract.models import Command, Reply
from schoolpulse.enrolment import tables
from schoolpulse.errors import Reason, UsageError
from schoolpulse_agent import wire

MAX_OPEN = 32
"""Commands to one agent that are not through."""
MAX_KEPT = 100
"""Commands kept of one agent, those that are through."""
MAX_LIFETIME_S = 86_400.0
"""Agents refuse what expires later than a day from now."""
GRACE_MS = 30_000
"""An answer may come a little after the expiry: the agent began in time."""


class OrderState(StrEnum):
    """What became of a command."""

    WAITING = "waiting"
    SENT = "sent"
    ANSWERED = "answered"
    REFUSED = "refused"
    EXPIRED = "expired"


OPEN = (OrderState.WAITING, OrderState.SENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A command to one agent. Times are milliseconds since 1970; `error` is the agent's own sentence."""

    id: str
    agent_id: str
    do: str
    arguments: Mapping[str, Any]
    made_ms: int
    made_by: str
    expires_ms: int
    state: OrderState
    sent_ms: int | None = None
    answered_ms: int | None = None
    error: str | None = None

    @property
    def code(self) -> str | None:
        """The word for `error`, where it is one of our own agent's."""
        return next((code for code, words in wire.REFUSALS.items() if words == self.error), None)

    @property
    def message(self) -> bytes:
        """As it goes to the agent."""
        body = {"id": self.id, "do": self.do, "expires": self.expires_ms, **self.arguments}
        return Command.model_validate(body).model_dump_json(exclude_none=True).encode()


class Orders:
    """The commands of all agents.

    Args:
        engine: the relational state.
        clock: stamps and ends commands.
    """

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def add(
        self, agent_id: str, do: str, arguments: Mapping[str, Any], *, by: str, lifetime_s: float
    ) -> Order:
        """A new command; it goes out as soon as the broker takes it.

        Raises:
            UsageError: there is no such command, or too many wait for this agent.
        """
        now_ms = self._clock.now_ms()
        order = Order(
            id=f"c-{secrets.token_hex(8)}",
            agent_id=agent_id,
            do=do,
            arguments={name: value for name, value in arguments.items() if value is not None},
            made_ms=now_ms,
            made_by=by[:64],
            expires_ms=now_ms + round(min(lifetime_s, MAX_LIFETIME_S) * 1000),
            state=OrderState.WAITING,
        )
        try:
            _ = order.message
        except ValueError as error:
            raise UsageError(
                f"no such command: {do} with {json.dumps(dict(order.arguments))}",
                hint="run_probe PROBE, speed_test, send_birth, set_interval PROBE with 1 to 3600 s",
                why=Reason("no_such_order"),
            ) from error
        columns = tables.command.c
        mine = columns.agent_id == agent_id
        with self._engine.begin() as connection:
            is_open = columns.state.in_(OPEN)
            if (connection.scalar(select(func.count()).where(mine, is_open)) or 0) >= MAX_OPEN:
                raise UsageError(
                    f"{MAX_OPEN} commands wait for agent {agent_id} already",
                    hint="wait until they are answered or over",
                    why=Reason("too_many_orders", values={"most": MAX_OPEN}),
                )
            values = {"what": do, "arguments": json.dumps(dict(order.arguments)), "state": order.state.value}
            names = ("id", "agent_id", "made_ms", "made_by", "expires_ms")
            connection.execute(
                insert(tables.command).values({name: getattr(order, name) for name in names} | values)
            )
            old = select(columns.id).where(mine, ~is_open).order_by(columns.made_ms.desc()).offset(MAX_KEPT)
            gone = [row.id for row in connection.execute(old.limit(MAX_KEPT))]
            connection.execute(delete(tables.command).where(columns.id.in_(gone)))
        return order

    def get(self, order_id: str) -> Order | None:
        """The command with that id."""
        found = self._select(tables.command.c.id == order_id)
        return found[0] if found else None

    def of(self, agent_id: str, *, limit: int = 50) -> list[Order]:
        """An agent's commands, the newest first."""
        return self._select(tables.command.c.agent_id == agent_id, limit=limit)

    def due(self) -> list[Order]:
        """What waits to be sent, the oldest first."""
        return list(reversed(self._select(tables.command.c.state == OrderState.WAITING, limit=1000)))

    def open_agents(self) -> frozenset[str]:
        """The agents that have not answered everything."""
        columns = tables.command.c
        with self._engine.connect() as connection:
            query = select(columns.agent_id).where(columns.state.in_(OPEN)).distinct()
            return frozenset(connection.scalars(query))

    def note_sent(self, order: Order) -> None:
        """It was handed to the broker."""
        self._move(OrderState.WAITING, OrderState.SENT, order.id, sent_ms=self._clock.now_ms())

    def send_again(self, agent_id: str, connected_ms: int) -> None:
        """The agent connected at `connected_ms`: what it was sent before and did not answer waits again."""
        columns = tables.command.c
        with self._engine.begin() as connection:
            connection.execute(
                update(tables.command)
                .where(
                    columns.agent_id == agent_id,
                    columns.state == OrderState.SENT,
                    columns.sent_ms < connected_ms,
                )
                .values(state=OrderState.WAITING)
            )

    def expire(self) -> None:
        """End what nobody answered in time."""
        columns = tables.command.c
        now_ms = self._clock.now_ms()
        over = (columns.state == OrderState.WAITING) & (columns.expires_ms <= now_ms)
        over |= (columns.state == OrderState.SENT) & (columns.expires_ms <= now_ms - GRACE_MS)
        with self._engine.begin() as connection:
            connection.execute(update(tables.command).where(over).values(state=OrderState.EXPIRED))

    def take_reply(self, agent_id: str, reply: Reply, received_ms: int) -> None:
        """What an agent answered. Only its own commands, each once; all else is ignored."""
        columns = tables.command.c
        state = OrderState.ANSWERED if reply.ok else OrderState.REFUSED
        with self._engine.begin() as connection:
            connection.execute(
                update(tables.command)
                .where(columns.id == reply.id, columns.agent_id == agent_id, columns.answered_ms.is_(None))
                .values(state=state, answered_ms=received_ms, error=reply.error)
            )

    def _move(self, before: OrderState, after: OrderState, order_id: str, **values: int) -> None:
        columns = tables.command.c
        with self._engine.begin() as connection:
            connection.execute(
                update(tables.command)
                .where(columns.id == order_id, columns.state == before)
                .values(state=after, **values)
            )

    def _select(self, *where: Any, limit: int = 1) -> list[Order]:
        columns = tables.command.c
        query = select(tables.command).where(*where).order_by(columns.made_ms.desc(), columns.id.desc())
        with self._engine.connect() as connection:
            return [_order(row) for row in connection.execute(query.limit(limit))]


def _order(row: Row[Sequence[object]]) -> Order:
    return Order(
        id=row.id,
        agent_id=row.agent_id,
        do=row.what,
        arguments=json.loads(row.arguments),
        made_ms=row.made_ms,
        made_by=row.made_by,
        expires_ms=row.expires_ms,
        state=OrderState(row.state),
        sent_ms=row.sent_ms,
        answered_ms=row.answered_ms,
        error=row.error,
    )
