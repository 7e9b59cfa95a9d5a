"""The Notifier over Slack: the one job card, kept true by editing it, and the replies under it.

An edit may be repeated; a post may not. So each post is begun on paper first, and what was begun and never
answered is looked for in Slack before anything is posted again.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, assert_never

import aiohttp
from slack_sdk.errors import SlackApiError

from bot.domain import Place, Snapshot, TuningJob
from bot.errors import RetryLater, Unconfirmed, Undeliverable
from bot.ports import Begun, Clock, Delivered, Notice, NoticeKind, Room
from bot.profile import BackendProfile
from handlers.blocks.job_card import job_card
from handlers.blocks.job_ended import job_ended
from handlers.blocks.job_stuck import job_stuck
from handlers.blocks.message import Message
from handlers.errors import retry_after, slack_code, slack_status
from handlers.poster import NO_WAY_IN, Poster
from handlers.traces import Traces, trace

logger = logging.getLogger(__name__)

# How long Slack may still be busy with a post whose answer was lost: before that, "not there" is no answer.
SETTLES_IN: Final = timedelta(seconds=10)

_CARD_GONE = {"message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found", "is_inactive"}
# The app's own trouble with the workspace: whoever installed it can mend that, and then nothing must be lost.
_NOT_LET_IN = {"account_inactive", "invalid_auth", "missing_scope", "not_authed", "token_expired", "token_revoked"}
_PASSING = {"service_unavailable", "request_timeout", "team_added_to_org"}
# Slack says of these itself that some of what was asked may have been done.
_UNSURE = {"internal_error", "fatal_error"}
_BROKEN = (aiohttp.ClientError, TimeoutError, ConnectionError)


@dataclass(frozen=True, slots=True)
class _Telling:
    """One notice on its way out."""

    notice: Notice
    job: TuningJob
    begin: Callable[[Place], Awaitable[None]]


class SlackNotifier:
    """Tells of jobs at Slack's pace; whatever it raises says whether a post may have arrived."""

    def __init__(
        self,
        poster: Poster,
        traces: Traces,
        profiles: Mapping[str, BackendProfile],
        clock: Clock,
        settles_in: timedelta = SETTLES_IN,
    ) -> None:
        self._poster = poster
        self._traces = traces
        self._profiles = profiles
        self._clock = clock
        self._settles_in = settles_in
        self._native_chart = True

    def room(self) -> Room:
        return self._poster.pace.room()

    async def deliver(
        self,
        notice: Notice,
        job: TuningJob,
        snapshots: Sequence[Snapshot],
        begin: Callable[[Place], Awaitable[None]],
    ) -> Delivered:
        """Raises RetryLater, Unconfirmed, Undeliverable."""
        if notice.begun is not None and (ts := await self._find(notice, notice.begun, job, begin)) is not None:
            logger.info("%s of %s had arrived: found it in %s", notice.kind, job.key, notice.begun.place.channel)
            return _adopted(notice, notice.begun, job, ts)
        telling = _Telling(notice, job, begin)
        try:
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
        except SlackApiError as error:
            raise _translated(error) from error
        except _BROKEN as error:
            raise _unreachable(error) from error

    async def _find(
        self, notice: Notice, begun: Begun, job: TuningJob, begin: Callable[[Place], Awaitable[None]]
    ) -> str | None:
        """The post that was begun, or None if it certainly is not there and cannot come any more."""
        try:
            ts = await self._traces.find(notice, begun, but=job.card)
        except SlackApiError as error:
            if slack_code(error) in NO_WAY_IN:
                # Were it there, it could neither be read nor edited: it is told where the owner can be reached.
                return None
            why, pause = slack_code(error) or str(slack_status(error)), retry_after(error) or 1.0
            raise Unconfirmed(f"Slack does not show whether it has the message: {why}.", pause) from error
        except _BROKEN as error:
            raise Unconfirmed(str(_unreachable(error)), 1.0) from error
        age = self._clock.now() - begun.at
        if ts is None and age < timedelta():
            # The clock was set back since, so how long ago it was is not known: the wait begins anew.
            await begin(begun.place)
            age = timedelta()
        if ts is None and age < self._settles_in:
            raise Unconfirmed(
                "Slack may still be busy with the message.", (self._settles_in - age).total_seconds()
            )
        return ts

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
            if slack_code(error) not in NO_WAY_IN:
                raise
        job = telling.job
        logger.info("no way into %s, telling the owner of %s directly", place.channel, job.key)
        direct = Place(place.team, await self._poster.direct_channel(job.owner))
        return await self._post_at(telling, direct, message)

    async def _post_at(self, telling: _Telling, place: Place, message: Message) -> Delivered:
        try:
            ts = await self._poster.say(
                place,
                message,
                metadata=trace(telling.notice),
                begin=lambda: telling.begin(place),
                patient=False,
            )
        except aiohttp.ClientConnectorError:
            raise  # there was no connection, so nothing was sent
        except _BROKEN as error:
            raise Unconfirmed(f"Slack's answer was lost: {type(error).__name__}.", 1.0) from error
        except SlackApiError as error:
            code, status = slack_code(error), slack_status(error)
            if code in _UNSURE or (not code and status != 429):
                raise Unconfirmed(f"Slack failed at a post: {code or status}.", 1.0) from error
            raise
        return Delivered(place, ts)


def _adopted(notice: Notice, begun: Begun, job: TuningJob, ts: str) -> Delivered:
    if notice.kind is NoticeKind.CARD:
        return Delivered(begun.place, ts, current=False)
    return _replied(job, begun.place)


def _replied(job: TuningJob, place: Place) -> Delivered:
    """A reply leaves the card where it is, unless it had to go elsewhere: there the next card begins anew."""
    moved = place.channel != job.place.channel
    return Delivered(place, "") if moved else Delivered(job.place, job.card)


def _unreachable(error: Exception) -> RetryLater:
    return RetryLater(f"Slack cannot be reached: {type(error).__name__}.", seconds=1.0)


def _translated(error: SlackApiError) -> RetryLater | Undeliverable:
    """What a refusal means for the outbox: again later, or never."""
    code, status = slack_code(error), slack_status(error)
    if (seconds := retry_after(error)) is not None:
        return RetryLater("Slack asks for a pause.", seconds=seconds)
    if code in _NOT_LET_IN:
        logger.error("Slack does not let the app in: %s. Messages wait until that is mended.", code)
        return RetryLater(f"Slack does not let the app in: {code}.", seconds=30.0)
    if status >= 500 or not code or code in _PASSING or code in _UNSURE:
        return RetryLater(f"Slack fails: {code or status}.", seconds=1.0)
    return Undeliverable(f"Slack refuses the message: {code}.")
