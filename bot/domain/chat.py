"""Models that can be asked, and what is said to them and by them."""

from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.place import Place


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model that can be asked: which backend serves it, its endpoint there, and what people call it."""

    backend: str
    endpoint: str
    name: str


class Role(StrEnum):
    USER = "user"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Turn:
    role: Role
    text: str


class Finish(StrEnum):
    """Why an answer ended."""

    COMPLETE = "complete"
    CUT = "cut"  # the model's output limit
    BLOCKED = "blocked"  # Google's filters, on the question or on the answer
    EMPTY = "empty"  # nothing came, and Google gave no reason of the kinds above


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said. `reason` is Google's own word (`SAFETY`, `MAX_TOKENS`, ...), empty when complete."""

    text: str
    finish: Finish = Finish.COMPLETE
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What a person asks a model. `key` is Slack's own for the delivery that brought it, so it is asked once.

    `model` is set where a form chose it; else `named` is what the person wrote, empty for the place's own model.
    The answer quotes the question where no message of the person's shows it.
    """

    key: str
    place: Place
    user: str
    text: str
    named: str = ""
    model: ModelRef | None = None
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """An answer, who gave it, and whether earlier turns were left out because the backend takes none."""

    model: ModelRef
    answer: Answer
    history_dropped: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """A thread in which a model answers, with its turns so far, oldest first."""

    place: Place
    model: ModelRef
    turns: tuple[Turn, ...] = field(default=())
