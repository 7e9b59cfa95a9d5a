"""The sender, the notifier and the outbox as they are wired, before Slack's stand-in."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from slack_sdk.web.async_client import AsyncWebClient

from bot.backends import PROFILES
from bot.backends.profiles import VERTEX
from bot.delivery.outbox_sender import OutboxSender
from bot.domain.backoff import Backoff
from bot.domain.jobs import Failure, JobState, TuningJob
from bot.domain.place import Place
from bot.domain.requests import Proposal
from bot.ports.job_store import Change
from bot.ports.notifier import NoticeKind
from bot.runtime.clocks import SYSTEM_CLOCK
from bot.sandbox.slack import Channel, Message, Person, SlackStandIn, WebCall
from bot.settings import Settings
from bot.spending.price_table import read_price_table
from handlers.delivery.job_notifier import JobNotifier
from handlers.delivery.poster import Poster
from handlers.delivery.rate_limits import RateLimits
from handlers.transport.manifest import manifest
from handlers.transport.slack_connection import SlackConnection, open_slack
from storage import Stores, open_stores
from storage.database import Database
from storage.jobs import SqliteJobStore
from tests.support.builders import SPEC
from tests.support.ready_database import write_ready_database
from tests.support.waiting import DEADLINE_SECONDS, wait_until

CARD, ENDED = NoticeKind.CARD, NoticeKind.ENDED
SETTLES_IN = timedelta(seconds=0.2)
SHORT_BACKOFF = Backoff(first=0.02, longest=0.2, while_down=0.1, after_fault=0.2)


@dataclass
class SlackHarness:
    """One workspace, one channel in it where Ada started tunings, and all that sends notices about them."""

    slack: SlackStandIn
    ada: Person
    channel: Channel
    connection: SlackConnection
    stores: Stores
    sender: OutboxSender
    renew: Callable[[], OutboxSender]

    @property
    def client(self) -> AsyncWebClient:
        return self.connection.client

    @property
    def poster(self) -> Poster:
        return self.connection.poster

    @property
    def jobs(self) -> SqliteJobStore:
        return self.stores.jobs

    @property
    def database(self) -> Database:
        return self.stores.database

    def restart(self) -> None:
        """Another process takes over: it knows what is in the database."""
        self.sender = self.renew()

    async def add(
        self, name: str, *kinds: NoticeKind, channel: Channel | None = None, card: str = "", thread: str = ""
    ) -> None:
        """A job that runs, and that began in this process."""
        place = Place(self.slack.workspace.team_id, (channel or self.channel).id, thread)
        job = TuningJob(
            key=name,
            place=place,
            owner=self.ada.id,
            spec=replace(SPEC, name=name),
            state=JobState.RUNNING,
            created_at=datetime.now(UTC),
            card=card,
        )
        await self.jobs.add_proposal(Proposal(name, place, job.owner, job.spec, job.created_at))
        await self.jobs.submit(job, kinds or [CARD])

    async def move(self, name: str, step: int) -> None:
        """The job shows a new step."""
        await self.jobs.change(name, lambda job: Change(replace(job, completed_steps=step), notices=[CARD]))

    async def end(self, name: str, state: JobState = JobState.SUCCEEDED) -> None:
        """The job ends."""
        failure = Failure(3, "The data is no good.") if state is JobState.FAILED else None
        await self.jobs.change(
            name,
            lambda job: Change(
                replace(job, state=state, failure=failure, ended_at=datetime.now(UTC), endpoint="endpoints/1"),
                notices=[CARD, ENDED],
            ),
        )

    async def job(self, name: str) -> TuningJob:
        found = await self.jobs.job(name)
        assert found is not None
        return found

    async def pending(self) -> int:
        """How many notices wait, but for the cards that stayed in another channel."""
        asked = "SELECT count(*) AS number FROM outbox WHERE state = 'pending' AND kind <> 'old_card'"
        return await self.database.run(lambda db: int(next(db.query(asked))["number"]))

    async def all_sent(self, within: float = DEADLINE_SECONDS) -> None:
        """Wait until no notice is pending."""

        async def nothing_pending() -> bool:
            self.sender.wake()
            return not await self.pending()

        await wait_until(nothing_pending, "the last notice", within)

    async def refused_twice(self, kind: NoticeKind | None = None) -> None:
        """Wait until Slack has refused one message twice in a row for a reason that is final if it lasts.

        Where several wait, `kind` says which one.
        """
        of_kind = "" if kind is None else f" AND kind = '{kind}'"
        asked = (
            f"SELECT max(refusals) AS most FROM (SELECT refusals FROM outbox WHERE state = 'pending'{of_kind}"
            " UNION ALL SELECT refusals FROM questions)"
        )

        async def twice() -> bool:
            self.sender.wake()
            most = await self.database.run(lambda db: next(db.query(asked))["most"])
            return most is not None and int(most) >= 2

        await wait_until(twice, "two refusals")

    async def time_passes(self, **time: float) -> None:
        """Let the first refusals lie further in the past, and make every notice due."""
        micros = timedelta(**time) // timedelta(microseconds=1)
        for table in ("outbox", "questions"):
            earlier = f"UPDATE {table} SET first_refused_at = first_refused_at - {micros}"
            await self.database.write(lambda db, earlier=earlier: db.execute(earlier))  # type: ignore[misc]
        await self.database.write(lambda db: db.execute("UPDATE outbox SET due_at = 0"))

    async def until(self, probe: Callable[[], object], within: float = DEADLINE_SECONDS) -> None:
        """Wait for something that may be seen in Slack, or in its log."""
        await self.slack.workspace.wait_for(lambda: True if probe() else None, within)

    def messages(self, *words: str) -> list[Message]:
        """Return the posts of the bot that have all these words, oldest first."""
        return [
            message
            for message in self.slack.workspace.messages()
            if message.bot_id and all(word in message.text for word in words)
        ]

    def calls(self, method: str) -> list[WebCall]:
        return [call for call in self.slack.workspace.calls if call.method == method]


def slack_settings(api_url: str, bot_token: str) -> Settings:
    """The settings of a bot that calls this Slack; what else it would need is not used."""
    return Settings.read(
        {
            "SLACK_BOT_TOKEN": bot_token,
            "SLACK_SIGNING_SECRET": "unused",
            "SLACK_API_URL": api_url,
            "TUNEBOT_BACKENDS": "palm",
        }
    )


@asynccontextmanager
async def open_slack_harness(
    directory: Path,
    *,
    limits: RateLimits | None = None,
    slack: SlackStandIn | None = None,
    backoff: Backoff = SHORT_BACKOFF,
    seconds: float = 2.0,
) -> AsyncIterator[SlackHarness]:
    """Open it; `seconds` is how long the posters wait for an answer."""
    async with slack or SlackStandIn(manifest=manifest()) as slack, AsyncExitStack() as stack:
        ada = slack.person("ada")
        connection = await stack.enter_async_context(
            open_slack(
                slack_settings(slack.api_url, slack.app.bot_token),
                SYSTEM_CLOCK,
                limits=limits or RateLimits(post_seconds=0.01, edits=1000, edit_seconds=1.0),
                call_seconds=seconds,
                settles_in=SETTLES_IN,
            )
        )
        database = write_ready_database(directory / "tunebot.db")
        stores = await stack.enter_async_context(open_stores(database, SYSTEM_CLOCK))

        def renew() -> OutboxSender:
            notifier = JobNotifier(
                connection.poster,
                connection.idempotent_poster,
                {"vertex": VERTEX},
                SYSTEM_CLOCK,
                read_price_table(),
                stores.jobs,
                connection.members,
                PROFILES,
            )
            return OutboxSender(stores.outbox, stores.jobs, notifier, SYSTEM_CLOCK, backoff)

        made = SlackHarness(
            slack=slack,
            ada=ada,
            channel=slack.add_channel("tuning", ada),
            connection=connection,
            stores=stores,
            sender=renew(),
            renew=renew,
        )
        try:
            yield made
        finally:
            await made.sender.stop(1.0)
