"""How what is not a job or a question is stored: chats, modals, roles, budgets, reports, the audit log.

A write is committed when its method returns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Protocol

from bot.domain.budgets import Budget, Purpose
from bot.domain.chat import (
    ChannelModel,
    ChannelSettings,
    Conversation,
    ModelAnswer,
    ModelRef,
    Question,
    ThreadState,
)
from bot.domain.comparison import Comparison, ComparisonSum, Preference, Side
from bot.domain.place import Place, Requester
from bot.domain.requests import PendingModal
from bot.domain.roles import Role, RoleGrant
from bot.domain.spending import QuestionCost, QuestionSum

BY_BOT: Final = "bot"  # what the bot does by itself, e.g. when a time is over
BY_TERMINAL: Final = "terminal"  # somebody with the rights of the operator, of whom no more is known


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What a person or the bot did, for the audit log: ids, words of the bot, numbers, never what a person wrote.

    `user` may also be BY_BOT, BY_TERMINAL or BY_CEILING. `channel` is where they did it, `result` how it ended;
    empty where it is done and there is no more to say.
    """

    user: str
    action: str
    at: datetime
    channel: str = ""
    result: str = ""


@dataclass(frozen=True, slots=True)
class AuditLine:
    """A line of the audit log. `subject` is what was acted on: a job's key, an endpoint, a role with an id."""

    team: str
    act: AuditEntry
    subject: str


class ReportCache(Protocol):
    """Stores reports on files as text, by everything that they depend on."""

    async def recall(self, team: str, key: str) -> str | None:
        """Return the workspace's report with this key, None if there is none. Raises StorageError."""
        ...

    async def newest_act(self) -> int:
        """Return a number that grows with each act of the audit log. Raises StorageError."""
        ...

    async def was_forgotten(self, team: str, user: str, since: int) -> bool:
        """Return whether this user's words were erased after the act of this number. Raises StorageError."""
        ...

    async def remember(self, team: str, key: str, report: str, user: str = "", since: int = 0) -> None:
        """Store the report that this user asked for in place of an older one, unless `was_forgotten`.

        Raises StorageError.
        """
        ...


class ChatStore(Protocol):
    """Stores which model answers in a channel, and the turns of each thread."""

    async def bind(self, place: Place, model: ModelRef, user: str) -> None:
        """Make this the model of the place's channel. Raises StorageError."""
        ...

    async def bound(self, place: Place) -> ChannelModel | None:
        """Return the model of the place's channel, None if there is none. Raises StorageError."""
        ...

    async def all_bound(self, team: str) -> Sequence[tuple[str, ChannelModel]]:
        """Return each channel of the workspace that has a model, the newest choice first. Raises StorageError."""
        ...

    async def unbind(self, place: Place) -> None:
        """Let no model answer in the place's channel. Raises StorageError."""
        ...

    async def settings(self, place: Place) -> ChannelSettings:
        """Return how models answer in the place's channel. Raises StorageError."""
        ...

    async def set_settings(self, place: Place, settings: ChannelSettings, user: str) -> None:
        """Store how models answer in the place's channel, and who decided it. Raises StorageError."""
        ...

    async def be_quiet(self, place: Place) -> None:
        """Store that no model answers in the place's thread without being mentioned. Raises StorageError.

        A thread without an answer becomes a conversation that has no turns and a model without an endpoint.
        """
        ...

    async def set_state(self, place: Place, state: ThreadState) -> bool:
        """Store whether a model answers in the place's thread without being mentioned.

        An answer of another model opens a thread that ended. Returns false if nothing changed.
        Raises StorageError.
        """
        ...

    async def conversation(self, place: Place, tokens: int | None = None) -> Conversation | None:
        """Return the conversation in the place's thread, None if no model answered there.

        With `tokens`, only the newest turns that are about so many tokens together, see `estimated_tokens`.
        Raises StorageError.
        """
        ...


class PendingModalStore(Protocol):
    """Stores the work that people watch in modals, for the next process to continue. A view has one row."""

    async def add(self, pending_modal: PendingModal) -> None:
        """Store it before its work begins, in place of an earlier row of the view. Raises StorageError."""
        ...

    async def remove(self, pending_modal: PendingModal) -> None:
        """Delete the row of its view after the work has ended. Raises StorageError."""
        ...

    async def unfinished(self) -> Sequence[PendingModal]:
        """Return those that were added and not removed, oldest first. Raises StorageError."""
        ...


