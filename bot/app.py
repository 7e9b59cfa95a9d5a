"""Builds the bot, wires every room to its ports, runs it, and takes it down in order.

The only module that knows all three packages; only the command imports it.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Final

import aiohttp
import httpx
from slack_bolt.app.async_app import AsyncApp

from bot.backends import BackendOptions, build_backends, build_gcs_files
from bot.chat import Chat
from bot.desk import DatasetDesk
from bot.poller import Poller
from bot.ports import FileReader
from bot.proposals import Proposals
from bot.repairs import Repairs
from bot.sender import Sender
from bot.settings import Settings, reveal
from bot.tasks import Tasks
from bot.tuning import Tuning
from handlers import Surfaces, register
from handlers.access import Access
from handlers.actions import Actions
from handlers.commands import Commands
from handlers.events import Events
from handlers.files import SlackFiles
from handlers.forms import Forms
from handlers.intake import intake
from handlers.login import log_in, slack_client
from handlers.notifier import SlackNotifier
from handlers.poster import Poster
from handlers.questions import Questions
from handlers.repairs import RepairDesk
from handlers.shortcuts import Shortcuts
from handlers.submissions import Submissions
from handlers.verbs import Verbs
from storage.audit import SqliteJournal
from storage.conversations import SqliteChatStore
from storage.database import Database
from storage.datasets import SqliteDatasetMemory
from storage.jobs import SqliteJobStore
from storage.outbox import SqliteOutbox

logger = logging.getLogger(__name__)

DRAIN_SECONDS: Final = 4.0  # twice this, and a container that is killed after ten seconds still ends by itself


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)


async def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM. Raises BotError if it cannot begin."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with serving(settings):
        await stop.wait()
        logger.info("stopping: no new requests, finishing what runs")
    logger.info("stopped")


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[None]:
    """The whole bot, serving inside the block. Leaving it stops the intake first and the database last."""
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        session = await stack.enter_async_context(aiohttp.ClientSession())
        client = slack_client(settings, session)
        identity = await log_in(settings, client)

        database = Database(settings.database)
        await database.open()
        stack.push_async_callback(database.close)
        jobs, outbox = SqliteJobStore(database), SqliteOutbox(database, clock)
        chats, journal = SqliteChatStore(database, clock), SqliteJournal(database, clock)

        options = google_options(settings)
        backends = build_backends(settings.backends, options)
        for backend in backends.values():
            stack.push_async_callback(backend.close)
        profiles = {name: backend.profile for name, backend in backends.items()}
        downloads = await stack.enter_async_context(httpx.AsyncClient(timeout=30.0))
        slack_files = SlackFiles(client, downloads, reveal(settings.slack_bot_token), settings.own_slack_host)
        gcs_files = build_gcs_files(options)
        stack.push_async_callback(gcs_files.close)
        files: Mapping[str, FileReader] = {"slack": slack_files, "gs": gcs_files}

        poster = Poster(client)
        sender = Sender(outbox, jobs, SlackNotifier(poster, profiles, clock), clock)
        tuning = Tuning(backends, jobs, chats, journal, files, clock, sender.wake)
        desk = DatasetDesk(files, SqliteDatasetMemory(database, clock))
        proposals = Proposals(backends, jobs, desk, clock)
        chat = Chat(backends, jobs, chats, journal)
        poller = Poller(tuning, jobs, settings.poll_seconds)
        tasks = Tasks()

        forms = Forms(client, proposals, slack_files, poster)
        verbs = Verbs(tuning, chat, jobs, profiles, clock)
        questions = Questions(chat, poster, client)
        app = AsyncApp(
            client=client,
            signing_secret=reveal(settings.slack_signing_secret) or None,
            # The acknowledgement leaves when the listener returns; Bolt's default looks for it every 10 ms.
            process_before_response=True,
        )
        register(
            app,
            Surfaces(
                access=Access(identity),
                commands=Commands(forms, verbs, questions, chat, tasks),
                actions=Actions(
                    forms,
                    RepairDesk(Repairs(files), proposals, slack_files, poster),
                    tuning,
                    chat,
                    poster,
                    client,
                    tasks,
                ),
                submissions=Submissions(forms, proposals, tuning, questions, poster, tasks),
                shortcuts=Shortcuts(forms, tasks),
                events=Events(identity, verbs, questions, chat, poster, journal, tasks),
            ),
        )

        sender.start()
        stack.push_async_callback(sender.stop, DRAIN_SECONDS)
        poller.start()
        stack.push_async_callback(poller.stop)
        stack.push_async_callback(tasks.drain, DRAIN_SECONDS)
        await stack.enter_async_context(intake(settings, app))
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
