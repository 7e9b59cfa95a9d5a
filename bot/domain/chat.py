"""Models that can be asked, questions, answers and conversations."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from bot.domain.generation_settings import NO_SETTINGS, GenerationSettings
from bot.domain.place import Place, Requester
from bot.domain.spending import TokenUse

# How the key of a question begins that no message in Slack asked.
UNPOSTED: Final = "terminal:"
# How the key of a question begins that a person typed into a form.
OF_VIEW: Final = "view:"


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model that can be asked: its backend, its endpoint there, and its name for people."""

    backend: str
    endpoint: str
    name: str


@dataclass(frozen=True, slots=True)
class ChannelModel:
    """The model that answers in a channel, with who chose it and when."""

    model: ModelRef
    user: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """How models answer in a channel, and what is said there when a model is chosen."""

    generation: GenerationSettings = NO_SETTINGS
    greeting: str = ""


PLAIN_CHANNEL: Final = ChannelSettings()


class TurnRole(StrEnum):
    USER = "user"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Turn:
    role: TurnRole
    text: str


def after_system(system: str, question: str) -> str:
    """Return the question with the system text in front, for a system of Google's that has no field for it.

    Training rows and questions are written so alike: a model is asked as it was tuned.
    """
    return f"{system}\n\n{question}"


class Finish(StrEnum):
    """Why an answer ended."""

    COMPLETE = "complete"
    CUT = "cut"  # the model's output limit
    DROPPED = "dropped"  # the connection to Google ended before the answer did
    STOPPED = "stopped"  # a person stopped it
    BLOCKED = "blocked"  # Google's filters, on the question or on the answer
    EMPTY = "empty"  # no text, and no reason of the kinds above


# An answer that ended so may be asked for again.
UNFINISHED: Final = frozenset({Finish.DROPPED, Finish.STOPPED})


@dataclass(frozen=True, slots=True)
class Answer:
    """The model's text. `reason` is Google's finish reason (`SAFETY`, `MAX_TOKENS`, ...), empty when complete.

    `others` are the further answers to the same question, where more than one was asked for. `usage` is what
    Google charges for, None where it did not say it.
    """

    text: str
    finish: Finish = Finish.COMPLETE
    reason: str = ""
    others: tuple[str, ...] = ()
    # Two answers are equal by what they say.
    usage: TokenUse | None = field(default=None, compare=False)


def estimated_tokens(text: str) -> int:
    """Return about how many tokens a text is: one for 4 bytes of UTF-8, which is 4 characters of English.

    Other scripts take more tokens a character, and more bytes. Google's own count costs a request for each text.
    """
    return -(-len(text.encode(errors="replace")) // 4)


@dataclass(frozen=True, slots=True)
class Question:
    """What a person asks a model. `key` comes from Slack's delivery, so a repeated delivery is not asked again.

    `model` is set if a form chose it; else `named` is the name that the person typed, empty for the place's model.
    `quoted` is true if no message in Slack shows the question; then the answer quotes it. `settings` hold for this
    question only, before those of the channel. A `private` answer is shown only to the person who asked. `compare`
    names the other model that gets the same question, or is BASE; it is empty where only one model is asked.
    """

    key: str
    place: Place
    user: str
    text: str
    named: str = ""
    model: ModelRef | None = None
    quoted: bool = False
    settings: GenerationSettings = NO_SETTINGS
    private: bool = False
    compare: str = ""

    @property
    def asker(self) -> Requester:
        """The person who asks, and where; who asked by a form may have left the channel since."""
        return Requester(self.user, self.place, present=not self.key.startswith(OF_VIEW))

    @property
    def is_unposted(self) -> bool:
        """Whether its answer goes to a program that waits for it, and is posted nowhere."""
        return self.key.startswith(UNPOSTED)

    @property
    def is_answered_in_public(self) -> bool:
        """Whether other people read the answer."""
        return not (self.private or self.is_unposted or self.place.is_direct)

    @property
    def stands_alone(self) -> bool:
        """Whether it belongs to no conversation yet: it was asked by a command, outside of a thread."""
        return self.quoted and not self.place.thread


def as_edited(asked: Question, edited: Question) -> Question:
    """Return a question that is asked as its edited message reads."""
    return replace(asked, text=edited.text, named=edited.named, settings=edited.settings, compare=edited.compare)


def second_try(key: str) -> str:
    """Return the key of the question that asks the one of this key again. It is always the same one."""
    return f"again:{key}"


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """An answer with its model.

    `history_dropped` says that no earlier turn of the thread was sent, `history_cut` that only the newest were.
    `settings` are those that were sent, `overrides` the names of those that the question itself set.
    `sent` are the turns that the model was asked with, the question last. `rating_key` is the question's key where
    people may vote on the answer, else empty. `base_model` is the one whose price counts, empty if it is not
    known; `note` is a sentence on a budget that is nearly used up, `left_out` the names of the channel's settings
    that were not sent because the model does not take them.
    `is_base` says that the model is a base model and no tuned one. `sides` are the two answers of a comparison in
    the order in which they are shown; the other fields are then those of the model that would answer alone.
    `compared` is the comparison's key where people may vote. `problem` says why a side has no answer.
    """

    model: ModelRef
    answer: Answer
    history_dropped: bool = False
    history_cut: bool = False
    settings: GenerationSettings = NO_SETTINGS
    overrides: tuple[str, ...] = ()
    sent: tuple[Turn, ...] = ()
    rating_key: str = ""
    base_model: str = field(default="", compare=False)
    note: str = ""
    left_out: tuple[str, ...] = ()
    is_base: bool = False
    sides: tuple["ModelAnswer", ...] = ()
    compared: str = ""
    problem: str = ""

    @property
    def unfinished(self) -> bool:
        """Whether the question may be asked again, since it was not answered to the end."""
        return self.answer.finish in UNFINISHED or any(side.problem or side.unfinished for side in self.sides)


class ThreadState(StrEnum):
    """Whether a model answers in a thread without being mentioned."""

    OPEN = ""
    QUIET = "quiet"  # a person asked the bot to say nothing until it is mentioned
    ENDED = "ended"  # the model was deleted, and the thread was told so


@dataclass(frozen=True, slots=True)
class Conversation:
    """A thread in which a model answers, with its turns, oldest first; `cut` says that older ones are left out.

    `question` is the key of the question whose turns are appended.
    """

    place: Place
    model: ModelRef
    turns: tuple[Turn, ...] = field(default=())
    cut: bool = False
    question: str = ""
    state: ThreadState = ThreadState.OPEN
