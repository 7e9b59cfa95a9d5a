"""Slack's Web API client, and the first calls with it, which tell a wrong token in one clear line."""

import asyncio
import logging
import random
from typing import Final

import aiohttp
import stamina
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import BotError, SettingsError
from bot.settings import Settings
from handlers.slack_errors import CALL_ERRORS, NETWORK_ERRORS, TOKEN_REFUSED, slack_code, slack_status
from handlers.transport.access import Identity

logger = logging.getLogger(__name__)

CHECK_SECONDS: Final = 60.0
LONGEST_CHECK_SECONDS: Final = 600.0


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


class TokenCheck:
    """Tries the bot's token now and then, so that one that was revoked is told and not only felt."""

    def __init__(
        self, client: AsyncWebClient, seconds: float = CHECK_SECONDS, longest: float = LONGEST_CHECK_SECONDS
    ) -> None:
        self._client = client
        self._seconds = seconds
        self._longest = longest
        self._problem = ""

    def problem(self) -> str:
        """Why Slack refuses the bot's token, or nothing."""
        return self._problem

    async def watch(self) -> None:
        """Runs until it is cancelled; a token that stays refused is tried less and less often."""
        wait = self._seconds
        while True:
            await asyncio.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311 - only so that many do not come at once
            await self._try()
            wait = min(2 * wait, self._longest) if self._problem else self._seconds

    async def _try(self) -> None:
        try:
            await self._client.auth_test()
        except SlackApiError as error:
            if (code := slack_code(error)) not in TOKEN_REFUSED:
                return
            if not self._problem:
                logger.error("Slack refuses SLACK_BOT_TOKEN: %s. Until it is renewed I cannot speak there.", code)
            self._problem = f"Slack refuses SLACK_BOT_TOKEN: {code}"
        except NETWORK_ERRORS:
            return
        else:
            if self._problem:
                logger.info("Slack takes SLACK_BOT_TOKEN again")
            self._problem = ""


async def log_in(settings: Settings, client: AsyncWebClient) -> Identity:
    """Who we are. Raises SettingsError for a token that Slack refuses, BotError where Slack cannot be reached.

    The Socket Mode client retries for ever with a bad app token, so that is tried here once, too.
    """
    try:
        async for attempt in stamina.retry_context(on=CALL_ERRORS, attempts=5, timeout=45.0):
            with attempt:
                return await _log_in(settings, client)
    except CALL_ERRORS as error:
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


def _refused(name: str, error: SlackApiError) -> SettingsError | SlackApiError:
    """The token's own trouble in words; trouble of Slack's own, or of a proxy, as it is."""
    code = slack_code(error)
    if not code or slack_status(error) >= 500:
        return error
    return SettingsError(f"Slack refuses {name}: {code}.", "Copy it again from the app's settings at Slack.")
