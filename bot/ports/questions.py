"""How questions are stored until they are answered, and how their answers are posted."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bot.domain.chat import Conversation, ModelAnswer, ModelRef, Question
from bot.domain.place import Place
from bot.domain.repeated_refusals import NO_REFUSALS, Refusals
from bot.domain.spending import QuestionCost
from bot.ports.notifier import PostAttempt, RecordAttempt


@dataclass(frozen=True, slots=True)
class LivePost:
    """A message in which an answer is shown while the model writes it, and later the finished answer.

    `begun_at` is when it was about to be posted; `ts` is empty until Slack has said which message it is.
    """

    place: Place
    begun_at: datetime
    ts: str = ""


@dataclass(frozen=True, slots=True)
class AnswerFailure:
    """Why a question has no answer, and what to do next, as its person is told it."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question whose answer is not fully posted. `answer` is stored before it is posted as a whole.

    `posted` is how many messages of the answer are in Slack; the next one goes to `thread`. `unconfirmed` is a
    post that may be in Slack: the next message of the answer, or the one that says why there is no answer.
    `live` are the messages that show the unfinished answer, in order; those of the answer replace their content.
    `failure` is stored before it is posted, so that no model is asked again. `withdrawn` says that its message was
    deleted: its thread keeps nothing of it.
    """

    question: Question
    asked_at: datetime
    answer: ModelAnswer | None = None
    posted: int = 0
    thread: Place | None = None
    unconfirmed: PostAttempt | None = None
    refusals: Refusals = NO_REFUSALS
    live: tuple[LivePost, ...] = ()
    failure: AnswerFailure | None = None
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class AskedTimes:
    """When questions were sent to models, oldest first: by one person, and in one thread."""

    person: Sequence[datetime]
    thread: Sequence[datetime]


class QuestionStore(Protocol):
    """Stores questions by their key. Every method returns after the transaction was committed."""

    async def add(self, question: Question) -> OpenQuestion | None:
        """Store a new question and return it; None if its key was stored within the last week.

        Slack delivers one event more than once, with the same key. Raises StorageError.
        """
        ...

    async def question(self, key: str) -> OpenQuestion | None:
        """Return the question, None if it is settled or unknown. Raises StorageError."""
        ...

    async def open_questions(self) -> Sequence[OpenQuestion]:
        """Return every question that is not settled, oldest first. Raises StorageError."""
        ...

    async def count(
        self, question: Question, window: timedelta, check: Callable[[AskedTimes, datetime], None]
    ) -> None:
        """Count the question as sent to a model, in one transaction with `check`, which raises if it may not be.

        `check` gets the times within the window and the time now. A question that was counted before is neither
        checked nor counted again. Raises StorageError, and what `check` raises; then it is not counted.
        """
        ...

    async def store_answer(self, key: str, answer: ModelAnswer, cost: QuestionCost | None = None) -> None:
        """Store the model's answer, so that the model is not asked again, and what it cost. Raises StorageError.

        The cost is added once, also where the answer is stored again.
        """
        ...

    async def store_failure(self, key: str, failure: AnswerFailure) -> None:
        """Store why the question has no answer. Raises StorageError."""
        ...

    async def record_attempt(self, key: str, place: Place) -> None:
        """Store that the question's next message is about to be posted in this place. Raises StorageError."""
        ...

    async def refused(self, key: str, *, final: bool = False) -> None:
        """Delete the recorded attempt, because Slack refused the post. Raises StorageError.

        `final` counts one more of the question's `refusals`; a posted message sets them to none.
        """
        ...

    async def count_refusal(self, key: str) -> None:
        """Count one more of the question's `refusals` and keep the recorded attempt. Raises StorageError."""
        ...

    async def begin_live(self, key: str, place: Place) -> None:
        """Store that the next message for the unfinished answer is about to be posted here. Raises StorageError.

        One that was begun before and has no name yet is the same message.
        """
        ...

    async def name_live(self, key: str, ts: str) -> None:
        """Store which message was begun last. Raises StorageError."""
        ...

    async def forget_live(self, key: str) -> None:
        """Forget the message that was begun last: Slack does not have it. Raises StorageError."""
        ...

    async def keep_live(self, key: str, number: int) -> None:
        """Forget all messages of the unfinished answer but the first `number` of them. Raises StorageError."""
        ...

    async def posted(self, key: str, thread: Place) -> None:
        """Count one more posted message and store the thread for the next one. Raises StorageError."""
        ...

    async def settle(self, key: str, conversation: Conversation | None = None, *, keep: bool = False) -> None:
        """Delete the question but its key and append the turns to their thread, in one transaction.

        The turn of the question gets its text as it is stored by then. With `keep`, the question can be read with
        `failed` for a week. Of one that was withdrawn nothing is kept. Raises StorageError.
        """
        ...

    async def failed(self, key: str) -> Question | None:
        """Return a question that was settled with `keep`, None if it is not kept any more. Raises StorageError."""
        ...

    async def share(self, key: str, team: str, user: str) -> OpenQuestion | None:
        """Store a question that posts this person's private answer in the channel, and return it.

        None if there is no such answer: it was shared before, is over a week old, or is another person's. The
        answer is stored with it, so that no model is asked again. Raises StorageError.
        """
        ...

    async def change(self, question: Question, edited: str) -> Sequence[str]:
        """Change what is asked where the message of this question was edited, wherever it is kept.

        `edited` is Slack's `ts` of the event: an edit that comes after a newer one changes nothing. A second try
        is changed, too, and in a thread the text alone. Returns the keys of those that have no answer yet. Raises
        StorageError.
        """
        ...

    async def withdraw(self, team: str, key: str, edited: str = "") -> Sequence[str]:
        """Forget a question whose message was deleted, and its answer, wherever they are kept.

        With `edited`, the message was edited and is no longer a question. One that is not settled is marked as
        withdrawn. Returns the keys of those that have no answer yet. Raises StorageError.
        """
        ...


