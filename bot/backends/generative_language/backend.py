"""Tuning over `tunedModels`, which the Gemini API and the PaLM API share: create, poll, cancel, list, delete.

What differs between the two generations is their version, their profile and how a model is asked; those stand in
gemini.py and palm.py. The client chooses the tuned model's id, so our key is all that is needed to find a job.
"""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Final

from bot.backends.generative_language.inline_examples import inline_examples
from bot.backends.generative_language.wire import create_request, model_operation, operation, tuned_model
from bot.backends.google.batching import BY_NAME, gathered, pages_of_round
from bot.backends.google.http import GoogleHttp
from bot.backends.google.json_fields import records, text
from bot.domain.backend_profile import BackendProfile
from bot.domain.jobs import Operation, TunedModel, TuningJob, TuningSpec
from bot.errors import BadArgument, BotError, NotFoundAtGoogle
from bot.ports.backends import TrainingData

GENERATIVE_LANGUAGE_URL: Final = "https://generativelanguage.googleapis.com"
ROLES: Final = "the scope generative-language.tuning, and a share of the model if somebody else tuned it"
_PAGE_SIZE: Final = 100
# Of a round of polling, for each thousand jobs; what is not listed by then is asked by name.
_MOST_PAGES: Final = 15
_MOST_PAGES_OF_MODELS: Final = 50


class TunedModels:
    """Everything of a TuningBackend except asking; `version` is `v1beta3` or `v1beta`."""

    def __init__(self, profile: BackendProfile, http: GoogleHttp, version: str, base_url: str = "") -> None:
        self._profile = profile
        self._http = http
        self._root = (base_url or GENERATIVE_LANGUAGE_URL).rstrip("/")
        self._base = f"{self._root}/{version}"

    @property
    def profile(self) -> BackendProfile:
        return self._profile

    async def close(self) -> None:
        await self._http.close()

    async def create(self, key: str, spec: TuningSpec, data: TrainingData) -> Operation:
        """See TuningBackend; the rows travel inside the request. Raises FileTooLarge, BadArgument before it."""
        if data.validation is not None:
            raise BadArgument(
                f"The {self._profile.title} takes no validation examples.", "Leave them out.", field="validation"
            )
        rows = await inline_examples(data.training, self._profile)
        body = create_request(spec, rows, self._profile)
        created = await self._http.create(f"{self._base}/tunedModels", body, {"tunedModelId": key})
        return operation(created, named=f"tunedModels/{key}")

    async def find(self, key: str) -> Operation | None:
        """See TuningBackend."""
        try:
            found = await self._http.read(self._url(f"tunedModels/{key}"))
        except NotFoundAtGoogle:
            return None
        name = await self._operation_name(f"tunedModels/{key}")
        if found.get("state") == "FAILED" and "/operations/" in name:
            # Only the operation tells a cancellation from a failure, and why it failed.
            return operation(
                await self._http.read(f"{self._root}/v1/{_checked(name)}"), named=f"tunedModels/{key}"
            )
        return model_operation(found, name=name)

    async def poll(self, jobs: Sequence[TuningJob]) -> Mapping[str, Operation | BotError]:
        """See TuningBackend; up to `BY_NAME` jobs are asked one by one, which also tells the total of steps."""
        seen: dict[str, Operation | BotError] = {}
        if len(jobs) > BY_NAME:
            try:
                seen = await self._listed(jobs)
            except BotError as error:
                # Asking for each by name now would only burden a service that does not answer.
                return {job.key: error for job in jobs}
        rest = [job for job in jobs if job.key not in seen]
        return {**seen, **await gathered(rest, self._look)}

    async def cancel(self, job: TuningJob) -> None:
        """See TuningBackend."""
        name = job.operation if "/operations/" in job.operation else await self._operation_name(_model_name(job))
        if "/operations/" not in name:
            raise NotFoundAtGoogle(
                f"Google no longer has the operation that tunes {job.name}.",
                "It may have ended: refresh its card.",
            )
        await self._http.change("POST", f"{self._root}/v1/{_checked(name)}:cancel", {})

    async def models(self) -> Sequence[TunedModel]:
        """See TuningBackend."""
        found: list[TunedModel] = []
        pages = self._http.pages(
            f"{self._base}/tunedModels", "tunedModels", size=_PAGE_SIZE, limit=_MOST_PAGES_OF_MODELS
        )
        async for page in pages:
            found += [tuned_model(self._profile.name, model) for model in page]
        return sorted(found, key=_made_at, reverse=True)

    async def delete(self, model: TunedModel) -> None:
        """See TuningBackend."""
        try:
            await self._http.change("DELETE", self._url(model.resource or model.endpoint))
        except NotFoundAtGoogle:
            return

    def _url(self, name: str, verb: str = "") -> str:
        return f"{self._base}/{_checked(name)}{verb}"

    async def _look(self, job: TuningJob) -> Operation:
        """One job by name; where its operation is gone, the tuned model itself tells its state."""
        model = _model_name(job)
        if "/operations/" in job.operation:
            try:
                # Google binds operations of both generations to v1, and those of v1beta3 to nothing else.
                found = await self._http.read(f"{self._root}/v1/{_checked(job.operation)}")
            except NotFoundAtGoogle:
                pass
            else:
                return operation(found, named=model)
        found = await self._http.read(self._url(model))
        return model_operation(found, name=job.operation or model, examples=job.spec.training.examples)

    async def _listed(self, jobs: Sequence[TuningJob]) -> dict[str, Operation | BotError]:
        """The jobs that the list shows, by key; failed ones are left out, since the list does not say why."""
        wanted = {_model_name(job): job for job in jobs}
        seen: dict[str, Operation | BotError] = {}
        limit = pages_of_round(len(jobs), _MOST_PAGES)
        pages = self._http.pages(f"{self._base}/tunedModels", "tunedModels", size=_PAGE_SIZE, limit=limit)
        async with aclosing(pages):
            async for page in pages:
                for model in page:
                    job = wanted.pop(text(model.get("name")), None)
                    if job is None or model.get("state") == "FAILED":
                        continue
                    examples = job.spec.training.examples
                    seen[job.key] = model_operation(model, name=job.operation, examples=examples)
                if not wanted:
                    break
        return seen

    async def _operation_name(self, model: str) -> str:
        """The operation that makes a tuned model, or the model's own name where Google keeps none."""
        try:
            found = await self._http.read(f"{self._root}/v1/{_checked(model)}/operations")
        except NotFoundAtGoogle:
            return model
        names = [text(item.get("name")) for item in records(found.get("operations"))]
        return next((name for name in names if "/operations/" in name), model)


def _model_name(job: TuningJob) -> str:
    return job.tuned_model or job.operation.partition("/operations/")[0] or f"tunedModels/{job.key}"


def _made_at(model: TunedModel) -> float:
    return model.created_at.timestamp() if model.created_at else 0.0


def _checked(name: str) -> str:
    """A resource name that is safe in a URL. Raises BadArgument for anything else."""
    parts = name.split("/")
    known = parts[0] in ("tunedModels", "models") and len(parts) in (2, 4)
    if not known or not all(
        part and part.replace("-", "").replace(".", "").replace("_", "").isalnum() for part in parts
    ):
        raise BadArgument(f"{name!r} is no tuned model of this system.", "See the models with /tune models.")
    return name
