"""Socket Mode, watched: one line to Slack that is taken down and laid anew as soon as it is broken, silent or old.

slack-sdk speaks the protocol. Its own way to reconnect is not used: it closes the old socket before it has a new
one, tries a used-up address for ever, and two of its attempts at once leave a socket that nobody reads. Here each
new line is a fresh client, and the old one is let go once the new one has said hello.
"""

import asyncio
import logging
import random
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from slack_bolt.adapter.socket_mode.async_internals import run_async_bolt_app, send_async_response
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.runtime.metrics import Metrics
from handlers.slack_errors import NETWORK_ERRORS, TOKEN_REFUSED, slack_code

logger = logging.getLogger(__name__)

_BROKEN: Final = (*NETWORK_ERRORS, OSError)
_QUIET: Final = "nothing came in for long"


@dataclass(frozen=True, slots=True)
class Times:
    """How long to wait for what, in seconds.

    `echo` is within what time something must come in after the bot spoke: Slack tells an app of its own
    messages, too. After `quiet` a line on which nothing came is replaced, whether or not it is broken: one that
    answers pings and brings no events looks just like one in a workspace that sleeps, and a new one costs a call.
    """

    ping: float = 8.0
    look: float = 1.0
    hello: float = 10.0
    echo: float = 30.0
    quiet: float = 50.0
    first_wait: float = 1.0
    longest_wait: float = 30.0
    longest_wait_when_refused: float = 300.0
    drain: float = 2.0
    farewell: float = 1.0


