"""An example for every request and answer, put together from the examples that fields and models give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]
NOON_MS = 1_772_427_600_000
"""2026-03-02, a Monday, 12:00 in Vietnam."""
_BY_FORMAT = {
    "date": "2026-03-02",
    "date-time": "2026-03-02T12:00:00+07:00",
    "binary": "",
    "uri": "https://example.vn",
}


class Examples:
    """Makes examples for schemas that refer to `schemas`.

    A schema's own example comes first, then the first of a choice, a constant, a default; an object is made
    of its fields' examples. What has none of all that gets a plain value of its type.
    """

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self._schemas = schemas

    def of(self, schema: Schema, name: str = "", inside: tuple[str, ...] = ()) -> Any:
        """An example for `schema`, the field `name` of something that is `inside` these schemas."""
        if "$ref" in schema:
            referred = schema["$ref"].rpartition("/")[2]
            if referred in inside:
                return None
            return self.of(self._schemas[referred], name, (*inside, referred))
        for key in ("examples", "enum"):
            if schema.get(key):
                return schema[key][0]
        for key in ("example", "const", "default"):
            if schema.get(key) is not None:
                return schema[key]
        for key in ("anyOf", "oneOf", "allOf"):
            if key in schema:
                choice: Schema = next((one for one in schema[key] if one.get("type") != "null"), {})
                return self.of(choice, name, inside)
        return self._of_type(schema, name, inside)

    def whole(self, schema: Schema, value: Any) -> Any:
        """`value` with the nulls back that FastAPI drops from examples: of fields that are always there."""
        while "$ref" in schema:
            schema = self._schemas[schema["$ref"].rpartition("/")[2]]
        if isinstance(value, dict):
            fields = {name: one for name, one in schema.get("properties", {}).items() if name in value}
            value = {**value, **{name: self.whole(one, value[name]) for name, one in fields.items()}}
            missing = set(schema.get("required", ())) - value.keys()
            return value | {name: None for name in schema.get("properties", {}) if name in missing}
        if isinstance(value, list) and isinstance(schema.get("items"), dict):
            return [self.whole(schema["items"], one) for one in value]
        return value

    def _of_type(self, schema: Schema, name: str, inside: tuple[str, ...]) -> Any:
        kind = schema.get("type")
        if kind == "object":
            if "properties" not in schema and isinstance(schema.get("additionalProperties"), dict):
                key = self.of(schema["propertyNames"]) if "propertyNames" in schema else "national"
                return {key: self.of(schema["additionalProperties"], "", inside)}
            fields = schema.get("properties", {})
            return {field: self.of(one, field, inside) for field, one in fields.items()}
        if kind == "array":
            item = self.of(schema["items"], name, inside) if schema.get("items") else None
            return [] if item is None else [item] * max(1, schema.get("minItems", 1))
        if kind == "string":
            return _BY_FORMAT.get(schema.get("format", ""), "x" * schema.get("minLength", 0))
        if kind in ("integer", "number"):
            return _number(schema, name)
        return False if kind == "boolean" else None


def _number(schema: Schema, name: str) -> float:
    least = max(schema.get("minimum", 0), schema.get("exclusiveMinimum", -1) + 1)
    if schema["type"] == "integer":
        return int(
            NOON_MS if name.endswith("_ms") and least <= NOON_MS <= schema.get("maximum", NOON_MS) else least
        )
    return float(least)
