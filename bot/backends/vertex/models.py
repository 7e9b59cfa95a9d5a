"""Lists the tuned models of Vertex AI that still exist, and deletes one with every endpoint that serves only it.

Google keeps the tuning jobs of deleted models, so only the model registry says which models exist.
Source: google/cloud/aiplatform/v1/{model_service,endpoint_service}.proto.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Final

from bot.backends.google.google_errors import job_failure
from bot.backends.google.http import GoogleHttp
from bot.backends.google.json_fields import Json, record, records, text
from bot.backends.google.list_search import read_pages
from bot.backends.vertex.resource_names import VertexHosts, VertexName
from bot.backends.vertex.tuning_job_wire import endpoints, origin, tuned_model
from bot.domain.backoff import Backoff
from bot.domain.operations import TunedModel
from bot.errors import BadArgument, GoogleError, GoogleUnavailable, NotFoundAtGoogle

_PAGE_SIZE: Final = 100
_MODEL_PAGES: Final = 50
_FIRST_WAIT: Final = 0.2
_LONGEST_WAIT: Final = 5.0
_OPERATION_SECONDS: Final = 180.0


class VertexModels:
    """Lists and deletes tuned models; `jobs` lists every tuning job, newest first."""

    def __init__(
        self,
        backend: str,
        http: GoogleHttp,
        hosts: VertexHosts,
        parent: str,
        jobs: Callable[[], AsyncGenerator[list[Json], None]],
    ) -> None:
        self._backend = backend
        self._http = http
        self._hosts = hosts
        self._parent = parent
        self._jobs = jobs

    async def all(self) -> Sequence[TunedModel]:
        """Return the tuned models that still exist, newest first."""
        registered = {_model_id(text(model.get("name"))) async for page in self._registry() for model in page}
        tuned = [tuned_model(self._backend, job) async for page in self._jobs() for job in page]
        existing = [model for model in tuned if model is not None and _model_id(model.resource) in registered]
        return sorted(
            existing, key=lambda model: model.created_at.timestamp() if model.created_at else 0.0, reverse=True
        )

    async def one(self, resource: str, location: str) -> TunedModel | None:
        """Return the model with this resource name, None if there is none.

        Google tunes a model again in its own location only:
        https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-use-continuous-tuning.
        Raises BadArgument for another kind of resource and for another location, GoogleError.
        """
        name = VertexName.parse(resource)
        if not name.rest.startswith("models/"):
            raise BadArgument(
                f"{resource!r} is not a tuned model.", "See the models with /tune models.", field="base_model"
            )
        if name.location != location:
            raise BadArgument(
                f"The model {resource!r} is in {name.location}, and Google tunes it again only there.",
                f"Choose a model in {location}, see /tune models.",
                field="base_model",
            )
        try:
            found = await self._http.read(self._hosts.url(str(name)))
        except NotFoundAtGoogle:
            return None
        return TunedModel(
            self._backend, text(found.get("name")), "", text(found.get("displayName")), origin=origin(found)
        )

    async def delete(self, model: TunedModel) -> None:
        """Delete each endpoint that serves only this model, then the model; a missing one is no error."""
        for endpoint in await self._endpoints(model):
            await self._delete_endpoint(endpoint, model)
        if model.resource:
            await self._delete_model(VertexName.parse(model.resource))

    async def _endpoints(self, model: TunedModel) -> list[str]:
        """Return the endpoints of a model: its own, those of its checkpoints, those that the registry lists."""
        names = [model.endpoint] if model.endpoint else []
        if model.resource:
            try:
                found = await self._http.read(self._hosts.url(model.resource))
            except NotFoundAtGoogle:
                pass
            else:
                names += [text(ref.get("endpoint")) for ref in records(found.get("deployedModels"))]
            async with aclosing(self._jobs()) as pages:
                async for page in pages:
                    producer = next((job for job in page if _produced(job, model.resource)), None)
                    if producer is not None:
                        names += endpoints(producer)
                        break
        unique: dict[str, str] = {}
        for name in names:
            # An endpoint's name may hold the project's id or its number.
            if name:
                unique.setdefault(VertexName.parse(name).location + VertexName.parse(name).rest, name)
        return list(unique.values())

    async def _delete_endpoint(self, name: str, model: TunedModel) -> None:
        try:
            endpoint = await self._http.read(self._hosts.url(name))
            serves_others = False
            for deployed in records(endpoint.get("deployedModels")):
                if model.resource and not _same_model(deployed, model.resource):
                    serves_others = True
                    continue
                body = {"deployedModelId": text(deployed.get("id"))}
                await self._wait_for(
                    await self._http.change("POST", self._hosts.url(name, ":undeployModel"), body)
                )
            if not serves_others:
                await self._wait_for(await self._http.change("DELETE", self._hosts.url(name)))
        except NotFoundAtGoogle:
            return

    async def _delete_model(self, name: VertexName) -> None:
        """Delete the version, or the whole model if it has no other: Google refuses to delete the last version."""
        url = self._hosts.url(name.unversioned)
        if await self._count_versions(name) > 1:
            url = self._hosts.url(str(name), ":deleteVersion")
        try:
            await self._wait_for(await self._http.change("DELETE", url))
        except NotFoundAtGoogle:
            return

    async def _count_versions(self, name: VertexName) -> int:
        """Return how many versions the model has, counting at most two."""
        if not name.version:
            return 1
        try:
            listed = await self._http.read(self._hosts.url(name.unversioned, ":listVersions"), {"pageSize": 2})
        except NotFoundAtGoogle:
            return 1
        return len(records(listed.get("models")))

    async def _wait_for(self, operation: Json) -> None:
        """Wait until a long-running operation ends. Raises GoogleError, GoogleUnavailable after 180 seconds."""
        backoff, reads = Backoff(_FIRST_WAIT), 0
        deadline = time.monotonic() + _OPERATION_SECONDS
        while operation.get("done") is not True and operation.get("name"):
            if time.monotonic() > deadline:
                raise GoogleUnavailable("Google has not finished the deletion yet.", "Try again in a few minutes.")
            await asyncio.sleep(backoff.pause(reads, _LONGEST_WAIT))
            reads += 1
            operation = await self._http.read(self._hosts.url(text(operation.get("name"))))
        if record(operation.get("error")):
            reason = job_failure(operation["error"])
            raise GoogleError(f"Google says: {reason.message}", reason.hint)

    def _registry(self) -> AsyncGenerator[list[Json], None]:
        url = self._hosts.url(f"{self._parent}/models")
        return read_pages(self._http, url, "models", size=_PAGE_SIZE, limit=_MODEL_PAGES)


def _model_id(resource: str) -> str:
    return resource.rpartition("/")[2].partition("@")[0]


def _same_model(deployed: Json, resource: str) -> bool:
    """Return whether a deployed model is this resource; versions are compared where both are known."""
    deployed_name = text(deployed.get("model"))
    if _model_id(deployed_name) != _model_id(resource):
        return False
    version = deployed_name.partition("@")[2] or text(deployed.get("modelVersionId"))
    wanted = resource.partition("@")[2]
    return not version or not wanted or version == wanted


def _produced(job: Json, resource: str) -> bool:
    return text(record(job.get("tunedModel")).get("model")) == resource
