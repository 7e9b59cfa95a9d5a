"""Tunes with Vertex AI, `v1`: tuning jobs on files in Cloud Storage, tuned models that endpoints serve.

Google chooses a job's id and CreateTuningJobRequest has no request id, so the job carries our key as a label, and
the bot searches for that label before it sends a create again.
Source: google/cloud/aiplatform/v1/genai_tuning_service.proto and prediction_service.proto.
"""

import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Final

from bot.backends.google.batching import READ_BY_NAME, page_limit, read_each
from bot.backends.google.cloud_storage import CloudStorage, GcsObject
from bot.backends.google.event_streams import read_events
from bot.backends.google.generation import content_answer, content_answers, contents
from bot.backends.google.generation_requests import content_request
from bot.backends.google.http import GoogleHttp
from bot.backends.google.json_fields import Json, integer, last_segment, text
from bot.backends.google.list_search import read_pages
from bot.backends.vertex.job_details import NO_DETAILS, JobDetailsReader
from bot.backends.vertex.job_search import JobSearch
from bot.backends.vertex.models import VertexModels
from bot.backends.vertex.rebasing import Rebasing, first_seen, is_operation, refused
from bot.backends.vertex.resource_names import VertexHosts, VertexName, published_model
from bot.backends.vertex.start_checks import PROJECTS_URL, VertexPlace, VertexStartChecks
from bot.backends.vertex.start_files import StartFiles
from bot.backends.vertex.tensorboard import TensorboardLosses
from bot.backends.vertex.tuning_job_wire import (
    LABEL,
    create_request,
    has_validation,
    job_state,
    operation,
    rebase_request,
    started_job,
)
from bot.domain.backend_profile import BackendProfile
from bot.domain.chat import Answer, Turn, TurnRole
from bot.domain.jobs import JobState, Snapshot, TuningJob, TuningSpec
from bot.domain.leftovers import StoredFile
from bot.domain.operations import Operation, Origin, StartedJob, TunedModel
from bot.errors import (
    AlreadyExists,
    BadArgument,
    BotError,
    GoogleUnavailable,
    NotFoundAtGoogle,
    OutcomeUnknown,
)
from bot.ports.backends import Prompt, RecordSent, TrainingData, TuningBackend
from bot.ports.diagnosis import Check

logger = logging.getLogger(__name__)

ROLES: Final = "the roles Vertex AI User (aiplatform.user) and Storage Object Admin"
_PAGE_SIZE: Final = 100
_POLL_PAGES_PER_THOUSAND: Final = 12
_JOB_PAGES: Final = 50
# A poll of many jobs reads the losses of every job that has ended and of so many running ones, those first whose
# losses were read longest ago.
_RUNNING_LOSSES_PER_POLL: Final = 2
# From so many jobs on, a poll reads five pages and more of the list, so it reads the losses of one job only.
_MANY_JOBS: Final = 500
_DETAILS_PER_POLL: Final = 1


