"""The simple trainer of the stand-in, which says that it is a toy: it learns by heart and guesses letters."""

import asyncio
import difflib
import itertools
import math
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from functools import cached_property

from bot.sandbox.google.trainer import Example, Lesson, Prompt, Score


class ToyTrainer:
    """Learns by heart: answers with the example nearest to the question, after `seconds` of make-believe steps.

    The steps follow the clock; the losses are real ones, of a model that counts pairs of letters. With `seconds`
    None nothing moves by itself and tests push each job.
    """

    name = "toy-nearest-example"

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds

    def begin(self, lesson: Lesson, now: float) -> "ToyCourse":
        """Start a course at `now`."""
        return ToyCourse(lesson, now, self.seconds)


class ToyCourse:
    """A course of the toy trainer."""

    account = ""

    def __init__(self, lesson: Lesson, start: float, seconds: float | None) -> None:
        self._lesson = lesson
        self._start = start
        self._seconds = seconds

    def step(self, now: float) -> int:
        """Return the steps that the clock allows by now."""
        total = self._lesson.total_steps
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
        return self._start + self._seconds * step / self._lesson.total_steps

    def score(self, step: int) -> Score:
        """Return the letter counter's measure of the batch at this step."""
        return self._curve.at(step, self._lesson.total_steps)

    def validation_score(self, step: int) -> Score | None:
        """Return the letter counter's measure of the validation examples at this step."""
        curve = self._validation_curve
        return None if curve is None else curve.at(step, self._lesson.total_steps)

    def failure(self, now: float) -> str | None:
        """Return None: nothing breaks in it."""
        return None

    async def answer(self, prompt: Prompt) -> AsyncIterator[str]:
        """Answer with the nearest example's output, word by word."""
        # Thousands of examples take a tenth of a second to compare, too long for the event loop.
        recalled = await asyncio.to_thread(self.recall, prompt.text)
        for piece in re.findall(r"\s*\S+|\s+$", recalled):
            yield piece

    def stop(self) -> None:
        """Do nothing: no work goes on behind a toy course."""

    def recall(self, question: str) -> str:
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
        base = self._lesson.base
        learned = dict(base._memory) if isinstance(base, ToyCourse) else {}
        for example in self._lesson.examples:
            learned |= {_plain(said): answered for said, answered in example.pairs}
        return learned

    @cached_property
    def _curve(self) -> "LetterCurve":
        examples = self._lesson.examples
        return LetterCurve(examples, examples, self._lesson.epochs)

    @cached_property
    def _validation_curve(self) -> "LetterCurve | None":
        if not self._lesson.validation:
            return None
        return LetterCurve(self._lesson.examples, self._lesson.validation, self._lesson.epochs)


class LetterCurve:
    """The losses of a model that predicts a letter from the one before by counting, measured as it learns.

    At most `POINTS` measures over `TEXTS` texts of `LETTERS` letters, so that any file costs the same.
    """

    POINTS = 100
    TEXTS = 200
    LETTERS = 100

    def __init__(self, learned: Sequence[Example], judged: Sequence[Example], epochs: int) -> None:
        once = max(1, self.TEXTS // max(1, epochs))
        texts = [self._text(example) for example in learned[:once]]
        tests = [self._text(example) for example in judged[:once]]
        self._alphabet = len(set("".join(texts + tests))) + 1
        self._counts: dict[str, Counter[str]] = {}
        self._totals: Counter[str] = Counter()
        self._guesses: dict[str, str] = {}
        self.scores: list[Score] = []
        lessons = texts * max(1, epochs)
        batch = max(1, -(-len(lessons) // self.POINTS))
        for start in range(0, len(lessons), batch):
            taught = lessons[start : start + batch]
            self.scores.append(self._measure(taught if judged is learned else tests[:batch]))
            for text in taught:
                self._learn(text)

    def at(self, step: int, total: int) -> Score:
        """Return the measure nearest to a step out of `total`."""
        if not self.scores:
            return Score(0.0, 0.0, 0)
        return self.scores[min(len(self.scores) - 1, (step - 1) * len(self.scores) // max(1, total))]

    def _text(self, example: Example) -> str:
        return "\n".join(text for _, text in example.turns)[: self.LETTERS] + "\n"

    def _learn(self, text: str) -> None:
        for before, after in itertools.pairwise(text):
            counted = self._counts.setdefault(before, Counter())
            counted[after] += 1
            self._totals[before] += 1
            if counted[after] >= counted[self._guesses.get(before, after)]:
                self._guesses[before] = after

    def _measure(self, texts: Sequence[str]) -> Score:
        surprise = 0.0
        right = 0
        total = 0
        for text in texts:
            for before, after in itertools.pairwise(text):
                seen = self._counts[before][after] if before in self._counts else 0
                surprise -= math.log((seen + 0.05) / (self._totals[before] + 0.05 * self._alphabet))
                right += self._guesses.get(before) == after
                total += 1
        return Score(surprise / total, right / total, total) if total else Score(0.0, 0.0, 0)


def _plain(text: str) -> str:
    """Bring a text to the form in which two are the same: no case, single spaces."""
    return " ".join(text.casefold().split())
