"""Tunes over `tunedModels`, which the Gemini API and the PaLM API share: create, poll, cancel, list, delete.

The two differ in their version, their profile and how a model answers, see gemini.py and palm.py. The client
chooses the tuned model's id (`tuned_model_id` of CreateTunedModelRequest), so our key is enough to find a job.
Source: google/ai/generativelanguage/{v1beta3,v1beta}/model_service.proto.
"""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Final

from bot.backends.generative_language.wire import (
    create_request,
    inline_examples,
    model_operation,
    operation,
    started_job,
    tuned_model,
)
from bot.backends.google.batching import READ_BY_NAME, page_limit, read_each
from bot.backends.google.http import GoogleHttp
from bot.backends.google.json_fields import records, text
from bot.backends.google.list_search import ListSearch, read_pages
from bot.domain.backend_profile import BackendProfile
from bot.domain.jobs import TuningJob, TuningSpec
from bot.domain.leftovers import StoredFile
from bot.domain.operations import Operation, Origin, StartedJob, TunedModel
from bot.errors import AlreadyExists, BadArgument, BotError, NotFoundAtGoogle
from bot.ports.backends import RecordSent, TrainingData, TuningBackend
from bot.ports.diagnosis import Check, Diagnosis, good, limited

GENERATIVE_LANGUAGE_URL: Final = "https://generativelanguage.googleapis.com"
ROLES: Final = "the scope generative-language.tuning, and a share of the model if another account tuned it"
_PAGE_SIZE: Final = 100
# One poll reads so many pages for each thousand jobs; a job that is not on them is read by name.
_POLL_PAGES_PER_THOUSAND: Final = 15
_MODEL_PAGES: Final = 50
_PERMISSION_PAGES: Final = 20


