"""Builds the bot, wires every room to its ports, runs it, and takes it down in order.

The only module that knows all three packages; only the command imports it.
"""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import aiohttp
import httpx
from slack_bolt.app.async_app import AsyncApp

from bot.backends import BackendOptions, build_backends, build_gcs_files
from bot.chat.answer_worker import AnswerWorker
from bot.chat.chat_service import ChatService
from bot.delivery.outbox_sender import OutboxSender
from bot.errors import StorageError
from bot.ports.clock import Clock
from bot.ports.files import FileReader
from bot.runtime.background_tasks import BackgroundTasks
from bot.runtime.metrics import MeasuredNotifier, Metrics
from bot.settings import Settings, reveal
from bot.tuning.dataset_check import DatasetCheck
from bot.tuning.dataset_repair import DatasetRepair
from bot.tuning.job_service import ADOPTION_GRACE, JobService
from bot.tuning.poller import Poller
from bot.tuning.proposals import Proposals
from handlers import Listeners, register
from handlers.delivery.answer_posts import Questions
from handlers.delivery.idempotent_poster import IdempotentPoster
from handlers.delivery.job_notifier import SlackNotifier
from handlers.delivery.post_finder import PostFinder
from handlers.delivery.poster import Poster
from handlers.errors import guarded
from handlers.listeners.actions import Actions
from handlers.listeners.commands import Commands
from handlers.listeners.events import Events
from handlers.listeners.shortcuts import Shortcuts
from handlers.listeners.tune_command import CommandRunner
from handlers.listeners.views import Views
from handlers.start_flow.check_modal import CheckModal
from handlers.start_flow.pending_modals import PendingModals
from handlers.start_flow.repair_upload import RepairUpload
from handlers.transport.access import Access
from handlers.transport.http_server import HttpServer
from handlers.transport.slack_client import TokenCheck, log_in, slack_client
from handlers.transport.slack_files import SlackFiles
from handlers.transport.socket_mode import SocketMode
from storage.audit_log import SqliteAuditLog
from storage.backup import copy_database
from storage.conversations import SqliteChatStore
from storage.database import Database
from storage.health import DatabaseHealth
from storage.jobs import SqliteJobStore
from storage.outbox import SqliteOutbox
from storage.pending_modals import SqlitePendingModals
from storage.questions import SqliteQuestions
from storage.report_cache import SqliteReportCache

logger = logging.getLogger(__name__)

# Sockets and requests take three seconds at most before these begin: all in all, less than a container is given.
SLACK_SECONDS: Final = 30.0  # for a call of Slack's Web API; on a shared session the SDK's own is not heeded
DRAIN_SECONDS: Final = 3.0
SENDER_SECONDS: Final = 2.0
LONGEST_STOP_SECONDS: Final = 9.5

_STOPS: Final = (signal.SIGINT, signal.SIGTERM)


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)


SYSTEM_CLOCK: Final = SystemClock()


async def run(settings: Settings, clock: Clock = SYSTEM_CLOCK, adoption_grace: timedelta = ADOPTION_GRACE) -> None:
    """Serve until SIGINT or SIGTERM, also while still starting. Raises BotError if it cannot begin."""
    ready, stop = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    service = asyncio.create_task(_serve(serving(settings, clock, adoption_grace), ready, stop), name="service")

    def begin_to_stop() -> None:
        logger.info("stopping: no new requests, finishing what runs")
        for number in _STOPS:
            # A second signal ends the process at once, whatever it is doing.
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        loop.call_later(LONGEST_STOP_SECONDS, _leave, service)
        stop.set()
        if not ready.is_set():
            service.cancel()

    for number in _STOPS:
        loop.add_signal_handler(number, begin_to_stop)
    try:
        await service
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    logger.info("stopped")


async def _serve(bot: AbstractAsyncContextManager[None], ready: asyncio.Event, stop: asyncio.Event) -> None:
    async with bot:
        ready.set()
        await stop.wait()


def _leave(service: asyncio.Task[None]) -> None:
    """End the process before the container runtime kills it, e.g. where a thread of a library hangs."""
    closed = service.done()
    logger.error("cut the stop short; %s", "everything was written" if closed else "some work was still going on")
    logging.shutdown()
    os._exit(0 if closed else 1)


def backup(database: str, target: Path) -> None:
    """Copy the database to a new file, also while a bot is using it. Blocks. Raises StorageError."""
    copy_database(Path(database), target)


