"""Serves `tunebot sandbox`: the stand-ins, the real bot between them, and the page, until it is stopped."""

import asyncio
import signal
import socket
import webbrowser
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import click
import uvicorn

from bot.sandbox.google import GoogleStandIn
from bot.sandbox.google.character_trainer import CharacterTrainer
from bot.sandbox.page import Sandbox, application
from bot.sandbox.slack import SlackStandIn
from bot.sandbox.stage import BUCKET, Stage

HOST: Final = "127.0.0.1"
_CLOSE_SECONDS: Final = 1


class PortTaken(Exception):
    """The page's port cannot be used; the text says why."""


class _Server(uvicorn.Server):
    """A server that handles no signals: uvicorn would raise them again before the bot's process is stopped."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.tried = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say that it was tried."""
        try:
            await super().startup(sockets)
        finally:
            self.tried.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    manifest: dict[str, Any],
    *,
    port: int = 0,
    open_browser: bool = False,
    echo: Callable[[str], None] = click.echo,
) -> None:
    """Serve the page on loopback until SIGINT or SIGTERM; port 0 takes a free one.

    `manifest` is the app's, from which the workspace learns its commands, scopes and events. Raises PortTaken if
    the port cannot be used.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    try:
        with (
            _listen(port) as listener,
            TemporaryDirectory(prefix="tunebot-sandbox-") as directory,
        ):
            address = f"http://{HOST}:{listener.getsockname()[1]}"
            async with open_sandbox(manifest, Path(directory)) as sandbox, page(sandbox, listener):
                echo(
                    f"The sandbox is open at {address}\n"
                    "Nothing leaves this machine. Stop it with Ctrl-C: then all messages and models are gone."
                )
                if open_browser:
                    await asyncio.to_thread(webbrowser.open, address)
                await stopping.wait()
                echo("Stopping.")
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise PortTaken(error.strerror or str(error)) from error


@asynccontextmanager
async def open_sandbox(manifest: dict[str, Any], directory: Path) -> AsyncIterator[Sandbox]:
    """Open the stand-ins with two people and their channels, and connect the bot."""
    async with GoogleStandIn(trainer=CharacterTrainer()) as google, SlackStandIn(manifest=manifest) as slack:
        google.create_bucket(BUCKET)
        # Ada administers the workspace and approves what Grace, in a second window, asks to start.
        ada, grace = slack.person("ada", "Ada Lovelace", is_admin=True), slack.person("grace", "Grace Hopper")
        slack.add_channel("tuning", ada, grace)
        slack.add_channel("random", ada, grace, with_bot=False)
        slack.add_channel("ada-private", ada, private=True)
        rules = {"TUNEBOT_START_ALONE": "approvers", "TUNEBOT_APPROVERS": ada.id}
        async with Stage(slack, google, directory, environment=rules) as stage:
            yield Sandbox(slack, google, stage)


@asynccontextmanager
async def page(sandbox: Sandbox, listener: socket.socket) -> AsyncIterator[None]:
    """Serve the page on an open socket inside this block."""
    config = uvicorn.Config(
        application(sandbox), log_level="warning", ws="websockets-sansio", lifespan="on",
        timeout_graceful_shutdown=_CLOSE_SECONDS,
    )  # fmt: skip
    server = _Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    try:
        await server.tried.wait()
        if not server.started:
            raise RuntimeError("The page could not start; its reason is in the lines above.")
        yield
    finally:
        server.should_exit = True
        await serving
