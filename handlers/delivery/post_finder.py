"""Finds a post in Slack where nobody knows whether it arrived: the process died, or Slack's answer was lost.

Posts carry metadata with ids only, since everybody in the channel can read it
(docs.slack.dev/messaging/message-metadata). This module only reads. It lets Slack's errors pass: None means that
Slack said that the post is not there.
"""

import asyncio
from datetime import timedelta
from typing import Any, Final

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.ports.notifier import Notice, PostAttempt
from handlers.delivery.poster import CALL_SECONDS
from handlers.slack_errors import THREAD_GONE, slack_code

NOTICE_EVENT: Final = "tunebot_notice"
ANSWER_EVENT: Final = "tunebot_answer"

# Slack refuses requests whose time stamp is five minutes off
# (docs.slack.dev/authentication/verifying-requests-from-slack), so this machine's clock is less than an hour off
# Slack's. The later end keeps days of newer messages from being read.
_AROUND: Final = timedelta(hours=1)
_PAGE: Final = 200


def notice_metadata(notice: Notice) -> dict[str, Any]:
    """Return the metadata of a post about a job; the number tells a second reply of a kind from the first."""
    payload = {"job": notice.job, "kind": str(notice.kind), "notice": str(notice.id)}
    return {"event_type": NOTICE_EVENT, "event_payload": payload}


def answer_metadata(question: str, piece: str) -> dict[str, Any]:
    """Return the metadata of one message of the answer to the question with this key."""
    return {"event_type": ANSWER_EVENT, "event_payload": {"question": question, "piece": piece}}


class PostFinder:
    """Searches the channel or thread of an attempted post."""

    def __init__(self, client: AsyncWebClient, seconds: float = CALL_SECONDS) -> None:
        self._client = client
        self._seconds = seconds

    async def find(self, metadata: dict[str, Any], attempt: PostAttempt, *, other_than: str = "") -> str | None:
        """Return the `ts` of the post with this metadata, or None. Raises SlackApiError, TimeoutError.

        `other_than` is the `ts` of an older post to skip.
        """
        window: dict[str, Any] = {
            "oldest": str((attempt.at - _AROUND).timestamp()),
            "latest": str((attempt.at + _AROUND).timestamp()),
            "include_all_metadata": True,
            "limit": _PAGE,
        }
        cursor = ""
        while True:
            try:
                async with asyncio.timeout(self._seconds):
                    page = await self._page(attempt, {**window, "cursor": cursor} if cursor else window)
            except SlackApiError as error:
                if slack_code(error) in THREAD_GONE:  # A thread that does not exist holds no reply.
                    return None
                raise
            for message in page.get("messages") or []:
                if message.get("ts") != other_than and _carries(message, metadata):
                    return str(message["ts"])
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return None

    async def _page(self, attempt: PostAttempt, options: dict[str, Any]) -> dict[str, Any]:
        place = attempt.place
        if place.thread:
            answer = await self._client.conversations_replies(channel=place.channel, ts=place.thread, **options)
        else:
            answer = await self._client.conversations_history(channel=place.channel, **options)
        data = answer.data
        assert isinstance(data, dict), "Slack answers these methods in JSON, or the client raises"
        return data


def _carries(message: dict[str, Any], metadata: dict[str, Any]) -> bool:
    found = message.get("metadata") or {}
    payload = found.get("event_payload") or {}
    same_kind: bool = found.get("event_type") == metadata["event_type"]
    return same_kind and payload | metadata["event_payload"] == payload
