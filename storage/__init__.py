"""Every store of the bot, opened together on one database."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.domain.jobs import TuningJob
from bot.ports.clock import Clock
from bot.tuning.lifecycle_log import log_transition
from storage.audit_log import SqliteAuditLog
from storage.comparisons import SqliteComparisons
from storage.conversations import SqliteChatStore
from storage.database import Database
from storage.erased_words import SqliteErasure
from storage.feedback import SqliteFeedback
from storage.file_checks import SqlitePendingModals, SqliteReportCache
from storage.jobs import SqliteJobStore
from storage.outbox import SqliteOutbox
from storage.question_spend import SqliteQuestionSpend
from storage.questions import SqliteQuestions
from storage.workspace_rules import SqliteBudgets, SqliteRoles

Transition = Callable[[TuningJob | None, TuningJob], None]


@dataclass(frozen=True, slots=True)
class Stores:
    """Every store of the bot, on one open database."""

    database: Database
    jobs: SqliteJobStore
    outbox: SqliteOutbox
    chats: SqliteChatStore
    questions: SqliteQuestions
    feedback: SqliteFeedback
    comparisons: SqliteComparisons
    pending_modals: SqlitePendingModals
    report_cache: SqliteReportCache
    audit_log: SqliteAuditLog
    budgets: SqliteBudgets
    question_spend: SqliteQuestionSpend
    roles: SqliteRoles
    erasure: SqliteErasure


@asynccontextmanager
async def open_stores(
    path: str | Path,
    clock: Clock,
    *,
    transitions: Sequence[Transition] = (log_transition,),
    question: Callable[[str], None] = lambda outcome: None,
    first_word: Callable[[float], None] = lambda seconds: None,
) -> AsyncIterator[Stores]:
    """Open the database file and migrate it; it closes after the block. Raises StorageError.

    `transitions` are called with the rows before and after each change of a job, `question` with what happened to
    a question: `accepted`, `answered` or `settled`, `first_word` with the seconds until its answer began in Slack.
    """
    database = Database(path)
    await database.open()
    try:
        yield Stores(
            database=database,
            jobs=SqliteJobStore(database, transitions),
            outbox=SqliteOutbox(database, clock),
            chats=SqliteChatStore(database, clock),
            questions=SqliteQuestions(database, clock, question, first_word),
            feedback=SqliteFeedback(database, clock),
            comparisons=SqliteComparisons(database, clock),
            pending_modals=SqlitePendingModals(database, clock),
            report_cache=SqliteReportCache(database, clock),
            audit_log=SqliteAuditLog(database, clock),
            budgets=SqliteBudgets(database, clock),
            question_spend=SqliteQuestionSpend(database, clock),
            roles=SqliteRoles(database, clock),
            erasure=SqliteErasure(database, clock),
        )
    finally:
        await database.close()
