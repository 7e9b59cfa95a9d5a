"""The composition root: opens each part of the bot, connects the parts and closes them in order.

Only this module imports `bot`, `handlers` and `storage` together, and only the command imports it. The tests call
the same functions, with a clock, a database file and backend options of their own.
"""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

from slack_sdk.web.async_client import AsyncWebClient

from bot.backends import BackendOptions, Google, open_google
from bot.backends.google.cloud_storage import upload_backup
from bot.backends.openai.openai import OpenAi
from bot.chat.answer_settings import AnswerSettings
from bot.chat.answer_worker import AnswerWorker
from bot.chat.chat_service import ChatService
from bot.chat.compare import Comparisons
from bot.chat.feedback_service import FeedbackService
from bot.chat.gone_models import GoneModels
from bot.chat.home_page import HomePages
from bot.chat.question_limits import NO_LIMITS, QuestionLimits
from bot.datasets import WORKER_MODULE
from bot.delivery.outbox_sender import OutboxSender
from bot.domain.approval import ApprovalRules
from bot.domain.jobs import TuningJob
from bot.domain.retention_rules import RetentionRules
from bot.domain.roles import Role, RoleGrant
from bot.domain.spending import ConfirmationRules
from bot.errors import StorageError
from bot.people.forgetting import Forgetting
from bot.people.job_access import JobAccess
from bot.people.roles import Roles
from bot.ports.backends import TuningBackend
from bot.ports.clock import Clock
from bot.ports.diagnosis import Check
from bot.ports.files import FileReader
from bot.ports.fine_tuning_jobs import FineTuningJobs
from bot.ports.workers import Workers
from bot.ports.workspace_members import UNKNOWN_MEMBERS, WorkspaceMembers
from bot.runtime.background_tasks import BackgroundTasks
from bot.runtime.doctor import Doctor, Row, run_checks
from bot.runtime.machine_checks import folder_of, machine_checks
from bot.runtime.metrics import MeasuredNotifier, Metrics
from bot.runtime.readiness import Readiness
from bot.runtime.scheduled_backups import ScheduledBackups, Store
from bot.runtime.stop_signals import run_until_stopped
from bot.runtime.worker_pool import WorkerPool, work_queues
from bot.settings import Settings, reveal
from bot.spending.price_table import PriceTable, read_price_table
from bot.spending.question_costs import QuestionBudgets
from bot.spending.retirement import retirement_check
from bot.tuning.approvals import Approvals
from bot.tuning.budgets import Budgets
from bot.tuning.cancellation import Cancellations
from bot.tuning.ceiling import NO_CEILING, Ceiling
from bot.tuning.corrected_file import CorrectedFiles
from bot.tuning.dataset_check import DatasetCheck
from bot.tuning.dataset_repair import DatasetRepair
from bot.tuning.google_sharing import GoogleSharing
from bot.tuning.job_refresh import LOST_AFTER, STUCK_AFTER, JobRefresher
from bot.tuning.job_service import ADOPTION_GRACE, DOUBT_AFTER, JobService
from bot.tuning.lifecycle_log import log_transition
from bot.tuning.missing_models import MissingModels
from bot.tuning.poller import Poller
from bot.tuning.proposals import Proposals
from bot.tuning.retention import Retention
from bot.tuning.retirement_watch import RetirementWatch
from bot.tuning.sharing import Sharing
from bot.tuning.start_recheck import StartRecheck
from bot.tuning.sweep import Sweep
from bot.tuning.tidying import Tidying, record_in
from handlers.assembly import UseCases, build_bolt_app, build_handlers, build_terminal
from handlers.delivery.job_notifier import JobNotifier
from handlers.transport.command_socket import CommandSocket
from handlers.transport.http_server import HttpServer
from handlers.transport.slack_checks import SlackChecks
from handlers.transport.slack_client import TokenCheck
from handlers.transport.slack_connection import open_slack, open_slack_client
from handlers.transport.socket_mode import SocketMode
from storage import Stores, open_stores
from storage.backup import copy_database, copy_private
from storage.database_checks import database_checks
from storage.health import DatabaseHealth

logger = logging.getLogger(__name__)

# The HTTP server and the sockets close within three seconds before these begin. The sum is less than
# LONGEST_STOP_SECONDS of bot/runtime/stop_signals.py.
DRAIN_SECONDS: Final = 3.0
SENDER_SECONDS: Final = 2.0


NO_APPROVALS: Final = ApprovalRules()  # only people who may not start alone need one


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