class VertexBackend(TuningBackend):
    """Tunes with Vertex AI. It stores training files in `bucket`, given with or without `gs://`.

    The docstrings of its methods say only what they do beside what TuningBackend says of them.
    """

    def __init__(
        self,
        profile: BackendProfile,
        http: GoogleHttp,
        storage: CloudStorage,
        *,
        project: str,
        location: str,
        bucket: str,
        hosts: VertexHosts,
        projects_url: str = PROJECTS_URL,
        account: Callable[[], str] = lambda: "",
    ) -> None:
        self._profile = profile
        self._http = http
        self._storage = storage
        self._hosts = hosts
        self._parent = f"projects/{project}/locations/{location}"
        self._place = f"project {project}, region {location}"
        self._search = JobSearch(http, self._jobs_url)
        self._rebasing = Rebasing(http, hosts, self._search)
        self._location = location
        self._bucket = bucket.removeprefix("gs://").rstrip("/")
        self._files = StartFiles(storage, self._bucket)
        place = VertexPlace(project, location, self._bucket, profile.base_models, account, projects_url)
        self._start_checks = VertexStartChecks(http, storage, hosts, place)
        self._losses = TensorboardLosses(http, hosts)
        self._details = JobDetailsReader(http, hosts)
        self._models = VertexModels(profile.name, http, hosts, self._parent, partial(self._job_pages, _JOB_PAGES))

    @property
    def profile(self) -> BackendProfile:
        return self._profile

    async def close(self) -> None:
        await self._http.close()
        await self._storage.close()

    async def create(
        self, key: str, spec: TuningSpec, data: TrainingData, origin: Origin, record_sent: RecordSent
    ) -> Operation:
        """It stores the files first and deletes them if Google certainly started nothing.

        Google would start a second job with the same label, so the key is looked up before anything is stored:
        another process, with a copy of our database, may have used it. A tuned model is moved with the same file
        and the same label, by another method.
        """
        if await self._search.shows(key, labelled=not spec.moved_from):
            raise AlreadyExists("Google already has a job of this start.", "I follow that one.")
        stored: list[GcsObject] = []
        try:
            if data.pictures is not None:
                await self._files.store_pictures(data.pictures, key, stored, data.addresses)
            training = await self._files.store(data.training, key, "training", stored)
            validation = None
            if data.validation is not None:
                validation = await self._files.store(data.validation, key, "validation", stored)
            body = create_request(key, spec, training, validation, self._profile, origin)
            if spec.moved_from:
                url = f"{self._jobs_url()}:rebaseTunedModel"
                asked = rebase_request(spec, body)
                answer = await self._http.create(url, asked, record_sent=record_sent, makes=_is_made)
                return operation(first_seen(answer))
            created = await self._http.create(self._jobs_url(), body, record_sent=record_sent, makes=_is_made)
        except (OutcomeUnknown, AlreadyExists):
            # A job that runs at Google may read these files.
            raise
        except BotError as error:
            await self._files.discard(stored)
            if spec.moved_from:
                raise refused(error, spec) from error
            raise
        return operation(created)

    async def check_start(self) -> None:
        """The bucket must be in the location in which Vertex AI tunes."""
        await self._start_checks.check_api()
        await self._start_checks.check_bucket()

    def start_checks(self) -> Sequence[Check]:
        return self._start_checks.checks()

    async def stored_files(self) -> Sequence[StoredFile]:
        return await self._files.all()

    async def delete_stored_file(self, name: str) -> None:
        await self._files.delete(name)

    async def open_to(self, model: str, account: str) -> None:
        """Here IAM gives rights to a whole project."""
        raise BadArgument(f"{self._profile.title} has no rights for one model.", "Use IAM.")

    async def close_to(self, model: str, account: str) -> bool:
        raise BadArgument(f"{self._profile.title} has no rights for one model.", "Use IAM.")

    async def is_served(self, endpoint: str) -> bool:
        try:
            await self._http.read(self._hosts.url(endpoint))
        except NotFoundAtGoogle:
            return False
        return True

    async def tuned_model(self, resource: str) -> TunedModel | None:
        return await self._models.one(resource, self._location)

    async def find(self, key: str, *, thorough: bool = True) -> Operation | None:
        """It uses Google's filter first. Only the whole list proves that no such job exists."""
        job = await self._search.find(key, thorough=thorough)
        return None if job is None else operation(job)

    async def started_jobs(self) -> Sequence[StartedJob]:
        found = (started_job(key, job) for key, job in (await self._search.started()).items())
        return [started for started in found if started is not None]

    def where_to_look(self, key: str) -> str:
        return (
            f"In the Google Cloud console, open Vertex AI, Tuning, in {self._place}, and look for a job with the "
            f"label {LABEL}: {key}, or one that trains on a file in the folder {key} of the bucket."
        )

    async def poll(self, jobs: Sequence[TuningJob]) -> Mapping[str, Operation | BotError]:
        """Also reads the losses of some of the jobs, see `_jobs_to_read_losses`."""
        listed: dict[str, Json] = {}
        if len(jobs) > READ_BY_NAME:
            try:
                listed = await self._read_list(jobs)
            except BotError as error:
                return {job.key: error for job in jobs}
        rest = [job for job in jobs if job.key not in listed]
        read = {**listed, **await read_each(rest, self._read_job)}
        bodies = {key: body for key, body in read.items() if not isinstance(body, BotError)}
        chosen, detailed = self._jobs_to_read_losses(bodies), self._jobs_to_read_details(bodies)

        async def with_losses(job: TuningJob) -> Operation:
            body = bodies[job.key]
            name = text(body.get("name"))
            details = await self._details.read(name) if name in detailed else NO_DETAILS
            return operation(body, await self._read_losses(body) if job.key in chosen else (), details)

        polled = await read_each([job for job in jobs if job.key in bodies], with_losses)
        errors = {key: body for key, body in read.items() if isinstance(body, BotError)}
        return {**polled, **errors}

    async def cancel(self, job: TuningJob) -> None:
        """A move can be cancelled only after Google has made its tuning job."""
        name = job.operation
        if is_operation(name):
            name = text((await self._rebasing.job(job)).get("name"))
            if is_operation(name):
                raise GoogleUnavailable("Google has not made the tuning of this move yet.")
        await self._http.change("POST", self._hosts.url(name, ":cancel"), {})

    async def models(self) -> Sequence[TunedModel]:
        return await self._models.all()

    async def delete(self, model: TunedModel) -> None:
        await self._models.delete(model)

    async def generate(self, endpoint: str, prompt: Prompt) -> Answer:
        url = self._hosts.url(endpoint, ":generateContent")
        return content_answer(await self._http.ask(url, self._content_request(prompt)))

    def base_endpoint(self, base_model: str, endpoint: str) -> str:
        """The base model is asked in the same part of the world as the tuned one."""
        return published_model(base_model, VertexName.parse(endpoint))

    async def count_tokens(self, base_model: str, text: str) -> int:
        url = self._hosts.url(f"{self._parent}/publishers/google/models/{base_model}", ":countTokens")
        counted = await self._http.count(url, {"contents": contents([Turn(TurnRole.USER, text)])})
        return integer(counted.get("totalTokens")) or 0

    async def stream(self, endpoint: str, prompt: Prompt) -> AsyncGenerator[Answer, None]:
        url = self._hosts.url(endpoint, ":streamGenerateContent")
        events = read_events(self._http, url, self._content_request(prompt))
        async with aclosing(content_answers(events)) as answers:
            async for answer in answers:
                yield answer

    def _content_request(self, prompt: Prompt) -> Json:
        return content_request(prompt.turns, prompt.settings, self._profile.generation, prompt.base_model)

    async def _read_job(self, job: TuningJob) -> Json:
        if is_operation(job.operation):
            return await self._rebasing.job(job)
        return await self._http.read_resource(self._hosts.url(job.operation), job.operation)

    async def _read_list(self, jobs: Sequence[TuningJob]) -> dict[str, Json]:
        """Return the jobs that the list contains, by key."""
        named = [job for job in jobs if job.operation and not is_operation(job.operation)]
        wanted = {last_segment(job.operation): job.key for job in named}
        found: dict[str, Json] = {}
        limit = page_limit(len(jobs), _POLL_PAGES_PER_THOUSAND)
        async with aclosing(self._job_pages(limit)) as pages:
            async for page in pages:
                for body in page:
                    key = wanted.pop(last_segment(text(body.get("name"))), None)
                    if key is not None:
                        found[key] = body
                if not wanted:
                    break
        return found

    def _jobs_to_read_losses(self, bodies: Mapping[str, Json]) -> set[str]:
        """Return the keys of the jobs whose losses this poll reads."""
        states = {key: job_state(body) for key, body in bodies.items() if not is_operation(text(body.get("name")))}
        ended = {key for key, state in states.items() if state.ended}
        running = [key for key, state in states.items() if state is JobState.RUNNING]
        if len(bodies) > READ_BY_NAME:
            running.sort(key=lambda key: self._losses.last_read(text(bodies[key].get("name"))))
            running = running[: 1 if len(bodies) >= _MANY_JOBS else _RUNNING_LOSSES_PER_POLL]
        return ended.union(running)

    def _jobs_to_read_details(self, bodies: Mapping[str, Json]) -> set[str]:
        """Return the names of the jobs of which this poll reads what they wait for."""
        open_jobs = [text(body.get("name")) for body in bodies.values() if not job_state(body).ended]
        open_jobs = [name for name in open_jobs if not is_operation(name)]
        many = len(bodies) > READ_BY_NAME
        return self._details.due(open_jobs, _DETAILS_PER_POLL if many else len(open_jobs))

    async def _read_losses(self, body: Json) -> tuple[Snapshot, ...]:
        return await self._losses.read(
            text(body.get("name")),
            text(body.get("experiment")),
            validation=has_validation(body),
            final=job_state(body).ended,
        )

    def _jobs_url(self) -> str:
        return self._hosts.url(f"{self._parent}/tuningJobs")

    def _job_pages(self, limit: int) -> AsyncGenerator[list[Json], None]:
        return read_pages(self._http, self._jobs_url(), "tuningJobs", size=_PAGE_SIZE, limit=limit)


def _is_made(name: str) -> bool:
    """Return whether this is the name of a tuning job, or of an operation that makes one."""
    return "/tuningJobs/" in name or is_operation(name)