@asynccontextmanager
async def serving(
    settings: Settings, clock: Clock = SYSTEM_CLOCK, adoption_grace: timedelta = ADOPTION_GRACE
) -> AsyncIterator[None]:
    """The whole bot, serving inside the block. Leaving it stops the intake first and the database last."""
    async with AsyncExitStack() as stack:
        for name in settings.readable_on_the_way:
            logger.warning("%s begins with http://: tokens can be read on their way there", name)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SLACK_SECONDS))
        )
        client = slack_client(settings, session)
        identity = await log_in(settings, client)

        database = Database(settings.database)
        await database.open()
        stack.push_async_callback(database.close)
        jobs, outbox = SqliteJobStore(database), SqliteOutbox(database, clock)
        chats, journal = SqliteChatStore(database, clock), SqliteAuditLog(database, clock)

        metrics = Metrics()
        options = replace(google_options(settings), watchers=metrics.google_hooks)
        backends = build_backends(settings.backends, options)
        for backend in backends.values():
            stack.push_async_callback(backend.close)
        profiles = {name: backend.profile for name, backend in backends.items()}
        downloads = await stack.enter_async_context(httpx.AsyncClient(timeout=30.0))
        slack_files = SlackFiles(client, downloads, reveal(settings.slack_bot_token), settings.own_slack_origin)
        gcs_files = build_gcs_files(options)
        stack.push_async_callback(gcs_files.close)
        files: Mapping[str, FileReader] = {"slack": slack_files, "gs": gcs_files}

        poster = Poster(client)
        app_token = reveal(settings.slack_app_token)
        socket = SocketMode(client, app_token, metrics) if app_token else None
        once = IdempotentPoster(poster, PostFinder(client), clock)
        notifier = SlackNotifier(poster, once, profiles, clock)
        sender = OutboxSender(
            outbox, jobs, MeasuredNotifier(notifier, metrics, socket.spoke if socket else None), clock
        )
        tuning = JobService(
            backends,
            jobs,
            chats,
            files,
            clock,
            sender.wake,
            adoption_grace,
            stuck_after=settings.stuck_after,
        )
        desk = DatasetCheck(files, SqliteReportCache(database, clock))
        proposals = Proposals(backends, jobs, desk, clock)
        chat = ChatService(backends, jobs, chats, journal)
        poller = Poller(tuning, jobs, clock, metrics, settings.poll_seconds)
        tasks = BackgroundTasks()

        pending_modal_store = SqlitePendingModals(database, clock)
        pending_modals = PendingModals(pending_modal_store, client, poster)
        forms = CheckModal(client, proposals, slack_files, poster, pending_modals)
        verbs = CommandRunner(tuning, chat, jobs, profiles, clock)
        asking = AnswerWorker(SqliteQuestions(database, clock), chat, clock)
        questions = Questions(asking, once, poster, client, tasks)
        app = AsyncApp(
            client=client,
            signing_secret=reveal(settings.slack_signing_secret) or None,
            # The acknowledgement leaves when the listener returns; Bolt's default looks for it every 10 ms.
            process_before_response=True,
        )
        register(
            app,
            Listeners(
                access=Access(identity),
                commands=Commands(forms, verbs, questions, poster, tasks),
                actions=Actions(
                    forms,
                    RepairUpload(DatasetRepair(files), proposals, slack_files, poster),
                    pending_modals,
                    tuning,
                    chat,
                    poster,
                    client,
                    tasks,
                ),
                submissions=Views(forms, proposals, tuning, questions, poster, tasks),
                shortcuts=Shortcuts(forms, tasks),
                events=Events(identity, verbs, questions, chat, poster, journal, tasks),
            ),
        )

        sender.start()
        stack.push_async_callback(sender.stop, SENDER_SECONDS)
        poller.start()
        token = TokenCheck(client)
        checking = asyncio.create_task(token.watch(), name="token check")
        stack.callback(checking.cancel)

        async def finish() -> None:
            await asyncio.gather(poller.stop(DRAIN_SECONDS), tasks.drain(DRAIN_SECONDS))

        stack.push_async_callback(finish)
        # What an earlier process left open is taken up before Slack brings anything new.
        for pending_modal in await pending_modal_store.left():
            tell = partial(poster.post_ephemeral, pending_modal.place, pending_modal.user)
            tasks.spawn(guarded(forms.take_up(pending_modal), tell), f"{pending_modal.kind} that was cut off")
        await questions.take_up()
        health = DatabaseHealth(database)

        async def measure() -> None:
            # That the database cannot be read is told by the health; the other numbers are good all the same.
            with suppress(StorageError):
                metrics.waiting(*await health.waiting(clock.now()))

        intake = HttpServer(
            settings, app, metrics, socket, health.problem, [poller.problem, token.problem], measure
        )
        await stack.enter_async_context(intake.serving())
        logger.info("serving workspace %s as %s", identity.team, identity.user)
        yield


def google_options(settings: Settings) -> BackendOptions:
    """What the backends need to know of the settings."""
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
        base_models=settings.base_models_by_backend,
    )
