"""Comparisons: one question to two models, whose names are hidden until a person votes."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.domain.chat import ModelAnswer, ModelRef
from bot.domain.place import Place

# What a person types in place of a name to compare a tuned model with the model on which it was tuned.
BASE: Final = "base"


class Part(StrEnum):
    """What a model is in a comparison."""

    ASKED = "asked"  # the model that would answer alone; a conversation goes on with it
    BASE = "base"  # the base model on which that one was tuned
    OTHER = "other"  # another tuned model


class Preference(StrEnum):
    """A vote: for the first answer, for the second, or for neither."""

    A = "a"
    B = "b"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Side:
    """A model of a comparison, and its answer as soon as there is one."""

    model: ModelRef
    part: Part
    answer: ModelAnswer | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A question to two models. `key` is the question's; the first of `sides` is shown as A, the second as B."""

    key: str
    place: Place
    user: str
    sides: tuple[Side, Side]

    @property
    def asked(self) -> int:
        """The index of the side that would answer alone."""
        return next(index for index, side in enumerate(self.sides) if side.part is Part.ASKED)


@dataclass(frozen=True, slots=True)
class ComparisonSum:
    """How often people liked a model's answer better than that of the model `other`, worse, and as much."""

    other: ModelRef
    against_base: bool
    better: int
    worse: int
    same: int


def call_key(key: str, index: int) -> str:
    """Return the key of the call that asks one side of the comparison with this key."""
    return f"{key}:{index}"
