"""Google's discovery documents as a strict judge of JSON that we send or serve.

They come with google-api-python-client, so nothing here is our reading of the API. A body passes only when
every field exists, has the described type and format, and every enum value is a known one.
"""

import base64
import binascii
import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
DURATION = re.compile(r"-?\d+(\.\d{1,9})?s")


class Mismatch(AssertionError):
    """A body that the discovery document does not describe; its text lists every difference."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method of the document: `request` and `response` are schema names, or None for no body."""

    id: str
    http_method: str
    path: re.Pattern[str]
    literal_length: int
    query: frozenset[str]
    request: str | None
    response: str | None


class Discovery:
    """One discovery document: `Discovery("aiplatform.v1")`, `"aiplatform.v1beta1"` or `"storage.v1"`."""

    def __init__(self, document: str) -> None:
        folder = files("googleapiclient") / "discovery_cache" / "documents"
        self._document: dict[str, Any] = json.loads((folder / f"{document}.json").read_text("utf-8"))
        self._schemas: dict[str, Any] = self._document["schemas"]
        self._methods = sorted(self._walk(self._document), key=lambda method: method.literal_length, reverse=True)
        version = self._document["version"].removeprefix("v")
        self.prefix = f"GoogleCloudAiplatformV{version}" if "aiplatform" in document else ""

    def method(self, http_method: str, path: str) -> Method:
        """Find the method bound to a path (no query), such as `/v1/projects/p/locations/l/tuningJobs`.

        Raises:
            Mismatch: Google binds nothing to this method and path.
        """
        for method in self._methods:
            if method.http_method == http_method and method.path.fullmatch(path.lstrip("/")):
                return method
        raise Mismatch(f"{http_method} {path}: no such method in {self._document['id']}")

    def check_request(
        self, http_method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None
    ) -> Method:
        """Check a request's path, query and JSON body; fields that only Google sets are refused."""
        method = self.method(http_method, path)
        problems = [f"query: unknown parameter {name!r}" for name in query or {} if name not in method.query]
        if method.request is not None:
            problems += self._problems(method.request, {} if body is None else body, "", outgoing=True)
        elif body not in (None, "", b"", {}):
            problems.append(f"{method.id} takes no body")
        self._raise(f"{http_method} {path}", problems)
        return method

    def check_answer(self, http_method: str, path: str, body: Any) -> Method:
        """Check the JSON body of a successful answer to this request."""
        method = self.method(http_method, path)
        schema = method.response
        if schema is None:
            raise Mismatch(f"{method.id} answers with no body")
        self._raise(f"answer to {http_method} {path}", self._problems(schema, body, "", outgoing=False))
        return method

    def check(self, schema: str, body: Any, *, outgoing: bool = False) -> None:
        """Check a body by schema name; Vertex names may leave out the `GoogleCloudAiplatformV1` prefix."""
        name = schema if schema in self._schemas else self.prefix + schema
        self._raise(name, self._problems(name, body, "", outgoing=outgoing))

    def fields(self, schema: str) -> dict[str, Any]:
        """Return the described properties of a schema, by JSON name."""
        name = schema if schema in self._schemas else self.prefix + schema
        properties: dict[str, Any] = self._schemas[name]["properties"]
        return properties

    def _walk(self, node: dict[str, Any]) -> Iterator[Method]:
        common = frozenset(self._document["parameters"])
        for described in node.get("methods", {}).values():
            template = self._document["servicePath"] + described.get("flatPath", described["path"])
            literals = re.split(r"\{\+?\w+\}", template)
            yield Method(
                id=described["id"],
                http_method=described["httpMethod"],
                path=re.compile("[^/]+?".join(re.escape(literal) for literal in literals)),
                literal_length=sum(map(len, literals)),
                query=common
                | {name for name, of in described.get("parameters", {}).items() if of["location"] == "query"},
                request=described.get("request", {}).get("$ref"),
                response=described.get("response", {}).get("$ref"),
            )
        for child in node.get("resources", {}).values():
            yield from self._walk(child)

    @staticmethod
    def _raise(subject: str, problems: list[str]) -> None:
        if problems:
            raise Mismatch("\n  ".join([f"{subject} is not what Google describes:", *problems]))

    def _problems(self, schema: str, body: Any, at: str, *, outgoing: bool) -> list[str]:
        if not isinstance(body, dict):
            return [f"{at or schema}: expected an object, got {body!r}"]
        properties = self._schemas[schema].get("properties", {})
        problems = []
        for name, value in body.items():
            where = f"{at}.{name}" if at else name
            described = properties.get(name)
            if described is None:
                problems.append(f"{where}: {schema} has no such field")
            elif outgoing and described.get("readOnly"):
                problems.append(f"{where}: only Google sets this field")
            else:
                problems += self._value(described, value, where, outgoing=outgoing)
        return problems

    def _value(self, described: dict[str, Any], value: Any, at: str, *, outgoing: bool) -> list[str]:
        if "$ref" in described:
            return self._problems(described["$ref"], value, at, outgoing=outgoing)
        match described["type"]:
            case "any":
                return []
            case "array":
                if not isinstance(value, list):
                    return [f"{at}: expected a list, got {value!r}"]
                return [
                    problem
                    for index, item in enumerate(value)
                    for problem in self._value(described["items"], item, f"{at}[{index}]", outgoing=outgoing)
                ]
            case "object":
                if not isinstance(value, dict):
                    return [f"{at}: expected an object, got {value!r}"]
                return self._mapping(described, value, at, outgoing=outgoing)
            case kind:
                fits = _scalar_fits(kind, described.get("format"), value)
                if not fits:
                    return [f"{at}: expected {described.get('format', kind)}, got {value!r}"]
                if "enum" in described and value not in described["enum"]:
                    return [f"{at}: {value!r} is none of {', '.join(described['enum'])}"]
                return []

    def _mapping(self, described: dict[str, Any], value: dict[str, Any], at: str, *, outgoing: bool) -> list[str]:
        """Check an inline object: named properties, or any key with one type of value."""
        problems = []
        for key, item in value.items():
            inner = described.get("properties", {}).get(key, described.get("additionalProperties"))
            if inner is None:
                problems.append(f"{at}.{key}: no such field")
            else:
                problems += self._value(inner, item, f"{at}.{key}", outgoing=outgoing)
        return problems


def _scalar_fits(kind: str, form: str | None, value: Any) -> bool:
    match kind, form:
        case "boolean", _:
            return isinstance(value, bool)
        case "integer", _:
            return isinstance(value, int) and not isinstance(value, bool)
        case "number", _:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "string", "int64" | "uint64":
            return isinstance(value, str) and re.fullmatch(r"-?\d+", value) is not None
        case "string", "google-datetime" | "date-time":
            return isinstance(value, str) and TIMESTAMP.fullmatch(value) is not None
        case "string", "google-duration":
            return isinstance(value, str) and DURATION.fullmatch(value) is not None
        case "string", "byte":
            return isinstance(value, str) and _is_base64(value)
        case "string", _:
            return isinstance(value, str)
    raise Mismatch(f"the document has a type not known here: {kind!r}")


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(value.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error:
        return False
    return True


@functools.cache
def vertex(version: str = "v1") -> Discovery:
    """The Vertex AI document of `v1` or `v1beta1`, read once a session (3 to 4 MB of JSON)."""
    return Discovery(f"aiplatform.{version}")


@functools.cache
def cloud_storage() -> Discovery:
    """The Cloud Storage JSON API document."""
    return Discovery("storage.v1")
