"""Finds a post in Slack of which nobody knows whether it arrived: the process died, or the answer was lost.

Posts carry metadata that names what they tell, with ids only: whoever may read the channel may read those. It only
reads, and an error while reading is the caller's: not found means that Slack said so.
"""

import asyncio
from datetime import timedelta
from typing import Any, Final

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.ports.notifier import Notice, PostAttempt
from handlers.delivery.poster import ANSWER_SECONDS
from handlers.errors import slack_code

METADATA_EVENT: Final = "tunebot_notice"
ANSWER_EVENT: Final = "tunebot_answer"

# Slack refuses signatures that are five minutes off, so this machine's clock is not an hour off Slack's. The later
# end keeps what was said since, possibly days of it, from being read.
_AROUND: Final = timedelta(hours=1)
_PAGE: Final = 200


def notice_metadata(notice: Notice) -> dict[str, Any]:
    """The metadata of a post about a job. The number tells a job's second reply of a kind from its first."""
    payload = {"job": notice.job, "kind": str(notice.kind), "notice": str(notice.id)}
    return {"event_type": METADATA_EVENT, "event_payload": payload}


def answer_metadata(question: str, piece: str) -> dict[str, Any]:
    """The metadata of one message of the answer to the question of this key."""
    return {"event_type": ANSWER_EVENT, "event_payload": {"question": question, "piece": piece}}


class PostFinder:
    """Reads channels and threads in which a post was begun."""

    def __init__(self, client: AsyncWebClient, seconds: float = ANSWER_SECONDS) -> None:
        self._client = client
        self._seconds = seconds

    async def find(self, trace: dict[str, Any], begun: PostAttempt, *, but: str = "") -> str | None:
        """The `ts` of the post with this trace, None if it has not arrived. Raises SlackApiError, TimeoutError.

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
                if message.get("ts") != but and _carries(message, trace):
                    return str(message["ts"])
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return None

    async def _page(self, begun: PostAttempt, asked: dict[str, Any]) -> dict[str, Any]:
        if begun.place.thread:
            answer = await self._client.conversations_replies(
                channel=begun.place.channel, ts=begun.place.thread, **asked
            )
        else:
            answer = await self._client.conversations_history(channel=begun.place.channel, **asked)
        data = answer.data
        assert isinstance(data, dict), "Slack answers these in JSON, or the client raises"
        return data


def _carries(message: dict[str, Any], trace: dict[str, Any]) -> bool:
    found = message.get("metadata") or {}
    payload = found.get("event_payload") or {}
    same_kind: bool = found.get("event_type") == trace["event_type"]
    return same_kind and payload | trace["event_payload"] == payload
