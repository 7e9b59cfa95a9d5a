"""What is remembered of questions until they are answered, and who speaks to the person who asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.chat import Conversation, ModelAnswer, ModelRef, Question
from bot.domain.place import Place
from bot.ports.notifier import PostAttempt, RecordAttempt


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question that a person still waits for. Its `reply` is on paper before any of it is posted.

    `posted` messages of the answer stand in Slack, and the next one belongs into `thread`. `begun` is a message
    of which nobody knows whether it arrived: the next one of the answer, or words on why there is none.
    """

    question: Question
    asked_at: datetime
    answer: ModelAnswer | None = None
    posted: int = 0
    thread: Place | None = None
    unconfirmed: PostAttempt | None = None


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

    async def store_answer(self, key: str, answer: ModelAnswer) -> None: ...

    async def record_attempt(self, key: str, place: Place) -> None:
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


@dataclass(frozen=True, slots=True)
class Posted:
    """A message of an answer that stands in Slack: in which thread it goes on, and whether it was the last."""

    thread: Place
    last: bool


class AnswerPoster(Protocol):
    """Speaks to the person who asked. `record_attempt` is awaited right before each post.

    `post` and `explain` raise RetryLater, Undeliverable, and Unconfirmed where a message may have reached Slack;
    what was begun before is looked for in Slack first.
    """

    async def show_asking(self, question: Question, model: ModelRef) -> None:
        """Show that the model is being asked. Nothing is lost where that fails, so it does not raise."""
        ...

    async def post(self, asked: OpenQuestion, answer: ModelAnswer, record_attempt: RecordAttempt) -> Posted:
        """Post the next message of the answer."""
        ...

    async def explain(self, asked: OpenQuestion, error: Exception, record_attempt: RecordAttempt) -> None:
        """Say why there is no answer."""
        ...
