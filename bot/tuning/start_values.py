"""Checks what a person asks for before any file is read: hyperparameters, the base model, the name, validation."""

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bot.datasets import DatasetReport, validation_limit
from bot.domain.backend_profile import BackendProfile, HyperparameterRule
from bot.domain.jobs import Hyperparameters
from bot.domain.names import check_name, did_you_mean, name_taken
from bot.domain.operations import TunedModel
from bot.domain.place import Requester
from bot.domain.requests import StartRequest
from bot.errors import BadArgument, GoogleError, NoSuchJob
from bot.people.job_access import JobAccess
from bot.ports.backends import TuningBackend
from bot.ports.job_store import JobStore
from bot.spending.estimates import recommendation_for, suggested_epochs
from bot.spending.retirement import base_of

logger = logging.getLogger(__name__)

LEAST_HELD_OUT: Final = 0.001
MOST_HELD_OUT: Final = 0.5
SHOWN_BASES: Final = 50  # among how many jobs the form looks for models to tune again
EARLIER_JOBS: Final = 200  # among how many jobs one with the same file is searched for


class StartValues:
    """Checks values against a backend's profile, and the models and names that they mean against the jobs."""

    def __init__(self, jobs: JobStore, access: JobAccess) -> None:
        self._jobs = jobs
        self._access = access

    async def checked(self, requester: Requester, profile: BackendProfile, request: StartRequest) -> str:
        """Check everything that was typed and return the id of the base model. Raises BadArgument."""
        check_hyperparameters(profile, request.hyperparameters)
        base_model = await self._base_model(requester, profile, request.base_model)
        if request.moved_from:
            await self._check_move(requester, profile, request.moved_from, base_model)
        await self._check_name(requester, profile, check_name(request.name))
        _check_validation(profile, request)
        return base_model

    async def tuned(self, requester: Requester) -> Sequence[TunedModel]:
        """Return the models that this person can tune again in this channel, newest first."""
        return [
            TunedModel(job.backend, job.tuned_model, job.endpoint, job.name, job.spec.base_model)
            for job in await self._access.listed(requester, SHOWN_BASES)
            if job.can_answer and job.tuned_model and await self._access.may_use(requester, job)
        ]

    async def _base_model(self, requester: Requester, profile: BackendProfile, wanted: str) -> str:
        """Return a base model's id, or the resource name of a tuned model to tune again.

        Raises BadArgument, Forbidden for a model of another channel that the person sees but may not use here.
        """
        wanted = wanted.removeprefix("models/")
        if not wanted:
            return profile.base_models[0]
        if wanted in profile.base_models:
            return wanted
        if profile.takes_tuned_base:
            if wanted.startswith(("tunedModels/", "projects/")):
                job = await self._access.job_of(wanted)
                if job is None:
                    return wanted
                if await self._access.may_see(requester, job):
                    await self._access.check_use(requester, job)
                    return wanted
                raise await self._no_tuned_base(requester, profile, wanted)
            job = await self._access.find(requester, wanted)
            if job is not None and job.backend == profile.name and job.can_answer:
                await self._access.check_use(requester, job)
                return job.tuned_model
        offered = ", ".join(profile.base_models)
        known = [*profile.base_models, *await self._tunable(requester, profile)]
        suggestion = did_you_mean(wanted, known)
        raise BadArgument(
            f"I know no base model {wanted!r} for {profile.title}.",
            f"{suggestion} Choose one of: {offered}.".lstrip(),
            field="base_model",
        )

    async def _check_move(
        self, requester: Requester, profile: BackendProfile, moved_from: str, base_model: str
    ) -> None:
        """Check that this person may have this model moved there. Raises BadArgument, NoSuchJob, Forbidden."""
        job = await self._access.job_of(moved_from)
        if job is None or not job.can_answer or not await self._access.may_see(requester, job):
            raise NoSuchJob("The model to move no longer exists.", "See the models with /tune models.")
        await self._access.check_use(requester, job)
        if job.backend != profile.name or not profile.moves_tuned_models:
            raise BadArgument(
                f"Google cannot be asked to move “{job.name}” to {profile.title}.",
                "Tune its file again there: open the form with /tune.",
                field="backend",
            )
        if base_model not in profile.base_models or base_model == base_of(job):
            others = ", ".join(name for name in profile.base_models if name != base_of(job))
            raise BadArgument(
                f"“{job.name}” can be moved to another base model of Google's only.",
                f"Choose one of: {others}.",
                field="base_model",
            )

    async def check_tuned_base(self, requester: Requester, backend: TuningBackend, base_model: str) -> None:
        """Check that a tuned model to tune again exists at Google. Raises BadArgument.

        Where Google does not answer, Google's answer to the start decides.
        """
        profile = backend.profile
        if base_model in profile.base_models:
            return
        try:
            found = await backend.tuned_model(base_model)
        except GoogleError as error:
            logger.info("whether %s exists is not known: %s", base_model, error)
            return
        job = await self._access.job_of(base_model)
        if found is None or (job is None and not await self._access.may_see_unknown(requester, found)):
            raise await self._no_tuned_base(requester, profile, base_model)

    async def _no_tuned_base(self, requester: Requester, profile: BackendProfile, wanted: str) -> BadArgument:
        """Return the error for a tuned model that does not exist, or not for this person."""
        known = await self._tunable(requester, profile)
        return BadArgument(
            f"{profile.title} has no tuned model {wanted!r} that can be tuned again.",
            did_you_mean(wanted, known, otherwise="See the models with /tune models."),
            field="base_model",
        )

    async def _tunable(self, requester: Requester, profile: BackendProfile) -> Sequence[str]:
        """Return the names and the resources of the models that the person can tune again with this backend."""
        if not profile.takes_tuned_base:
            return []
        models = [model for model in await self.tuned(requester) if model.backend == profile.name]
        return [name for model in models for name in (model.display_name, model.resource)]

    async def priced_model(self, team: str, base_model: str) -> str:
        """Return the base model whose price counts, also for a tuned model of this workspace; empty if unknown."""
        jobs = await self._jobs.jobs(team, limit=EARLIER_JOBS) if "/" in base_model else ()
        bases = {name: job.spec.base_model for job in jobs for name in (job.tuned_model, job.endpoint) if name}
        # A tuned model may itself have been tuned from a tuned model.
        for _ in range(len(bases)):
            if "/" not in base_model:
                break
            base_model = bases.get(base_model, "")
        return "" if "/" in base_model else base_model

    async def _check_name(self, requester: Requester, profile: BackendProfile, wanted: str) -> None:
        if len(wanted) > profile.name_limit:
            raise BadArgument(
                f"The name has {len(wanted)} characters; {profile.title} takes at most {profile.name_limit}.",
                "Choose a shorter one.",
                field="name",
            )
        if wanted and await self._access.shows_name(requester, wanted):
            raise name_taken(wanted)

    async def free_name(self, requester: Requester, profile: BackendProfile, file_name: str) -> str:
        """Return a name made from the file's, with a number if the person sees a job of this name."""
        stem = re.sub(r"[^a-z0-9]+", "-", file_name.lower().split(".")[0]).strip("-")[: profile.name_limit - 5]
        stem = stem or "model"
        candidate, number = stem, 2
        while await self._access.shows_name(requester, candidate):
            candidate, number = f"{stem}-{number}", number + 1
        return candidate


