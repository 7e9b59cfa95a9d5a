"""Says what the stand-in needs from a trainer.

A trainer gets a training task and returns a training run, which gives its step, its losses and its answers while
it trains. The stand-in never waits for it.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Example:
    """One training example: turns of (role, text) with roles `user` and `model`, the last one the model's."""

    turns: tuple[tuple[str, str], ...]
    system: str = ""

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Every (what the user said, what the model answered) in it."""
        return [
            (before[1], after[1])
            for before, after in zip(self.turns, self.turns[1:], strict=False)
            if before[0] != "model" and after[0] == "model"
        ]


@dataclass(frozen=True)
class TrainingTask:
    """What is to be learned: the examples kept in memory and the job's hyperparameters.

    `learning_rate` is absolute, `learning_rate_multiplier` relative to the default; at most one is set. `base`
    is the training run of the tuned model that is tuned again. `examples` is bounded and may be shorter than the
    file's `example_count`, from which steps and epochs are counted.
    """

    examples: Sequence[Example]
    example_count: int
    validation: Sequence[Example]
    epochs: int
    batch_size: int
    total_steps: int
    learning_rate: float | None = None
    learning_rate_multiplier: float | None = None
    base: "TrainingRun | None" = None


@dataclass(frozen=True, slots=True)
class Score:
    """Measured at one step: mean loss, the share of right next-token guesses, and how many were guessed."""

    loss: float
    accuracy: float
    predictions: int


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question to a model: the turns so far, the last one the user's."""

    turns: tuple[tuple[str, str], ...]
    system: str = ""
    temperature: float | None = None
    max_output_tokens: int | None = None
    stops: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What the user said last."""
        return self.turns[-1][1] if self.turns else ""


class TrainingRun(Protocol):
    """Training under way, or done. Times are seconds of the stand-in's clock."""

    @property
    def account(self) -> str:
        """What people should know of it, shown as the description of a job without one; or an empty text."""
        ...

    def step(self, now: float) -> int:
        """Return the steps completed by now: 0 to the training task's total, never falling."""
        ...

    def moment(self, step: int) -> float:
        """Return when a step was completed, or will be as far as is known; infinity when that isn't."""
        ...

    def score(self, step: int) -> Score:
        """Return what was measured at a step (1 to total)."""
        ...

    def validation_score(self, step: int) -> Score | None:
        """Return what was measured on the validation examples at a step, None without them."""
        ...

    def failure(self, now: float) -> str | None:
        """Return why training broke off, None while it hasn't."""
        ...

    def answer(self, prompt: Prompt) -> AsyncIterator[str]:
        """Answer in pieces of text, the way it is to be streamed."""
        ...

    def stop(self) -> None:
        """End training early; what was learned may stay. Called once at most."""
        ...


class Trainer(Protocol):
    """Starts training runs. `name` is shown as the model's version, so that nobody takes a toy for Google's."""

    @property
    def name(self) -> str:
        """A short name without spaces."""
        ...

    def begin(self, training_task: TrainingTask, now: float) -> TrainingRun:
        """Start training at `now` and return at once."""
        ...
