"""How comparisons of two models are stored. A write is committed when its method returns."""

from collections.abc import Sequence
from typing import Protocol

from bot.domain.chat import ModelAnswer, ModelRef, Question
from bot.domain.comparison import Comparison, ComparisonSum, Preference, Side
from bot.domain.spending import QuestionCost


class ComparisonStore(Protocol):
    """Stores which two models a question goes to, in their hidden order, and what people vote.

    `QuestionStore.store_answer` ends a comparison in its transaction: the words of question and answers then stay
    only where the answer has a `rating_key`.
    """

    async def begin(self, question: Question, sides: tuple[Side, Side]) -> Comparison:
        """Store the comparison before a model is asked, and return it.

        One that an earlier process began with the same text is returned as it is, with its order and its answers;
        one with another text begins anew. Raises StorageError.
        """
        ...

    async def comparison(self, key: str) -> Comparison | None:
        """Return the comparison of the question with this key, None if it is not kept. Raises StorageError."""
        ...

    async def store_side(self, key: str, index: int, answer: ModelAnswer, cost: QuestionCost | None) -> None:
        """Store the answer of one model, so that this model is not asked again, and what it cost, once.

        Raises StorageError.
        """
        ...

    async def vote(self, comparison: Comparison, user: str, choice: Preference) -> None:
        """Store the person's vote in place of an earlier one. Raises StorageError."""
        ...

    async def sums(self, team: str, model: ModelRef) -> Sequence[ComparisonSum]:
        """Return the votes on comparisons of the model, a sum for each other model. Raises StorageError."""
        ...
