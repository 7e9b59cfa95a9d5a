"""The real bot, as a process of its own, between the stand-ins: what a scenario starts from."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.sandbox.google import GoogleStandIn
from bot.sandbox.slack import Channel, Message, Person, SlackStandIn
from bot.sandbox.stage import BUCKET, Stage
from handlers.manifest import manifest

DATA = Path(__file__).parents[3] / "shared" / "data"
NEXT_NUMBER = b"".join(
    b'{"text_input": "%s", "output": "%s"}\n' % pair
    for pair in [
        (b"1", b"2"),
        (b"3", b"4"),
        (b"ninety nine", b"one hundred"),
        (b"seven", b"eight"),
        (b"-98", b"-97"),
    ]
    * 4
)


@dataclass
class World:
    """One workspace with the bot in #tuning, where Ada works, and Google behind it."""

    slack: SlackStandIn
    google: GoogleStandIn
    stage: Stage
    ada: Person
    channel: Channel

    async def message(self, *words: str, within: float = 15.0, thread: str | None = None) -> Message:
        """The first message of the bot that shows all these words, in its text or in its blocks."""
        return await self.slack.workspace.wait_for_message(
            lambda message: (
                message.bot_id is not None
                and (thread is None or message.thread_ts == thread)
                and all(word in message.text or word in str(message.blocks) for word in words)
            ),
            within,
        )

    def messages(self, *words: str) -> list[Message]:
        """All messages of the bot that show all these words now."""
        return [
            message
            for message in self.slack.workspace.messages()
            if message.bot_id is not None
            and all(word in message.text or word in str(message.blocks) for word in words)
        ]


Open = Callable[..., AbstractAsyncContextManager[World]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def world_of(tmp_path: Path) -> Open:
    """Opens a world: `mode` is `socket` or `http`, `environment` adds to what the bot is told."""

    @asynccontextmanager
    async def open_world(
        mode: str = "socket", *, job_seconds: float | None = 1.0, environment: dict[str, str] | None = None
    ) -> AsyncIterator[World]:
        port = free_port() if mode == "http" else None
        url = f"http://127.0.0.1:{port}/slack/events" if port else None
        async with (
            GoogleStandIn(job_seconds=job_seconds, seed=1) as google,
            SlackStandIn(manifest=manifest(url or ""), events_url=url) as slack,
        ):
            google.create_bucket(BUCKET)
            ada = slack.person("ada", "Ada Lovelace")
            channel = slack.add_channel("tuning", ada)
            stage = Stage(slack, google, tmp_path, port=port, environment=environment)
            async with stage:
                yield World(slack, google, stage, ada, channel)

    return open_world
