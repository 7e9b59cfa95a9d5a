"""Opens the connection to Slack: its Web API, and what posts messages and reads files with it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import aiohttp
import httpx
from slack_sdk.web.async_client import AsyncWebClient

from bot.ports.clock import Clock
from bot.runtime.background_tasks import BackgroundTasks
from bot.settings import Settings, reveal
from handlers.delivery.idempotent_poster import SETTLES_IN, IdempotentPoster
from handlers.delivery.late_posts import LOOKS_AFTER, LatePosts
from handlers.delivery.post_finder import PostFinder
from handlers.delivery.poster import CALL_SECONDS, Poster
from handlers.delivery.rate_limits import RateLimits
from handlers.transport.access import Identity
from handlers.transport.slack_client import CountCall, log_in, slack_client
from handlers.transport.slack_files import SlackFiles
from handlers.transport.slack_people import ChannelMembers, SlackUsers

# The limit of a call of Slack's Web API. On a session that is shared, slack-sdk ignores its own `timeout`.
SLACK_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class SlackConnection:
    """Slack's Web API with the bot's token, and what posts messages and reads files with it."""

    client: AsyncWebClient
    identity: Identity
    users: SlackUsers
    members: ChannelMembers
    files: SlackFiles
    poster: Poster
    idempotent_poster: IdempotentPoster


@asynccontextmanager
async def open_slack_client(settings: Settings, count: CountCall | None = None) -> AsyncIterator[AsyncWebClient]:
    """Open a client of Slack's Web API that has not logged in; its session closes after the block.

    `count` is called after each call.
    """
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SLACK_SECONDS)) as session:
        yield slack_client(settings, session, count)


@asynccontextmanager
async def open_slack(
    settings: Settings,
    clock: Clock,
    *,
    limits: RateLimits | None = None,
    call_seconds: float = CALL_SECONDS,
    settles_in: timedelta = SETTLES_IN,
    count: CountCall | None = None,
) -> AsyncIterator[SlackConnection]:
    """Log in to Slack; both HTTP sessions close after the block. Raises SettingsError, BotError.

    `limits` is how fast Slack is called, `call_seconds` the longest wait for one of its answers, `settles_in` how
    long a post whose answer was lost may stay unseen; `count` is called after each call.
    """
    async with open_slack_client(settings, count) as client, httpx.AsyncClient(timeout=30.0) as downloads:
        identity = await log_in(settings, client)
        poster, users = Poster(client, limits, call_seconds), SlackUsers(client)
        finder, tasks = PostFinder(client, call_seconds, identity.user), BackgroundTasks()
        late = LatePosts(poster, finder, tasks, [each * (settles_in / SETTLES_IN) for each in LOOKS_AFTER])
        try:
            yield SlackConnection(
                client,
                identity,
                users,
                ChannelMembers(client, users, identity.team),
                SlackFiles(client, users, downloads, reveal(settings.slack_bot_token), settings.own_slack_origin),
                poster,
                IdempotentPoster(poster, finder, clock, late, settles_in),
            )
        finally:
            await tasks.drain(0.0)