class _OneLine(logging.Filter):
    """slack-sdk logs a traceback for each connection that breaks; the line above it says as much."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = None
        return True


_sdk_logger: Final = logging.getLogger(f"{__name__}.sdk")
_sdk_logger.addFilter(_OneLine())


class _Line(SocketModeClient):
    """One socket, for once: whatever slack-sdk would reconnect for only says that this line is lost."""

    def __init__(self, app_token: str, client: AsyncWebClient, ping: float) -> None:
        super().__init__(app_token, _sdk_logger, client, ping_interval=ping)
        self.lost = asyncio.Event()
        self.hello = asyncio.Event()
        self.heard_at = time.monotonic()
        self.echo_at = 0.0
        self.on_message_listeners.append(self._heard)
        self.message_listeners.append(self._said)

    async def connect_to_new_endpoint(self, force: bool = False) -> None:
        self.lost.set()

    async def _heard(self, _: aiohttp.WSMessage) -> None:
        self.heard_at = time.monotonic()

    async def _said(self, _: object, message: dict[str, Any], __: str | None = None) -> None:
        if message.get("type") == "hello":
            self.hello.set()
        event = (message.get("payload") or {}).get("event") or {}
        if event.get("type") == "message" and (event.get("bot_id") or (event.get("message") or {}).get("bot_id")):
            self.echo_at = time.monotonic()

    async def leave(self, seconds: float) -> None:
        """Close it, in order within so many seconds, else abruptly: a dead peer answers no farewell."""
        with suppress(*_BROKEN):
            async with asyncio.timeout(seconds):
                await self.close()  # type: ignore[no-untyped-call]
        for task in (self.message_processor, self.current_session_monitor, self.message_receiver):
            if task is not None:
                task.cancel()
        await self.aiohttp_client_session.close()


class SocketMode:
    """Brings Slack's requests to the app, from `open` to `close`."""

    def __init__(
        self, client: AsyncWebClient, app_token: str, metrics: Metrics, times: Times | None = None
    ) -> None:
        self._client = client
        self._app: AsyncApp | None = None
        self._app_token = app_token
        self._metrics = metrics
        self._times = times or Times()
        self._line: _Line | None = None
        self._problem = "not connected to Slack"
        self._handling = 0
        self._handled = asyncio.Event()
        self._handled.set()
        self._spoke_at: float | None = None
        self._echoes = False
        self._closing = False
        self._watching: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    def problem(self) -> str:
        """Why Slack cannot reach the bot, or nothing."""
        return self._problem

    def spoke(self, since: float) -> None:
        """Note that the bot said something in Slack, of which Slack will tell it.

        `since` is a time before it, on the monotonic clock: the echo may be here before the answer to the post.
        """
        self._listen_for_echo()
        if self._spoke_at is None:
            self._spoke_at = since

    async def open(self, app: AsyncApp) -> None:
        """Connect, as often as it takes, and watch the line from then on."""
        self._app = app
        await self._lay()
        self._watching = asyncio.create_task(self._watch(), name="socket")

    async def close(self) -> None:
        """Take no further request, let those that are being acknowledged go out, and disconnect."""
        self._closing = True
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})
        with suppress(TimeoutError):
            async with asyncio.timeout(self._times.drain):
                await self._handled.wait()
        line, self._line = self._line, None
        if line is not None:
            await line.leave(self._times.farewell)
        await asyncio.gather(*self._leaving)
        self._metrics.connected(False)

    async def _watch(self) -> None:
        while True:
            line = self._line
            reason = "it is gone" if line is None else await self._reason_to_leave(line)
            if reason:
                # In a workspace that sleeps this comes every minute and is nobody's news.
                level = logging.DEBUG if reason == _QUIET else logging.INFO
                logger.log(level, "laying a new line to Slack: %s", reason)
                await self._lay()
            elif line is not None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._times.look):
                        await line.lost.wait()

    async def _reason_to_leave(self, line: _Line) -> str:
        if line.lost.is_set():
            return "Slack or the network ended the old one"
        if not await line.is_connected():
            return "the old one does not answer"
        now = time.monotonic()
        self._listen_for_echo()
        if self._spoke_at is not None and now - self._spoke_at > self._times.echo:
            # Where no echo ever comes, as without the message events, its absence says nothing.
            trusted, self._echoes, self._spoke_at = self._echoes, False, None
            if trusted:
                return "nothing comes in on the old one, not even what I said myself"
        return _QUIET if now - line.heard_at > self._times.quiet else ""

    def _listen_for_echo(self) -> None:
        """Whatever came in since the bot spoke shows that the line works."""
        if self._spoke_at is None or self._line is None:
            return
        if self._line.echo_at > self._spoke_at:
            self._echoes, self._spoke_at = True, None
        elif self._line.heard_at > self._spoke_at:
            self._spoke_at = None

    async def _lay(self) -> None:
        """Replace the line by a new one, trying until there is one."""
        old = self._line
        if old is None or not await old.is_connected():
            self._down("not connected to Slack")
        wait = self._times.first_wait
        while True:
            longest = self._times.longest_wait
            try:
                new = await self._connected()
                break
            except SlackApiError as error:
                code = slack_code(error) or type(error).__name__
                if code in TOKEN_REFUSED:
                    longest = self._times.longest_wait_when_refused
                    self._down(f"Slack refuses SLACK_APP_TOKEN: {code}. Start again with a new app-level token")
                else:
                    self._down(f"not connected to Slack: {code}")
            except _BROKEN as error:
                self._down(f"not connected to Slack: {str(error) or type(error).__name__}")
            await asyncio.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311 - only so that many do not come at once
            wait = min(2 * wait, longest)
        self._line, self._problem, self._spoke_at = new, "", None
        self._metrics.connected(True)
        self._metrics.socket_opened()
        if old is not None:
            task = asyncio.create_task(self._let_go(old), name="old socket")
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def _connected(self) -> _Line:
        line = _Line(self._app_token, self._client, self._times.ping)
        line.socket_mode_request_listeners.append(self._handle)  # type: ignore[arg-type]
        try:
            async with asyncio.timeout(self._times.hello):
                opened = await self._client.apps_connections_open(app_token=self._app_token)
                line.wss_uri = str(opened["url"])
                await line.connect()  # type: ignore[no-untyped-call]
                await line.hello.wait()
        except BaseException:
            await line.leave(self._times.farewell)
            raise
        return line

    async def _let_go(self, line: _Line) -> None:
        """What came in on the old line is acknowledged on it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._times.drain):
                await self._handled.wait()
        await line.leave(self._times.farewell)

    async def _handle(self, line: SocketModeClient, request: SocketModeRequest) -> None:
        if self._closing or self._app is None:
            return  # not acknowledged, so that Slack hands it to whoever serves next
        began = time.perf_counter()
        self._handling += 1
        self._handled.clear()
        try:
            response = await run_async_bolt_app(self._app, request)
            await send_async_response(line, request, response, time.time())
            if response.status == 200:
                self._metrics.acknowledged(time.perf_counter() - began)
        except ConnectionError:
            logger.info("an acknowledgement came too late: its line was gone")
        finally:
            self._handling -= 1
            if not self._handling:
                self._handled.set()

    def _down(self, problem: str) -> None:
        if problem != self._problem:
            log = logger.error if "refuses" in problem else logger.warning
            log("%s", problem)
        self._problem = problem
        self._metrics.connected(False)
