"""How votes and corrections are stored. A write is committed when its method returns."""

from collections.abc import Sequence
from typing import Protocol

from bot.domain.chat import ModelRef
from bot.domain.feedback import Correction, FeedbackSums, FeedbackSwitch, RatedAnswer, Vote


class FeedbackStore(Protocol):
    """Stores the switch of each workspace, the answers that may be voted on, and what people say of them.

    The answers themselves are written by `QuestionStore.store_answer`, in its transaction.
    """

    async def switch(self, team: str) -> FeedbackSwitch | None:
        """Return the workspace's switch, None if nobody has touched it: then it is off. Raises StorageError."""
        ...

    async def set_switch(self, team: str, user: str, *, on: bool) -> None:
        """Store who switched feedback on or off, and when. Raises StorageError."""
        ...

    async def answer(self, team: str, key: str) -> RatedAnswer | None:
        """Return the workspace's answer with this key, None for one that is not kept. Raises StorageError."""
        ...

    async def vote(self, answer: RatedAnswer, user: str, vote: Vote) -> None:
        """Store the person's vote in place of an earlier one; a vote for it deletes their correction.

        Raises StorageError.
        """
        ...

    async def correct(self, answer: RatedAnswer, user: str, question: str, text: str) -> None:
        """Store the person's correction in place of an earlier one, with a vote against the answer.

        Raises StorageError.
        """
        ...

    async def sums(self, team: str, model: ModelRef) -> FeedbackSums:
        """Return the sums over all kept answers of the model in this workspace. Raises StorageError."""
        ...

    async def corrections(self, team: str, model: ModelRef) -> Sequence[Correction]:
        """Return all corrections of the model's answers in this workspace, oldest first. Raises StorageError."""
        ...

    async def export_version(self, team: str, model: ModelRef, user: str, sha256: str) -> int:
        """Return the version of an export with this content, counted from 1 for each model.

        The same content keeps its version. Raises StorageError.
        """
        ...

    async def forget_person(self, team: str, user: str) -> None:
        """Delete the person's votes, corrections and questions, with all that was said of their answers.

        Raises StorageError.
        """
        ...
