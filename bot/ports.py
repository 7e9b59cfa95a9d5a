"""What the use cases need from the world, as Protocols. The rooms behind them: `bot/backends` (Google),
`handlers` (Slack), `storage` (SQLite). Only `bot/app.py` knows which class stands behind which port.
"""

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from bot.domain import (
    Answer,
    Conversation,
    Errand,
    ModelRef,
    OpenJob,
    Operation,
    Place,
    Proposal,
    Question,
    Reply,
    Snapshot,
    TunedModel,
    TuningJob,
    TuningSpec,
    Turn,
)
from bot.errors import BotError
from bot.profile import BackendProfile


class Clock(Protocol):
    def now(self) -> datetime:
        """The time in UTC, aware."""
        ...


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The examples of a start: JSONL in the backend's dialect, as chunks that end anywhere and are read once."""

    training: AsyncIterator[bytes]
    validation: AsyncIterator[bytes] | None = None


class TuningBackend(Protocol):
    """One Google system. Every method raises GoogleError's children; reads are retried inside, creates never."""

    @property
    def profile(self) -> BackendProfile: ...

    async def create(self, key: str, spec: TuningSpec, data: TrainingData) -> Operation:
        """Start the tuning and pay for it. `key` makes the job findable, see `find`.

        Raises OutcomeUnknown when the create was sent and no answer says whether it was carried out; any
        other error means that nothing was started.
        """
        ...

    async def find(self, key: str) -> Operation | None:
        """The job that an earlier `create` with this key made, or None when Google has none."""
        ...

    async def poll(self, jobs: Sequence[TuningJob]) -> Mapping[str, Operation | BotError]:
        """The present state of each job, by job key, in few requests; one job's error never hides the others.

        A job that Google no longer knows maps to NotFoundAtGoogle.
        """
        ...

    async def cancel(self, job: TuningJob) -> None:
        """Ask Google to stop the job; best effort, the outcome shows in `poll`. Asking twice does no harm."""
        ...

    async def models(self) -> Sequence[TunedModel]:
        """Every tuned model that Google lists for these credentials, newest first."""
        ...

    async def delete(self, model: TunedModel) -> None:
        """Delete a tuned model and whatever serves it; one that is already gone is no error."""
        ...

    async def generate(self, endpoint: str, turns: Sequence[Turn]) -> Answer:
        """The model's answer to the last turn; earlier turns go along where the profile takes history."""
        ...

    async def count_tokens(self, base_model: str, text: str) -> int:
        """How many tokens the base model makes of a text of at most some 100,000 characters."""
        ...

    def stream(self, endpoint: str, turns: Sequence[Turn]) -> AsyncIterator[Answer]:
        """The same answer in pieces: each Answer holds the text that is new, the last one how it finished."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file that can be read. `location` is `slack:FILE_ID` or a `gs://` URI; `size` is in bytes.

    `version` changes whenever the content does; empty where files never change (Slack's).
    """

    location: str
    name: str
    size: int
    version: str = ""


class FileReader(Protocol):
    """Reads one kind of location, as chunks, without holding the file.

    It reads for the person who asks, in the place where they ask: what they may not see there is not described
    either, and is refused in the words for a file that does not exist.
    """

    async def describe(self, place: Place, user: str, location: str) -> FileInfo:
        """Raises FileUnavailable."""
        ...

    def read(self, place: Place, user: str, location: str) -> AsyncGenerator[bytes, None]:
        """The file's bytes. Raises FileUnavailable, FileTooLarge."""
        ...


class NoticeKind(StrEnum):
    """What the outbox can hold. What each one says is rendered when it is sent, from the newest job."""

    CARD = "card"  # post the job card, or bring it up to date
    ENDED = "ended"  # the threaded reply that mentions the owner
    STUCK = "stuck"  # the threaded reply that the job stands still, with a button to cancel it


# Writes down that a post in this place is about to be sent.
Begin = Callable[[Place], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Begun:
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
    begun: Begun | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """How much Slack takes at this moment: whether posts at all and in which channels not, and how many edits."""

    posts: bool = True
    edits: int = 1000
    resting: frozenset[str] = frozenset()


ALL_ROOM: Final = Room()


@dataclass(frozen=True, slots=True)
class Act:
    """What a person did to a job, for the audit log."""

    user: str
    action: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """What one transaction writes: the job as it becomes, snapshots, what Slack must be told, and who did what."""

    job: TuningJob
    snapshots: Sequence[Snapshot] = ()
    notices: Sequence[NoticeKind] = ()
    acts: Sequence[Act] = ()


class JobStore(Protocol):
    """Proposals and jobs. Raises StorageError."""

    async def add_proposal(self, proposal: Proposal) -> None: ...

    async def proposal(self, team: str, proposal_id: str) -> Proposal | None: ...

    async def submit(self, job: TuningJob, notices: Sequence[NoticeKind]) -> bool:
        """Write a new job and its notices in one transaction; False, and nothing written, if the key exists.

        Raises BadArgument when another job of the workspace that is open or alive has this name.
        """
        ...

    async def job(self, key: str) -> TuningJob | None: ...

    async def named(self, team: str, name: str) -> TuningJob | None:
        """The newest job of that name (letter case aside) in this workspace, deleted ones left out."""
        ...

    async def jobs(self, team: str, *, limit: int = 50, under_way: bool = False) -> Sequence[TuningJob]:
        """The workspace's jobs, newest first, without deleted ones; `under_way` leaves those that ended out."""
        ...

    async def count_jobs(self, team: str, *, under_way: bool = False) -> int:
        """How many `jobs` would give without a limit."""
        ...

    async def open_jobs(self) -> Sequence[OpenJob]:
        """Every job of every workspace that has not ended, oldest first."""
        ...

    async def several(self, keys: Sequence[str]) -> Sequence[TuningJob]:
        """These jobs, as far as they are there and can be read, oldest first."""
        ...

    def looked_at(self, key: str, at: datetime) -> None:
        """Note a look that showed nothing new: it is told as `checked_at`, and written with the next change."""
        ...

    async def change(self, key: str, step: Callable[[TuningJob], Change | None]) -> TuningJob | None:
        """Read, change and write one job in one transaction on the database's thread.

        `step` is pure and gets the newest job; None leaves everything as it is. Snapshots are upserted on
        (job, step). Returns the job as it now stands, or None if there is no such job.
        """
        ...

    async def snapshots(self, key: str) -> Sequence[Snapshot]:
        """By step, ascending."""
        ...


class DatasetMemory(Protocol):
    """Remembers reports on files, as text, by everything that they depend on."""

    async def recall(self, team: str, key: str) -> str | None: ...

    async def remember(self, team: str, key: str, report: str) -> None:
        """Keep it in place of an older one; those not used for long are dropped."""
        ...


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
        room: Room = ALL_ROOM,
        *,
        busy: Collection[str] = (),
        limit: int = 1000,
        a_channel: int = 1000,
    ) -> Sequence[Notice]:
        """Unsent notices whose time has come and for which there is room, in order; none of a `busy` channel."""
        ...

    async def begin(self, notice: Notice, place: Place) -> None:
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


