"""Slack's Web API client, and the first calls with it, which tell a wrong token in one clear line."""

from typing import Final

import aiohttp
import stamina
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import BotError, SettingsError
from bot.settings import Settings
from handlers.access import Identity
from handlers.errors import slack_code, slack_status

_BROKEN: Final = (aiohttp.ClientError, TimeoutError)


def slack_client(settings: Settings, session: aiohttp.ClientSession) -> AsyncWebClient:
    """One client on one session for the whole process.

    Only a 429 is repeated: after a broken connection nobody knows whether a message was posted.
    """
    return AsyncWebClient(
        token=settings.slack_bot_token.get_secret_value(),
        base_url=settings.slack_api_url + "/",
        session=session,
        timeout=30,
        retry_handlers=[AsyncRateLimitErrorRetryHandler(max_retry_count=2)],
    )


async def log_in(settings: Settings, client: AsyncWebClient) -> Identity:
    """Who we are. Raises SettingsError for a token that Slack refuses, BotError where Slack cannot be reached.

    The Socket Mode client retries for ever with a bad app token, so that is tried here once, too.
    """
    try:
        async for attempt in stamina.retry_context(on=_may_pass, attempts=5, timeout=45.0):
            with attempt:
                return await _log_in(settings, client)
    except (*_BROKEN, SlackApiError) as error:
        why = slack_status(error) if isinstance(error, SlackApiError) else type(error).__name__
        raise BotError(
            f"Slack cannot be reached at {settings.slack_api_url} ({why}).", "Check the network and SLACK_API_URL."
        ) from error
    raise AssertionError("stamina returns or raises")


async def _log_in(settings: Settings, client: AsyncWebClient) -> Identity:
    try:
        found = await client.auth_test()
    except SlackApiError as error:
        raise _refused("SLACK_BOT_TOKEN", error) from error
    if settings.slack_app_token is not None:
        try:
            await client.apps_connections_open(app_token=settings.slack_app_token.get_secret_value())
        except SlackApiError as error:
            raise _refused("SLACK_APP_TOKEN", error) from error
    return Identity(team=str(found["team_id"]), user=str(found["user_id"]), url=str(found.get("url") or ""))


def _may_pass(error: Exception) -> bool:
    return isinstance(error, (*_BROKEN, SlackApiError))


def _refused(name: str, error: SlackApiError) -> SettingsError | SlackApiError:
    """The token's own trouble in words; trouble of Slack's own, or of a proxy, as it is."""
    code = slack_code(error)
    if not code or slack_status(error) >= 500:
        return error
    return SettingsError(f"Slack refuses {name}: {code}.", "Copy it again from the app's settings at Slack.")
