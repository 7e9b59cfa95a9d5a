"""What a job means for the toy network: which pairs, how many updates, at which rate, and sentences that say so.

Nothing here trains. The bounds count work, not seconds, so that a plan is the same everywhere. The end of the file
has what the stand-in and a worker process send each other.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from bot.sandbox.google.character_model import CharacterModel, Measure
from bot.sandbox.google.trainer import Example, TrainingTask

TOY = "A toy model trained on your laptop; it shows the flow, not the quality."
Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much one job may cost. `work` is about 8 microseconds of one core each; `seconds` is the last resort.

    `seconds` are those in which the worker computes, not those that pass. `question` and `answer` are characters
    read and written at most. A small file is repeated until `pairs` of pairs make an epoch, at most `passes`
    times, because few steps teach a fresh network nothing.
    """

    work: int = 1_500_000
    updates: int = 6_000
    seconds: float = 60.0
    batch: int = 32
    question: int = 160
    answer: int = 200
    pairs: int = 600
    passes: int = 40
    validation: int = 32
    rate: float = 0.005


@dataclass(frozen=True)
class Plan:
    """A job as the toy carries it out. A point is what is measured together: one step of the job, or several.

    `of` counts the pairs that the job has, `pairs` are those the toy learns from; `asked` is the job's batch size.
    """

    pairs: Pairs
    of: int
    validation: Pairs
    epochs: int
    passes: int
    batch: int
    asked: int
    updates: int
    steps: int
    rate: float
    bounds: Bounds

    @property
    def points(self) -> int:
        """How many times the loss is reported."""
        return min(self.updates, self.steps)

    def point(self, step: int) -> int:
        """Return the point that holds a step's measure, both counted from 1."""
        return -(-step * self.points // self.steps)

    def steps_at(self, point: int) -> int:
        """Return the steps completed when a point is reached."""
        return self.steps * point // self.points

    @property
    def account(self) -> str:
        """How the toy takes the job, for people."""
        passes = "one pass" if self.passes == 1 else f"{self.passes} passes"
        sample = "" if len(self.pairs) == self.of else " (a sample, to spare your machine)"
        batches = "1 pair" if self.batch == 1 else f"{self.batch} pairs"
        words = [
            TOY,
            f"It reads the last {self.bounds.question} characters of a question and writes at most "
            f"{self.bounds.answer}.",
            f"It learns from {len(self.pairs):,} of {self.of:,} question-answer pairs{sample}: each epoch of the "
            f"job is {passes} over them, {self.updates:,} updates of {batches} in all, at a learning rate of "
            f"{self.rate:g}.",
        ]
        if self.batch < min(self.asked, self.of):
            words.append(f"The job's batches of {self.asked:,} are too large for the toy.")
        if self.updates < self.steps:
            words.append(f"Its {self.updates:,} updates are shown as the job's {self.steps:,} steps.")
        elif self.updates > self.steps:
            words.append(f"Each of the job's {self.steps:,} steps shows the mean loss of its updates.")
        return " ".join(words)


def plan_of(training_task: TrainingTask, bounds: Bounds, seed: int) -> Plan:
    """Fit a training task into the bounds: first fewer passes, then a sample of the pairs, chosen by the seed.

    Raises:
        ValueError: a training task without a question that has an answer.
    """
    pairs = pairs_of(training_task.examples, bounds)
    if not pairs:
        raise ValueError("The examples hold no question with an answer: there is nothing to learn from.")
    # Rows that the stand-in did not keep in memory count as one pair each.
    of = len(pairs) + max(0, training_task.example_count - len(training_task.examples))
    batch = min(training_task.batch_size, len(pairs), bounds.batch)
    # An epoch needs an update at least, or it would be none.
    while batch > 1 and _affordable(pairs, batch, bounds) < training_task.epochs:
        batch = (batch + 1) // 2
    affordable = _affordable(pairs, batch, bounds)
    seen = affordable * batch // training_task.epochs
    passes = max(1, min(bounds.passes, bounds.pairs // len(pairs), seen // len(pairs)))
    chosen = random.Random(seed)  # noqa: S311  A sample, not a secret.
    if len(pairs) > seen:
        pairs = chosen.sample(pairs, max(seen, batch))
    validation = pairs_of(training_task.validation, bounds)
    return Plan(
        pairs=pairs,
        of=of,
        validation=chosen.sample(validation, min(len(validation), bounds.validation)),
        epochs=training_task.epochs,
        passes=passes,
        batch=batch,
        asked=training_task.batch_size,
        updates=min(affordable, max(1, round(len(pairs) * training_task.epochs * passes / batch))),
        steps=training_task.total_steps,
        rate=training_task.learning_rate or bounds.rate * (training_task.learning_rate_multiplier or 1.0),
        bounds=bounds,
    )


def pairs_of(examples: Sequence[Example], bounds: Bounds) -> Pairs:
    """Return what the toy learns of examples: each answer of the model with what the user said last before it."""
    return [
        (plain(question, bounds), answer[: bounds.answer])
        for example in examples
        for question, answer in example.pairs
    ]


def plain(question: str, bounds: Bounds) -> str:
    """Bring a question to the form that the toy reads: no case, single spaces, the end of a long one."""
    return " ".join(question.split()).casefold()[-bounds.question :]


def _affordable(pairs: Pairs, batch: int, bounds: Bounds) -> int:
    """Return how many updates fit the bounds: one costs by the length and the number of its strings."""
    lengths = sorted(len(question) + len(answer) + 2 for question, answer in pairs)
    cost = lengths[len(lengths) * 9 // 10] * (batch + 6) + 100
    return max(1, min(bounds.updates, bounds.work // cost))


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker is to do: a plan, from a network that has learned before or from a fresh one."""

    plan: Plan
    seed: int
    base: CharacterModel | None


@dataclass(frozen=True, slots=True)
class Progress:
    """One point is reached. `validation` is set where it was measured anew."""

    train: Measure
    validation: Measure | None


@dataclass(frozen=True, slots=True)
class Done:
    """Training is over and this came of it; `updates` are fewer than planned when time ran out."""

    model: CharacterModel
    updates: int


@dataclass(frozen=True, slots=True)
class Broken:
    """Training makes no sense any more, and why."""

    reason: str


Report = Progress | Done | Broken
