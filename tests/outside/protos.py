"""Google's own protobuf messages as a strict judge of Gemini API and PaLM API JSON.

They come with google-ai-generativelanguage, which still has v1beta3 (PaLM) and v1beta (Gemini). An unknown
field, a wrong type or two fields of one `oneof` raise `Mismatch`.
"""

import re
from collections.abc import Mapping
from typing import Any

# Importing them registers the types that an Any's "@type" may name.
import google.ai.generativelanguage_v1beta
import google.ai.generativelanguage_v1beta3
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2, json_format
from google.protobuf.message import Message

# (method, path below the version, request message, answer message). The URL carries the fields that the body
# leaves out; None means no body. Google binds these in google/ai/generativelanguage/*/…_service.proto.
ROUTES: tuple[tuple[str, str, str | None, str], ...] = (
    ("POST", r"tunedModels", "TunedModel", "Operation"),
    ("GET", r"tunedModels", None, "ListTunedModelsResponse"),
    ("GET", r"tunedModels/[^/:]+", None, "TunedModel"),
    ("DELETE", r"tunedModels/[^/:]+", None, "Empty"),
    ("GET", r"tunedModels/[^/:]+/operations", None, "ListOperationsResponse"),
    ("GET", r"tunedModels/[^/:]+/operations/[^/:]+", None, "Operation"),
    ("POST", r"tunedModels/[^/:]+/operations/[^/:]+:cancel", "Empty", "Empty"),
    ("POST", r"(tunedModels|models)/[^/:]+:generateText", "GenerateTextRequest", "GenerateTextResponse"),
    ("POST", r"(tunedModels|models)/[^/:]+:generateContent", "GenerateContentRequest", "GenerateContentResponse"),
    (
        "POST",
        r"(tunedModels|models)/[^/:]+:streamGenerateContent",
        "GenerateContentRequest",
        "GenerateContentResponse",
    ),
    ("POST", r"models/[^/:]+:countTokens", "CountTokensRequest", "CountTokensResponse"),
    ("POST", r"models/[^/:]+:countTextTokens", "CountTextTokensRequest", "CountTextTokensResponse"),
    ("GET", r"tunedModels/[^/:]+/permissions", None, "ListPermissionsResponse"),
    ("POST", r"tunedModels/[^/:]+/permissions", "Permission", "Permission"),
    ("GET", r"tunedModels/[^/:]+/permissions/[^/:]+", None, "Permission"),
    ("DELETE", r"tunedModels/[^/:]+/permissions/[^/:]+", None, "Empty"),
    ("POST", r"tunedModels/[^/:]+:transferOwnership", "TransferOwnershipRequest", "TransferOwnershipResponse"),
)
QUERIES = {
    "GET tunedModels": {"pageSize", "pageToken", "filter"},
    "POST tunedModels": {"tunedModelId"},
}
MODULES = {
    "v1beta3": google.ai.generativelanguage_v1beta3,
    "v1beta": google.ai.generativelanguage_v1beta,
}
# Query parameters that every Google API takes.
SYSTEM_QUERIES = {"key", "alt", "$alt", "fields", "prettyPrint", "quotaUser"}


class Mismatch(AssertionError):
    """JSON that does not parse into Google's message; its text is the parser's reason."""


def parse(version: str, message: str, body: Any) -> Message:
    """Parse JSON strictly into the message of `v1beta3` or `v1beta`, or a shared one such as `Operation`.

    Raises:
        Mismatch: an unknown field, a wrong type, or more than one member of a oneof.
    """
    try:
        return json_format.ParseDict(body, _blank(version, message), ignore_unknown_fields=False)
    except json_format.ParseError as error:
        raise Mismatch(f"{version} {message}: {error}") from error


def round_trip(version: str, message: str, body: Any) -> Any:
    """Parse strictly and print again: Google's exact JSON for this content (zeros left out, camelCase)."""
    return json_format.MessageToDict(parse(version, message, body))


def check_request(
    method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None
) -> Message | None:
    """Check a request to `/v1beta3/...`, `/v1beta/...` or `/v1/...` (operations) by path, query and body."""
    version, below, request, _ = _route(method, path)
    known = SYSTEM_QUERIES | QUERIES.get(f"{method} {below}", set())
    if unknown := set(query or {}) - known:
        raise Mismatch(f"{method} {path}: unknown query parameters {sorted(unknown)}")
    if version == "v1beta3" and query and "filter" in query:
        raise Mismatch("v1beta3 tunedModels.list has no filter")
    if request is None:
        if body not in (None, {}, ""):
            raise Mismatch(f"{method} {path} takes no body")
        return None
    return parse(version, request, body or {})


def check_answer(method: str, path: str, body: Any, *, version: str | None = None) -> Message:
    """Check an answer; `version` names whose metadata an operation on `/v1` carries (default v1beta)."""
    of, _, _, answer = _route(method, path)
    return parse(version or of, answer, body)


def _route(method: str, path: str) -> tuple[str, str, str | None, str]:
    found = re.fullmatch(r"/(v1beta3|v1beta|v1)/(.+)", path)
    if found is None:
        raise Mismatch(f"{path} is under no version of the Generative Language API")
    version, below = found.groups()
    operation = "/operations" in below
    if version == "v1" and not operation:
        raise Mismatch(f"/v1 serves only operations of tuned models, not {path}")
    if version == "v1beta3" and operation:
        raise Mismatch("v1beta3 binds no operations: ask /v1")
    if version == "v1beta" and below.endswith(":cancel"):
        raise Mismatch("operations are cancelled on /v1 only")
    for known_method, pattern, request, answer in ROUTES:
        if known_method == method and re.fullmatch(pattern, below):
            return ("v1beta" if version == "v1" else version), below, request, answer
    raise Mismatch(f"{method} {path}: Google binds nothing there")


def _blank(version: str, message: str) -> Message:
    match message:
        case "Operation":
            return operations_pb2.Operation()
        case "ListOperationsResponse":
            return operations_pb2.ListOperationsResponse()
        case "Empty":
            return empty_pb2.Empty()
        case _:
            kind = getattr(MODULES[version], message, None)
            if kind is None:
                raise Mismatch(f"{version} has no {message}")
            blank: Message = kind.pb(kind())
            return blank
