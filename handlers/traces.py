"""Finds a post in Slack of which nobody knows whether it arrived: the process died, or the answer was lost.

Posts about jobs carry metadata that names the notice that they tell. It only reads, and an error while reading
is the caller's: not found means that Slack said so.
"""

import asyncio
from datetime import timedelta
from typing import Any, Final

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.ports import Begun, Notice
from handlers.errors import slack_code
from handlers.poster import ANSWER_SECONDS

METADATA_EVENT: Final = "tunebot_notice"

# Slack refuses signatures that are five minutes off, so this machine's clock is not an hour off Slack's. The later
# end keeps what was said since, possibly days of it, from being read.
_AROUND: Final = timedelta(hours=1)
_PAGE: Final = 200


def trace(notice: Notice) -> dict[str, Any]:
    """The metadata of a post. The number tells a job's second reply of a kind from its first."""
    payload = {"job": notice.job, "kind": str(notice.kind), "notice": str(notice.id)}
    return {"event_type": METADATA_EVENT, "event_payload": payload}


class Traces:
    """Reads channels and threads in which a post was begun."""

    def __init__(self, client: AsyncWebClient, seconds: float = ANSWER_SECONDS) -> None:
        self._client = client
        self._seconds = seconds

    async def find(self, notice: Notice, begun: Begun, *, but: str = "") -> str | None:
        """The `ts` of the notice's post, None if it has not arrived. Raises SlackApiError, TimeoutError.

        `but` is the `ts` of an older post that is not meant.
        """
        window: dict[str, Any] = {
            "oldest": str((begun.at - _AROUND).timestamp()),
            "latest": str((begun.at + _AROUND).timestamp()),
            "include_all_metadata": True,
            "limit": _PAGE,
        }
        cursor = ""
        while True:
            try:
                async with asyncio.timeout(self._seconds):
                    page = await self._page(begun, {**window, "cursor": cursor} if cursor else window)
            except SlackApiError as error:
                if slack_code(error) == "thread_not_found":  # nothing hangs under what is not there
                    return None
                raise
            for message in page.get("messages") or []:
                if message.get("ts") != but and _tells(message, notice):
                    return str(message["ts"])
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return None

    async def _page(self, begun: Begun, asked: dict[str, Any]) -> dict[str, Any]:
        if begun.place.thread:
            answer = await self._client.conversations_replies(
                channel=begun.place.channel, ts=begun.place.thread, **asked
            )
        else:
            answer = await self._client.conversations_history(channel=begun.place.channel, **asked)
        data = answer.data
        assert isinstance(data, dict), "Slack answers these in JSON, or the client raises"
        return data


def _tells(message: dict[str, Any], notice: Notice) -> bool:
    wanted = trace(notice)
    found = message.get("metadata") or {}
    payload = found.get("event_payload") or {}
    return found.get("event_type") == METADATA_EVENT and payload | wanted["event_payload"] == payload
