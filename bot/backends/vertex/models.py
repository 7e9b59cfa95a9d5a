"""Tuned models on Vertex AI: which ones still exist, and taking one down with everything that serves it.

Google keeps tuning jobs for ever, so a deleted model still shows in them; the model registry tells which are left.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Final

from bot.backends.google.google_errors import failure
from bot.backends.google.http import GoogleHttp
from bot.backends.google.json_fields import Json, record, records, text
from bot.backends.vertex.resource_names import VertexHosts, VertexName
from bot.backends.vertex.tuning_job_wire import endpoints, tuned_model
from bot.domain.jobs import TunedModel
from bot.errors import GoogleError, GoogleUnavailable, NotFoundAtGoogle

_PAGE_SIZE: Final = 100
_MOST_PAGES: Final = 50
_FIRST_WAIT: Final = 0.2
_LONGEST_WAIT: Final = 5.0
_OPERATION_SECONDS: Final = 180.0


class VertexModels:
    """`jobs` lists every tuning job, newest first."""

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
        """The tuned models that still exist, newest first."""
        living = {_model_id(text(model.get("name"))) async for page in self._registry() for model in page}
        tuned = [tuned_model(self._backend, job) async for page in self._jobs() for job in page]
        left = [model for model in tuned if model is not None and _model_id(model.resource) in living]
        return sorted(
            left, key=lambda model: model.created_at.timestamp() if model.created_at else 0.0, reverse=True
        )

    async def delete(self, model: TunedModel) -> None:
        """Take down each endpoint that serves only this model, then the model; what is gone is no error."""
        for endpoint in await self._serving(model):
            await self._take_down(endpoint, model)
        if model.resource:
            await self._delete_model(VertexName.parse(model.resource))

    async def _serving(self, model: TunedModel) -> list[str]:
        """The endpoints of a model: its own, those of its checkpoints, and whatever else the registry knows."""
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
                    made = next((job for job in page if _made(job, model.resource)), None)
                    if made is not None:
                        names += endpoints(made)
                        break
        unique: dict[str, str] = {}
        for name in names:
            # The same endpoint may be named by the project's id or by its number.
            if name:
                unique.setdefault(VertexName.parse(name).location + VertexName.parse(name).rest, name)
        return list(unique.values())

    async def _take_down(self, name: str, model: TunedModel) -> None:
        try:
            endpoint = await self._http.read(self._hosts.url(name))
            others = False
            for deployed in records(endpoint.get("deployedModels")):
                if model.resource and not _same_model(deployed, model.resource):
                    others = True
                    continue
                body = {"deployedModelId": text(deployed.get("id"))}
                await self._finished(
                    await self._http.change("POST", self._hosts.url(name, ":undeployModel"), body)
                )
            if not others:
                await self._finished(await self._http.change("DELETE", self._hosts.url(name)))
        except NotFoundAtGoogle:
            return

    async def _delete_model(self, name: VertexName) -> None:
        """Delete the version, or the whole model where it is the only one: Google does not delete the last."""
        whole = self._hosts.url(name.unversioned)
        one = self._hosts.url(str(name), ":deleteVersion") if await self._versions(name) > 1 else whole
        try:
            await self._finished(await self._http.change("DELETE", one))
        except NotFoundAtGoogle:
            return

    async def _versions(self, name: VertexName) -> int:
        """How many versions of the model there are, as far as that matters: one, or more than one."""
        if not name.version:
            return 1
        try:
            listed = await self._http.read(self._hosts.url(name.unversioned, ":listVersions"), {"pageSize": 2})
        except NotFoundAtGoogle:
            return 1
        return len(records(listed.get("models")))

    async def _finished(self, operation: Json) -> None:
        """Wait for a long-running operation. Raises why it failed, GoogleUnavailable if it takes too long."""
        wait = _FIRST_WAIT
        deadline = time.monotonic() + _OPERATION_SECONDS
        while operation.get("done") is not True and operation.get("name"):
            if time.monotonic() > deadline:
                raise GoogleUnavailable("Google is still at it.", "Try again in a few minutes.")
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)
            operation = await self._http.read(self._hosts.url(text(operation.get("name"))))
        if record(operation.get("error")):
            reason = failure(operation["error"])
            raise GoogleError(f"Google says: {reason.message}", reason.hint)

    def _registry(self) -> AsyncGenerator[list[Json], None]:
        url = self._hosts.url(f"{self._parent}/models")
        return self._http.pages(url, "models", size=_PAGE_SIZE, limit=_MOST_PAGES)


def _model_id(resource: str) -> str:
    return resource.rpartition("/")[2].partition("@")[0]


def _same_model(deployed: Json, resource: str) -> bool:
    """Whether an endpoint's deployed model is of this resource; the version counts where both tell one."""
    theirs = text(deployed.get("model"))
    if _model_id(theirs) != _model_id(resource):
        return False
    version = theirs.partition("@")[2] or text(deployed.get("modelVersionId"))
    wanted = resource.partition("@")[2]
    return not version or not wanted or version == wanted


def _made(job: Json, resource: str) -> bool:
    return text(record(job.get("tunedModel")).get("model")) == resource