SYSTEM_CLOCK: Final = SystemClock()


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

    `workers` lends the processes in which files are read. `members` says who can read a channel and who is of the
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
    service = JobService(
        backends,
        jobs,
        files,
        workers,
        access,
        approvals,
        cancellations,
        prices,
        clock,
        wake_sender,
        adoption_grace=adoption_grace,
        doubt_after=doubt_after,
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


@asynccontextmanager
async def background_work(
    sender: OutboxSender,
    poller: Poller,
    token: TokenCheck,
    readiness: Readiness,
    tasks: BackgroundTasks,
    doctor: Doctor | None = None,
) -> AsyncIterator[None]:
    """Run what no request from Slack starts. On exit the sender ends last: it posts what the others wrote."""
    async with AsyncExitStack() as stack:
        sender.start()
        stack.push_async_callback(sender.stop, SENDER_SECONDS)
        poller.start()
        token_check = asyncio.create_task(token.watch(), name="token check")
        stack.callback(token_check.cancel)
        readiness_check = asyncio.create_task(readiness.watch(), name="readiness check")
        stack.callback(readiness_check.cancel)
        if doctor is not None:
            examination = asyncio.create_task(doctor.watch(), name="doctor")
            stack.callback(examination.cancel)

        async def drain() -> None:
            await asyncio.gather(poller.stop(DRAIN_SECONDS), tasks.drain(DRAIN_SECONDS))

        stack.push_async_callback(drain)
        yield


@asynccontextmanager
async def serving(
    settings: Settings, clock: Clock = SYSTEM_CLOCK, adoption_grace: timedelta = ADOPTION_GRACE
) -> AsyncIterator[None]:
    """Serve the whole bot inside the block. On exit it stops taking requests first and closes the database last.

    Raises BotError if it cannot start.
    """
    # A table that cannot be read ends the start before anything is opened.
    prices = read_price_table(settings.prices)
    metrics, tasks = Metrics(version("tunebot"), settings.backends), BackgroundTasks()
    async with AsyncExitStack() as stack:
        workers = await stack.enter_async_context(open_workers())
        slack = await stack.enter_async_context(open_slack(settings, clock, count=metrics.slack_call))
        stores = await stack.enter_async_context(
            open_stores(
                settings.database,
                clock,
                transition=partial(_note_transition, metrics),
                question=metrics.question,
                first_word=metrics.first_word,
            )
        )
        options = replace(google_options(settings), event_hooks=metrics.google_hooks)
        google = await stack.enter_async_context(open_google(settings.backends, options))

        app_token = reveal(settings.slack_app_token)
        socket = SocketMode(slack.client, app_token, metrics) if app_token else None
        notifier = JobNotifier(slack.poster, slack.idempotent_poster, google.profiles, clock, prices, stores.jobs)
        measured = MeasuredNotifier(notifier, metrics, socket.note_post if socket else None)
        sender = OutboxSender(stores.outbox, stores.jobs, measured, clock)
        told = [sender.wake]
        files: dict[str, FileReader] = {"slack": slack.files, "gs": google.files}
        openai: OpenAi | None = None
        if settings.openai_api_key is not None:
            openai = OpenAi(reveal(settings.openai_api_key), settings.openai_url)
            stack.push_async_callback(openai.close)
            files["openai"] = openai
        doctor = Doctor(installation_checks(settings, slack.client, google, prices, clock, os.environ))
        use_cases = build_use_cases(
            stores,
            google.backends,
            files,
            clock,
            partial(_tell, told),
            workers,
            members=slack.members,
            named_roles=settings.named_roles,
            start_alone=settings.start_alone_role,
            retention_rules=settings.retention_rules,
            adoption_grace=adoption_grace,
            stuck_after=settings.stuck_after,
            prices=prices,
            confirmation_rules=settings.confirmation_rules,
            approval_rules=settings.approval_rules,
            ceiling=Ceiling(settings.ceiling_after, settings.ceiling_usd),
            question_limits=QuestionLimits(settings.questions_per_minute, settings.thread_questions_per_hour),
            imports=openai,
            share_domains=settings.google_share_domains,
            failures=doctor.failures,
        )
        handlers = build_handlers(
            slack, use_cases, stores.jobs, stores.pending_modals, stores.audit_log, tasks, clock
        )
        told.append(handlers.home_tabs.note_change)
        app = build_bolt_app(slack.identity, reveal(settings.slack_signing_secret), handlers.listeners)
        poller = Poller(
            use_cases.jobs,
            use_cases.refresher,
            stores.jobs,
            clock,
            metrics,
            settings.poll_seconds,
            sweep=partial(_sweep, use_cases),
        )
        token = TokenCheck(slack.client)
        await stack.enter_async_context(background_work(sender, poller, token, use_cases.readiness, tasks, doctor))
        await stack.enter_async_context(scheduled_backups(settings, options, clock))
        home_watch = asyncio.create_task(handlers.home_tabs.watch(), name="Home tabs")
        stack.callback(home_watch.cancel)
        # What an earlier process did not finish continues before Slack sends anything new.
        await handlers.resume()
        health = DatabaseHealth(stores.database)
        server = HttpServer(
            settings,
            app,
            metrics,
            socket,
            health.problem,
            [poller.problem, token.problem],
            use_cases.readiness.problems,
            doctor.limits,
            partial(_measure_outbox, metrics, health, clock),
        )
        terminal = build_terminal(slack, use_cases, handlers, stores.audit_log)
        await stack.enter_async_context(CommandSocket(terminal, settings.database).serving())
        await stack.enter_async_context(server.serving())
        logger.info("serving workspace %s as %s", slack.identity.team, slack.identity.user)
        yield


@asynccontextmanager
async def scheduled_backups(settings: Settings, options: BackendOptions, clock: Clock) -> AsyncIterator[None]:
    """Copy the database now and then inside the block, where the settings say so."""
    if not settings.backup_to:
        yield
        return
    async with open_backup_target(settings.backup_to, options) as store:
        copy = partial(copy_database, Path(settings.database))
        backups = ScheduledBackups(copy, store, clock, settings.backup_hours * 3600)
        watch = asyncio.create_task(backups.watch(), name="backups")
        try:
            yield
        finally:
            watch.cancel()


@asynccontextmanager
async def open_backup_target(folder: str, options: BackendOptions) -> AsyncIterator[Store]:
    """Yield what stores a file in a folder, of this machine or at a `gs://` address, under the file's own name."""
    if not folder.startswith("gs://"):

        async def store(path: Path) -> None:
            await asyncio.to_thread(copy_private, path, Path(folder))

        yield store
        return
    storage = options.storage(options.credentials())
    try:
        yield partial(upload_backup, storage, folder)
    finally:
        await storage.close()


def _tell(told: Sequence[Callable[[], None]]) -> None:
    """Tell each of them that a notice on a job was written."""
    for tell in told:
        tell()


async def _sweep(use_cases: UseCases) -> None:
    """Do what the poller does at the start and every few minutes. Raises StorageError."""
    await use_cases.approvals.expire()
    await use_cases.retirements.run()
    await use_cases.sweep.run()
    await use_cases.retention.run()


def _note_transition(metrics: Metrics, before: TuningJob | None, after: TuningJob) -> None:
    log_transition(before, after)
    metrics.transition(before, after)


async def _measure_outbox(metrics: Metrics, health: DatabaseHealth, clock: Clock) -> None:
    # `/healthz` reports a database that cannot be read. The other metrics are still right.
    with suppress(StorageError):
        metrics.waiting(*await health.waiting(clock.now()))


def google_options(settings: Settings) -> BackendOptions:
    """What the backends need from the settings."""
    return BackendOptions(
        project=settings.google_cloud_project,
        location=settings.google_cloud_location,
        bucket=settings.bucket_name,
        access_token=reveal(settings.google_oauth_access_token),
        api_key=reveal(settings.gemini_api_key),
        quota_project=settings.google_cloud_quota_project,
        vertex_url=settings.vertex_url,
        genai_url=settings.genai_url,
        storage_url=settings.storage_url,
        gs_prefixes=settings.gs_prefixes,
        base_models=settings.base_models_by_backend,
        tunings_at_once=settings.tunings_at_once_by_backend,
    )


async def run(settings: Settings, clock: Clock = SYSTEM_CLOCK, adoption_grace: timedelta = ADOPTION_GRACE) -> None:
    """Serve until SIGINT or SIGTERM, which also end an incomplete start. Raises BotError if it cannot start."""
    await run_until_stopped(serving(settings, clock, adoption_grace))


def installation_checks(
    settings: Settings,
    client: AsyncWebClient,
    google: Google,
    prices: PriceTable,
    clock: Clock,
    environment: Mapping[str, str],
) -> list[Check]:
    """Return the checks of all that the bot needs but the database, which a running bot has open itself."""
    slack = SlackChecks(settings, client, list(google.profiles.values()), clock)
    base_models = next(iter(google.profiles.values())).base_models
    return [
        *slack.checks(),
        *google.checks,
        retirement_check(base_models, prices, lambda: clock.now().date()),
        *machine_checks(folder_of(settings.database), settings.unencrypted_urls, environment),
    ]


async def diagnose(settings: Settings, environment: Mapping[str, str], clock: Clock = SYSTEM_CLOCK) -> list[Row]:
    """Return what each check of the installation finds, also while a bot runs; nothing is changed.

    Raises SettingsError for a table of prices that cannot be read.
    """
    prices = read_price_table(settings.prices)
    async with (
        open_slack_client(settings) as client,
        open_google(settings.backends, google_options(settings)) as google,
    ):
        checks = installation_checks(settings, client, google, prices, clock, environment)
        return await run_checks([*checks, *database_checks(settings.database)])