def check_hyperparameters(profile: BackendProfile, chosen: Hyperparameters) -> None:
    """Check each value against the backend's rules. Raises BadArgument for the first that it does not accept."""
    for name, value in chosen.given().items():
        rule = profile.rule(name)
        if rule is None:
            takes = ", ".join(rule.name for rule in profile.hyperparameters)
            raise BadArgument(f"{profile.title} takes no {name}.", f"It takes: {takes}.", field=name)
        if (reason := _out_of_range(rule, value)) is not None:
            raise BadArgument(f"{rule.label} is {value:g}, {reason}.", "Change it, or leave it out.", field=name)
        if rule.excludes and getattr(chosen, rule.excludes) is not None:
            raise BadArgument(
                f"{name} and {rule.excludes} cannot be set together.", "Leave one of them out.", field=name
            )


def _out_of_range(rule: HyperparameterRule, value: float) -> str | None:
    if rule.choices and value not in rule.choices:
        return f"which is not one of {', '.join(str(choice) for choice in rule.choices)}"
    if rule.whole and value != int(value):
        return "which is not a whole number"
    if rule.minimum is not None and value < rule.minimum:
        return f"below the least, {rule.minimum:g}"
    if rule.maximum is not None and value > rule.maximum:
        return f"above the most, {rule.maximum:g}"
    return None


def _check_validation(profile: BackendProfile, request: StartRequest) -> None:
    if not request.validation and not request.validation_share:
        return
    if not profile.takes_validation:
        raise BadArgument(f"{profile.title} takes no validation file.", "Leave it out.", field="validation")
    if request.validation and request.validation_share:
        raise BadArgument(
            "There is a validation file and a share to hold out.",
            "Give only one of them.",
            field="validation_share",
        )
    if request.validation_share and not LEAST_HELD_OUT <= request.validation_share <= MOST_HELD_OUT:
        raise BadArgument(
            f"{request.validation_share:.4g} of the rows cannot be held out.",
            f"Give a share from {LEAST_HELD_OUT:.1%} to {MOST_HELD_OUT:.0%}.",
            field="validation_share",
        )


def with_epochs(request: StartRequest, report: DatasetReport, examples: int) -> Hyperparameters:
    """Return the hyperparameters, with the epochs that the quality means for this file if no number was given.

    "Recommended" is the number that the report's table of prices calls recommended.
    """
    chosen = request.hyperparameters
    if chosen.epochs is not None or request.quality is None:
        return chosen
    recommended = recommendation_for(report)
    fewest, most = recommended.epochs
    suggested = suggested_epochs(examples, recommended)
    return replace(chosen, epochs=request.quality.epochs(fewest, suggested, most))


def held_out_of(report: DatasetReport, share: float, profile: BackendProfile) -> int:
    """Return how many examples the share holds out. Raises BadArgument for none, all, or more than the limit."""
    held_out = report.held_out(share)
    if not 0 < held_out < report.examples:
        raise BadArgument(
            f"Holding out {share:.4g} of the rows, {report.examples:,} in all, leaves one side empty.",
            "Take a larger file, or tune without validation.",
            field="validation_share",
        )
    most = validation_limit(profile.limits, report.examples - held_out)
    if most and held_out > most:
        raise BadArgument(
            f"That share holds out {held_out:,} rows; {profile.title} takes at most {most:,} for validation.",
            "Give a smaller share.",
            field="validation_share",
        )
    return held_out
