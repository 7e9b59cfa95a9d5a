"""What Slack must still be told about jobs, who remembers it and who tells it."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from bot.domain.jobs import Snapshot, TuningJob
from bot.domain.place import Place


class NoticeKind(StrEnum):
    """What the outbox can hold. What each one says is rendered when it is sent, from the newest job."""

    CARD = "card"  # post the job card, or bring it up to date
    ENDED = "ended"  # the threaded reply that mentions the owner
    STUCK = "stuck"  # the threaded reply that the job stands still, with a button to cancel it


# Writes down that a post in this place is about to be sent.
RecordAttempt = Callable[[Place], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class PostAttempt:
    """A post that may or may not have reached Slack: no answer to it was ever written down."""

    place: Place
    at: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that Slack must still be told about a job, in the channel where the job is now.

    `edits`: by editing the card that stands there, not by a new post.
    """

    id: int
    kind: NoticeKind
    job: str
    channel: str = ""
    edits: bool = False
    attempts: int = 0
    version: int = 0
    unconfirmed: PostAttempt | None = None


@dataclass(frozen=True, slots=True)
class SendCapacity:
    """How much Slack takes at this moment: whether posts at all and in which channels not, and how many edits."""

    posts: bool = True
    edits: int = 1000
    paused_channels: frozenset[str] = frozenset()


UNLIMITED: Final = SendCapacity()


@dataclass(frozen=True, slots=True)
class Delivered:
    """Where the job's card now stands: its `ts`, and its place if Slack made us choose another one.

    `current` is False for a card that was posted earlier and found again: it must still be brought up to date.
    """

    place: Place
    card: str
    current: bool = True


class Outbox(Protocol):
    """What Slack must still be told. A job has at most one unsent notice of a kind: newer news join it.

    The order is: replies, first cards, last cards, all other cards; within each, oldest first.
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
        """Unsent notices whose time has come and for which there is room, in order; none of a `busy` channel."""
        ...

    async def record_attempt(self, notice: Notice, place: Place) -> None:
        """Write down, for good, that this is about to be posted in this place."""
        ...

    async def sent(self, notice: Notice, delivered: Delivered | None = None) -> None:
        """Mark it sent and write down where the card stands, in one transaction.

        If newer news joined it since it was read, or the card is not current, it stays due.
        """
        ...

    async def postpone(self, notice: Notice, until: datetime, reason: str, *, refused: bool = False) -> None:
        """Try again later. `refused`: whatever was begun did not reach Slack, so it need not be looked for."""
        ...

    async def give_up(self, notice: Notice, reason: str) -> None:
        """Keep it for the record as undeliverable; it is never due again."""
        ...


class Notifier(Protocol):
    """Tells Slack about a job."""

    def capacity(self) -> SendCapacity:
        """What may be delivered now without asking more of Slack than it allows."""
        ...

    async def deliver(
        self,
        notice: Notice,
        job: TuningJob,
        snapshots: Sequence[Snapshot],
        record_attempt: RecordAttempt,
    ) -> Delivered:
        """Post or update what the notice stands for; `record_attempt` is awaited right before each post.

        A notice that was begun before is looked for in Slack first. Raises RetryLater, Undeliverable, and
        Unconfirmed where a post may have reached Slack.
        """
        ...