class TunedModelsBackend(TuningBackend):
    """Does what a TuningBackend does, except to let a model answer; `version` is `v1beta3` or `v1beta`.

    The docstrings of its methods say only what they do beside what TuningBackend says of them.
    """

    def __init__(self, profile: BackendProfile, http: GoogleHttp, version: str, base_url: str = "") -> None:
        self._profile = profile
        self._http = http
        self._root = (base_url or GENERATIVE_LANGUAGE_URL).rstrip("/")
        self._base = f"{self._root}/{version}"
        self._list = ListSearch(http, lambda: f"{self._base}/tunedModels", "tunedModels")

    @property
    def profile(self) -> BackendProfile:
        return self._profile

    async def close(self) -> None:
        await self._http.close()

    async def create(
        self, key: str, spec: TuningSpec, data: TrainingData, origin: Origin, record_sent: RecordSent
    ) -> Operation:
        """The request carries the rows. Raises FileTooLarge, BadArgument before it.

        Google itself refuses a second create with the same key: it is the tuned model's id.
        """
        if data.validation is not None:
            raise BadArgument(
                f"The {self._profile.title} takes no validation file.", "Leave it out.", field="validation"
            )
        rows = await inline_examples(data.training, self._profile)
        body = create_request(spec, rows, self._profile, origin)
        name = f"tunedModels/{key}"
        created = await self._http.create(
            f"{self._base}/tunedModels",
            body,
            {"tunedModelId": key},
            record_sent=record_sent,
            makes=lambda made: made == name or made.startswith(f"{name}/operations/"),
        )
        return operation(created, named=f"tunedModels/{key}")

    def base_endpoint(self, base_model: str, endpoint: str) -> str:
        return f"models/{base_model.removeprefix('models/')}"

    async def check_start(self) -> None:
        await self._http.read(f"{self._base}/tunedModels", {"pageSize": 1})

    def start_checks(self) -> Sequence[Check]:
        return [
            Check(f"google.{self._profile.name}", self._profile.title, self._diagnose, needs="google.credentials")
        ]

    async def _diagnose(self) -> Diagnosis:
        await self.check_start()
        if self._profile.trains_today:
            return good(f"The {self._profile.title} answers.")
        return limited(
            f"The {self._profile.title} answers, but Google no longer tunes there.",
            f"Leave {self._profile.name} out of TUNEBOT_BACKENDS if nobody needs its models.",
        )

    async def stored_files(self) -> Sequence[StoredFile]:
        """Here the examples are part of the create request."""
        return ()

    async def delete_stored_file(self, name: str) -> None:
        raise BadArgument(f"{name!r} is not a file of the {self._profile.title}.")

    async def open_to(self, model: str, account: str) -> None:
        """Source: google/ai/generativelanguage/{v1beta3,v1beta}/permission_service.proto."""
        body = {"granteeType": "USER", "emailAddress": account, "role": "READER"}
        try:
            await self._http.change("POST", self._url(model, "/permissions"), body)
        except AlreadyExists:
            return

    async def close_to(self, model: str, account: str) -> bool:
        """It removes only a right to read: the account that owns the model must keep its own."""
        pages = read_pages(
            self._http, self._url(model, "/permissions"), "permissions", size=_PAGE_SIZE, limit=_PERMISSION_PAGES
        )
        async with aclosing(pages):
            async for rows in pages:
                for row in rows:
                    address, role = text(row.get("emailAddress")), text(row.get("role"))
                    if address.lower() == account and role == "READER":
                        await self._http.change("DELETE", self._url(text(row.get("name"))))
                        return True
        return False

    async def is_served(self, endpoint: str) -> bool:
        """Here a model is its own endpoint."""
        return False

    async def tuned_model(self, resource: str) -> TunedModel | None:
        """A model whose own tuning goes on or failed cannot be tuned again."""
        if not resource.startswith("tunedModels/"):
            raise BadArgument(
                f"{resource!r} is not a tuned model of the {self._profile.title}.",
                "See the models with /tune models.",
                field="base_model",
            )
        try:
            read = await self._http.read_resource(self._url(resource), resource)
            found = tuned_model(self._profile.name, read)
        except NotFoundAtGoogle:
            return None
        return found if found.endpoint else None

    async def find(self, key: str, *, thorough: bool = True) -> Operation | None:
        """A thorough search reads the model by its name and in the whole list."""
        try:
            found = await self._http.read_resource(self._url(f"tunedModels/{key}"), f"tunedModels/{key}")
        except NotFoundAtGoogle:
            name = f"tunedModels/{key}"
            listed = await self._list.thorough(key, lambda model: model.get("name") == name) if thorough else None
            if listed is None:
                return None
            found = listed
        model = f"tunedModels/{key}"
        name = await self._operation_name(model)
        ended = await self._read_operation(name, model) if found.get("state") == "FAILED" else None
        return ended or model_operation(found, name=name)

    async def started_jobs(self) -> Sequence[StartedJob]:
        found = (started_job(model) for model in await self._list.members({}))
        return [started for started in found if started is not None]

    def where_to_look(self, key: str) -> str:
        return (
            f"Look for the tuned model tunedModels/{key} in the Google AI Studio of the account that the bot uses."
        )

    async def poll(self, jobs: Sequence[TuningJob]) -> Mapping[str, Operation | BotError]:
        """Reads up to `READ_BY_NAME` jobs one by one, which also gives the total of steps."""
        polled: dict[str, Operation | BotError] = {}
        if len(jobs) > READ_BY_NAME:
            try:
                polled = await self._read_list(jobs)
            except BotError as error:
                # Requests for each job by name would only add load to a service that does not answer.
                return {job.key: error for job in jobs}
        rest = [job for job in jobs if job.key not in polled]
        return {**polled, **await read_each(rest, self._read_job)}

    async def cancel(self, job: TuningJob) -> None:
        name = job.operation if "/operations/" in job.operation else await self._operation_name(_model_name(job))
        if "/operations/" not in name:
            raise NotFoundAtGoogle(
                f"Google no longer has the operation that tunes {job.name}.",
                "It may have ended: refresh its card.",
            )
        await self._http.change("POST", f"{self._root}/v1/{_checked_name(name)}:cancel", {})

    async def models(self) -> Sequence[TunedModel]:
        found: list[TunedModel] = []
        pages = read_pages(
            self._http, f"{self._base}/tunedModels", "tunedModels", size=_PAGE_SIZE, limit=_MODEL_PAGES
        )
        async for page in pages:
            found += [tuned_model(self._profile.name, model) for model in page]
        return sorted(found, key=_created_at, reverse=True)

    async def delete(self, model: TunedModel) -> None:
        try:
            await self._http.change("DELETE", self._url(model.resource or model.endpoint))
        except NotFoundAtGoogle:
            return

    def _url(self, name: str, method: str = "") -> str:
        return f"{self._base}/{_checked_name(name)}{method}"

    async def _read_job(self, job: TuningJob) -> Operation:
        """Read one job by name; where its operation no longer exists, its tuned model has the state."""
        model = _model_name(job)
        if (running := await self._read_operation(job.operation, model)) is not None:
            return running
        found = await self._http.read_resource(self._url(model), model)
        if found.get("state") == "FAILED" and "/operations/" not in job.operation:
            ended = await self._read_operation(await self._operation_name(model), model)
            if ended is not None:
                return ended
        return model_operation(found, name=job.operation or model, examples=job.spec.training.examples)

    async def _read_operation(self, name: str, model: str) -> Operation | None:
        """Return what the operation of a model says, None where Google has none.

        Only an operation distinguishes a cancellation from a failure, and gives the reason of a failure.
        """
        if "/operations/" not in name:
            return None
        try:
            # Google binds operations of both generations to v1, and those of v1beta3 to nothing else.
            read = await self._http.read_resource(f"{self._root}/v1/{_checked_name(name)}", name)
            return operation(read, named=model)
        except NotFoundAtGoogle:
            return None

    async def _read_list(self, jobs: Sequence[TuningJob]) -> dict[str, Operation | BotError]:
        """Return the jobs that the list contains, by key, without failed ones: the list gives no reason."""
        wanted = {_model_name(job): job for job in jobs}
        found: dict[str, Operation | BotError] = {}
        limit = page_limit(len(jobs), _POLL_PAGES_PER_THOUSAND)
        pages = read_pages(self._http, f"{self._base}/tunedModels", "tunedModels", size=_PAGE_SIZE, limit=limit)
        async with aclosing(pages):
            async for page in pages:
                for model in page:
                    job = wanted.pop(text(model.get("name")), None)
                    if job is None or model.get("state") == "FAILED":
                        continue
                    examples = job.spec.training.examples
                    found[job.key] = model_operation(model, name=job.operation, examples=examples)
                if not wanted:
                    break
        return found

    async def _operation_name(self, model: str) -> str:
        """Return the name of the operation that tunes a model, or the model's own name where Google has none."""
        try:
            found = await self._http.read(f"{self._root}/v1/{_checked_name(model)}/operations")
        except NotFoundAtGoogle:
            return model
        names = [text(item.get("name")) for item in records(found.get("operations"))]
        return next((name for name in names if "/operations/" in name), model)


def _model_name(job: TuningJob) -> str:
    return job.tuned_model or job.operation.partition("/operations/")[0] or f"tunedModels/{job.key}"


def _created_at(model: TunedModel) -> float:
    return model.created_at.timestamp() if model.created_at else 0.0


def _checked_name(name: str) -> str:
    """Return a resource name that is safe in a URL. Raises BadArgument for anything else."""
    parts = name.split("/")
    known = parts[0] in ("tunedModels", "models") and len(parts) in (2, 4)
    if not known or not all(
        part and part.replace("-", "").replace(".", "").replace("_", "").isalnum() for part in parts
    ):
        raise BadArgument(f"{name!r} is not a tuned model of this system.", "See the models with /tune models.")
    return name