@dataclass(frozen=True, slots=True)
class Posted:
    """A message of an answer that is in Slack: the thread for the next one, and whether it was the last one.

    `gone` says that nothing is in Slack, because the message that asks was deleted with its thread.
    """

    thread: Place
    last: bool
    gone: bool = False


class LiveRecord(Protocol):
    """Stores the messages of one unfinished answer."""

    async def begin(self, place: Place) -> None:
        """Do what `QuestionStore.begin_live` does for this question. Raises StorageError."""
        ...

    async def name(self, ts: str) -> None:
        """Do what `QuestionStore.name_live` does for this question. Raises StorageError."""
        ...

    async def forget(self) -> None:
        """Do what `QuestionStore.forget_live` does for this question. Raises StorageError."""
        ...

    async def keep(self, number: int) -> None:
        """Do what `QuestionStore.keep_live` does for this question. Raises StorageError."""
        ...


# Takes the next words of an answer. It returns at once and never raises.
ShowWords = Callable[[str], None]


class AnswerPoster(Protocol):
    """Posts one question's answer to Slack, each message once."""

    async def show_waiting(self, question: Question) -> None:
        """Show that the question waits for its turn. Never raises: the answer does not depend on it."""
        ...

    async def show_fault(self, question: Question) -> None:
        """Show to the person alone that a fault of the bot delays the answer to the question. Never raises."""
        ...

    def show_live(
        self, asked: OpenQuestion, model: ModelRef, record: LiveRecord
    ) -> AbstractAsyncContextManager[ShowWords]:
        """Show inside the block that the model is being asked, and its words as the block's function gets them.

        Returns a context manager that gives this function. Awaits `record` before the message is posted, and
        before words are added to it. Never raises: the answer does not depend on it. After the block no call to
        Slack is under way.
        """
        ...

    async def posted_before(self, asked: OpenQuestion) -> Posted | None:
        """Return what Slack shows of an answer that is not in the database, None if Slack shows nothing.

        It looks only for a question of an earlier process: the database may be a restored backup. Raises
        Unconfirmed.
        """
        ...

    async def post(
        self, asked: OpenQuestion, answer: ModelAnswer, record_attempt: RecordAttempt, live: LiveRecord
    ) -> Posted:
        """Post the next message of the answer, or find the unconfirmed one in Slack; a private one is only shown.

        It takes the place of the message that showed the same part of the unfinished answer. Awaits
        `record_attempt` right before a post, and `live` where that message is gone. Returns the message.
        Raises RetryLater, Unconfirmed, and what the records raise.
        """
        ...

    async def withdraw(self, asked: OpenQuestion) -> None:
        """Delete the messages that show the unfinished answer. Raises RetryLater, Unconfirmed."""
        ...

    async def explain(
        self, asked: OpenQuestion, error: Exception, record_attempt: RecordAttempt, live: LiveRecord
    ) -> None:
        """Post why there is no answer, or find that post in Slack if it is unconfirmed.

        It takes the place of the messages that showed the unfinished answer. Awaits the records and raises as
        `post` does.
        """
        ...
