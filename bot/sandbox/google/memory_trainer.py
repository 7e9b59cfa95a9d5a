"""Trains by default: a memory that follows the stand-in's clock and needs no numpy.

Tests and `tunebot sandbox --walk` use it. It is not a second network: it keeps the rows and answers with the
nearest one. What really trains is `character_trainer.py`.
"""

import asyncio
import difflib
import math
import re
from collections import Counter
from collections.abc import AsyncIterator
from functools import cached_property

from bot.sandbox.google.trainer import Prompt, Score, TrainingTask


class MemoryTrainer:
    """Starts training runs that take `seconds` of the clock; with None, tests advance each job."""

    name = "toy-nearest-example"

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds

    def begin(self, training_task: TrainingTask, now: float) -> "MemoryRun":
        """Start a training run at `now`."""
        return MemoryRun(training_task, now, self.seconds)


class MemoryRun:
    """One run: each pass over a row halves the chance that the memory misses it, and the loss shows that."""

    account = ""

    def __init__(self, training_task: TrainingTask, start: float, seconds: float | None) -> None:
        self._training_task = training_task
        self._start = start
        self._seconds = seconds

    def step(self, now: float) -> int:
        """Return the steps that the clock allows by now."""
        total = self._training_task.total_steps
        if self._seconds is None or now <= self._start:
            return 0
        if self._seconds == 0:
            return total
        # The smallest surplus makes up for floats, so that a step is done at its own moment.
        return min(total, math.floor((now - self._start) / self._seconds * total + 1e-6))

    def moment(self, step: int) -> float:
        """Return when the clock completes a step."""
        if self._seconds is None:
            return math.inf
        return self._start + self._seconds * step / self._training_task.total_steps

    def score(self, step: int) -> Score:
        """Return the loss over the rows before the batch of this step is taken in."""
        rows = max(1, self._training_task.example_count)
        passes, further = divmod((step - 1) * self._training_task.batch_size, rows)
        loss = (further * self._surprise(passes + 1) + (rows - further) * self._surprise(passes)) / rows
        return Score(loss, 1.0 if passes else further / rows, rows)

    def validation_score(self, step: int) -> Score | None:
        """Return the same of the validation rows: those that are not among the examples stay a surprise."""
        count = len(self._training_task.validation)
        if not count:
            return None
        trained, share = self.score(step), self._known_validation
        loss = share * trained.loss + (1 - share) * self._surprise(0)
        return Score(loss, share * trained.accuracy, count)

    def failure(self, now: float) -> str | None:
        """Return None: nothing breaks in it."""
        return None

    async def answer(self, prompt: Prompt) -> AsyncIterator[str]:
        """Answer with the nearest example's output, word by word."""
        # Thousands of examples take a tenth of a second to compare, too long for the event loop.
        recalled = await asyncio.to_thread(self._recall, prompt.text)
        for piece in re.findall(r"\s*\S+|\s+$", recalled):
            yield piece

    def stop(self) -> None:
        """Do nothing: no work goes on behind this training run."""

    def _surprise(self, passes: int) -> float:
        """Return the nats that a row costs after so many passes; at first every row is as likely as another."""
        missed = 1 - 1 / (self._training_task.example_count + 1)
        return -math.log(1 - missed * 0.5**passes)

    def _recall(self, question: str) -> str:
        """Return the output of the example whose input is the question, or else is most like it."""
        asked = _plain(question)
        if asked in self._memory:
            return self._memory[asked]
        words = Counter(asked.split())
        # Comparing letters with every example is slow; those that share most words are enough, else any.
        nearest = sorted(self._memory, key=lambda known: (words & Counter(known.split())).total(), reverse=True)
        best = max(
            nearest[:30], key=lambda known: difflib.SequenceMatcher(None, asked, known).ratio(), default=None
        )
        return "" if best is None else self._memory[best]

    @cached_property
    def _memory(self) -> dict[str, str]:
        base = self._training_task.base
        learned = dict(base._memory) if isinstance(base, MemoryRun) else {}
        for example in self._training_task.examples:
            learned |= {_plain(said): answered for said, answered in example.pairs}
        return learned

    @cached_property
    def _known_validation(self) -> float:
        pairs = [pair for example in self._training_task.validation for pair in example.pairs]
        known = sum(self._memory.get(_plain(said)) == answered for said, answered in pairs)
        return known / max(1, len(pairs))


def _plain(text: str) -> str:
    """Bring a text to the form in which two are the same: no case, single spaces."""
    return " ".join(text.casefold().split())
