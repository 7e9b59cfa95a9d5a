"""One Socket Mode connection of slack-sdk: it never reconnects by itself, and says what arrives on it and when."""

import asyncio
import json
import logging
import struct
import time
from contextlib import suppress
from typing import Any, Final

import aiohttp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.web.async_client import AsyncWebClient

from handlers.slack_errors import NETWORK_ERRORS

# What the connection raises when it breaks.
BROKEN: Final = (*NETWORK_ERRORS, OSError)
_LAST: Final = {"type": "last message of an ended connection"}


class _WithoutTraceback(logging.Filter):
    """Drops the traceback that slack-sdk logs for each broken connection; its message says the same."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = None
        return True


_sdk_logger: Final = logging.getLogger(f"{__name__}.sdk")
_sdk_logger.addFilter(_WithoutTraceback())


class SocketConnection(SocketModeClient):
    """One socket. Where slack-sdk would reconnect, this connection only notes that it is lost or has ended."""

    def __init__(self, app_token: str, client: AsyncWebClient, ping: float) -> None:
        super().__init__(app_token, _sdk_logger, client, ping_interval=ping)
        self.lost = asyncio.Event()
        self.ended = asyncio.Event()
        self.hello = asyncio.Event()
        self.said_close = False
        self._read_all = asyncio.Event()
        self.received_at = time.monotonic()
        self.echo_at = 0.0
        self.on_message_listeners.append(self._note_message)
        self.message_listeners += [self._note_hello_or_echo, self._note_last]

    async def connect_to_new_endpoint(self, force: bool = False) -> None:
        self.lost.set()
        if self.current_session is None or self.current_session.closed:
            self.ended.set()

    async def _note_message(self, _: aiohttp.WSMessage) -> None:
        self.received_at = time.monotonic()

    async def _note_hello_or_echo(self, _: object, message: dict[str, Any], __: str | None = None) -> None:
        if message.get("type") == "hello":
            self.hello.set()
        event = (message.get("payload") or {}).get("event") or {}
        if event.get("type") == "message" and (event.get("bot_id") or (event.get("message") or {}).get("bot_id")):
            self.echo_at = time.monotonic()

    async def _note_last(self, _: object, message: dict[str, Any], __: str | None = None) -> None:
        if message == _LAST:
            self._read_all.set()

    async def end_within(self, seconds: float) -> None:
        """Ask Slack to send nothing more, and pass on what it sent before it read that, within so many seconds.

        `close` of aiohttp drops what arrives before the other side has closed too (RFC 6455, section 5.5.1).
        """
        session = self.current_session
        if session is None or session.closed:
            return
        with suppress(*BROKEN):
            async with asyncio.timeout(seconds):
                self.said_close = True
                await session.send_frame(struct.pack("!H", aiohttp.WSCloseCode.OK), aiohttp.WSMsgType.CLOSE)
                await self.ended.wait()
                # slack-sdk begins to handle messages in their order.
                await self.enqueue_message(json.dumps(_LAST))
                await self._read_all.wait()

    async def close_within(self, seconds: float) -> None:
        """Close it with a close frame within so many seconds, else abruptly: a dead peer never answers one."""
        with suppress(*BROKEN):
            async with asyncio.timeout(seconds):
                await self.close()  # type: ignore[no-untyped-call]
        for task in (self.message_processor, self.current_session_monitor, self.message_receiver):
            if task is not None:
                task.cancel()
        await self.aiohttp_client_session.close()
