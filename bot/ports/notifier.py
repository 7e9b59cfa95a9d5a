"""The outbox of notices about jobs, and the notifier that posts them to Slack."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from bot.domain.jobs import Snapshot, TuningJob
from bot.domain.place import Place
from bot.domain.repeated_refusals import NO_REFUSALS, Refusals


class NoticeKind(StrEnum):
    """The kinds of notices. The text of a notice is built when it is sent, from the newest row of the job."""

    # Ask an approver in a place of their own, or update what was asked there. The job's targets each have one.
    APPROVAL = "approval"
    APPROVED = "approved"  # post the reply in the thread that tells the owner who approved the start
    CARD = "card"  # post the job card, or update it
    DELETED = "deleted"  # post the reply in the thread that tells the owner who deleted the model
    ENDED = "ended"  # post the reply in the thread that mentions the owner
    MISSING = "missing"  # post the reply in the thread that Google does not find the model, once for a job
    MODEL_DELETED = "model_deleted"  # post in each channel for which the model was chosen that it is deleted
    # Post in a channel that chose the model that it is no longer shared there; the target is that channel.
    MODEL_UNSHARED = "model_unshared"
    RETIRES = "retires"  # post the reply in the thread that its base model retires, with a button to tune again
    SHARED = "shared"  # post the reply in the thread that tells the owner who shared the job
    STUCK = "stuck"  # post the reply in the thread that the job makes no progress, with a button to cancel it
    # Update the card that stayed in a channel when the job moved to its owner's direct messages.
    OLD_CARD = "old_card"


# Stores that a post in this place is about to be sent. Raises StorageError.
RecordAttempt = Callable[[Place], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class PostAttempt:
    """A post that may be in Slack: its attempt was stored, its outcome was not."""

    place: Place
    at: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to post about a job, in the channel where the job is now.

    `edits` is true if it updates a card that is in Slack, false if it is a new post. `attempts` counts tries,
    `version` the changes that joined this notice. `old_card` is the `ts` of the card of an OLD_CARD notice, and of
    the message of an APPROVAL notice that was posted; `target` is the person or the channel that it asks.
    """

    id: int
    kind: NoticeKind
    job: str
    channel: str = ""
    edits: bool = False
    attempts: int = 0
    version: int = 0
    unconfirmed: PostAttempt | None = None
    refusals: Refusals = NO_REFUSALS
    old_card: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class SendCapacity:
    """What Slack's rate limits allow now: whether posts, how many edits, and no post in the paused channels."""

    posts: bool = True
    edits: int = 1000
    paused_channels: frozenset[str] = frozenset()


UNLIMITED: Final = SendCapacity()


@dataclass(frozen=True, slots=True)
class Delivered:
    """Where the job's card is now: its `ts`, and its place, which differs if the first channel refused the post.

    `current` is false for a card that was posted earlier and found in Slack: it must be updated.
    """

    place: Place
    card: str
    current: bool = True


class Outbox(Protocol):
    """Stores the notices to send. A job has at most one unsent notice of a kind and target, which changes join.

    The order is: replies, first cards, last cards, all other cards; within each group, oldest first.
    A job's replies wait until its card was posted.
    """

    async def due(
        self,
        now: datetime,
        capacity: SendCapacity = UNLIMITED,
        *,
        busy: Collection[str] = (),
        limit: int = 1000,
        a_channel: int = 1000,
    ) -> Sequence[Notice]:
        """Return the unsent notices that are due and that the capacity allows, in order.

        Returns none of a `busy` channel, and at most `a_channel` of one channel. Raises StorageError.
        """
        ...

    async def record_attempt(self, notice: Notice, place: Place) -> None:
        """Store that the notice is about to be posted in this place. Raises StorageError."""
        ...

    async def sent(self, notice: Notice, delivered: Delivered | None = None) -> None:
        """Mark the notice as sent and store where the card is, in one transaction.

        The notice stays due if changes joined it after it was read, or if the card is not current. If the card
        has moved to another channel, the same transaction adds an OLD_CARD notice for the one that stays there.
        Raises StorageError.
        """
        ...

    async def postpone(
        self, notice: Notice, until: datetime, reason: str, *, refused: bool = False, final: bool = False
    ) -> None:
        """Make the notice due again at `until`. `refused` deletes the recorded attempt: Slack has no such post.

        `final` counts one more of the notice's `refusals`. Raises StorageError.
        """
        ...

    async def give_up(self, notice: Notice, reason: str) -> None:
        """Keep the notice with the reason as undeliverable; it is never due again. Raises StorageError."""
        ...


class Notifier(Protocol):
    """Posts notices about jobs to Slack."""

    def capacity(self) -> SendCapacity:
        """Return what may be sent now within Slack's rate limits. Never raises."""
        ...

    async def deliver(
        self,
        notice: Notice,
        job: TuningJob,
        snapshots: Sequence[Snapshot],
        record_attempt: RecordAttempt,
    ) -> Delivered | None:
        """Post or update what the notice says, or find its unconfirmed post in Slack; return where the card is.

        Returns None for a notice that leaves the job's card as it is. Awaits `record_attempt` right before each
        post. Raises RetryLater, Unconfirmed, and what `record_attempt` raises.
        """
        ...
