"""Sends the notices of the outbox to Slack: the one card of a job, kept current by edits, and the replies under
it.

An edit may be repeated, a post may not: see `handlers/delivery/idempotent_poster.py`.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, assert_never

from slack_sdk.errors import SlackApiError

from bot.domain.backend_profile import BackendProfile
from bot.domain.jobs import JobState, Snapshot, TuningJob
from bot.domain.place import Place
from bot.domain.roles import is_person
from bot.errors import RetryLater
from bot.people.job_access import known_in
from bot.ports.clock import Clock
from bot.ports.job_store import JobStore
from bot.ports.notifier import Delivered, Notice, NoticeKind, PostAttempt, RecordAttempt, SendCapacity
from bot.ports.workspace_members import WorkspaceMembers
from bot.spending.price_table import PriceTable
from bot.spending.retirement import base_of, retirement_of, successor_of
from handlers.blocks.chat.channel_model import build_model_deleted, build_model_unshared
from handlers.blocks.jobs.approval_request import build_approval_request, build_hidden_request
from handlers.blocks.jobs.card import build_card
from handlers.blocks.jobs.notices import (
    build_approved,
    build_deleted,
    build_ended,
    build_missing,
    build_retires,
    build_shared,
    build_stuck,
)
from handlers.blocks.jobs.queue_place import RunningTuning
from handlers.blocks.message import Message, has_chart
from handlers.delivery.idempotent_poster import IdempotentPoster
from handlers.delivery.post_finder import attempt_metadata, content_metadata, notice_metadata
from handlers.delivery.poster import Poster
from handlers.slack_errors import (
    BAD_MESSAGE,
    CALL_ERRORS,
    CANNOT_POST,
    MESSAGE_GONE,
    NO_ENTRY,
    THREAD_GONE,
    delivery_errors,
    slack_code,
)

logger = logging.getLogger(__name__)

# Statuses of an agent's session: docs.slack.dev/reference/methods/agents.sessions.setStatus
_ACTIVE: Final = "active"
_SUSPENDED: Final = "suspended"
# So often a message to approvers waits until Slack says who reads their channel: about a minute.
_WAITS_FOR_WORD: Final = 6


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A notice while it is being delivered."""

    notice: Notice
    job: TuningJob
    record: RecordAttempt


