"""The checks of Slack: the tokens, the scopes, Socket Mode, and whether Slack takes the bot's messages.

None of them posts anything.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.backend_profile import BackendProfile
from bot.domain.certificates import UNTRUSTED_HINT, is_untrusted
from bot.domain.place import Place
from bot.errors import RetryLater
from bot.ports.clock import Clock
from bot.ports.diagnosis import Check, Diagnosis, failed, good, limited, unknown
from bot.runtime.machine_checks import compare_clocks
from bot.settings import Settings, reveal
from handlers.blocks.sample_messages import sample_messages, sample_view
from handlers.slack_errors import (
    CALL_ERRORS,
    NO_SUCH_METHOD,
    SCOPE_MISSING,
    TOKEN_REFUSED,
    slack_code,
    slack_status,
)
from handlers.transport.manifest import AGENT_SCOPES, EVENTS, REQUIRED_SCOPES, SCOPES

_APPS: Final = "https://api.slack.com/apps"
_BOT_TOKEN: Final = (
    f"Copy the Bot User OAuth Token at {_APPS}, your app, OAuth & Permissions, into SLACK_BOT_TOKEN."
)
_APP_TOKEN: Final = (
    f"Make a token with connections:write at {_APPS}, your app, Basic Information, App-Level Tokens, and set "
    "SLACK_APP_TOKEN to it."
)
_REINSTALL: Final = (
    f"Paste the output of `tunebot manifest` at {_APPS}, your app, App Manifest; then Install App, Reinstall."
)
_ROTATING: Final = "xoxe.xoxb-"
_SIGNING_SECRET: Final = re.compile(r"[0-9a-f]{32}")


class SlackChecks:
    """The checks of one app; `client` has the bot's token."""

    def __init__(
        self, settings: Settings, client: AsyncWebClient, profiles: Sequence[BackendProfile], clock: Clock
    ) -> None:
        self._settings = settings
        self._client = client
        self._profiles = profiles
        self._clock = clock
        self._headers: dict[str, str] = {}
        self._place = Place("T0", "C0")
        self._user = "U0"

    def checks(self) -> list[Check]:
        """Return them, in the order in which they are run."""
        found = [
            Check("slack.bot_token", "Bot token", self._bot_token),
            Check("slack.scopes", "Scopes", self._scopes, needs="slack.bot_token"),
        ]
        if AGENT_SCOPES:
            found.append(Check("slack.agent", "Agent features", self._agent, needs="slack.bot_token"))
        found.append(Check("slack.messages", "Messages", self._messages, needs="slack.bot_token"))
        if self._settings.slack_app_token is not None:
            found.append(Check("slack.socket", "Socket Mode", self._socket))
        else:
            found.append(Check("slack.http", "HTTP requests", self._http))
        return [*found, Check("slack.clock", "Clock", self._compare_clocks, needs="slack.bot_token")]

    async def _compare_clocks(self) -> Diagnosis:
        return compare_clocks(self._headers.get("date", ""), self._clock.now())

    async def _call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Return Slack's answer. Raises SlackApiError, and RetryLater where nothing of Slack's answered."""
        try:
            answer = await self._client.api_call(method, **arguments)
        except SlackApiError as error:
            if slack_status(error) >= 500 or not slack_code(error):
                raise _unreachable(self._settings, error) from error
            raise
        except CALL_ERRORS as error:
            raise _unreachable(self._settings, error) from error
        self._headers = {name.lower(): str(value) for name, value in dict(answer.headers).items()}
        return dict(answer.data) if isinstance(answer.data, dict) else {}

    async def _bot_token(self) -> Diagnosis:
        try:
            found = await self._call("auth.test")
        except SlackApiError as error:
            return failed(f"Slack refuses SLACK_BOT_TOKEN: {slack_code(error)}.", _BOT_TOKEN)
        self._place = Place(str(found["team_id"]), "C0")
        self._user = str(found["user_id"])
        fact = f"Slack knows it as {found.get('user')} in the workspace {found.get('team')} ({found['team_id']})."
        if reveal(self._settings.slack_bot_token).startswith(_ROTATING):
            return limited(
                f"{fact} It ends within twelve hours, because token rotation is on.",
                f"Make the app again from `tunebot manifest` at {_APPS}: rotation cannot be switched off.",
            )
        return good(fact)

    async def _scopes(self) -> Diagnosis:
        header = self._headers.get("x-oauth-scopes")
        if header is None:
            return unknown("Slack did not say which scopes the token has.")
        granted = {name.strip() for name in header.split(",")}
        needed = {*SCOPES, *EVENTS.values()}
        if not (missing := sorted(needed - granted)):
            return good(f"The token has all {len(needed)} scopes of the manifest.")
        lost = "; ".join(f"{name} ({SCOPES.get(name, 'its events')})" for name in missing)
        found = failed if REQUIRED_SCOPES.intersection(missing) else limited
        return found(f"The token lacks {lost}.", _REINSTALL)

    async def _agent(self) -> Diagnosis:
        granted = {name.strip() for name in self._headers.get("x-oauth-scopes", "").split(",")}
        if missing := sorted(AGENT_SCOPES - granted):
            return limited(
                f"Without {', '.join(missing)} Slack shows no status and no Stop button while a model answers.",
                _REINSTALL,
            )
        return good("Slack shows a status and a Stop button while a model answers.")

    async def _messages(self) -> Diagnosis:
        """Let Slack judge one message of each kind; it is not posted.

        Source: https://docs.slack.dev/reference/methods/blocks.validate.
        """
        samples = sample_messages(self._profiles, self._place, self._user, self._clock.now())
        refused: list[str] = []
        payloads: dict[str, dict[str, Any]] = {
            name: {"blocks": list(message.blocks)} for name, message in samples.items()
        }
        payloads["the form"] = {"view": sample_view(self._profiles, self._place, self._user)}
        for name, payload in payloads.items():
            try:
                await self._call(
                    "blocks.validate", params={key: json.dumps(value) for key, value in payload.items()}
                )
            except SlackApiError as error:
                if slack_code(error) in NO_SUCH_METHOD:
                    return unknown("Slack does not offer blocks.validate here, so no message was judged.")
                refused.append(f"{name} ({slack_code(error)}{_reasons(error)})")
        if refused:
            return limited(
                f"Slack does not take {'; '.join(refused)}. It is then posted as plain text.",
                "Update Tunebot, and report it with this line.",
            )
        return good(f"Slack takes one message of each of {len(payloads)} kinds.")

    async def _socket(self) -> Diagnosis:
        try:
            token = reveal(self._settings.slack_app_token)
            await self._call("apps.connections.open", headers={"Authorization": f"Bearer {token}"})
        except SlackApiError as error:
            code = slack_code(error)
            if code in SCOPE_MISSING:
                return failed("SLACK_APP_TOKEN lacks the scope connections:write.", _APP_TOKEN)
            if code in TOKEN_REFUSED:
                return failed(f"Slack refuses SLACK_APP_TOKEN: {code}.", _APP_TOKEN)
            return failed(
                f"Slack opens no socket: {code}.", f"Switch Socket Mode on at {_APPS}, your app, Socket Mode."
            )
        return good("Slack opens a socket for this app.")

    async def _http(self) -> Diagnosis:
        if not _SIGNING_SECRET.fullmatch(reveal(self._settings.slack_signing_secret)):
            return limited(
                "SLACK_SIGNING_SECRET does not have the form of a signing secret, 32 hexadecimal digits.",
                f"Copy the Signing Secret at {_APPS}, your app, Basic Information.",
            )
        return good(
            f"Requests are received on port {self._settings.http_port}, at /slack/events. "
            "Only Slack can check that it reaches that address."
        )


def _unreachable(settings: Settings, error: Exception) -> RetryLater:
    why = slack_status(error) if isinstance(error, SlackApiError) else type(error).__name__
    if is_untrusted(error):
        found = RetryLater(
            f"This machine does not trust the certificate that answers at {settings.slack_api_url}.", 60.0
        )
        found.hint = UNTRUSTED_HINT
        return found
    found = RetryLater(f"Slack cannot be reached at {settings.slack_api_url} ({why}).", 60.0)
    found.hint = "Check the network, the proxy and SLACK_API_URL: curl -sS https://slack.com/api/api.test"
    return found


def _reasons(error: SlackApiError) -> str:
    """Return what Slack says about the blocks: JSON pointers and rules, none of a person's text."""
    data = error.response.data if isinstance(error.response.data, dict) else {}
    reasons = data.get("errors") or (data.get("response_metadata") or {}).get("messages") or []
    return f": {'; '.join(str(reason) for reason in reasons[:3])}" if reasons else ""
