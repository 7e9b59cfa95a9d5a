"""What a scenario starts from: a bot of its own, or a channel of its own with a bot that a whole module shares."""

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from bot.sandbox.google import GoogleStandIn, Limits
from bot.sandbox.slack import SlackStandIn
from bot.sandbox.stage import BUCKET, Stage
from handlers.transport.manifest import manifest
from tests.support.bot_harness import BotHarness, OpenBot
from tests.support.http_server import free_port

# Most scenarios start jobs side by side; those of the queue set a number.
NO_QUEUE = {"TUNEBOT_TUNINGS_AT_ONCE": "0"}


@pytest.fixture
def open_bot(tmp_path: Path) -> OpenBot:
    """Opens a bot: `mode` is `socket` or `http`, `environment` adds to the bot's environment."""

    @asynccontextmanager
    async def open_one(
        mode: str = "socket", *, job_seconds: float | None = 1.0, environment: dict[str, str] | None = None
    ) -> AsyncIterator[BotHarness]:
        port = free_port() if mode == "http" else None
        url = f"http://127.0.0.1:{port}/slack/events" if port else None
        async with (
            GoogleStandIn(job_seconds=job_seconds, seed=1) as google,
            SlackStandIn(manifest=manifest(url or ""), events_url=url) as slack,
        ):
            google.create_bucket(BUCKET)
            ada = slack.person("ada", "Ada Lovelace")
            channel = slack.add_channel("tuning", ada)
            stage = Stage(slack, google, tmp_path, port=port, environment={**NO_QUEUE, **(environment or {})})
            async with stage:
                yield BotHarness(slack, google, stage, ada, channel)

    return open_one


@pytest.fixture(scope="module")
def way_in() -> str:
    """How Slack reaches the bot that a module shares: `socket` or `http`; a module may ask for both."""
    return "socket"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_bot(
    tmp_path_factory: pytest.TempPathFactory, way_in: str
) -> AsyncIterator[Callable[[], BotHarness]]:
    """One running bot for a whole module; each call gives another channel with another Ada in it."""
    # Nothing moves at Google by itself: tests finish, fail and push each job.
    port = free_port() if way_in == "http" else None
    url = f"http://127.0.0.1:{port}/slack/events" if port else None
    async with (
        GoogleStandIn(job_seconds=None, seed=1, limits=Limits(concurrent_vertex_jobs=50)) as google,
        SlackStandIn(manifest=manifest(url or ""), events_url=url) as slack,
    ):
        google.create_bucket(BUCKET)
        numbers = itertools.count(1)
        directory = tmp_path_factory.mktemp("shared_bot")
        environment = {**NO_QUEUE, "TUNEBOT_POLL_SECONDS": "0.1"}
        async with Stage(slack, google, directory, port=port, environment=environment) as stage:

            def new_channel() -> BotHarness:
                number = next(numbers)
                ada = slack.person(f"ada{number}", f"Ada {number}")
                return BotHarness(slack, google, stage, ada, slack.add_channel(f"room-{number}", ada))

            yield new_channel


@pytest_asyncio.fixture(loop_scope="module")
async def bot(shared_bot: Callable[[], BotHarness]) -> AsyncIterator[BotHarness]:
    """A channel of one's own in the module's shared_bot, with every fault of the test taken away afterwards."""
    own = shared_bot()
    scopes = set(own.slack.app.scopes)
    yield own
    own.slack.faults.clear()
    own.slack.app.scopes = scopes
    own.google.faults.clear()
    own.google.answers.clear()
    for job in own.google.jobs.all:
        job.set_state(None)
        job.finish()
