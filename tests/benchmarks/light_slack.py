"""As much of Slack as a benchmark needs, and no more, so that what is measured is the bot.

The sandbox's Slack judges every block and remembers every message, in the same process as the one that measures;
this one says `ok` to everything, counts, and hands out `/tune status` as fast as it is acknowledged.
"""

import asyncio
import hashlib
import hmac
import itertools
import json
import time
from collections import Counter
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import urlencode

from aiohttp import web

BOT_TOKEN, APP_TOKEN, SECRET = "xoxb-benchmark", "xapp-benchmark", "benchmark-signing-secret"
TEAM, CHANNEL, USER, BOT = "T0BENCH", "C0BENCH", "U0ADA", "U0TUNEBOT"


class Driver(Protocol):
    """One way in."""

    async def command(self) -> float:
        """Send `/tune status`; the seconds until it was acknowledged. Raises ConnectionError."""


class LightSlack:
    """An async context manager; `calls` counts what the app asked for, `connected` is set while it is connected.

    `views` are the titles of the modals that the app opened, by id.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.connected = asyncio.Event()
        self.connected_at = 0.0
        self.views: dict[str, str] = {}
        self._change = asyncio.Event()
        self.origin = ""
        self._socket: web.WebSocketResponse | None = None
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._numbers = itertools.count(1)
        self._runner: web.AppRunner | None = None

    def environment(self) -> dict[str, str]:
        """What every app is told."""
        return {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_API_URL": f"{self.origin}/api/"}

    async def changed(self) -> None:
        """Wait until the app opens or updates a view."""
        self._change.clear()
        await self._change.wait()

    def payload(self, text: str = "status", user: str = USER) -> dict[str, str]:
        """A `/tune` command as Slack words it."""
        number = next(self._numbers)
        return {
            "token": "verification",
            "team_id": TEAM,
            "team_domain": "bench",
            "channel_id": CHANNEL,
            "channel_name": "tuning",
            "user_id": user,
            "user_name": "ada",
            "command": "/tune",
            "text": text,
            "api_app_id": "A0BENCH",
            "is_enterprise_install": "false",
            "response_url": f"{self.origin}/actions/{TEAM}/{number}",
            "trigger_id": f"{number}.1.secret",
        }

    async def command(self, text: str = "status", user: str = USER) -> float:
        """Over the socket."""
        if self._socket is None:
            raise ConnectionError("the app is not connected")
        payload = self.payload(text, user)
        envelope = f"envelope-{payload['trigger_id']}"
        text = json.dumps(
            {
                "envelope_id": envelope,
                "type": "slash_commands",
                "accepts_response_payload": True,
                "payload": payload,
            }
        )
        self._waiting[envelope] = acknowledged = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        await self._socket.send_str(text)
        await acknowledged
        return time.perf_counter() - began

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.add_routes(
            [
                web.post("/api/{method}", self._api),
                web.get("/api/{method}", self._api),
                web.get("/link/", self._link),
                web.post("/actions/{team}/{number}", self._answer),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _api(self, request: web.Request) -> web.Response:
        arguments = await _arguments(request)
        method = request.match_info["method"]
        self.calls[method] += 1
        said: dict[str, Any] = {"ok": True}
        match method:
            case "auth.test":
                said |= {"team_id": TEAM, "user_id": BOT, "bot_id": "B0BENCH", "url": f"{self.origin}/"}
            case "users.info":  # everybody is an administrator of the workspace, so may do all that is measured
                said |= {"user": {"id": arguments["user"], "team_id": TEAM, "is_admin": True}}
            case "conversations.info":
                said |= {"channel": {"id": arguments["channel"], "is_private": False}}
            case "conversations.members":
                said |= {"members": [USER]}
            case "apps.connections.open":
                said |= {"url": f"{self.origin.replace('http', 'ws', 1)}/link/"}
            case "chat.postMessage" | "chat.update":
                said |= {"ts": f"{next(self._numbers)}.000001", "channel": CHANNEL}
            case "views.open" | "views.update":
                view = arguments.get("view_id") or f"V{next(self._numbers)}"
                self.views[view] = json.loads(arguments["view"])["title"]["text"]
                self._change.set()
                said |= {"view": {"id": view}}
        return web.json_response(said)

    async def _answer(self, request: web.Request) -> web.Response:
        await request.read()
        self.calls["answer"] += 1
        return web.Response(text="ok")

    async def _link(self, request: web.Request) -> web.WebSocketResponse:
        self._socket = socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        await socket.send_json({"type": "hello", "num_connections": 1})
        self.connected_at = time.perf_counter()
        self.connected.set()
        async for frame in socket:
            acknowledged = self._waiting.pop(json.loads(frame.data).get("envelope_id", ""), None)
            if acknowledged is not None:
                acknowledged.set_result(None)
        if self._socket is socket:
            self._socket = None
            self.connected.clear()
        return socket


async def _arguments(request: web.Request) -> dict[str, str]:
    """The arguments of a call; a nested one is JSON."""
    if request.content_type == "application/json":
        body = await request.json()
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()}
    return {name: str(value) for name, value in {**request.query, **await request.post()}.items()}


class HttpDriver:
    """Signed requests on connections that are kept; a client library would cost more than the app does."""

    def __init__(self, slack: LightSlack, port: int) -> None:
        self._slack = slack
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def command(self) -> float:
        """See Driver."""
        body = urlencode(self._slack.payload())
        stamp = str(int(time.time()))
        digest = hmac.new(SECRET.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
        request = (
            f"POST /slack/events HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
            f"X-Slack-Request-Timestamp: {stamp}\r\nX-Slack-Signature: v0={digest}\r\n\r\n{body}"
        ).encode()
        began = time.perf_counter()
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            raise ConnectionError(head.splitlines()[0].decode())
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        await reader.readexactly(length)
        took = time.perf_counter() - began
        self._idle.append((reader, writer))
        return took

    def close(self) -> None:
        """Let go of the connections."""
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()
