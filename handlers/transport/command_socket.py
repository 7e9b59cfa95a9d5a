"""Serves `tunebot start`, `status` and `ask` on a Unix socket beside the database, for the bot's own user alone.

Only one process may use the database, so the command asks the bot. The socket's file has the rights of the
database: who can open it can read the bot's tokens, too.
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from aiohttp import web

from bot.errors import BotError
from handlers.listeners.terminal import Terminal

logger = logging.getLogger(__name__)

# The longest path that a socket may have on Linux is 107 bytes: https://man7.org/linux/man-pages/man7/unix.7.html.
LONGEST_PATH: Final = 107
LONGEST_FILE: Final = 1_000_000_000
_CHUNK: Final = 256 * 1024

_Answer = Callable[[], Awaitable[dict[str, Any]]]


def socket_path(database: str) -> Path:
    """Return where the socket of a database is."""
    return Path(f"{os.path.abspath(database)}.sock")


class CommandSocket:
    """Serves the terminal's commands between the start and the end of a bot."""

    def __init__(self, terminal: Terminal, database: str) -> None:
        self._terminal = terminal
        self._path = socket_path(database)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve inside this block. A path that is too long is logged, and nothing is served."""
        if len(os.fsencode(self._path)) > LONGEST_PATH:
            logger.warning(
                "%s is too long for a socket: `tunebot start`, `status` and `ask` find no bot", self._path
            )
            yield
            return
        application = web.Application(client_max_size=_CHUNK)
        application.router.add_post("/start", self._start)
        application.router.add_post("/status", self._status)
        application.router.add_post("/ask", self._ask)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        # An earlier process that was killed leaves its socket; the database's lock says that it is gone.
        with suppress(FileNotFoundError):
            os.unlink(self._path)
        listening = socket.socket(socket.AF_UNIX)
        try:
            listening.bind(os.fspath(self._path))
            os.chmod(self._path, 0o600)
            await web.SockSite(runner, listening).start()
            yield
        finally:
            await runner.cleanup()
            listening.close()
            with suppress(FileNotFoundError):
                os.unlink(self._path)

    async def _start(self, request: web.Request) -> web.Response:
        query = request.query
        with TemporaryDirectory(prefix="tunebot-start-") as directory:
            path = Path(directory, "file")
            received = 0
            with path.open("wb") as file:  # noqa: ASYNC230 - a local file, in chunks that take milliseconds
                async for chunk in request.content.iter_chunked(_CHUNK):
                    received += len(chunk)
                    if received > LONGEST_FILE:
                        return _refused(BotError("The file is larger than 1 GB.", "Give a smaller one."))
                    await asyncio.to_thread(file.write, chunk)
            return await _answered(
                lambda: self._terminal.start(
                    query.get("person", ""),
                    query.get("channel", ""),
                    query.get("words", ""),
                    path,
                    query.get("name", "examples.jsonl"),
                    confirmed=query.get("yes") == "1",
                )
            )

    async def _status(self, request: web.Request) -> web.Response:
        query = request.query
        person, channel, name = (query.get(key, "") for key in ("person", "channel", "name"))
        return await _answered(lambda: self._terminal.status(person, channel, name))

    async def _ask(self, request: web.Request) -> web.Response:
        query = request.query
        person, channel, model = (query.get(key, "") for key in ("person", "channel", "model"))
        text = await request.text()
        return await _answered(lambda: self._terminal.ask(person, channel, model, text))


async def _answered(answer: _Answer) -> web.Response:
    try:
        return web.json_response(await answer())
    except BotError as error:
        return _refused(error)
    except Exception:
        logger.exception("a command of the terminal failed unexpectedly")
        return _refused(BotError("Something went wrong in the bot.", "Its log has the reason."))


def _refused(error: BotError) -> web.Response:
    return web.json_response({"ok": False, "error": error.message, "hint": error.hint})
