"""Protobuf's JSON form, as Google's front end reads and writes it: this is the judge of what the bot sends.

Reading takes camelCase and snake_case, numbers as strings and enums as numbers, and refuses unknown names in
Google's words. Writing leaves out zeros and prints int64 as strings. What a message holds stands in
`api_messages.json`, which `tests/outside/api_messages.py` writes from Google's own packages.

A field is described by a word: `string`, `int32`, `int64`, `float`, `double`, `bool`, `timestamp`, `bytes`,
`value` (any JSON), `labels` (a map of strings), `enum:NAME` or the name of another message. `[]` before it makes
a list, `?` marks a field whose zero is still written (it has presence).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from bot.sandbox.google.rpc_status import TYPE, GoogleError


@dataclass(frozen=True, slots=True)
class Schema:
    """The messages of one API version: fields by message name, enum values by number, oneof groups.

    `oneofs` maps a message name to groups of which at most one member may be set, by the group's proto name.
    """

    package: str
    messages: Mapping[str, Mapping[str, str]]
    enums: Mapping[str, tuple[str, ...]]
    oneofs: Mapping[str, Mapping[str, tuple[str, ...]]]


SCHEMAS: Mapping[str, Schema] = {
    version: Schema(**table)
    for version, table in json.loads(
        (files("bot.sandbox.google") / "api_messages.json").read_text("utf-8")
    ).items()
}
PALM, GEMINI = SCHEMAS["v1beta3"], SCHEMAS["v1beta"]
VERTEX, VERTEX_BETA = SCHEMAS["v1"], SCHEMAS["v1beta1"]


def camel(name: str) -> str:
    """`text_input` -> `textInput`; a camelCase name stays as it is."""
    return re.sub(r"_([a-z0-9])", lambda found: found.group(1).upper(), name)


def snake(name: str) -> str:
    """`textInput` -> `text_input`, as Google names fields in its errors."""
    return re.sub(r"([A-Z])", lambda found: "_" + found.group(1).lower(), name)


def decode(schema: Schema, message: str, body: Any, at: str = "") -> dict[str, Any]:
    """Read a request body into camelCase names and natural values (int, float, enum names).

    Raises:
        GoogleError: 400 with every problem, worded and placed as Google does. `at` is the proto name of the
            request field that the body fills, such as `tuned_model`.
    """
    reader = _Reader(schema)
    decoded = reader.message(message, body, at)
    if reader.problems:
        text = "\n".join(description for _, description in reader.problems)
        violations = [{"field": place, "description": words} for place, words in reader.problems]
        raise GoogleError(400, text, details=[{"@type": f"{TYPE}BadRequest", "fieldViolations": violations}])
    return decoded


class _Reader:
    """Walks one body and gathers every problem, since Google reports them together."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.problems: list[tuple[str, str]] = []

    def message(self, message: str, body: Any, at: str) -> dict[str, Any]:
        if not isinstance(body, dict):
            self._wrong(at, f"type.googleapis.com/{self.schema.package}.{message}", body)
            return {}
        table = self.schema.messages[message]
        decoded: dict[str, Any] = {}
        for given, value in body.items():
            name = camel(given)
            if name not in table:
                place = f" at '{at}'" if at else ""
                words = f'Invalid JSON payload received. Unknown name "{given}"{place}: Cannot find field.'
                self.problems.append((at, words))
            elif value is not None:
                inner = f"{at}.{snake(name)}" if at else snake(name)
                decoded[name] = self.value(table[name].lstrip("?"), value, inner)
        for group, members in self.schema.oneofs.get(message, {}).items():
            chosen = [name for name in decoded if name in members]
            for extra in chosen[1:]:
                words = (
                    f"Invalid value at '{at}' (oneof), oneof field '{group}' is already set. Cannot set '{extra}'"
                )
                self.problems.append((at, words))
        return decoded

    def value(self, kind: str, value: Any, at: str) -> Any:
        if kind.startswith("[]"):
            if not isinstance(value, list):
                return self._wrong(at, f"type.googleapis.com/{self.schema.package}.{kind[2:]}", value)
            return [self.value(kind[2:], item, f"{at}[{index}]") for index, item in enumerate(value)]
        if kind[0].isupper():
            return self.message(kind, value, at)
        if kind.startswith("enum:"):
            return self._enum(kind[5:], value, at)
        return self._scalar(kind, value, at)

    def _scalar(self, kind: str, value: Any, at: str) -> Any:
        match kind:
            case "value":
                return value
            case "string" | "timestamp" | "bytes" if isinstance(value, str):
                return value
            case "bool" if isinstance(value, bool):
                return value
            case "int32" | "int64" if (number := _whole(value)) is not None:
                if -(2**31) <= number < 2**31 or kind == "int64":
                    return number
            case "float" | "double" if (real := _real(value)) is not None:
                return real
            case "labels" if isinstance(value, dict) and all(isinstance(v, str) for v in value.values()):
                return dict(value)
        return self._wrong(at, f"TYPE_{kind.upper()}", value)

    def _enum(self, name: str, value: Any, at: str) -> Any:
        values = self.schema.enums[name]
        if isinstance(value, str) and value in values:
            return value
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(values):
            return values[value]
        return self._wrong(at, f"type.googleapis.com/{self.schema.package}.{name}", value)

    def _wrong(self, at: str, kind: str, value: Any) -> None:
        shown = f'"{value[:100]}"' if isinstance(value, str) else str(value)[:100]
        self.problems.append((at, f"Invalid value at '{at}' ({kind}), {shown}"))


def encode(schema: Schema, message: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Write natural values as Google writes them: no zeros, int64 as strings, timestamps in UTC.

    Raises:
        KeyError: a value that the message does not have, a bug of ours.
    """
    table = schema.messages[message]
    written: dict[str, Any] = {}
    for name, value in values.items():
        kind = table[name]
        if value is None or (_is_zero(value) and not kind.startswith("?")):
            continue
        written[name] = _written(schema, kind.lstrip("?"), value)
    return written


def _written(schema: Schema, kind: str, value: Any) -> Any:
    if kind.startswith("[]"):
        return [_written(schema, kind[2:], item) for item in value]
    if kind[0].isupper():
        return encode(schema, kind, value)
    match kind:
        case "int64":
            return str(value)
        case "timestamp" if isinstance(value, int | float):
            return timestamp(value)
        case _:
            return value


def _is_zero(value: Any) -> bool:
    return not isinstance(value, dict) and value in (0, "", False, [], ())


def _whole(value: Any) -> int | None:
    real = _real(value)
    return int(real) if real is not None and real == int(real) else None


def _real(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        real = float(value)
    except (ValueError, OverflowError):
        return None
    return real if abs(real) < 1e300 else None


def timestamp(seconds: float) -> str:
    """Seconds since 1970 as RFC 3339 in UTC, with microseconds as Google prints most times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def single(value: float) -> float:
    """A float as it looks after a 32-bit field: seven significant digits at most."""
    return float(f"{value:.7g}")
