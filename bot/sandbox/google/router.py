"""Google's paths bound to handlers: patterns on the raw path, since names hold `:` verbs and encoded slashes."""

import base64
import json
import re
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import unquote

from aiohttp import web

from bot.sandbox.google.fault_injection import Fault
from bot.sandbox.google.rpc_status import invalid

Item = TypeVar("Item")

# Query parameters that every Google API takes.
SYSTEM_QUERY = {"key", "alt", "$alt", "fields", "prettyPrint", "quotaUser", "$.xgafv", "access_token"}


@dataclass(slots=True)
class Call:
    """One request: `arguments` are the path's named parts, `body` its JSON (None without one).

    `cut_after` and `pause` are set by faults: a streamed answer ends without its end after that many pieces, or
    pauses.
    """

    request: web.Request
    arguments: dict[str, str]
    query: dict[str, str]
    base_url: str
    body: Any = None
    cut_after: int | None = None
    pause: Fault | None = None


Handler = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """A bound path. `need` is the credential asked for; `body` how the body is read: json, form or stream.

    `query` names the parameters taken (camelCase) beside the system's; None takes any.
    """

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    need: str
    body: str
    query: frozenset[str] | None
    service: str


@dataclass(slots=True)
class Router:
    """The table of routes; the first that fits wins."""

    routes: list[Route] = field(default_factory=list)

    def add(
        self,
        method: str,
        pattern: str,
        handler: Handler,
        *,
        need: str,
        body: str = "json",
        query: Collection[str] | None = (),
        service: str = "generativelanguage.googleapis.com",
    ) -> None:
        """Bind a path pattern; its named groups become the call's arguments, percent-decoded."""
        taken = None if query is None else frozenset(query)
        self.routes.append(Route(method, re.compile(pattern), handler, need, body, taken, service))

    def find(self, method: str, raw_path: str) -> tuple[Route, dict[str, str]] | None:
        """Return the route of a raw path and its arguments."""
        for route in self.routes:
            if route.method == method and (found := route.pattern.fullmatch(raw_path)):
                return route, {name: unquote(value or "") for name, value in found.groupdict().items()}
        return None


def read_query(route: Route, query: dict[str, str]) -> dict[str, str]:
    """Bring query names to camelCase and refuse unknown ones in Google's words."""
    read = {}
    for name, value in query.items():
        known = re.sub(r"_([a-z])", lambda found: found.group(1).upper(), name)
        if route.query is not None and known not in route.query and name not in SYSTEM_QUERY:
            raise invalid(
                f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter. '
                f"Field '{name}' could not be found in request message.",
                name,
            )
        read[known] = value
    return read


def parse_json(raw: bytes) -> Any:
    """Parse a request body; an empty one is None.

    Raises:
        GoogleError: 400 in Google's words, with the place of the fault.
    """
    if not raw.strip():
        return None
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        if not isinstance(error, json.JSONDecodeError):
            raise invalid("Invalid JSON payload received. Unexpected token.") from error
        lines = error.doc.splitlines() or [""]
        line = lines[min(error.lineno, len(lines)) - 1]
        start = max(0, error.colno - 20)
        caret = " " * (error.colno - 1 - start) + "^"
        raise invalid(
            f"Invalid JSON payload received. Unexpected token.\n{line[start : error.colno + 20]}\n{caret}"
        ) from error


def whole_number(query: dict[str, str], name: str, default: int, largest: int) -> int:
    """Read a page size: at least 1, larger ones count as `largest` without an error, as at Google."""
    text = query.get(name, "")
    if not re.fullmatch(r"-?\d{0,9}", text):
        raise invalid(f"Invalid value at '{name}' (TYPE_INT32), \"{text}\"", name)
    number = int(text or 0)
    if number < 0:
        raise invalid(f"{name} must be non-negative, got {number}", name)
    return min(number or default, largest)


def answer(content: dict[str, Any]) -> web.Response:
    """A successful JSON answer."""
    return web.json_response(content, headers={"Vary": "Origin, X-Origin, Referer"})


def list_answer(
    call: Call,
    name: str,
    items: Sequence[Item],
    order: Callable[[Item], int],
    view: Callable[[Item], dict[str, Any]],
    *,
    size: int,
    largest: int,
) -> web.Response:
    """Answer with one page of `items`, which are sorted by falling `order`; `name` is the list's field.

    The next page's token carries the order of the last item shown, so items that come or go between two pages
    shift nothing. `size` is a page's length where the call says none.
    """
    try:
        last = int(base64.urlsafe_b64decode(call.query.get("pageToken") or "LTE="))
    except ValueError as error:
        raise invalid("Invalid page token.", "page_token") from error
    rest = [item for item in items if last < 0 or order(item) < last]
    shown = rest[: whole_number(call.query, "pageSize", size, largest)]
    content: dict[str, Any] = {name: [view(item) for item in shown]} if shown else {}
    if len(rest) > len(shown):
        content["nextPageToken"] = base64.urlsafe_b64encode(str(order(shown[-1])).encode()).decode()
    return answer(content)
