"""Votes and corrections of people on answers, and the switch that allows to store them."""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.chat import ModelRef, Turn
from bot.domain.place import Place


class Vote(StrEnum):
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class FeedbackSwitch:
    """Whether a workspace stores feedback, who decided that last, and when."""

    on: bool
    user: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RatedAnswer:
    """An answer that people may vote on, with everything that it came from.

    `key` and `user` are the question's. `turns` is what was sent to the model: the history and, last, the
    question. `settings` is a JSON object of the settings that were sent with it.
    """

    key: str
    place: Place
    user: str
    model: ModelRef
    turns: tuple[Turn, ...]
    settings: str
    text: str
    answered_at: datetime

    @property
    def system_instruction(self) -> str:
        """The system instruction that the model was asked with, empty for none."""
        return str(json.loads(self.settings).get("system_instruction") or "")


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person typed into the form in place of an answer. Only this text is ever trained on."""

    answer: RatedAnswer
    user: str
    question: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class FeedbackSums:
    """How many people voted for and against the answers of a model, and how many of them wrote a correction."""

    up: int = 0
    down: int = 0
    corrections: int = 0
