"""Repeats a step of a question, such as a post of its answer, until Slack and the database have taken it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from bot.domain.backoff import Backoff
from bot.errors import RetryLater, SlackError, StorageError, Unconfirmed
from bot.ports.clock import Clock
from bot.ports.questions import AnswerPoster, OpenQuestion, QuestionStore

logger = logging.getLogger(__name__)

# Gets the question as it is stored now, and returns whether the step is done.
Step = Callable[[OpenQuestion], Awaitable[bool]]


class QuestionSteps:
    """Does the steps of all questions."""

    def __init__(self, store: QuestionStore, clock: Clock, backoff: Backoff) -> None:
        self._store = store
        self._clock = clock
        self._backoff = backoff

    async def until_done(self, key: str, step: Step, to: AnswerPoster | None = None) -> None:
        """Repeat the step until it returns true, with pauses while Slack or the database fails.

        With `to`, the person waits for what the step posts, and is told once of a fault of ours.
        """
        failures, done, told = 0, False, False
        asked: OpenQuestion | None = None
        while not done:
            try:
                asked = await self._store.question(key)
                done = asked is None or await self._attempt(asked, step)
                failures = 0
            except (RetryLater, StorageError) as error:
                logger.info("%s waits: %s", key, error)
                least = error.seconds if isinstance(error, RetryLater) else 1.0
                if asked is not None and asked.refusals.end(self._clock.now()):
                    least = self._backoff.after_fault
                await asyncio.sleep(self._backoff.pause(failures, self._backoff.longest, least=least))
                failures += 1
            except Exception:
                # A fault of ours must not lose what was paid for; the next version of the bot may post it.
                logger.exception("could not continue with %s", key)
                if to is not None and asked is not None and not told:
                    told = True
                    await to.show_fault(asked.question)
                await asyncio.sleep(self._backoff.after_fault)

    async def _attempt(self, asked: OpenQuestion, step: Step) -> bool:
        key = asked.question.key
        try:
            return await step(asked)
        except Unconfirmed as error:
            if error.final:
                await self._store.count_refusal(key)
            raise
        except SlackError as error:
            await self._store.refused(key, final=isinstance(error, RetryLater) and error.final)
            raise
