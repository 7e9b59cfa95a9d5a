"""A backend with the Google stand-in that it talks to, and the check of its requests by Google's descriptions."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import unquote

from bot.backends import BackendOptions, RetryPolicy, build_backends
from bot.domain.datasets import Dataset, Dialect
from bot.domain.jobs import Hyperparameters, JobState, TuningJob, TuningSpec
from bot.domain.operations import Operation, Origin
from bot.domain.place import Place
from bot.ports.backends import TrainingData, TuningBackend
from bot.sandbox.google import GoogleStandIn, Job
from bot.sandbox.google.request_log import Received
from tests.outside import discovery, protos

BUCKET = "sandbox-bucket"
KEY = "tb-abcdefghijklmnopqrstuvwxyz"
ORIGIN = Origin("0123456789abcdef", "T1", "C1", "U1")
TOKEN_PATHS = ("/token", "/v1/token", "/", "/computeMetadata/v1/instance/service-accounts/default/token")
PAIRS = [
    ("1", "2"),
    ("3", "4"),
    ("-3", "-2"),
    ("twenty two", "twenty three"),
    ("8", "9"),
    ("thirteen", "fourteen"),
]
BASES = {"vertex": "gemini-3.5-flash", "gemini": "gemini-1.0-pro-001", "palm": "text-bison-001"}
# Short waits, so that tests are fast, with every mechanism of the real policy.
RETRY_POLICY = RetryPolicy(
    answer=2.0, generation=2.0, connect=2.0, attempts=3, first_wait=0.01, longest_wait=0.05, all_attempts=5.0
)


SHORT_TIMEOUTS = replace(RETRY_POLICY, generation=0.3, answer=0.3)


def key(number: int) -> str:
    """A job key as the bot makes them."""
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    return f"tb-{'a' * 22}{letters[number // 1024]}{letters[number // 32 % 32]}{letters[number % 32]}q"


def rows(dialect: Dialect, pairs: Sequence[tuple[str, str]] = PAIRS) -> bytes:
    """The pairs as JSONL."""

    def row(question: str, answer: str) -> object:
        if dialect is Dialect.VERTEX:
            turns = [("user", question), ("model", answer)]
            return {"contents": [{"role": role, "parts": [{"text": text}]} for role, text in turns]}
        return {"text_input": question, "output": answer}

    return b"".join(json.dumps(row(*pair)).encode() + b"\n" for pair in pairs)


async def chunks(content: bytes, size: int = 37) -> AsyncIterator[bytes]:
    """The content in chunks that end anywhere."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def nothing_recorded() -> None:
    """A `record_sent` that stores nothing."""


@dataclass(slots=True)
class BackendHarness:
    """One backend and its Google."""

    name: str
    google: GoogleStandIn
    backend: TuningBackend

    def spec(self, name: str = "numbers", base: str = "", chosen: Hyperparameters | None = None) -> TuningSpec:
        profile = self.backend.profile
        training = Dataset(
            location="slack:F1",
            name="n.jsonl",
            sha256="0" * 64,
            size=1,
            examples=len(PAIRS),
            dialect=profile.dialect,
        )
        return TuningSpec(
            backend=self.name,
            base_model=base or BASES[self.name],
            name=name,
            hyperparameters=chosen or Hyperparameters(epochs=3),
            training=training,
        )

    def data(self, validation: bool = False) -> TrainingData:
        content = rows(self.backend.profile.dialect)
        return TrainingData(training=chunks(content), validation=chunks(content) if validation else None)

    async def start(self, key: str, spec: TuningSpec, data: TrainingData) -> Operation:
        """Create a job; nobody keeps that the request was sent."""
        return await self.backend.create(key, spec, data, ORIGIN, nothing_recorded)

    async def create(
        self, number: int = 0, spec: TuningSpec | None = None, *, validation: bool = False
    ) -> TuningJob:
        """Start a job and write it down as the use cases do."""
        spec = spec or self.spec(f"numbers {number}")
        operation = await self.start(key(number), spec, self.data(validation))
        return job_of(key(number), spec, operation)

    async def poll_one(self, job: TuningJob) -> Operation:
        """Poll one job; an error is raised."""
        polled = (await self.backend.poll([job]))[job.key]
        if not isinstance(polled, Operation):
            raise polled
        return polled

    async def trained(
        self, number: int = 0, spec: TuningSpec | None = None, *, validation: bool = False
    ) -> TuningJob:
        """A job that has succeeded."""
        job = await self.create(number, spec, validation=validation)
        self.standin_job(job).finish()
        return job_of(job.key, job.spec, await self.poll_one(job))

    def standin_job(self, job: TuningJob) -> Job:
        """The stand-in's own job behind one of ours."""
        return self.google.jobs.find(job.key if self.name != "vertex" else job.operation)

    def creates(self) -> list[Received]:
        """The requests that would start a job."""
        return self.google.requests.matching(r"/(tunedModels|tuningJobs)$", "POST")


def job_of(key: str, spec: TuningSpec, operation: Operation) -> TuningJob:
    """Our record of a job after a look at it."""
    job = TuningJob(
        key=key,
        place=Place("T1", "C1"),
        owner="U1",
        spec=spec,
        state=JobState.SUBMITTING,
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
    )
    return replace(
        job,
        state=operation.state,
        operation=operation.name,
        tuned_model=operation.tuned_model,
        endpoint=operation.endpoint,
        total_steps=operation.total_steps,
        completed_steps=operation.completed_steps,
    )


def options(google: GoogleStandIn, **others: object) -> BackendOptions:
    """What the settings would say to reach the stand-in."""
    known = BackendOptions(
        project=google.project,
        bucket=BUCKET,
        access_token=google.issue_token(),
        vertex_url=google.url,
        genai_url=google.url,
        storage_url=google.url,
        gs_prefixes=(f"gs://{BUCKET}",),
        retry_policy=RETRY_POLICY,
        # Many tests start jobs side by side; those of the queue set a number.
        tunings_at_once={"vertex": 0},
    )
    return replace(known, **others)  # type: ignore[arg-type]


def open_backend(name: str, google: GoogleStandIn, **others: object) -> BackendHarness:
    return BackendHarness(name, google, build_backends([name], options(google, **others))[name])


def check_request(entry: Received) -> None:
    """Hold one request against Google's own descriptions. Raises Mismatch."""
    path = unquote(entry.path)
    if path.startswith("/v1/projects/"):
        discovery.vertex().check_request(entry.method, entry.path, entry.body, entry.query)
    elif path.startswith("/v1beta1/projects/"):
        discovery.vertex("v1beta1").check_request(entry.method, entry.path, entry.body, entry.query)
    elif path.startswith(("/v1beta3/", "/v1beta/", "/v1/tunedModels/")):
        protos.check_request(entry.method, path, entry.body, entry.query)
    elif path.startswith("/storage/"):
        discovery.cloud_storage().check_request(entry.method, entry.path, entry.body, entry.query)
    elif path.startswith("/upload/storage/"):
        # A session's address is Google's own; only the request that begins it is ours.
        if entry.method == "POST":
            known = {"uploadType", "name"}
            assert set(entry.query) == known, f"an upload takes {known}, not {set(entry.query)}"
    else:
        assert path in TOKEN_PATHS, path
