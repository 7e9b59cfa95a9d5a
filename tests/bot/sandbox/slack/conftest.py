"""A stand-in with one channel and one person, and Slack's own client to call it with."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import APP_TOKEN, BOT_TOKEN, Channel, Person, SlackStandIn, SlackWorkspace
from tests.bot.sandbox.slack.recorder import Recorder
from tests.support.clock import FixedClock


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime.fromtimestamp(1_790_000_000, UTC))


@pytest.fixture
async def slack(clock: FixedClock) -> AsyncIterator[SlackStandIn]:
    async with SlackStandIn(SlackWorkspace(now=clock.timestamp)) as standin:
        standin.deliveries.retry_delays = ()
        yield standin


@pytest.fixture
def ana(slack: SlackStandIn) -> Person:
    return slack.person("ana", "Ana")


@pytest.fixture
def general(slack: SlackStandIn, ana: Person) -> Channel:
    return slack.add_channel("general", ana)


@pytest.fixture
def client(slack: SlackStandIn) -> AsyncWebClient:
    return AsyncWebClient(token=BOT_TOKEN, base_url=slack.api_url)


@pytest.fixture
def refused() -> Callable[[Awaitable[Any]], Awaitable[dict[str, Any]]]:
    """Return a function that awaits a call which must fail, and gives Slack's answer."""

    async def answer(call: Awaitable[Any]) -> dict[str, Any]:
        with pytest.raises(SlackApiError) as caught:
            await call
        data: dict[str, Any] = caught.value.response.data
        return data

    return answer


@pytest.fixture
async def bolt(slack: SlackStandIn, client: AsyncWebClient) -> AsyncIterator[Recorder]:
    recorder = Recorder()
    handler = AsyncSocketModeHandler(recorder.app(client), APP_TOKEN)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    await slack.wait_connected()
    yield recorder
    await handler.close_async()  # type: ignore[no-untyped-call]
