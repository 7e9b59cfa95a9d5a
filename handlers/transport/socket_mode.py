"""Keeps one Socket Mode connection to Slack, and replaces it as soon as it is broken, silent or old.

slack-sdk implements the protocol (docs.slack.dev/apis/events-api/using-socket-mode). Its own reconnection is not
used: it closes the old socket before it has a new one, retries an expired address forever, and two of its
attempts at the same time leave a socket that nothing reads. Here each connection is a new client, and the old
one is closed after Slack's `hello` on the new one. One that Slack said it would end receives until Slack ends it,
and one that the bot ends is read until Slack has ended it too, because Slack sends a command only once.
"""

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Final

from slack_bolt.adapter.socket_mode.async_internals import run_async_bolt_app, send_async_response
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.backoff import Backoff
from bot.runtime.metrics import Metrics
from handlers.slack_errors import TOKEN_REFUSED, slack_code
from handlers.transport.proxies import proxy_for
from handlers.transport.socket_connection import BROKEN, SocketConnection

logger = logging.getLogger(__name__)

_QUIET: Final = "nothing arrived for a long time"


@dataclass(frozen=True, slots=True)
class Times:
    """How long to wait, in seconds.

    `echo` is the time within which something must arrive after the bot posted: Slack sends an app the events of
    its own messages too. After `quiet` without any message a connection is replaced, broken or not: one that
    answers pings and brings no events looks the same as one in a workspace where nothing happens, and a new one
    costs one call. `farewell` is the longest time for which a connection that Slack said it would end stays open:
    Slack ends it about ten seconds after the warning (docs.slack.dev/apis/events-api/using-socket-mode).
    """

    ping: float = 8.0
    check: float = 1.0
    hello: float = 10.0
    echo: float = 30.0
    quiet: float = 50.0
    first_wait: float = 1.0
    longest_wait: float = 30.0
    longest_wait_when_refused: float = 300.0
    farewell: float = 20.0
    drain: float = 2.0
    close: float = 1.0


