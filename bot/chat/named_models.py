"""Finds a model by its name: that of a job of the workspace, or one that Google lists."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from bot.domain.chat import ModelRef
from bot.domain.jobs import JobState, TuningJob
from bot.domain.names import did_you_mean, same_name
from bot.domain.operations import TunedModel
from bot.domain.place import Requester
from bot.errors import BotError, NoSuchJob, StorageError
from bot.people.job_access import SUGGESTED, JobAccess
from bot.people.roles import Deed
from bot.ports.backends import TuningBackend

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelList:
    """The models that Google lists, newest first, and a sentence for each backend whose list failed."""

    models: Sequence[TunedModel]
    problems: Sequence[str]


class NamedModels:
    """The models that a person sees in one workspace, by name."""

    def __init__(self, backends: Mapping[str, TuningBackend], access: JobAccess) -> None:
        self._backends = backends
        self._access = access

    async def find(self, requester: Requester, name: str) -> ModelRef:
        """Return a model to ask here, by its job's name, or by a display name or resource at Google.

        Raises NoSuchJob, also for a model that the person may not see, Forbidden if they may not ask it here.
        """
        await self._access.check(requester, Deed.ASK)
        return await self.checked(requester, name, partial(self._access.check_ask, requester))

    async def checked(
        self, requester: Requester, name: str, check: Callable[[TuningJob], Awaitable[None]]
    ) -> ModelRef:
        """Return the model of this name. Where this bot tuned it, `check` its job before its state is told.

        Raises NoSuchJob, Forbidden, StorageError, and what `check` raises.
        """
        job = await self._access.find(requester, name)
        if job is not None:
            await check(job)
            if job.can_answer:
                return model_of(job)
            raise cannot_answer(job)
        listed = (await self.listed(requester)).models
        wanted = same_name(name)
        for model in listed:
            if name in (model.resource, model.endpoint) or (wanted and wanted == same_name(model.display_name)):
                called = model.display_name or model.resource
                if not model.endpoint:
                    why = f"Google says {model.state}" if model.state else "Google gives it no endpoint"
                    raise NoSuchJob(
                        f"The model “{called}” cannot answer: {why}.", "See /tune models for those that can."
                    )
                if (job := await self._access.job_of(model)) is not None:
                    await check(job)
                return ModelRef(model.backend, model.endpoint, called)
        # The answer may be read by all people of the place, who may not know what this person knows.
        asker = replace(requester, overheard=not requester.place.is_direct)
        known = [job.name for job in await self._access.listed(asker, SUGGESTED) if job.can_answer]
        known += [model.display_name for model in await self._access.visible_models(asker, listed)]
        hint = did_you_mean(name, known, otherwise="See /tune models for those I can ask.")
        raise NoSuchJob(f"I know no model named {name!r}.", hint)

    async def knows(self, requester: Requester, name: str) -> bool:
        """Return whether the person sees a job of this name. Raises StorageError."""
        return await self._access.find(requester, name) is not None

    async def names_among(self, requester: Requester, candidates: Iterable[str]) -> frozenset[str]:
        """Return those that are names of tunings which the person sees; none where the database fails."""
        try:
            return frozenset([name for name in candidates if await self.knows(requester, name)])
        except StorageError as error:
            logger.info("no names could be looked up: %s", error)
            return frozenset()

    async def listed(self, requester: Requester) -> ModelList:
        """Return the tuned models of all backends that this person may see, newest first.

        The error of one backend does not hide the others. Raises Forbidden, StorageError.
        """
        await self._access.check(requester, Deed.ASK)
        models: list[TunedModel] = []
        problems: list[str] = []
        for backend in self._backends.values():
            try:
                models += await backend.models()
            except BotError as error:
                logger.warning("could not list the models of %s: %s", backend.profile.name, error)
                problems.append(f"{backend.profile.title}: {error}")
        # One order for all backends: a list that is cut would otherwise show the models of one backend alone.
        models.sort(key=_created_at, reverse=True)
        return ModelList(await self._access.visible_models(requester, models), problems)


def _created_at(model: TunedModel) -> float:
    return model.created_at.timestamp() if model.created_at else 0.0


def cannot_answer(job: TuningJob) -> NoSuchJob:
    """Return why nobody can ask the job's model, and what to do."""
    name = f"“{job.name}”"
    if job.deleted_by:
        return NoSuchJob(f"The model {name} was deleted.", "See /tune list for models that can be asked.")
    match job.state:
        case JobState.FAILED | JobState.CANCELLED | JobState.LOST:
            message = f"The tuning {name} made no model: it is {job.state.words}."
            return NoSuchJob(message, "See /tune list for models that can be asked.")
        case JobState.SUCCEEDED:
            return NoSuchJob(f"Google gives the model {name} no endpoint yet.", "Try again in some minutes.")
        case _:
            return NoSuchJob(
                f"The model {name} is not ready yet: its tuning is {job.state.words}{_progress(job)}.",
                "Its card says when it can be asked.",
            )


def model_of(job: TuningJob) -> ModelRef:
    """Return the model of a job as a model to ask."""
    return ModelRef(job.backend, job.endpoint, job.name)


def _progress(job: TuningJob) -> str:
    """Return the percentage; the step and the epoch where Google says only at the end how many steps there are."""
    if job.state is not JobState.RUNNING:
        return ""
    if job.percent is not None:
        return f", {job.percent:.0f}% done"
    step = f", step {job.completed_steps:,}" if job.completed_steps is not None else ""
    epochs = job.spec.hyperparameters.epochs
    of = f" of {epochs:,}" if epochs else ""
    return step + (f", epoch {job.epoch:,}{of}" if job.epoch else "")
