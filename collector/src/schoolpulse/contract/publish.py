"""Writes the published contract from the models: ``python -m schoolpulse.contract.publish [--check]``.

JSON Schema (draft 2020-12) for every message and an AsyncAPI 3 document over them, for whoever wants to
speak to a collector without our agent. ``--check`` writes nothing and exits 1 where a file is not current.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from schoolpulse.contract.models import Birth, Command, Confirm, Reply, State, Telemetry
from schoolpulse_agent import wire
from schoolpulse_agent.wire import Kind

FOLDER = Path(__file__).parents[4] / "docs/vendor/contract"
"""Where the files lie in a checkout."""

_SCHEMA = "https://json-schema.org/draft/2020-12/schema"
_FORMAT = "application/schema+json;version=draft-2020-12"

MESSAGES: dict[Kind, tuple[type[BaseModel], bool]] = {
    Kind.STATE: (State, True),
    Kind.BIRTH: (Birth, True),
    Kind.TELEMETRY: (Telemetry, False),
    Kind.COMMAND: (Command, False),
    Kind.REPLY: (Reply, False),
    Kind.CONFIRM: (Confirm, False),
}
"""Each kind with its model and whether it is retained."""


def schemas() -> dict[Kind, dict[str, Any]]:
    """The JSON Schema of each message."""
    found = {}
    for kind, (model, _) in MESSAGES.items():
        schema = _plain(model.model_json_schema())
        found[kind] = {"$schema": _SCHEMA, "title": kind.value} | schema
    return found


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI document, as seen by an agent: it sends what the collector receives."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "SchoolPulse wire contract",
            "version": f"{wire.CONTRACT_VERSION}.0.0",
            "description": "What agents in schools and the collector say to one another over MQTT. "
            "The rules that a schema cannot say are in contract.md.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "broker": {
                "host": "mqtt.example.vn:8883",
                "protocol": "secure-mqtt",
                "protocolVersion": "5",
                "description": "MQTT 5, or 3.1.1. The user name is the agent's id.",
            }
        },
        "channels": {kind.value: _channel(kind) for kind in MESSAGES},
        "operations": {kind.value: _operation(kind) for kind in MESSAGES},
        "components": {"messages": {kind.value: _message(kind) for kind in MESSAGES}},
    }


def files() -> dict[str, str]:
    """Every published file, by name."""
    made = {f"{kind.value}.schema.json": schema for kind, schema in schemas().items()}
    made["asyncapi.json"] = asyncapi()
    return {name: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for name, content in made.items()}


def _channel(kind: Kind) -> dict[str, Any]:
    return {
        "address": wire.topic("{agentId}", kind),
        "messages": {kind.value: {"$ref": f"#/components/messages/{kind.value}"}},
        "parameters": {
            "agentId": {
                "description": "1 to 64 of a-z, 0-9 and -; unique in the city; the broker's user name."
            }
        },
    }


def _operation(kind: Kind) -> dict[str, Any]:
    return {
        "action": "send" if kind in wire.FROM_AGENT else "receive",
        "channel": {"$ref": f"#/channels/{kind.value}"},
        "messages": [{"$ref": f"#/channels/{kind.value}/messages/{kind.value}"}],
        "bindings": {"mqtt": {"qos": wire.QOS, "retain": MESSAGES[kind][1], "bindingVersion": "0.2.0"}},
    }


def _message(kind: Kind) -> dict[str, Any]:
    model, _ = MESSAGES[kind]
    return {
        "title": kind.value,
        "summary": " ".join((model.__doc__ or "").split()),
        "payload": {"schemaFormat": _FORMAT, "schema": {"$ref": f"./{kind.value}.schema.json"}},
    }


def _plain(value: Any) -> Any:
    """The schema without pydantic's made-up titles, and with its docstrings on one line."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    plain: dict[str, Any] = {}
    for key, item in value.items():
        if key == "properties":
            plain[key] = {name: _plain(schema) for name, schema in item.items()}
        elif key == "description":
            plain[key] = " ".join(item.split())
        elif key != "title":
            plain[key] = _plain(item)
    return plain


def main(arguments: list[str] | None = None) -> int:
    """Write or check the files; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m schoolpulse.contract.publish", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file differs")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the files lie")
    options = parser.parse_args(arguments)
    stale = []
    for name, text in files().items():
        path = options.folder / name
        if path.exists() and path.read_text("utf-8") == text:
            continue
        stale.append(name)
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    if stale:
        sys.stderr.write(f"{'not current' if options.check else 'written'}: {', '.join(stale)}\n")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
