"""Asks two models the same question and hides which is which until a person votes.

Both models and their order are stored before either is asked, and each answer as soon as it is there. So a process
that goes on after a crash asks only a model whose answer is not stored.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace

from bot.chat.chat_service import ChatService
from bot.domain.chat import Answer, Finish, ModelAnswer, ModelRef, Question, Turn
from bot.domain.comparison import BASE, Comparison, ComparisonSum, Part, Preference, Side
from bot.domain.generation_settings import GenerationSettings
from bot.domain.jobs import TuningJob
from bot.domain.place import Requester
from bot.domain.spending import QuestionCost
from bot.errors import BadArgument, BotError, NotFoundAtGoogle, Outdated
from bot.people.job_access import JobAccess
from bot.people.roles import Deed
from bot.ports.stores import ComparisonStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AskingSteps:
    """What is done around each question.

    Each is asked inside the block of `sending`, which holds the turn of the person who asks. Its budget is
    reserved right before it is sent, with whether it goes to a base model; `keep` returns when the answer of one
    side is stored. `missing` notes a model that Google does not find.
    """

    sending: Callable[[int], AbstractAsyncContextManager[None]]
    reserve: Callable[[int, Sequence[Turn], GenerationSettings, str, bool], Awaitable[None]]
    keep: Callable[[int, ModelAnswer], Awaitable[None]]
    missing: Callable[[ModelRef], Awaitable[None]]


@dataclass(slots=True)
class RunningComparison:
    """A comparison whose models are being asked: which were asked yet, what each has written, its answer."""

    comparison: Comparison
    sent: set[int] = field(default_factory=set)
    received: tuple[list[str], list[str]] = field(default_factory=lambda: ([], []))
    answers: list[ModelAnswer | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answers = [side.answer for side in self.comparison.sides]

    @property
    def has_begun(self) -> bool:
        """Whether a model was sent the question, by this process or by an earlier one."""
        return bool(self.sent) or any(answer is not None for answer in self.answers)


class Comparisons:
    """The use cases on comparisons; `toss` decides their order."""

    def __init__(
        self,
        chat: ChatService,
        access: JobAccess,
        store: ComparisonStore,
        toss: Callable[[], bool] = lambda: bool(secrets.randbits(1)),
    ) -> None:
        self._chat = chat
        self._access = access
        self._store = store
        self._toss = toss

    async def begin(self, question: Question, model: ModelRef) -> RunningComparison:
        """Choose the other model and the order, and store both before a model is asked.

        Raises BadArgument, NoSuchJob and Forbidden for a model that the person cannot compare, StorageError.
        """
        asked = Side(model, Part.ASKED)
        if question.compare.lower() == BASE:
            other = Side(await self._chat.base_of(model), Part.BASE)
        else:
            found = await self._chat.named.find(question.asker, question.compare)
            if found.endpoint == model.endpoint:
                raise BadArgument(
                    f"“{found.name}” is the model that answers here, so there are no two models to compare.",
                    "Name another one, or compare it with its base model: /ask compare your question",
                )
            await self._chat.check_settings(found, question.settings)
            other = Side(found, Part.OTHER)
        sides = (asked, other) if self._toss() else (other, asked)
        return RunningComparison(await self._store.begin(question, sides))

    async def ask(self, question: Question, running: RunningComparison, steps: AskingSteps) -> ModelAnswer:
        """Ask each model that has not answered, both at once, and return the whole.

        A model that fails is named with the reason in its place. Raises BotError if both fail.
        """
        results = await asyncio.gather(
            *(self._ask_one(question, running, index, steps) for index in range(2)),
            return_exceptions=True,
        )
        errors = [each for each in results if isinstance(each, BaseException)]
        if len(errors) == len(results):
            raise errors[running.comparison.asked]
        sides = running.comparison.sides
        return _as_one_answer(
            running.comparison,
            [
                _failed(side, result) if isinstance(result, BaseException) else result
                for side, result in zip(sides, results, strict=True)
            ],
        )

    async def _ask_one(
        self, question: Question, running: RunningComparison, index: int, steps: AskingSteps
    ) -> ModelAnswer:
        if (known := running.answers[index]) is not None:
            return known
        sides = running.comparison.sides

        async def before_send(turns: Sequence[Turn], settings: GenerationSettings, base_model: str) -> None:
            of_whom = sides[running.comparison.asked] if sides[index].part is Part.BASE else sides[index]
            await self._chat.check_ask(question.asker, of_whom.model)
            await steps.reserve(index, turns, settings, base_model, sides[index].part is Part.BASE)
            running.sent.add(index)

        async with steps.sending(index):
            try:
                answer = await self._chat.asking.ask(
                    question.place,
                    question.text,
                    sides[index].model,
                    question.settings,
                    running.received[index].append,
                    alone=question.stands_alone,
                    thread_model=sides[running.comparison.asked].model,
                    is_base=sides[index].part is Part.BASE,
                    before_send=before_send,
                )
            except BotError as error:
                # Its cost is known already, also where a person stops the other one.
                running.sent.discard(index)
                if isinstance(error, NotFoundAtGoogle) and sides[index].part is not Part.BASE:
                    await steps.missing(sides[index].model)
                raise
        # Earlier words of a thread may be another person's, so they are not kept.
        answer = running.answers[index] = replace(answer, sent=answer.sent[-1:])
        await steps.keep(index, answer)
        return answer

    async def stop(self, running: RunningComparison, steps: AskingSteps) -> ModelAnswer:
        """Return the whole with what each model had written when a person stopped it: that was paid for.

        A model that was not asked yet cost nothing, so nothing of it is stored.
        """
        answers: list[ModelAnswer] = []
        for index, side in enumerate(running.comparison.sides):
            answer = running.answers[index]
            if answer is None:
                written = Answer("".join(running.received[index]), Finish.STOPPED)
                answer = ModelAnswer(side.model, written, is_base=side.part is Part.BASE)
            if index in running.sent:
                await steps.keep(index, answer)
            answers.append(answer)
        return _as_one_answer(running.comparison, answers)

    async def keep(self, key: str, index: int, answer: ModelAnswer, cost: QuestionCost | None) -> None:
        """Store the answer of one side and what it cost, once. Raises StorageError."""
        await self._store.store_side(key, index, answer, cost)

    async def left_by(self, question: Question) -> ModelAnswer | None:
        """Return the whole of a comparison that an earlier process left with one answer, None if it has none.

        That answer was paid for; nobody expects the other one any more. Raises StorageError.
        """
        comparison = await self._store.comparison(question.key) if question.compare else None
        if comparison is None or all(side.answer is None for side in comparison.sides):
            return None
        return _as_one_answer(
            comparison, [side.answer or _failed(side, _INTERRUPTED) for side in comparison.sides]
        )

    async def vote(self, requester: Requester, key: str, choice: Preference) -> Comparison:
        """Store the person's vote in place of an earlier one, and return which model is which.

        Raises Forbidden, Outdated, StorageError.
        """
        await self._access.check(requester, Deed.ASK)
        found = await self._store.comparison(key)
        here = requester.place
        shown = found is not None and (here.channel == found.place.channel or requester.user == found.user)
        if found is None or not shown or here.team != found.place.team:
            raise Outdated(
                "I no longer keep this comparison, so I cannot count your vote.", "Ask both models again."
            )
        await self._store.vote(found, requester.user, choice)
        return found

    async def sums(self, requester: Requester, job: TuningJob) -> Sequence[ComparisonSum]:
        """Return the votes on comparisons of the job's model; the person must see the job. Raises StorageError.

        Another model that the person may not see has no name.
        """
        if not job.endpoint:
            return []
        sums = await self._store.sums(job.place.team, ModelRef(job.backend, job.endpoint, job.name))
        return [await self._nameless_where_hidden(requester, each) for each in sums]

    async def _nameless_where_hidden(self, requester: Requester, each: ComparisonSum) -> ComparisonSum:
        job = None if each.against_base else await self._access.job_of(each.other)
        if job is None or await self._access.may_see(requester, job):
            return each
        return replace(each, other=replace(each.other, name=""))


_INTERRUPTED = BotError("I was interrupted before this model answered.")


def _failed(side: Side, error: BaseException) -> ModelAnswer:
    """Return what stands in the place of an answer that could not be had."""
    if isinstance(error, BotError):
        problem = str(error)
    else:
        logger.error("a model of a comparison could not be asked", exc_info=error)
        problem = "This model could not be asked, because of a fault in the bot."
    return ModelAnswer(side.model, Answer("", Finish.EMPTY), is_base=side.part is Part.BASE, problem=problem)


def _as_one_answer(comparison: Comparison, answers: Sequence[ModelAnswer]) -> ModelAnswer:
    """Return both answers as one, which stands in its thread as the answer of the model that was asked."""
    asked = answers[comparison.asked]
    text = asked.answer
    return replace(
        asked,
        answer=Answer(text.text, text.finish, text.reason),
        sides=tuple(replace(each, sent=()) for each in answers),
        compared="" if any(each.problem or each.unfinished for each in answers) else comparison.key,
        problem="",
    )
