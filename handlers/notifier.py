"""The Notifier over Slack: the one job card, kept true by editing it, and the reply when the job ends."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import aiohttp
from aiolimiter import AsyncLimiter
from slack_sdk.errors import SlackApiError

from bot.domain import Place, Snapshot, TuningJob
from bot.errors import RetryLater, Undeliverable
from bot.ports import Clock, Delivered, NoticeKind
from bot.profile import BackendProfile
from handlers.blocks.job_card import job_card
from handlers.blocks.job_ended import job_ended
from handlers.blocks.message import Message
from handlers.errors import slack_code, slack_status
from handlers.poster import NO_WAY_IN, Poster

logger = logging.getLogger(__name__)

METADATA_EVENT: Final = "tunebot_notice"

_CARD_GONE = {"message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found", "is_inactive"}
_FOR_GOOD = {
    "account_inactive",
    "invalid_auth",
    "token_revoked",
    "user_not_found",
    "user_disabled",
    "cannot_dm_bot",
}


class SlackNotifier:
    """Posts at most once a second in a channel and edits at most 50 times a minute, as Slack asks."""

    def __init__(self, poster: Poster, profiles: Mapping[str, BackendProfile], clock: Clock) -> None:
        self._poster = poster
        self._profiles = profiles
        self._clock = clock
        self._posts: defaultdict[str, AsyncLimiter] = defaultdict(lambda: AsyncLimiter(1, 1.0))
        self._edits = AsyncLimiter(50, 60.0)
        self._native_chart = True

    async def deliver(self, kind: NoticeKind, job: TuningJob, snapshots: Sequence[Snapshot]) -> Delivered:
        """Raises RetryLater, Undeliverable."""
        try:
            match kind:
                case NoticeKind.CARD:
                    return await self._card(job, snapshots)
                case NoticeKind.ENDED:
                    return await self._ended(job)
        except SlackApiError as error:
            raise _translated(error) from error
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise RetryLater(f"Slack cannot be reached: {type(error).__name__}.", seconds=1.0) from error

    async def _card(self, job: TuningJob, snapshots: Sequence[Snapshot]) -> Delivered:
        try:
            return await self._put_card(job, snapshots)
        except SlackApiError as error:
            if slack_code(error) != "invalid_blocks" or not self._native_chart:
                raise
            logger.warning("this workspace refuses Slack's charts; cards show losses as text from now on")
            self._native_chart = False
            return await self._put_card(job, snapshots)

    async def _put_card(self, job: TuningJob, snapshots: Sequence[Snapshot]) -> Delivered:
        message = job_card(
            job, self._profiles[job.backend], snapshots, self._clock.now(), native_chart=self._native_chart
        )
        if job.card:
            try:
                async with self._edits:
                    await self._poster.edit(job.place.channel, job.card, message)
                return Delivered(job.place, job.card)
            except SlackApiError as error:
                if slack_code(error) not in _CARD_GONE:
                    raise
                logger.info("the card of %s is gone, posting a new one", job.key)
        return await self._post(job, message, NoticeKind.CARD)

    async def _ended(self, job: TuningJob) -> Delivered:
        thread = replace(job, place=replace(job.place, thread=job.place.thread or job.card))
        delivered = await self._post(thread, job_ended(job, self._profiles[job.backend]), NoticeKind.ENDED)
        moved = delivered.place.channel != job.place.channel
        return Delivered(delivered.place, "") if moved else Delivered(job.place, job.card)

    async def _post(self, job: TuningJob, message: Message, kind: NoticeKind) -> Delivered:
        """Post at the job's place, or to its owner where that channel does not let the bot in."""
        metadata: dict[str, Any] = {
            "event_type": METADATA_EVENT,
            "event_payload": {"job": job.key, "kind": str(kind), "state": str(job.state)},
        }
        try:
            return await self._post_at(job.place, message, metadata)
        except SlackApiError as error:
            if slack_code(error) not in NO_WAY_IN:
                raise
            logger.info("no way into %s, telling the owner of %s directly", job.place.channel, job.key)
        direct = Place(job.place.team, await self._poster.direct_channel(job.owner))
        return await self._post_at(direct, message, metadata)

    async def _post_at(self, place: Place, message: Message, metadata: dict[str, Any]) -> Delivered:
        async with self._posts[place.channel]:
            ts = await self._poster.say(place, message, metadata=metadata)
        return Delivered(place, ts)


def _translated(error: SlackApiError) -> RetryLater | Undeliverable:
    """What a refusal means for the outbox: again later, or never."""
    code = slack_code(error)
    status = slack_status(error)
    if code in _FOR_GOOD or code in NO_WAY_IN:
        return Undeliverable(f"Slack refuses the message: {code}.")
    if code == "ratelimited" or status == 429:
        headers = getattr(error.response, "headers", {})
        return RetryLater("Slack asks for a pause.", seconds=float(headers.get("Retry-After", 1)))
    if status >= 500 or code in ("internal_error", "fatal_error", "service_unavailable", "request_timeout", ""):
        return RetryLater(f"Slack fails: {code or status}.", seconds=1.0)
    return Undeliverable(f"Slack refuses the message: {code}.")