class JobNotifier:
    """The Notifier of `bot.ports` over Slack, within Slack's rate limits.

    An earlier process may have posted about each job that did not begin with a report of this one. Such posts are
    looked for first, because a database that was restored from a backup does not know them.
    """

    def __init__(
        self,
        poster: Poster,
        idempotent_poster: IdempotentPoster,
        profiles: Mapping[str, BackendProfile],
        clock: Clock,
        prices: PriceTable,
        jobs: JobStore,
        members: WorkspaceMembers,
        known: Mapping[str, BackendProfile],
    ) -> None:
        """`profiles` are those of the backends that are offered, `known` those of all that may have run a job."""
        self._poster = poster
        self._idempotent_poster = idempotent_poster
        self._profiles = profiles
        self._known = {**known, **profiles}
        self._clock = clock
        self._prices = prices
        self._jobs = jobs
        self._members = members
        self._native_chart = True

    def capacity(self) -> SendCapacity:
        return self._poster.limits.capacity()

    async def deliver(
        self,
        notice: Notice,
        job: TuningJob,
        snapshots: Sequence[Snapshot],
        record_attempt: RecordAttempt,
    ) -> Delivered | None:
        """Post or edit what the notice stands for. Raises RetryLater, Unconfirmed."""
        attempt = notice.unconfirmed
        if attempt is not None:
            ts = await self._idempotent_poster.find(
                attempt_metadata(notice),
                attempt,
                refusals=notice.refusals,
                other_than=job.card,
            )
            if ts is not None:
                logger.info("%s of %s had arrived: found it in %s", notice.kind, job.key, attempt.place.channel)
                return _adopted(notice, attempt, job, ts)
        delivery = _Delivery(notice, job, record_attempt)
        with delivery_errors():
            match notice.kind:
                case NoticeKind.APPROVAL:
                    return await self._ask_approver(delivery)
                case NoticeKind.APPROVED:
                    await self._set_session(job, _ACTIVE)
                    return await self._reply(delivery, build_approved(job))
                case NoticeKind.CARD:
                    if job.state is JobState.AWAITING_APPROVAL:
                        await self._set_session(job, _SUSPENDED)
                    return await self._card(delivery, snapshots)
                case NoticeKind.OLD_CARD:
                    await self._card(delivery, snapshots)
                    return None
                case NoticeKind.ENDED:
                    if job.approval is not None and job.unstarted:
                        await self._set_session(job, _ACTIVE)
                    return await self._reply(delivery, build_ended(job, self._known[job.backend]))
                case NoticeKind.DELETED:
                    return await self._reply(delivery, build_deleted(job))
                case NoticeKind.MODEL_DELETED:
                    place = Place(job.place.team, notice.target)
                    await self._post_at(delivery, place, build_model_deleted(job.name, job.deleted_by))
                    return None
                case NoticeKind.MODEL_UNSHARED:
                    place = Place(job.place.team, notice.target)
                    await self._post_at(delivery, place, build_model_unshared(job.name, job.shared_by))
                    return None
                case NoticeKind.MISSING:
                    return await self._reply(delivery, build_missing(job, self._successor(job)))
                case NoticeKind.SHARED:
                    return await self._reply(delivery, build_shared(job))
                case NoticeKind.RETIRES:
                    retirement = retirement_of(base_of(job), self._prices)
                    if retirement is None or not job.can_answer:
                        return Delivered(job.place, job.card)
                    now = self._clock.now()
                    found = successor_of(job, self._profiles.values(), self._prices, now)
                    moves = found is not None and found.moves
                    reply = build_retires(job, retirement, self._successor(job), now, moves=moves)
                    return await self._reply(delivery, reply)
                case NoticeKind.STUCK:
                    if job.state.ended or job.stuck_at is None:  # It moved on before the notice was sent.
                        return Delivered(job.place, job.card)
                    now = self._clock.now()
                    return await self._reply(delivery, build_stuck(job, self._known[job.backend], now))
                case _:
                    assert_never(notice.kind)

    def _successor(self, job: TuningJob) -> str:
        """Return a base model on which the job's file can be tuned instead, empty if there is none."""
        found = successor_of(job, self._profiles.values(), self._prices, self._clock.now())
        return found.text if found is not None else ""

    async def _set_session(self, job: TuningJob, status: str) -> None:
        """Show in the agent's session in which the person asked whether it waits for an approval.

        No notice depends on it. A channel outside of a thread is no session.
        """
        if not job.place.is_direct and not job.place.thread:
            return
        try:
            await self._poster.set_session_status(job.place, status)
        except CALL_ERRORS as error:
            logger.debug("could not set the status of a session: %s", error)

    async def _ask_approver(self, delivery: _Delivery) -> Delivered:
        """Ask an approver, or update the message in which they were asked.

        It says nothing of the start where another company may read, also where Slack does not say who does.
        """
        notice, team = delivery.notice, delivery.job.place.team
        hidden = not is_person(notice.target) and await self._members.is_external(notice.target)
        if hidden and notice.attempts < _WAITS_FOR_WORD:
            # Slack may say it soon, and no later notice would show the buttons.
            if not await self._members.answers(delivery.job.owner, [notice.target]):
                raise RetryLater("Slack does not say who reads the channel of approvers.", seconds=1.0)
            hidden = await self._members.is_external(notice.target)
        message = (build_hidden_request if hidden else build_approval_request)(delivery.job)
        if notice.old_card:
            await self._poster.edit(notice.channel, notice.old_card, message, wait_for_pause=False)
            return Delivered(Place(team, notice.channel), notice.old_card)
        channel = await self._poster.direct_channel(notice.target) if is_person(notice.target) else notice.target
        return await self._post_at(delivery, Place(team, channel), message)

    async def _card(self, delivery: _Delivery, snapshots: Sequence[Snapshot]) -> Delivered:
        message = await self._build_card(delivery.job, snapshots)
        try:
            return await self._show_card(delivery, message)
        except SlackApiError as error:
            if slack_code(error) not in BAD_MESSAGE or not has_chart(message):
                raise
            logger.warning("Slack refuses a card (%s); cards show losses as text from now on", slack_code(error))
            self._native_chart = False
            return await self._show_card(delivery, await self._build_card(delivery.job, snapshots))

    async def _build_card(self, job: TuningJob, snapshots: Sequence[Snapshot]) -> Message:
        profile = self._known[job.backend]
        waits = job.state is JobState.WAITING
        ahead = await self._jobs.ahead(job) if waits else 0
        others = await self._jobs.running(job.backend) if waits else ()
        running = [RunningTuning(each, await known_in(job.place, each, self._members)) for each in others]
        now = self._clock.now()
        native = self._native_chart
        return build_card(job, profile, snapshots, now, native_chart=native, ahead=ahead, running=running)

    async def _show_card(self, delivery: _Delivery, message: Message) -> Delivered:
        """Edit the card, or post it where there is none or it is gone."""
        job = delivery.job
        if delivery.notice.kind is NoticeKind.OLD_CARD:
            notice = delivery.notice
            await self._poster.edit(notice.channel, notice.old_card, message, wait_for_pause=False)
            return Delivered(job.place, job.card)
        if job.card:
            try:
                await self._poster.edit(job.place.channel, job.card, message, wait_for_pause=False)
                return Delivered(job.place, job.card)
            except SlackApiError as error:
                # One answer that the card or the channel is gone may pass, and a second card would stay for ever.
                gone = slack_code(error) in MESSAGE_GONE | CANNOT_POST
                if not gone or not delivery.notice.refusals.move(self._clock.now()):
                    raise
                logger.info("the card of %s is gone, posting a new one", job.key)
        return await self._post(delivery, job.place, message)

    async def _reply(self, delivery: _Delivery, message: Message) -> Delivered:
        job = delivery.job
        thread = replace(job.place, thread=job.place.thread or job.card)
        posted = await self._post(delivery, thread, message)
        return _replied(job, posted.place)

    async def _post(self, delivery: _Delivery, place: Place, message: Message) -> Delivered:
        """Post at the place, or directly to the job's owner where the bot cannot post in that channel.

        Where the channel already has a card, it was open before: the notice moves only if it stays closed.
        """
        job = delivery.job
        try:
            return await self._post_at(delivery, place, message)
        except SlackApiError as error:
            at_once = not job.card and slack_code(error) in NO_ENTRY
            lasting = slack_code(error) in CANNOT_POST | THREAD_GONE and delivery.notice.refusals.move(
                self._clock.now()
            )
            if not at_once and not lasting:
                raise
            thread_gone = slack_code(error) in THREAD_GONE
        if thread_gone:  # Somebody deleted the card; the channel is open.
            return await self._post_at(delivery, replace(place, thread=""), message)
        logger.info("cannot post in %s, sending the owner of %s a direct message", place.channel, job.key)
        direct = Place(place.team, await self._poster.direct_channel(job.owner))
        return await self._post_at(delivery, direct, message)

    async def _post_at(self, delivery: _Delivery, place: Place, message: Message) -> Delivered:
        notice, job = delivery.notice, delivery.job
        if not self._jobs.is_of_this_process(job.key):
            content = content_metadata(notice, job)
            ts = await self._idempotent_poster.find_earlier(place, content, job.created_at, other_than=job.card)
            if ts is not None:
                logger.info("an earlier process posted %s of %s in %s", notice.kind, job.key, place.channel)
                return Delivered(place, ts, current=False)
        # A model that is ready is news for the channel, too.
        ready = notice.kind is NoticeKind.ENDED and job.can_answer
        ts = await self._idempotent_poster.post(
            place, message, notice_metadata(notice, job), delivery.record, broadcast=ready
        )
        return Delivered(place, ts)


def _adopted(notice: Notice, attempt: PostAttempt, job: TuningJob, ts: str) -> Delivered | None:
    if notice.kind in (NoticeKind.MODEL_DELETED, NoticeKind.MODEL_UNSHARED):
        return None  # The post is in another channel, and the job's card and thread stay where they are.
    if notice.kind in (NoticeKind.CARD, NoticeKind.APPROVAL):
        return Delivered(attempt.place, ts, current=False)
    return _replied(job, attempt.place)


def _replied(job: TuningJob, place: Place) -> Delivered:
    """Keep the card where it is, or start a new one where the reply had to go to another channel."""
    moved = place.channel != job.place.channel
    return Delivered(place, "") if moved else Delivered(job.place, job.card)
