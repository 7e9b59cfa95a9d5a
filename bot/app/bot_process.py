"""Serves the whole bot: opens each part, connects the parts and closes them in order.

It stops taking requests first and closes the database last.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from typing import Final

from bot.app.backup_target import scheduled_backups
from bot.app.installation import google_options, installation_checks
from bot.app.use_cases import build_use_cases, open_workers
from bot.backends import PROFILES, open_google
from bot.backends.openai.openai import OpenAi
from bot.chat.question_limits import QuestionLimits
from bot.delivery.outbox_sender import OutboxSender
from bot.errors import StorageError
from bot.ports.clock import Clock
from bot.ports.files import FileReader
from bot.runtime.background_tasks import BackgroundTasks
from bot.runtime.clocks import SYSTEM_CLOCK
from bot.runtime.doctor import Doctor
from bot.runtime.metrics import MeasuredNotifier, Metrics
from bot.runtime.readiness import Readiness
from bot.runtime.stop_signals import run_until_stopped
from bot.settings import Settings, reveal
from bot.spending.price_table import read_price_table
from bot.tuning.ceiling import Ceiling
from bot.tuning.job_starts import ADOPTION_GRACE
from bot.tuning.lifecycle_log import log_transition
from bot.tuning.poller import Poller
from handlers.assembly import UseCases, build_bolt_app, build_handlers, build_terminal
from handlers.delivery.job_notifier import JobNotifier
from handlers.transport.command_socket import CommandSocket
from handlers.transport.http_server import HttpServer
from handlers.transport.slack_client import TokenCheck
from handlers.transport.slack_connection import open_slack
from handlers.transport.socket_mode import SocketMode
from storage import open_stores
from storage.health import DatabaseHealth

logger = logging.getLogger(__name__)

# The HTTP server and the sockets close within three seconds before these begin. The sum is less than
# LONGEST_STOP_SECONDS of bot/runtime/stop_signals.py.
DRAIN_SECONDS: Final = 3.0
SENDER_SECONDS: Final = 2.0


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
                transitions=(log_transition, metrics.transition),
                question=metrics.question,
                first_word=metrics.first_word,
            )
        )
        options = replace(google_options(settings), event_hooks=metrics.google_hooks)
        google = await stack.enter_async_context(open_google(settings.backends, options))

        app_token = reveal(settings.slack_app_token)
        socket = SocketMode(slack.client, app_token, metrics) if app_token else None
        notifier = JobNotifier(
            slack.poster,
            slack.idempotent_poster,
            google.profiles,
            clock,
            prices,
            stores.jobs,
            slack.members,
            PROFILES,
        )
        measured = MeasuredNotifier(notifier, metrics, socket.note_post if socket else None)
        sender = OutboxSender(stores.outbox, stores.jobs, measured, clock)
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
            sender.wake,
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
        sender.call_when_woken(handlers.home_tabs.note_change)
        app = build_bolt_app(slack.identity, reveal(settings.slack_signing_secret), handlers.listeners)
        poller = Poller(
            use_cases.jobs.starts,
            use_cases.refresher,
            stores.jobs,
            clock,
            metrics,
            settings.poll_seconds,
            sweep=partial(_sweep, use_cases),
        )
        token = TokenCheck(slack.client)
        await stack.enter_async_context(background_work(sender, poller, token, use_cases.readiness, tasks, doctor))
        await stack.enter_async_context(scheduled_backups(settings, options, clock, metrics))
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
            [poller.problem, token.problem, health.write_problem],
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


async def run(settings: Settings, clock: Clock = SYSTEM_CLOCK, adoption_grace: timedelta = ADOPTION_GRACE) -> None:
    """Serve until SIGINT or SIGTERM, which also end an incomplete start. Raises BotError if it cannot start."""
    await run_until_stopped(serving(settings, clock, adoption_grace))


async def _sweep(use_cases: UseCases) -> None:
    """Do what the poller does at the start and every few minutes. Raises StorageError."""
    await use_cases.approvals.expire()
    await use_cases.retirements.run()
    await use_cases.sweep.run()
    await use_cases.retention.run()


async def _measure_outbox(metrics: Metrics, health: DatabaseHealth, clock: Clock) -> None:
    # `/healthz` reports a database that cannot be read. The other metrics are still right.
    with suppress(StorageError):
        metrics.waiting(*await health.waiting(clock.now()))
