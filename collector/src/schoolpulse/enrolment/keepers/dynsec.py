"""mosquitto's dynamic security plugin: accounts and rights changed over MQTT, in force at once.

Each agent gets a role of its own, since mosquitto 2.0's plugin knows no ``%u`` in topics: it may write its
own ``state``, ``birth``, ``telemetry`` and ``reply`` and read its own ``confirm`` and ``command``. The plugin
hashes passwords itself (PBKDF2-SHA-512) and keeps everything in a file of its own.
Source: mosquitto's dynamic-security documentation, "Topics" and "Commands"; tried with 2.0.11.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from schoolpulse.enrolment.keepers.base import Wanted
from schoolpulse_agent import wire
from schoolpulse_agent.wire import Kind

CHUNK = 5
"""Agents in one message. The plugin writes its whole file for each of their commands; meanwhile the broker
does nothing else: between messages it must breathe."""
READS = (Kind.CONFIRM, Kind.COMMAND)
_BENIGN = frozenset({"Client not found", "Role not found"})
"""What the plugin says to the removal of something that is not there."""


class Control(Protocol):
    """The plugin's door."""

    def ask(self, commands: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """The plugin's answer to each command, in order.

        Raises:
            AccountsUnavailable: it cannot be reached, or does not answer.
        """
        ...


class Dynsec:
    """Keeps accounts in the plugin behind `control`."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def apply(self, wanted: Sequence[Wanted]) -> Mapping[str, str]:
        """Remove what there is of these agents, which cuts their connections, and make it anew.

        Raises:
            AccountsUnavailable: the broker or the plugin cannot be reached.
        """
        refused: dict[str, str] = {}
        for at in range(0, len(wanted), CHUNK):
            owners: list[str] = []
            commands: list[Mapping[str, Any]] = []
            for one in wanted[at : at + CHUNK]:
                own = commands_for(one)
                commands += own
                owners += [one.agent_id] * len(own)
            for owner, answer in zip(owners, self._control.ask(commands), strict=True):
                error = answer.get("error")
                if error and error not in _BENIGN:
                    refused.setdefault(owner, f"the broker's plugin refuses {answer.get('command')}: {error}")
        return refused

    def names(self) -> frozenset[str]:
        """Every user that the plugin knows.

        Raises:
            AccountsUnavailable: the broker or the plugin cannot be reached.
        """
        (answer,) = self._control.ask([{"command": "listClients", "verbose": False}])
        return frozenset(answer.get("data", {}).get("clients", ()))


def role_name(agent_id: str) -> str:
    """The role of one agent."""
    return f"agent-{agent_id}"


def rights(agent_id: str) -> list[dict[str, Any]]:
    """What an agent may do and nothing else, as the plugin's access list."""
    reads = [wire.topic(agent_id, kind) for kind in READS]
    writes = [wire.topic(agent_id, kind) for kind in sorted(wire.FROM_AGENT)]
    return [
        *(allow("publishClientSend", topic) for topic in writes),
        *(allow("publishClientReceive", topic) for topic in reads),
        *(allow("subscribeLiteral", topic) for topic in reads),
    ]


def allow(kind: str, topic: str) -> dict[str, Any]:
    """One line of an access list."""
    return {"acltype": kind, "topic": topic, "priority": 0, "allow": True}


def commands_for(wanted: Wanted) -> list[dict[str, Any]]:
    """The plugin's commands that make an account as it is wanted, whatever there was before."""
    role = role_name(wanted.agent_id)
    commands: list[dict[str, Any]] = [
        {"command": "deleteClient", "username": wanted.agent_id},
        {"command": "deleteRole", "rolename": role},
    ]
    if wanted.active:
        client: dict[str, Any] = {
            "command": "createClient",
            "username": wanted.agent_id,
            "textname": "SchoolPulse agent",
            "roles": [{"rolename": role}],
        }
        if wanted.password is not None:
            client["password"] = wanted.password
        commands.append({"command": "createRole", "rolename": role, "acls": rights(wanted.agent_id)})
        commands.append(client)
    return commands
