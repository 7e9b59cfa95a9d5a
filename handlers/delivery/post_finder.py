"""Finds a post in Slack where nobody knows whether it arrived: the process died, or Slack's answer was lost.

Posts carry metadata with ids only, since everybody in the channel can read it
(docs.slack.dev/messaging/message-metadata). This module only reads. It lets Slack's errors pass: None means that
Slack said that the post is not there.
"""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, assert_never

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.jobs import TuningJob
from bot.domain.place import Place
from bot.ports.notifier import Notice, NoticeKind, PostAttempt
from handlers.delivery.poster import CALL_SECONDS
from handlers.slack_errors import THREAD_GONE, slack_code

NOTICE_EVENT: Final = "tunebot_notice"
ANSWER_EVENT: Final = "tunebot_answer"

# Slack refuses requests whose time stamp is five minutes off
# (docs.slack.dev/authentication/verifying-requests-from-slack), so this machine's clock is less than an hour off
# Slack's. The later end keeps days of newer messages from being read.
_AROUND: Final = timedelta(hours=1)
_PAGE: Final = 200


def notice_metadata(notice: Notice, job: TuningJob) -> dict[str, Any]:
    """Return the metadata of a post about a job."""
    return _about_job(notice, notice=str(notice.id), stage=stage_of(notice, job))


def attempt_metadata(notice: Notice) -> dict[str, Any]:
    """Return what finds an earlier attempt to post this notice; the job may have moved on since."""
    return _about_job(notice, notice=str(notice.id))


def content_metadata(notice: Notice, job: TuningJob) -> dict[str, Any]:
    """Return what finds a post with the same news; after a backup was restored, its notice has another number."""
    return _about_job(notice, stage=stage_of(notice, job))


def stage_of(notice: Notice, job: TuningJob) -> str:
    """Return what tells this reply from an earlier one of its kind about the same job."""
    match notice.kind:
        case NoticeKind.ENDED | NoticeKind.DELETED:
            return str(job.state)
        case NoticeKind.RETIRES:
            return str(job.retirement_told)
        case NoticeKind.SHARED:
            # The ids may be longer than Slack's metadata takes.
            return hashlib.sha256(" ".join((job.shared_by, *job.shared_with)).encode()).hexdigest()[:16]
        case NoticeKind.STUCK:
            return f"{job.google_state} {job.completed_steps} {job.epoch}"
        case NoticeKind.MODEL_DELETED:
            return notice.target
        case NoticeKind.MODEL_UNSHARED:
            # It may be shared there again, and unshared once more, which is then told once more.
            return f"{notice.target} {notice.id}"
        case (
            NoticeKind.CARD | NoticeKind.OLD_CARD | NoticeKind.APPROVAL | NoticeKind.APPROVED | NoticeKind.MISSING
        ):
            return ""
        case _:
            assert_never(notice.kind)


def answer_metadata(question: str, **further: str | bool) -> dict[str, Any]:
    """Return the metadata of a message of the answer to the question with this key.

    `piece` is the message's number, or `error`; `last` says whether no further message follows.
    """
    return {"event_type": ANSWER_EVENT, "event_payload": {"question": question, **further}}


def _about_job(about: Notice, **further: str) -> dict[str, Any]:
    payload = {"job": about.job, "kind": str(about.kind), **further}
    return {"event_type": NOTICE_EVENT, "event_payload": payload}


class PostFinder:
    """Searches the channel or thread of an attempted post."""

    def __init__(self, client: AsyncWebClient, seconds: float = CALL_SECONDS, own_user: str = "") -> None:
        self._client = client
        self._seconds = seconds
        self._own_user = own_user

    async def find(
        self,
        metadata: dict[str, Any],
        attempt: PostAttempt,
        *,
        since: datetime | None = None,
        other_than: tuple[str, ...] = (),
    ) -> str | None:
        """Return the `ts` of the post with this metadata, or None. Raises SlackApiError, TimeoutError.

        `since` is given where the post may be older than the attempt. `other_than` holds each `ts` to skip.
        """
        return await self._find(
            attempt, lambda message: message.get("ts") not in other_than and carries(message, metadata), since
        )

    async def find_live(self, metadata: dict[str, Any], attempt: PostAttempt) -> str | None:
        """Return the `ts` of the post with this metadata, or of a stream of the bot without a word in this thread.

        A stream gets its metadata at its end. A thread has one question at a time, so the stream can be of no
        other one.
        """

        def is_ours(message: dict[str, Any]) -> bool:
            own = bool(self._own_user) and message.get("user") == self._own_user
            empty = not (message.get("text") or message.get("blocks") or message.get("metadata"))
            return carries(message, metadata) or (own and empty and bool(attempt.place.thread))

        return await self._find(attempt, is_ours)

    async def read(self, place: Place, ts: str) -> dict[str, Any] | None:
        """Return the message as Slack has it, None if Slack has none. Raises SlackApiError, TimeoutError."""
        # Slack answers the first message of a thread with each part of it.
        one = {"oldest": ts, "latest": ts, "inclusive": True, "include_all_metadata": True, "limit": 2}
        async with asyncio.timeout(self._seconds):
            page = await self._page(place, one)
        return next((each for each in page.get("messages") or [] if each.get("ts") == ts), None)

    async def _find(
        self, attempt: PostAttempt, matches: Callable[[dict[str, Any]], bool], since: datetime | None = None
    ) -> str | None:
        window: dict[str, Any] = {
            "oldest": str(((since or attempt.at) - _AROUND).timestamp()),
            "latest": str((attempt.at + _AROUND).timestamp()),
            "include_all_metadata": True,
            "limit": _PAGE,
        }
        cursor = ""
        while True:
            try:
                async with asyncio.timeout(self._seconds):
                    page = await self._page(attempt.place, {**window, "cursor": cursor} if cursor else window)
            except SlackApiError as error:
                if slack_code(error) in THREAD_GONE:  # A thread that does not exist holds no reply.
                    return None
                raise
            for message in page.get("messages") or []:
                if matches(message):
                    return str(message["ts"])
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return None

    async def _page(self, place: Place, options: dict[str, Any]) -> dict[str, Any]:
        if place.thread:
            answer = await self._client.conversations_replies(channel=place.channel, ts=place.thread, **options)
        else:
            answer = await self._client.conversations_history(channel=place.channel, **options)
        data = answer.data
        assert isinstance(data, dict), "Slack answers these methods in JSON, or the client raises"
        return data


def carries(message: dict[str, Any], metadata: dict[str, Any]) -> bool:
    """Return whether a message, as Slack has it, has at least this metadata."""
    found = message.get("metadata") or {}
    payload = found.get("event_payload") or {}
    same_kind: bool = found.get("event_type") == metadata["event_type"]
    return same_kind and payload | metadata["event_payload"] == payload