class AuditLog(Protocol):
    """Stores which events were handled, and who did what."""

    async def first_time(self, key: str) -> bool:
        """Return whether this key (an event id, a message's channel and `ts`) is new, and keep it for a week.

        Raises StorageError.
        """
        ...

    async def record(
        self, requester: Requester, action: str, subject: str, *, result: str = "", channel: str = ""
    ) -> None:
        """Append a line to the audit log: what the person did, and the id of what they did it to.

        `channel` is where, if that is not the place of the request. Raises StorageError.
        """
        ...

    async def lines(self, team: str | None, limit: int | None = None) -> Sequence[AuditLine]:
        """Return the workspace's newest lines, or those of all workspaces, newest first. Raises StorageError."""
        ...


class RoleStore(Protocol):
    """Stores roles; each change is written to the audit log in the same transaction."""

    async def grants(self, team: str) -> Sequence[RoleGrant]:
        """Return the workspace's roles, oldest first. Raises StorageError."""
        ...

    async def give(self, requester: Requester, role: Role, grantee: str) -> bool:
        """Store the role that this person gives; returns whether it is new. Raises StorageError."""
        ...

    async def take(self, requester: Requester, role: Role, grantee: str) -> bool:
        """Delete the role, which this person takes away; returns whether it was there. Raises StorageError."""
        ...


class BudgetStore(Protocol):
    """Stores budgets; each change is written to the audit log in the same transaction."""

    async def budgets(self, team: str) -> Sequence[Budget]:
        """Return the workspace's budgets: its own, those of channels, those of people. Raises StorageError."""
        ...

    async def set(self, requester: Requester, subject: str, purpose: Purpose, usd: Decimal | None) -> None:
        """Store the budget in place of an older one, or delete it for None. Raises StorageError."""
        ...


class QuestionSpendStore(Protocol):
    """Reads what questions cost; `QuestionStore.store_answer` writes it and ends the call.

    Of a call that is sent and has no stored answer yet, it is stored what it may cost, so that it is counted also
    where its answer is lost.
    """

    async def begin_call(self, question: Question, expected: QuestionCost, endpoint: str) -> None:
        """Store that the question is about to be sent. A call of this key without an answer is counted as lost.

        Raises StorageError.
        """
        ...

    async def end_call(self, key: str, *, lost: bool) -> None:
        """Forget the call, or count what it may cost and write it to the audit log, where it was lost.

        Does nothing where its answer was stored. Raises StorageError.
        """
        ...

    async def count_lost(self) -> int:
        """Count each call of an earlier process that has no answer; return how many. Raises StorageError."""
        ...

    async def sums(self, team: str | None, since: date, until: date) -> Sequence[QuestionSum]:
        """Return the sums of the months from `since` to before `until`, which are first days, oldest first.

        Without a workspace, those of all. Raises StorageError.
        """
        ...


class ComparisonStore(Protocol):
    """Stores which two models a question goes to, in their hidden order, and what people vote.

    `QuestionStore.store_answer` ends a comparison in its transaction: the words of question and answers then stay
    only where the answer has a `rating_key`.
    """

    async def begin(self, question: Question, sides: tuple[Side, Side]) -> Comparison:
        """Store the comparison before a model is asked, and return it.

        One that an earlier process began with the same text is returned as it is, with its order and its answers;
        one with another text begins anew. Raises StorageError.
        """
        ...

    async def comparison(self, key: str) -> Comparison | None:
        """Return the comparison of the question with this key, None if it is not kept. Raises StorageError."""
        ...

    async def store_side(self, key: str, index: int, answer: ModelAnswer, cost: QuestionCost | None) -> None:
        """Store the answer of one model, so that this model is not asked again, and what it cost, once.

        Raises StorageError.
        """
        ...

    async def vote(self, comparison: Comparison, user: str, choice: Preference) -> None:
        """Store the person's vote in place of an earlier one. Raises StorageError."""
        ...

    async def sums(self, team: str, model: ModelRef) -> Sequence[ComparisonSum]:
        """Return the votes on comparisons of the model, a sum for each other model. Raises StorageError."""
        ...
