"""The Web API over HTTP: reads a request, checks its token, applies faults and rate limits, and keeps the log.

Source of the limits: https://docs.slack.dev/apis/web-api/rate-limits/
"""

import json
import math
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiohttp import web

from bot.sandbox.slack.call import Call, decoded
from bot.sandbox.slack.events_api import EventsApi
from bot.sandbox.slack.methods import method_table
from bot.sandbox.slack.methods.files_methods import Uploads
from bot.sandbox.slack.records import Json, WebCall
from bot.sandbox.slack.refusals import SlackError
from bot.sandbox.slack.slack_faults import RequestFaults
from bot.sandbox.slack.socket_mode_server import SocketMode

_POSTS = {"chat.postMessage", "chat.postEphemeral"}


@dataclass(slots=True)
class RateLimits:
    """Windows over the calls that were let through; a refused call does not count."""

    enabled: bool = False
    posts_per_second: float = 1.0
    post_burst: int = 1
    updates_per_minute: int = 50
    _posts: dict[str, deque[float]] = field(default_factory=dict, repr=False)
    _updates: deque[float] = field(default_factory=deque, repr=False)

    def retry_after(self, call: Call) -> int | None:
        """Return the whole seconds that this call must wait, None where it may go on."""
        if not self.enabled:
            return None
        now = call.workspace.now()
        if call.method in _POSTS:
            window = self._posts.setdefault(call.text("channel"), deque())
            return _count(window, now, self.post_burst, self.post_burst / self.posts_per_second)
        if call.method == "chat.update":
            return _count(self._updates, now, self.updates_per_minute, 60.0)
        return None


def _count(window: deque[float], now: float, most: int, seconds: float) -> int | None:
    while window and window[0] <= now - seconds:
        window.popleft()
    if len(window) >= most:
        return max(1, math.ceil(window[0] + seconds - now))
    window.append(now)
    return None


CONNECT = "apps.connections.open"


class WebApi:
    """Answers ``/api/{method}``."""

    def __init__(
        self,
        events: EventsApi,
        uploads: Uploads,
        sockets: SocketMode,
        request_faults: RequestFaults,
        limits: RateLimits,
    ) -> None:
        self._events = events
        self._workspace = events.workspace
        self._app = events.app
        self._sockets = sockets
        self._request_faults = request_faults
        self._limits = limits
        self._methods = method_table(uploads)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request and write it into the workspace's log."""
        method = request.match_info["method"]
        try:
            args = await _arguments(request)
        except ValueError:
            return web.json_response({"ok": False, "error": "invalid_json"})
        token = _token(request, args)
        record = WebCall(method, decoded(args), self._workspace.now())
        return await self._request_faults.carry_out(record, request, partial(self._answer, record, token))

    async def _answer(self, record: WebCall, token: str) -> web.Response:
        call = Call(record.method, record.args, self._workspace, self._app, self._events)
        try:
            response = self._perform(call, token)
        except SlackError as error:
            response = web.json_response(error.body())
        record.performed = True
        record.response = json.loads(response.text or "{}")
        response.headers["X-OAuth-Scopes"] = ",".join(sorted(self._app.scopes))
        return response

    def _perform(self, call: Call, token: str) -> web.Response:
        if call.method == CONNECT:
            self._check_token(token, self._app.app_token, self._app.bot_token)
            return web.json_response({"ok": True, "url": self._sockets.new_url()})
        if call.method not in self._methods:
            raise SlackError("unknown_method", req_method=call.method)
        self._check_token(token, self._app.bot_token, self._app.app_token)
        method = self._methods[call.method]
        call.need(*method.scopes)
        wait = self._limits.retry_after(call)
        if wait is not None:
            body = {"ok": False, "error": "ratelimited"}
            return web.json_response(body, status=429, headers={"Retry-After": str(wait)})
        return web.json_response(method.perform(call))

    @staticmethod
    def _check_token(token: str, right: str, of_another_kind: str) -> None:
        if not token:
            raise SlackError("not_authed")
        if token == of_another_kind:
            raise SlackError("not_allowed_token_type")
        if token != right:
            raise SlackError("invalid_auth")


async def _arguments(request: web.Request) -> Json:
    """Return query, form and JSON arguments as one mapping."""
    args: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        body = await request.text()
        sent = json.loads(body) if body else {}
        if not isinstance(sent, dict):
            raise ValueError("a JSON body must be an object")
        args |= {name: value for name, value in sent.items() if value is not None}
    elif request.method == "POST":
        form = await request.post()
        args |= {name: value for name, value in form.items() if isinstance(value, str)}
    return args


def _token(request: web.Request, args: Json) -> str:
    """Take the token out, so that the log never holds it."""
    in_body = str(args.pop("token", "") or "")
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" and bearer else in_body
