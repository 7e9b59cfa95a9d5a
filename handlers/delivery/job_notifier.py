"""The Notifier over Slack: the one job card, kept true by editing it, and the replies under it.

An edit may be repeated; a post may not, see `handlers/delivery/idempotent_poster.py`.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from slack_sdk.errors import SlackApiError

from bot.domain.backend_profile import BackendProfile
from bot.domain.jobs import Snapshot, TuningJob
from bot.domain.place import Place
from bot.ports.clock import Clock
from bot.ports.notifier import Delivered, Notice, NoticeKind, PostAttempt, RecordAttempt, SendCapacity
from handlers.blocks.jobs.card import job_card
from handlers.blocks.jobs.ended import job_ended
from handlers.blocks.jobs.stuck import job_stuck
from handlers.blocks.message import Message
from handlers.delivery.idempotent_poster import IdempotentPoster, translated_slack_errors
from handlers.delivery.post_finder import notice_metadata
from handlers.delivery.poster import NO_ACCESS, Poster
from handlers.errors import slack_code

logger = logging.getLogger(__name__)

_CARD_GONE = {"message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found", "is_inactive"}


@dataclass(frozen=True, slots=True)
class _Telling:
    """One notice on its way out."""

    notice: Notice
    job: TuningJob
    record_attempt: RecordAttempt


class SlackNotifier:
    """Tells of jobs at Slack's pace; whatever it raises says whether a post may have arrived."""

    def __init__(
        self,
        poster: Poster,
        once: IdempotentPoster,
        profiles: Mapping[str, BackendProfile],
        clock: Clock,
    ) -> None:
        self._poster = poster
        self._once = once
        self._profiles = profiles
        self._clock = clock
        self._native_chart = True

    def capacity(self) -> SendCapacity:
        return self._poster.pace.capacity()

    async def deliver(
        self,
        notice: Notice,
        job: TuningJob,
        snapshots: Sequence[Snapshot],
        record_attempt: RecordAttempt,
    ) -> Delivered:
        """Raises RetryLater, Unconfirmed, Undeliverable."""
        begun = notice.unconfirmed
        if begun is not None:
            ts = await self._once.find(notice_metadata(notice), begun, record_attempt, but=job.card)
            if ts is not None:
                logger.info("%s of %s had arrived: found it in %s", notice.kind, job.key, begun.place.channel)
                return _adopted(notice, begun, job, ts)
        telling = _Telling(notice, job, record_attempt)
        with translated_slack_errors():
            match notice.kind:
                case NoticeKind.CARD:
                    return await self._card(telling, snapshots)
                case NoticeKind.ENDED:
                    return await self._reply(telling, job_ended(job, self._profiles[job.backend]))
                case NoticeKind.STUCK:
                    if job.state.ended or job.stuck_at is None:  # it moved before anybody was told
                        return Delivered(job.place, job.card)
                    now = self._clock.now()
                    return await self._reply(telling, job_stuck(job, self._profiles[job.backend], now))
                case _:
                    assert_never(notice.kind)

    async def _card(self, telling: _Telling, snapshots: Sequence[Snapshot]) -> Delivered:
        try:
            return await self._put_card(telling, snapshots)
        except SlackApiError as error:
            if slack_code(error) != "invalid_blocks" or not self._native_chart:
                raise
            logger.warning("this workspace refuses Slack's charts; cards show losses as text from now on")
            self._native_chart = False
            return await self._put_card(telling, snapshots)

    async def _put_card(self, telling: _Telling, snapshots: Sequence[Snapshot]) -> Delivered:
        job = telling.job
        message = job_card(
            job, self._profiles[job.backend], snapshots, self._clock.now(), native_chart=self._native_chart
        )
        if job.card:
            try:
                await self._poster.edit(job.place.channel, job.card, message, patient=False)
                return Delivered(job.place, job.card)
            except SlackApiError as error:
                if slack_code(error) not in _CARD_GONE:
                    raise
                logger.info("the card of %s is gone, posting a new one", job.key)
        return await self._post(telling, job.place, message)

    async def _reply(self, telling: _Telling, message: Message) -> Delivered:
        job = telling.job
        thread = replace(job.place, thread=job.place.thread or job.card)
        posted = await self._post(telling, thread, message)
        return _replied(job, posted.place)

    async def _post(self, telling: _Telling, place: Place, message: Message) -> Delivered:
        """Post at the place, or to the job's owner where that channel does not let the bot in."""
        try:
            return await self._post_at(telling, place, message)
        except SlackApiError as error:
            if slack_code(error) not in NO_ACCESS:
                raise
        job = telling.job
        logger.info("no way into %s, telling the owner of %s directly", place.channel, job.key)
        direct = Place(place.team, await self._poster.direct_channel(job.owner))
        return await self._post_at(telling, direct, message)

    async def _post_at(self, telling: _Telling, place: Place, message: Message) -> Delivered:
        ts = await self._once.post(place, message, notice_metadata(telling.notice), telling.record_attempt)
        return Delivered(place, ts)


def _adopted(notice: Notice, begun: PostAttempt, job: TuningJob, ts: str) -> Delivered:
    if notice.kind is NoticeKind.CARD:
        return Delivered(begun.place, ts, current=False)
    return _replied(job, begun.place)


def _replied(job: TuningJob, place: Place) -> Delivered:
    """A reply leaves the card where it is, unless it had to go elsewhere: there the next card begins anew."""
    moved = place.channel != job.place.channel
    return Delivered(place, "") if moved else Delivered(job.place, job.card)
