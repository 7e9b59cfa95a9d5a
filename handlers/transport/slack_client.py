"""Makes the client of Slack's Web API, logs in with it, and checks the bot's token from time to time."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

import aiohttp
import stamina
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.domain.backoff import Backoff
from bot.domain.certificates import UNTRUSTED_HINT, is_untrusted
from bot.errors import BotError, SettingsError
from bot.settings import Settings
from handlers.slack_errors import CALL_ERRORS, NETWORK_ERRORS, TOKEN_REFUSED, slack_code, slack_status
from handlers.transport.access import Identity
from handlers.transport.proxies import proxy_for

logger = logging.getLogger(__name__)

CHECK_SECONDS: Final = 60.0
LONGEST_CHECK_SECONDS: Final = 600.0


# Is called with the method and Slack's error, empty for none, after each call.
CountCall = Callable[[str, str], None]


class _CountingClient(AsyncWebClient):
    """Counts each call of the Web API by its method and Slack's error."""

    count: CountCall = staticmethod(lambda method, error: None)

    async def api_call(self, api_method: str, **arguments: Any) -> AsyncSlackResponse:
        try:
            answer = await super().api_call(api_method, **arguments)
        except SlackApiError as error:
            self.count(api_method, slack_code(error) or f"http_{slack_status(error)}")
            raise
        except NETWORK_ERRORS:
            self.count(api_method, "no_answer")
            raise
        self.count(api_method, "")
        return answer


def slack_client(
    settings: Settings, session: aiohttp.ClientSession, count: CountCall | None = None
) -> AsyncWebClient:
    """Return the one client of the process; `count` is called after each call.

    It repeats only a 429: after a broken connection nobody knows whether a message was posted.
    """
    client = _CountingClient(
        token=settings.slack_bot_token.get_secret_value(),
        base_url=settings.slack_api_url + "/",
        session=session,
        timeout=30,
        retry_handlers=[AsyncRateLimitErrorRetryHandler(max_retry_count=2)],
    )
    if count is not None:
        client.count = count
    client.proxy = proxy_for(client.base_url)
    return client


class TokenCheck:
    """Calls auth.test from time to time, so that health and log report a revoked token."""

    def __init__(
        self, client: AsyncWebClient, seconds: float = CHECK_SECONDS, longest: float = LONGEST_CHECK_SECONDS
    ) -> None:
        self._client = client
        self._backoff = Backoff(seconds)
        self._longest = longest
        self._problem = ""

    def problem(self) -> str:
        """Return why Slack refuses the bot's token, or an empty text."""
        return self._problem

    async def watch(self) -> None:
        """Check until cancelled; a token that stays refused is checked less and less often."""
        refusals = 0
        while True:
            await asyncio.sleep(self._backoff.pause(refusals, self._longest))
            await self._try()
            refusals = refusals + 1 if self._problem else 0

    async def _try(self) -> None:
        try:
            await self._client.auth_test()
        except SlackApiError as error:
            if (code := slack_code(error)) not in TOKEN_REFUSED:
                return
            if not self._problem:
                logger.error("Slack refuses SLACK_BOT_TOKEN (%s). Until it is renewed I cannot post.", code)
            self._problem = f"Slack refuses SLACK_BOT_TOKEN ({code})"
        except NETWORK_ERRORS:
            return
        else:
            if self._problem:
                logger.info("Slack accepts SLACK_BOT_TOKEN again")
            self._problem = ""


async def log_in(settings: Settings, client: AsyncWebClient) -> Identity:
    """Return the bot's identity. Raises SettingsError for a refused token, BotError where Slack cannot be reached.

    The app-level token is tried too: a Socket Mode client would retry a bad one forever.
    """
    try:
        async for attempt in stamina.retry_context(on=CALL_ERRORS, attempts=5, timeout=45.0).with_name(
            "Slack log-in", (), {}
        ):
            with attempt:
                return await _log_in(settings, client)
    except CALL_ERRORS as error:
        why = slack_status(error) if isinstance(error, SlackApiError) else type(error).__name__
        if is_untrusted(error):
            raise BotError(
                f"This machine does not trust the certificate that answers at {settings.slack_api_url}.",
                UNTRUSTED_HINT,
            ) from error
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
    """Return a SettingsError where Slack refuses the token, the same error where Slack or a proxy fails."""
    code = slack_code(error)
    if not code or slack_status(error) >= 500:
        return error
    return SettingsError(f"Slack refuses {name} ({code}).", "Copy it again from the app's settings at Slack.")