class SocketMode:
    """Passes Slack's requests to the app, from `open` to `close`."""

    def __init__(
        self, client: AsyncWebClient, app_token: str, metrics: Metrics, times: Times | None = None
    ) -> None:
        self._client = client
        self._app: AsyncApp | None = None
        self._app_token = app_token
        self._metrics = metrics
        self._times = times or Times()
        self._connection: SocketConnection | None = None
        self._problem = "not connected to Slack"
        self._handling = 0
        self._handled = asyncio.Event()
        self._handled.set()
        self._posted_at: float | None = None
        self._echoes = False
        self._closing = False
        self._leaving: set[asyncio.Task[bool]] = set()
        self._watching: asyncio.Task[None] | None = None
        self._closing_old: set[asyncio.Task[None]] = set()

    def problem(self) -> str:
        """Return why Slack cannot reach the bot, or an empty text."""
        return self._problem

    def note_post(self, since: float) -> None:
        """Note that the bot posted a message, whose event Slack will send back.

        `since` is a time before the post, on the monotonic clock: the event may arrive before the post's answer.
        """
        self._note_echo()
        if self._posted_at is None:
            self._posted_at = since

    async def open(self, app: AsyncApp) -> None:
        """Connect, however often that must be tried, and watch the connection from then on."""
        self._app = app
        await self._connect()
        self._watching = asyncio.create_task(self._watch(), name="socket")

    async def close(self) -> None:
        """Accept no more requests, wait for the acknowledgements that are being sent, and disconnect."""
        self._closing = True
        for farewell in self._leaving:
            farewell.cancel()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})
        await self._drain()
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close_within(self._times.close)
        await asyncio.gather(*self._closing_old)
        self._metrics.connected(False)

    async def _watch(self) -> None:
        while True:
            connection = self._connection
            reason = "there is none" if connection is None else await self._reason_to_replace(connection)
            if reason:
                # Where nothing happens in the workspace, this comes every minute and matters to no one.
                level = logging.DEBUG if reason == _QUIET else logging.INFO
                logger.log(level, "replacing the connection to Slack: %s", reason)
                await self._connect()
            elif connection is not None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._times.check):
                        await connection.lost.wait()

    async def _reason_to_replace(self, connection: SocketConnection) -> str:
        if connection.lost.is_set():
            return "Slack or the network ended it"
        if not await connection.is_connected():
            return "it does not answer"
        now = time.monotonic()
        self._note_echo()
        if self._posted_at is not None and now - self._posted_at > self._times.echo:
            # Where no echo ever came, for example without message events, its absence proves nothing.
            trusted, self._echoes, self._posted_at = self._echoes, False, None
            if trusted:
                return "nothing arrives on it, not even the events of my own messages"
        return _QUIET if now - connection.received_at > self._times.quiet else ""

    def _note_echo(self) -> None:
        """Take any message that arrived since the bot posted as proof that the connection works."""
        if self._posted_at is None or self._connection is None:
            return
        if self._connection.echo_at > self._posted_at:
            self._echoes, self._posted_at = True, None
        elif self._connection.received_at > self._posted_at:
            self._posted_at = None

    async def _connect(self) -> None:
        """Replace the connection by a new one; try until there is one."""
        old = self._connection
        if old is None or not await old.is_connected():
            self._down("not connected to Slack")
        backoff = Backoff(self._times.first_wait)
        for attempt in count():
            longest = self._times.longest_wait
            try:
                new = await self._open_connection()
                break
            except SlackApiError as error:
                code = slack_code(error) or type(error).__name__
                if code in TOKEN_REFUSED:
                    longest = self._times.longest_wait_when_refused
                    self._down(f"Slack refuses SLACK_APP_TOKEN ({code}). Start again with a new app-level token")
                else:
                    self._down(f"not connected to Slack: {code}")
            except BROKEN as error:
                self._down(f"not connected to Slack: {str(error) or type(error).__name__}")
            await asyncio.sleep(backoff.pause(attempt, longest))
        self._connection, self._problem, self._posted_at = new, "", None
        self._metrics.connected(True)
        self._metrics.socket_opened()
        if old is not None:
            task = asyncio.create_task(self._close_old(old), name="old socket")
            self._closing_old.add(task)
            task.add_done_callback(self._closing_old.discard)

    async def _open_connection(self) -> SocketConnection:
        connection = SocketConnection(self._app_token, self._client, self._times.ping)
        connection.socket_mode_request_listeners.append(self._handle)  # type: ignore[arg-type]
        try:
            async with asyncio.timeout(self._times.hello):
                opened = await self._client.apps_connections_open(app_token=self._app_token)
                connection.wss_uri = str(opened["url"])
                connection.proxy = proxy_for(connection.wss_uri)
                await connection.connect()  # type: ignore[no-untyped-call]
                await connection.hello.wait()
        except BaseException:
            await connection.close_within(self._times.close)
            raise
        return connection

    async def _close_old(self, connection: SocketConnection) -> None:
        """Let Slack end the old connection if it said so, and close it after its requests were acknowledged."""
        if connection.lost.is_set() and not self._closing:
            farewell = asyncio.create_task(connection.ended.wait(), name="farewell")
            self._leaving.add(farewell)
            await asyncio.wait({farewell}, timeout=self._times.farewell)
            self._leaving.discard(farewell)
            farewell.cancel()
        await self._drain()
        if not self._closing:
            await connection.end_within(self._times.drain)
            await self._drain()
        await connection.close_within(self._times.close)

    async def _drain(self) -> None:
        """Wait for the acknowledgements that are being sent."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._times.drain):
                await self._handled.wait()

    async def _handle(self, connection: SocketConnection, request: SocketModeRequest) -> None:
        if self._closing or self._app is None:
            return  # Not acknowledged, so that Slack sends it to the next process.
        began = time.perf_counter()
        self._handling += 1
        self._handled.clear()
        try:
            response = await run_async_bolt_app(self._app, request)
            # Nothing may be sent after a close frame. Whether Slack takes an acknowledgement from another one is
            # not documented; without one it sends an event again, and shows a command as failed.
            way = self._connection if connection.said_close and self._connection is not None else connection
            await send_async_response(way, request, response, time.time())
            if response.status == 200:
                self._metrics.acknowledged(time.perf_counter() - began)
        except ConnectionError:
            logger.info("an acknowledgement came too late: its connection was closed")
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
