"""Vertex AI, `v1`: tuning jobs on files in Cloud Storage, models behind endpoints of their own.

Google chooses a job's id and has no idempotent create, so the job carries our key as a label and is looked for by
it before anything is sent again.
"""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Final

from bot.backends.google.batching import BY_NAME, gathered, pages_of_round
from bot.backends.google.cloud_storage import CloudStorage, GcsObject
from bot.backends.google.generation import content_answer, content_answers, contents
from bot.backends.google.http import GoogleHttp
from bot.backends.google.json_fields import Json, last_segment, record, text, whole
from bot.backends.vertex.models import VertexModels
from bot.backends.vertex.resource_names import VertexHosts
from bot.backends.vertex.tensorboard import VertexLosses
from bot.backends.vertex.tuning_job_wire import LABEL, create_request, has_validation, job_state, operation
from bot.domain.backend_profile import BackendProfile
from bot.domain.chat import Answer, Role, Turn
from bot.domain.jobs import JobState, Operation, TunedModel, TuningJob, TuningSpec
from bot.errors import BotError, InvalidRequest, OutcomeUnknown
from bot.ports.backends import TrainingData

logger = logging.getLogger(__name__)

ROLES: Final = "the roles Vertex AI User (aiplatform.user) and Storage Object Admin"
_PAGE_SIZE: Final = 100
_MOST_PAGES_OF_ROUND: Final = 12
_MOST_PAGES: Final = 50
# In a round over many jobs, so many get new losses; who waited longest comes first, and who ended always does.
_LOSSES_A_ROUND: Final = 2


