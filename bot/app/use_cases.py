"""Builds the use cases from stores, backends and files, and opens what they share."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from bot.chat.answer_settings import AnswerSettings
from bot.chat.answer_worker import AnswerWorker
from bot.chat.chat_service import ChatService
from bot.chat.compare import Comparisons
from bot.chat.feedback_service import FeedbackService
from bot.chat.gone_models import GoneModels
from bot.chat.home_page import HomePages
from bot.chat.question_limits import NO_LIMITS, QuestionLimits
from bot.datasets import WORKER_MODULE
from bot.domain.approval import ApprovalRules
from bot.domain.leftovers import RetentionRules
from bot.domain.roles import Role, RoleGrant
from bot.domain.spending import ConfirmationRules
from bot.people.forgetting import Forgetting
from bot.people.job_access import JobAccess
from bot.people.roles import Roles
from bot.ports.backends import TuningBackend
from bot.ports.clock import Clock
from bot.ports.files import FileReader, FineTuningJobs
from bot.ports.workers import Workers
from bot.ports.workspace_members import UNKNOWN_MEMBERS, WorkspaceMembers
from bot.runtime.readiness import Readiness
from bot.runtime.worker_pool import WorkerPool, work_queues
from bot.spending.price_table import PriceTable, read_price_table
from bot.spending.question_costs import QuestionBudgets
from bot.tuning.approvals import Approvals
from bot.tuning.budgets import Budgets
from bot.tuning.cancellation import Cancellations
from bot.tuning.ceiling import NO_CEILING, Ceiling
from bot.tuning.corrected_file import CorrectedFiles
from bot.tuning.dataset_check import DatasetCheck
from bot.tuning.dataset_repair import DatasetRepair
from bot.tuning.google_sharing import GoogleSharing
from bot.tuning.job_refresh import LOST_AFTER, STUCK_AFTER, JobRefresher
from bot.tuning.job_service import JobService
from bot.tuning.job_starts import ADOPTION_GRACE, DOUBT_AFTER, JobStarts
from bot.tuning.owner_notices import MissingModels, RetirementWatch
from bot.tuning.proposals import Proposals
from bot.tuning.retention import Retention
from bot.tuning.sharing import Sharing
from bot.tuning.start_recheck import StartRecheck
from bot.tuning.sweep import Sweep
from bot.tuning.tidying import Tidying, record_in
from handlers.assembly import UseCases
from storage import Stores

NO_APPROVALS: Final = ApprovalRules()  # only people who may not start alone need one


@asynccontextmanager
async def open_workers() -> AsyncIterator[WorkerPool]:
    """Open the pool of processes that read files; all of them end after the block."""
    workers = WorkerPool(WORKER_MODULE, work_queues())
    try:
        yield workers
    finally:
        await workers.close()


def build_use_cases(
    stores: Stores,
    backends: Mapping[str, TuningBackend],
    files: Mapping[str, FileReader],
    clock: Clock,
    wake_sender: Callable[[], None],
    workers: Workers,
    *,
    members: WorkspaceMembers = UNKNOWN_MEMBERS,
    named_roles: Sequence[RoleGrant] = (),
    start_alone: Role = Role.TUNER,
    retention_rules: RetentionRules | None = None,
    adoption_grace: timedelta = ADOPTION_GRACE,
    doubt_after: timedelta = DOUBT_AFTER,
    lost_after: timedelta = LOST_AFTER,
    stuck_after: timedelta = STUCK_AFTER,
    prices: PriceTable | None = None,
    confirmation_rules: ConfirmationRules | None = None,
    approval_rules: ApprovalRules = NO_APPROVALS,
    ceiling: Ceiling = NO_CEILING,
    question_limits: QuestionLimits = NO_LIMITS,
    imports: FineTuningJobs | None = None,
    share_domains: Sequence[str] = (),
    failures: Callable[[Collection[str]], Sequence[str]] = lambda _: (),
) -> UseCases:
    """Build the use cases; `files` maps a location's scheme to its reader, `wake_sender` follows each notice.

    `workers` has the processes in which files are read. `members` says who can read a channel and who is of the
    workspace; without it, nobody but the people of `named_roles` may do anything. Without `prices` it reads the
    built-in table. `failures` returns what the doctor knows of the checks of these names.
    """
    jobs = stores.jobs
    prices = prices or read_price_table()
    rules = confirmation_rules or ConfirmationRules()
    roles = Roles(members, stores.roles, named_roles, start_alone=start_alone)
    access = JobAccess(jobs, members, roles)
    budgets = Budgets(stores.budgets, jobs, stores.question_spend, roles, clock)
    recheck = StartRecheck(backends, access, budgets, prices)
    approvals = Approvals(jobs, roles, recheck, clock, wake_sender, approval_rules)
    cancellations = Cancellations(backends, jobs, clock, wake_sender)
    starts = JobStarts(
        backends,
        jobs,
        files,
        workers,
        approvals,
        recheck,
        clock,
        wake_sender,
        adoption_grace=adoption_grace,
        doubt_after=doubt_after,
    )
    service = JobService(
        backends,
        jobs,
        starts,
        access,
        approvals,
        cancellations,
        prices,
        clock,
        wake_sender,
        confirmation_rules=rules,
    )
    refresher = JobRefresher(
        backends,
        jobs,
        service,
        cancellations,
        clock,
        wake_sender,
        lost_after=lost_after,
        stuck_after=stuck_after,
        ceiling=ceiling,
    )
    readiness = Readiness(backends)
    answer_settings = AnswerSettings(backends, access, stores.chats, stores.audit_log)
    gone = GoneModels(prices, clock)
    chat = ChatService(backends, access, stores.chats, stores.audit_log, answer_settings, gone)
    feedback = FeedbackService(stores.feedback, access, stores.audit_log)
    comparisons = Comparisons(chat, access, stores.comparisons)
    return UseCases(
        jobs=service,
        approvals=approvals,
        access=access,
        roles=roles,
        budgets=budgets,
        refresher=refresher,
        proposals=Proposals(
            backends,
            jobs,
            access,
            DatasetCheck(files, stores.report_cache, workers),
            readiness,
            clock,
            prices,
            rules,
            approvals,
            budgets,
            failures,
        ),
        repair=DatasetRepair(files, workers),
        sweep=Sweep(backends, jobs, clock, wake_sender),
        retirements=RetirementWatch(jobs, prices, clock, wake_sender),
        sharing=Sharing(jobs, access, clock, wake_sender),
        google_sharing=GoogleSharing(backends, access, stores.audit_log, share_domains),
        forgetting=Forgetting(roles, stores.erasure, stores.feedback),
        retention=Retention(
            stores.erasure,
            Tidying(backends, jobs, clock, record_in(jobs)),
            clock,
            retention_rules or RetentionRules(),
        ),
        chat=chat,
        answer_settings=answer_settings,
        readiness=readiness,
        answers=AnswerWorker(
            stores.questions,
            chat,
            clock,
            limits=question_limits,
            feedback=feedback,
            budgets=QuestionBudgets(stores.budgets, stores.question_spend, prices, clock),
            missing=MissingModels(jobs, access, wake_sender).note,
            comparisons=comparisons,
        ),
        comparisons=comparisons,
        feedback=feedback,
        corrected_files=CorrectedFiles(files, workers),
        home_pages=HomePages(access, stores.chats),
        imports=imports,
    )