class ChatStore(Protocol):
    """Which model answers where, and what was said."""

    async def bind(self, place: Place, model: ModelRef, user: str) -> None:
        """Make it the model of the place's channel."""
        ...

    async def bound(self, place: Place) -> ModelRef | None:
        """The model of the place's channel."""
        ...

    async def unbind(self, team: str, model: ModelRef) -> None:
        """Take a deleted model from every channel of the workspace."""
        ...

    async def conversation(self, place: Place) -> Conversation | None: ...


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question that a person still waits for. Its `reply` is on paper before any of it is posted.

    `posted` messages of the answer stand in Slack, and the next one belongs into `thread`. `begun` is a message
    of which nobody knows whether it arrived: the next one of the answer, or words on why there is none.
    """

    question: Question
    asked_at: datetime
    reply: Reply | None = None
    posted: int = 0
    thread: Place | None = None
    begun: Begun | None = None


class QuestionStore(Protocol):
    """Questions on their way from a person to a model and back. Raises StorageError."""

    async def add(self, question: Question) -> OpenQuestion | None:
        """Write it down; None, and nothing written, if its key was there within the last week, settled or not."""
        ...

    async def question(self, key: str) -> OpenQuestion | None:
        """None once it is settled."""
        ...

    async def open_questions(self) -> Sequence[OpenQuestion]:
        """Every question that is not settled, oldest first."""
        ...

    async def answer(self, key: str, reply: Reply) -> None: ...

    async def begin(self, key: str, place: Place) -> None:
        """Write down, for good, that its next message is about to be posted in this place."""
        ...

    async def refused(self, key: str) -> None:
        """Whatever was begun did not reach Slack, so it need not be looked for."""
        ...

    async def posted(self, key: str, thread: Place) -> None:
        """One more message of the answer stands, and the next one belongs into this thread."""
        ...

    async def settle(self, key: str, conversation: Conversation | None = None) -> None:
        """Forget all of it but its key, and append the turns to their thread, in one transaction."""
        ...


class Errands(Protocol):
    """What people watch in a modal, so that whoever starts next can take it up. One view has one errand."""

    async def begin(self, errand: Errand) -> None: ...

    async def end(self, errand: Errand) -> None: ...

    async def left(self) -> Sequence[Errand]:
        """Those that were begun and have not ended, oldest first."""
        ...


class Journal(Protocol):
    """What happened already, and who did it."""

    async def first_time(self, key: str) -> bool:
        """Whether this key (an event id, a message's channel and ts) is new; it is remembered for a week."""
        ...

    async def record(self, team: str, user: str, action: str, subject: str) -> None:
        """Append a line to the audit log."""
        ...


@dataclass(frozen=True, slots=True)
class Posted:
    """A message of an answer that stands in Slack: in which thread it goes on, and whether it was the last."""

    thread: Place
    last: bool


class Respondent(Protocol):
    """Speaks to the person who asked. `begin` is awaited right before each post.

    `post` and `explain` raise RetryLater, Undeliverable, and Unconfirmed where a message may have reached Slack;
    what was begun before is looked for in Slack first.
    """

    async def asking(self, question: Question, model: ModelRef) -> None:
        """Show that the model is being asked. Nothing is lost where that fails, so it does not raise."""
        ...

    async def post(self, asked: OpenQuestion, reply: Reply, begin: Begin) -> Posted:
        """Post the next message of the answer."""
        ...

    async def explain(self, asked: OpenQuestion, error: Exception, begin: Begin) -> None:
        """Say why there is no answer."""
        ...


class Notifier(Protocol):
    """Tells Slack about a job."""

    def room(self) -> Room:
        """What may be delivered now without asking more of Slack than it allows."""
        ...

    async def deliver(
        self,
        notice: Notice,
        job: TuningJob,
        snapshots: Sequence[Snapshot],
        begin: Begin,
    ) -> Delivered:
        """Post or update what the notice stands for; `begin` is awaited right before each post.

        A notice that was begun before is looked for in Slack first. Raises RetryLater, Undeliverable, and
        Unconfirmed where a post may have reached Slack.
        """
        ...