class VertexBackend:
    """`bucket` is where training files go; it may be written with or without `gs://`."""

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
    ) -> None:
        self._profile = profile
        self._http = http
        self._storage = storage
        self._hosts = hosts
        self._parent = f"projects/{project}/locations/{location}"
        self._bucket = bucket.removeprefix("gs://").rstrip("/")
        self._losses = VertexLosses(http, hosts)
        self._models = VertexModels(profile.name, http, hosts, self._parent, self._all_jobs)

    @property
    def profile(self) -> BackendProfile:
        return self._profile

    async def close(self) -> None:
        await self._http.close()
        await self._storage.close()

    async def create(self, key: str, spec: TuningSpec, data: TrainingData) -> Operation:
        """See TuningBackend. The files are stored first and deleted again if Google certainly did not start."""
        stored: list[GcsObject] = []
        try:
            training = await self._stored(data.training, key, "training", stored)
            validation = None
            if data.validation is not None:
                validation = await self._stored(data.validation, key, "validation", stored)
            body = create_request(key, spec, training, validation, self._profile)
            created = await self._http.create(self._hosts.url(f"{self._parent}/tuningJobs"), body)
        except OutcomeUnknown:
            raise
        except BotError:
            await self._discard(stored)
            raise
        return operation(created)

    async def find(self, key: str) -> Operation | None:
        """See TuningBackend. Google's filter is tried first, but only the whole list is believed to lack a job."""
        try:
            job = await _labelled(self._job_pages(_MOST_PAGES, {"filter": f'labels.{LABEL}="{key}"'}), key)
        except InvalidRequest as error:
            logger.info("Google does not filter tuning jobs by label: %s", error.message)
            job = None
        job = job or await _labelled(self._all_jobs(), key)
        return operation(job) if job else None

    async def poll(self, jobs: Sequence[TuningJob]) -> Mapping[str, Operation | BotError]:
        """See TuningBackend; losses come along for as many jobs as a round has requests for."""
        listed: dict[str, Json] = {}
        if len(jobs) > BY_NAME:
            try:
                listed = await self._listed(jobs)
            except BotError as error:
                return {job.key: error for job in jobs}
        rest = [job for job in jobs if job.key not in listed]
        seen = {**listed, **await gathered(rest, self._look)}
        bodies = {key: body for key, body in seen.items() if not isinstance(body, BotError)}
        chosen = self._whose_losses(bodies)

        async def whole_look(job: TuningJob) -> Operation:
            body = bodies[job.key]
            return await self._with_losses(body) if job.key in chosen else operation(body)

        looked = await gathered([job for job in jobs if job.key in bodies], whole_look)
        errors = {key: body for key, body in seen.items() if isinstance(body, BotError)}
        return {**looked, **errors}

    async def cancel(self, job: TuningJob) -> None:
        """See TuningBackend."""
        await self._http.change("POST", self._hosts.url(job.operation, ":cancel"), {})

    async def models(self) -> Sequence[TunedModel]:
        """See TuningBackend."""
        return await self._models.all()

    async def delete(self, model: TunedModel) -> None:
        """See TuningBackend."""
        await self._models.delete(model)

    async def generate(self, endpoint: str, turns: Sequence[Turn]) -> Answer:
        """See TuningBackend."""
        url = self._hosts.url(endpoint, ":generateContent")
        return content_answer(await self._http.ask(url, {"contents": contents(turns)}))

    async def count_tokens(self, base_model: str, text: str) -> int:
        """See TuningBackend."""
        url = self._hosts.url(f"{self._parent}/publishers/google/models/{base_model}", ":countTokens")
        counted = await self._http.ask(url, {"contents": contents([Turn(Role.USER, text)])})
        return whole(counted.get("totalTokens")) or 0

    async def stream(self, endpoint: str, turns: Sequence[Turn]) -> AsyncIterator[Answer]:
        """See TuningBackend."""
        url = self._hosts.url(endpoint, ":streamGenerateContent")
        pieces = self._http.pieces(url, {"contents": contents(turns)})
        async with aclosing(content_answers(pieces)) as answers:
            async for answer in answers:
                yield answer

    async def _stored(self, rows: AsyncIterator[bytes], key: str, kind: str, stored: list[GcsObject]) -> str:
        """The address of the rows in our bucket."""
        target = GcsObject(self._bucket, f"tunebot/{key}/{kind}.jsonl")
        await self._storage.upload(target, rows)
        stored.append(target)
        return str(target)

    async def _discard(self, stored: Sequence[GcsObject]) -> None:
        for target in stored:
            try:
                await self._storage.delete(target)
            except BotError as error:
                # The refusal of the job is what people need to hear; a file left over harms nobody.
                logger.warning("%s could not be deleted: %s", target, error)

    async def _look(self, job: TuningJob) -> Json:
        return await self._http.read(self._hosts.url(job.operation))

    async def _listed(self, jobs: Sequence[TuningJob]) -> dict[str, Json]:
        """The jobs that the list shows, by key."""
        wanted = {last_segment(job.operation): job.key for job in jobs if job.operation}
        seen: dict[str, Json] = {}
        limit = pages_of_round(len(jobs), _MOST_PAGES_OF_ROUND)
        async with aclosing(self._job_pages(limit)) as pages:
            async for page in pages:
                for body in page:
                    key = wanted.pop(last_segment(text(body.get("name"))), None)
                    if key is not None:
                        seen[key] = body
                if not wanted:
                    break
        return seen

    def _whose_losses(self, bodies: Mapping[str, Json]) -> set[str]:
        """The keys of the jobs whose losses are read in this round."""
        states = {key: job_state(body) for key, body in bodies.items()}
        ended = {key for key, state in states.items() if state.ended}
        running = [key for key, state in states.items() if state is JobState.RUNNING]
        if len(bodies) > BY_NAME:
            running.sort(key=lambda key: self._losses.last_read(text(bodies[key].get("name"))))
            running = running[:_LOSSES_A_ROUND]
        return ended.union(running)

    async def _with_losses(self, body: Json) -> Operation:
        losses = await self._losses.read(
            text(body.get("name")),
            text(body.get("experiment")),
            validation=has_validation(body),
            final=job_state(body).ended,
        )
        return operation(body, losses)

    def _all_jobs(self) -> AsyncGenerator[list[Json], None]:
        return self._job_pages(_MOST_PAGES)

    def _job_pages(self, limit: int, params: Mapping[str, str] | None = None) -> AsyncGenerator[list[Json], None]:
        url = self._hosts.url(f"{self._parent}/tuningJobs")
        return self._http.pages(url, "tuningJobs", size=_PAGE_SIZE, limit=limit, params=params)


async def _labelled(pages: AsyncGenerator[list[Json], None], key: str) -> Json | None:
    """The job that carries our key, whatever a filter let through."""
    async with aclosing(pages):
        async for page in pages:
            for job in page:
                if record(job.get("labels")).get(LABEL) == key:
                    return job
    return None
