"""The use cases over real stores and real backends, with Google's stand-in behind them and a clock that stands."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlite_utils import Database as Connection

from bot.backends import open_google
from bot.chat.chat_service import ChatService
from bot.chat.model_asking import exchange
from bot.domain.chat import ModelAnswer
from bot.domain.jobs import JobState, TuningJob
from bot.domain.place import Place, Requester
from bot.domain.requests import StartRequest
from bot.ports.backends import TuningBackend
from bot.ports.files import FileReader
from bot.ports.workers import Workers
from bot.sandbox.google import GoogleStandIn, Job, Limits
from bot.tuning.job_refresh import JobRefresher
from bot.tuning.job_service import JobService
from bot.tuning.proposals import Proposals
from handlers.assembly import UseCases
from storage import Stores, open_stores
from storage.conversations import SqliteChatStore, append_turns
from storage.database import Database
from storage.job_rows import job_row
from storage.jobs import SqliteJobStore
from storage.outbox import SqliteOutbox
from tests.support.backend_harness import BUCKET, options, rows
from tests.support.clock import FixedClock
from tests.support.lasting_workers import LASTING_WORKERS
from tests.support.ready_database import write_ready_database
from tests.support.workspace_people import build_open_use_cases

TEAM, ADA = "T1", "U1"
PLACE = Place(TEAM, "C1")
ASKED_BY_ADA = Requester(ADA, PLACE)
FILE = f"gs://{BUCKET}/numbers.jsonl"


@dataclass(slots=True)
class Harness:
    """Everything that `bot/app/` builds but what needs Slack, by the same functions."""

    google: GoogleStandIn
    clock: FixedClock
    stores: Stores
    backends: Mapping[str, TuningBackend]
    files: Mapping[str, FileReader]
    use_cases: UseCases
    workers: Workers
    wakes: list[None] = field(default_factory=list)

    @property
    def database(self) -> Database:
        return self.stores.database

    @property
    def jobs(self) -> SqliteJobStore:
        return self.stores.jobs

    @property
    def outbox(self) -> SqliteOutbox:
        return self.stores.outbox

    @property
    def chats(self) -> SqliteChatStore:
        return self.stores.chats

    @property
    def proposals(self) -> Proposals:
        return self.use_cases.proposals

    @property
    def tuning(self) -> JobService:
        return self.use_cases.jobs

    @property
    def refresher(self) -> JobRefresher:
        return self.use_cases.refresher

    @property
    def chat(self) -> ChatService:
        return self.use_cases.chat

    def store(self, content: bytes, location: str = FILE) -> str:
        """Put a training file into the bucket."""
        bucket, _, name = location.removeprefix("gs://").partition("/")
        self.google.buckets.put(bucket, name, content)
        return location

    async def accepted(self, name: str, backend: str = "vertex") -> TuningJob:
        """A job whose row is written and that Google has not heard of."""
        request = StartRequest(backend, name=name, file=FILE)
        checked = await self.proposals.check(PLACE, ADA, request)
        assert checked.proposal is not None, checked.report.findings
        job = await self.tuning.accept(TEAM, checked.proposal.id, ADA)
        assert job is not None
        return job

    async def started(self, name: str, backend: str = "vertex") -> TuningJob:
        """A job that Google runs."""
        job = await self.accepted(name, backend)
        await self.tuning.starts.submit(job)
        return await self.newest(job)

    async def tuned(self, name: str, backend: str = "vertex") -> TuningJob:
        """A job that succeeded."""
        job = await self.started(name, backend)
        self.at_google(job).finish()
        await self.refresher.poll(backend, [job])
        return await self.newest(job)

    async def answering(self, name: str, backend: str = "vertex") -> TuningJob:
        """A job that succeeded, and whose model was chosen for the channel."""
        job = await self.tuned(name, backend)
        await self.chat.use_job(ASKED_BY_ADA, job)
        return job

    async def forget_jobs(self) -> None:
        """Make the models as those that another program tuned: no job of ours made them."""

        def delete(connection: Connection) -> None:
            for table in ("outbox", "snapshots", "jobs"):
                connection.table(table).delete_where()

        await self.database.write(delete)

    async def newest(self, job: TuningJob) -> TuningJob:
        found = await self.jobs.job(job.key)
        assert found is not None
        return found

    def process(
        self,
        *,
        stores: Stores | None = None,
        backends: Mapping[str, TuningBackend] | None = None,
        files: Mapping[str, FileReader] | None = None,
        wake_sender: Callable[[], None] = lambda: None,
        **options: object,
    ) -> UseCases:
        """The use cases of another process, with what is given here in place of the harness's own."""
        return build_open_use_cases(
            self.stores if stores is None else stores,
            self.backends if backends is None else backends,
            self.files if files is None else files,
            self.clock,
            wake_sender,
            self.workers,
            **options,
        )

    def restarted(self) -> UseCases:
        """The use cases of a new process on the same database, which remembers nothing else."""
        return self.process(stores=replace(self.stores, jobs=SqliteJobStore(self.database)))

    async def forget_start(self, job: TuningJob, *, resumes: int = 0) -> None:
        """Make the row as it was before its start was sent, as a backup of the database does."""
        unsent = replace(job, state=JobState.SUBMITTING, operation="", tuned_model="", create_sent_at=None)
        accepted = replace(unsent, resumes=resumes)
        await self.database.write(lambda db: db.table("jobs").update(job.key, job_row(accepted)))

    async def keep(self, place: Place, question: str, answer: ModelAnswer) -> None:
        """What a settled question leaves behind."""
        kept = exchange(place, question, answer)
        await self.database.write(lambda connection: append_turns(connection, kept, self.clock.now()))

    def at_google(self, job: TuningJob) -> Job:
        """Google's own job."""
        return self.google.jobs.find(job.name)

    def creates(self) -> int:
        """How many starts were sent to Google."""
        return len(self.google.requests.matching(r"/(tunedModels|tuningJobs)(:rebaseTunedModel)?$", "POST"))

    async def due(self) -> list[str]:
        """What Slack must still be told, also what waits behind something else."""
        asked = "SELECT kind FROM outbox WHERE state = 'pending' ORDER BY id"
        return [str(row["kind"]) for row in await self.database.run(lambda db: list(db.query(asked)))]


@asynccontextmanager
async def open_harness(
    directory: Path, names: Sequence[str] = ("vertex", "gemini", "palm"), **others: object
) -> AsyncIterator[Harness]:
    """Open it; `names` are the backends that are offered, `others` change their BackendOptions."""
    async with AsyncExitStack() as stack:
        google = await stack.enter_async_context(
            GoogleStandIn(job_seconds=None, seed=3, limits=Limits(concurrent_vertex_jobs=50))
        )
        google.create_bucket(BUCKET)
        clock = FixedClock()
        database = write_ready_database(directory / "tunebot.db")
        stores = await stack.enter_async_context(open_stores(database, clock))
        opened = await stack.enter_async_context(open_google(names, options(google, **others)))
        wakes: list[None] = []
        made = Harness(
            google=google,
            clock=clock,
            stores=stores,
            backends=opened.backends,
            files={"gs": opened.files},
            use_cases=build_open_use_cases(
                stores, opened.backends, {"gs": opened.files}, clock, lambda: wakes.append(None), LASTING_WORKERS
            ),
            workers=LASTING_WORKERS,
            wakes=wakes,
        )
        made.store(rows(opened.backends[names[0]].profile.dialect) * 2)
        yield made
