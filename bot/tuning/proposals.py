"""Checks what a person asked for and stores it as a proposal that waits for a click. Nothing here spends money.

Every value is checked before any byte of the file is read, and the whole file before anything is proposed. The
proposal's id becomes the job's key, so one proposal can start one job only.
"""

import base64
import logging
import re
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Final

from bot.datasets import DatasetReport, validation_limit
from bot.domain.backend_profile import BackendProfile, HyperparameterRule
from bot.domain.jobs import Hyperparameters, JobState, TuningJob, TuningSpec
from bot.domain.names import check_name, did_you_mean, name_taken, written_name
from bot.domain.operations import TunedModel
from bot.domain.place import Place, Requester
from bot.domain.requests import Proposal, StartRequest
from bot.domain.spending import ConfirmationRules, TuningEstimate
from bot.errors import BadArgument, BotError, GoogleError, NoSuchJob
from bot.people.job_access import JobAccess
from bot.people.roles import Deed
from bot.ports.backends import TuningBackend, offered_backend
from bot.ports.clock import Clock
from bot.ports.job_store import JobStore
from bot.runtime.readiness import Readiness
from bot.spending.estimate_text import moved_sentence
from bot.spending.estimates import estimate, reason_to_confirm, recommendation_for, suggested_epochs
from bot.spending.price_table import PriceTable
from bot.spending.retirement import base_of, closed_sentence, retirement_sentences, successor_of
from bot.tuning.approvals import Approvals
from bot.tuning.budgets import Budgets
from bot.tuning.dataset_check import DatasetCheck, Progress

logger = logging.getLogger(__name__)

LEAST_HELD_OUT: Final = 0.001
MOST_HELD_OUT: Final = 0.5
SHOWN_BASES: Final = 50  # among how many jobs the form looks for models to tune again
EARLIER_JOBS: Final = 200  # among how many jobs one with the same file is searched for


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check. `proposal` is None if something must be corrected first.

    `obstacle` is why a start would fail whatever its file, or, if it is `passing`, why that could not be checked.
    `earlier` are the jobs that the person sees and that were trained on the same bytes, newest first.
    `confirmation` says why the start needs a second yes, empty if it needs none; `notes` are sentences on the
    approval that it needs and on budgets that it brings near their edge.
    """

    profile: BackendProfile
    report: DatasetReport
    validation: DatasetReport | None
    proposal: Proposal | None
    earlier: Sequence[TuningJob] = ()
    obstacle: BotError | None = None
    confirmation: str = ""
    notes: str = ""


class Proposals:
    """Checks requests against their backend's profile, and their files against its limits."""

    def __init__(
        self,
        backends: Mapping[str, TuningBackend],
        jobs: JobStore,
        access: JobAccess,
        dataset_check: DatasetCheck,
        readiness: Readiness,
        clock: Clock,
        prices: PriceTable,
        confirmation_rules: ConfirmationRules,
        approvals: Approvals,
        budgets: Budgets,
        failures: Callable[[Collection[str]], Sequence[str]] = lambda _: (),
    ) -> None:
        """`backends` are in the order in which the form shows them, the default one first; so are `profiles`.

        `failures` returns what failed of the checks of these names, without asking anybody.
        """
        self._backends = backends
        self.profiles: Final[Sequence[BackendProfile]] = [backend.profile for backend in backends.values()]
        self._jobs = jobs
        self._access = access
        self._dataset_check = dataset_check
        self._readiness = readiness
        self._clock = clock
        self._prices = prices
        self._confirmation_rules = confirmation_rules
        self._approvals = approvals
        self._budgets = budgets
        self._failures = failures
        self._checks = {name: {each.name for each in backend.start_checks()} for name, backend in backends.items()}

    def retirements(self, backend: str) -> Sequence[str]:
        """Return a sentence for each base model of this backend whose date of retirement is known."""
        today = self._clock.now().astimezone(UTC).date()
        return retirement_sentences(self.profile(backend).base_models, self._prices, today)

    def closed(self, backend: str, base_model: str) -> str:
        """Return a sentence if tuning on this base model has closed, on the backend's first one if it is empty."""
        chosen = base_model or next(iter(self.profile(backend).base_models), "")
        return closed_sentence(chosen, self._prices, self._clock.now().astimezone(UTC).date())

    def on_successor(self, job: TuningJob) -> StartRequest:
        """Return a request for the job's file and settings on a base model that can be tuned in place of its own.

        Where Google no longer trains on the job's backend, it is for another one, with what that one takes. Raises
        BadArgument if none is offered, nor the job's backend.
        """
        request = replace(StartRequest.of(job.spec), base_model="", name="", moved_from="")
        found = successor_of(job, self.profiles, self._prices, self._clock.now())
        if found is None:
            return replace(request, backend=self.profile(job.backend).name)
        profile = self.profile(found.backend)
        not_taken = dict.fromkeys(name for name in request.hyperparameters.given() if profile.rule(name) is None)
        return replace(
            request,
            backend=found.backend,
            base_model=found.base_model,
            hyperparameters=replace(request.hyperparameters, **not_taken),
            validation=request.validation if profile.takes_validation else "",
            validation_share=request.validation_share if profile.takes_validation else 0.0,
        )

    def moved(self, job: TuningJob) -> StartRequest:
        """Return a request that asks Google to move the job's model to the base model of `on_successor`.

        Raises BadArgument where Google cannot be asked for that.
        """
        found = successor_of(job, self.profiles, self._prices, self._clock.now())
        if found is None or not found.moves or not job.can_answer:
            raise BadArgument(
                f"I know no base model to which Google could move “{job.name}”.",
                "You can tune its file again on another one: /tune opens the form.",
            )
        return replace(self.on_successor(job), moved_from=job.tuned_model)

    def profile(self, name: str) -> BackendProfile:
        """Return the profile of that name, the default one for an empty name. Raises BadArgument."""
        return offered_backend(self._backends, name).profile

    def obstacle(self, name: str) -> BotError | None:
        """Return what is known against a start with this backend, without asking Google."""
        return self._readiness.problem(name)

    def warnings(self, name: str) -> Sequence[str]:
        """Return why tunings with this backend may fail at Google, as far as known, without asking Google.

        It is what the checks of the backend found and no check before a start does: the permission to tune, and
        that Google itself can read the bucket. Raises BadArgument for an unknown backend.
        """
        offered = self.profile(name).name
        return () if self._readiness.problem(offered) is not None else self._failures(self._checks[offered])

    async def check(
        self, place: Place, owner: str, request: StartRequest, progress: Progress | None = None
    ) -> CheckResult:
        """Check the request, read its files, and store a proposal if there is no error.

        Raises Forbidden for a person who may not tune here, BadArgument, FileError; what is wrong with rows is in
        the reports.
        """
        requester = Requester(owner, place, present=False)
        await self.check_person(requester)
        profile = self.profile(request.backend)
        base_model = await self._checked_values(requester, profile, request)
        if not request.file:
            raise BadArgument(
                "There is no file to tune on.", "Attach a JSONL file, or give a gs:// URI.", field="file"
            )
        backend = offered_backend(self._backends, request.backend)
        await self._check_tuned_base(requester, backend, base_model)
        report = await self._dataset_check.report(
            place,
            owner,
            request.file,
            request.mapping,
            backend,
            base_model,
            whole=bool(request.validation or request.validation_share),
            progress=progress,
        )
        second: DatasetReport | None = None
        if request.validation:
            second = await self._dataset_check.report(
                place,
                owner,
                request.validation,
                request.mapping,
                backend,
                base_model,
                training=report,
                progress=progress,
            )
        earlier = await self._trained_on(requester, report.sha256)
        obstacle = await self._readiness.check(profile.name)
        refused = obstacle is not None and not obstacle.passing
        files = [report] if second is None else [report, second]
        asks = not request.preferred_only and any(each.asks_for_preferred for each in files)
        if refused or asks or not all(each.ok for each in files):
            return CheckResult(profile, report, second, None, earlier, obstacle)
        name = written_name(request.name) or await self._free_name(place.team, profile, report.name)
        training = report.dataset(request.file)
        validation = second.dataset(request.validation) if second is not None else None
        share = request.validation_share
        held_out = _held_out(report, share, profile) if share else 0
        chosen = _with_epochs(request, report, report.examples - held_out)
        priced = await self._priced_model(place.team, base_model)
        cost = estimate(report, report.examples - held_out, chosen.epochs, profile, priced, self._prices)
        spec = TuningSpec(
            profile.name,
            base_model,
            name,
            chosen,
            training,
            validation,
            share,
            held_out,
            estimate=cost,
            system_instruction=report.system_instruction,
            moved_from=request.moved_from,
        )
        proposal = Proposal(new_key(), place, owner, spec, self._clock.now())
        await self._jobs.add_proposal(proposal)
        confirmation = reason_to_confirm(cost, chosen.epochs, self._confirmation_rules)
        moved = moved_sentence(base_model) if request.moved_from else ""
        notes = " ".join(filter(None, [moved, *self.warnings(profile.name), await self._notes(requester, cost)]))
        return CheckResult(profile, report, second, proposal, earlier, obstacle, confirmation, notes)

    async def _notes(self, requester: Requester, cost: TuningEstimate) -> str:
        """Return what a person should know of approvals and budgets before the start. Raises StorageError."""
        reason = await self._approvals.reason(requester, cost)
        asked = f"This start waits for the yes of an approver. {reason}" if reason else ""
        return " ".join(filter(None, [asked, await self._budgets.warning(requester, cost)]))

    async def check_person(self, requester: Requester) -> None:
        """Raises Forbidden if the person may not tune here, StorageError."""
        await self._access.check(requester, Deed.TUNE)

    async def check_values(self, requester: Requester, request: StartRequest) -> None:
        """Check the values of a request but not its files, as `check` does first. Raises BadArgument."""
        await self._checked_values(requester, self.profile(request.backend), request)

    async def tuned(self, requester: Requester) -> Sequence[TunedModel]:
        """Return the models that this person can tune again in this channel, newest first."""
        return [
            TunedModel(job.backend, job.tuned_model, job.endpoint, job.name, job.spec.base_model)
            for job in await self._access.listed(requester, SHOWN_BASES)
            if job.can_answer and job.tuned_model and await self._access.may_use(requester, job)
        ]

    async def _trained_on(self, requester: Requester, sha256: str) -> Sequence[TuningJob]:
        jobs = await self._access.listed(requester, EARLIER_JOBS)
        return [job for job in jobs if job.spec.training.sha256 == sha256]

    async def _checked_values(self, requester: Requester, profile: BackendProfile, request: StartRequest) -> str:
        """Check everything that was typed and return the id of the base model. Raises BadArgument."""
        check_hyperparameters(profile, request.hyperparameters)
        base_model = await self._base_model(requester, profile, request.base_model)
        if request.moved_from:
            await self._check_move(requester, profile, request.moved_from, base_model)
        await self._check_name(requester.team, profile, check_name(request.name))
        _check_validation(profile, request)
        return base_model

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

    async def _check_tuned_base(self, requester: Requester, backend: TuningBackend, base_model: str) -> None:
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
        if found is None:
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

    async def _priced_model(self, team: str, base_model: str) -> str:
        """Return the base model whose price counts, also for a tuned model of this workspace; empty if unknown."""
        jobs = await self._jobs.jobs(team, limit=EARLIER_JOBS) if "/" in base_model else ()
        bases = {name: job.spec.base_model for job in jobs for name in (job.tuned_model, job.endpoint) if name}
        # A tuned model may itself have been tuned from a tuned model.
        for _ in range(len(bases)):
            if "/" not in base_model:
                break
            base_model = bases.get(base_model, "")
        return "" if "/" in base_model else base_model

    async def _check_name(self, team: str, profile: BackendProfile, wanted: str) -> None:
        if len(wanted) > profile.name_limit:
            raise BadArgument(
                f"The name has {len(wanted)} characters; {profile.title} takes at most {profile.name_limit}.",
                "Choose a shorter one.",
                field="name",
            )
        if wanted and await self._taken(team, wanted):
            raise name_taken(wanted)

    async def _free_name(self, team: str, profile: BackendProfile, file_name: str) -> str:
        """Return a name made from the file's, with a number if it is taken."""
        stem = re.sub(r"[^a-z0-9]+", "-", file_name.lower().split(".")[0]).strip("-")[: profile.name_limit - 5]
        stem = stem or "model"
        candidate, number = stem, 2
        while await self._taken(team, candidate):
            candidate, number = f"{stem}-{number}", number + 1
        return candidate

    async def _taken(self, team: str, name: str) -> bool:
        job = await self._jobs.named(team, name)
        if job is None:
            return False
        return not job.state.ended or job.state is JobState.LOST or job.can_answer


def _check_validation(profile: BackendProfile, request: StartRequest) -> None:
    if not request.validation and not request.validation_share:
        return
    if not profile.takes_validation:
        raise BadArgument(f"{profile.title} takes no validation examples.", "Leave them out.", field="validation")
    if request.validation and request.validation_share:
        raise BadArgument(
            "There is a validation file and a share to hold out.",
            "Give only one of them.",
            field="validation_share",
        )
    if request.validation_share and not LEAST_HELD_OUT <= request.validation_share <= MOST_HELD_OUT:
        raise BadArgument(
            f"{request.validation_share:.4g} of the examples cannot be held out.",
            f"Give a share from {LEAST_HELD_OUT:.1%} to {MOST_HELD_OUT:.0%}.",
            field="validation_share",
        )


def _with_epochs(request: StartRequest, report: DatasetReport, examples: int) -> Hyperparameters:
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


def _held_out(report: DatasetReport, share: float, profile: BackendProfile) -> int:
    """Return how many examples the share holds out. Raises BadArgument for none, all, or more than the limit."""
    held_out = report.held_out(share)
    if not 0 < held_out < report.examples:
        raise BadArgument(
            f"Holding out {share:.4g} of {report.examples:,} examples leaves one side empty.",
            "Take a larger file, or tune without validation.",
            field="validation_share",
        )
    most = validation_limit(profile.limits, report.examples - held_out)
    if most and held_out > most:
        raise BadArgument(
            f"That share holds out {held_out:,} examples; {profile.title} takes at most {most:,} for validation.",
            "Give a smaller share.",
            field="validation_share",
        )
    return held_out


def new_key() -> str:
    """Return a new key: `tb-` and 26 characters of base32, valid as a `tunedModelId` and as a label's value."""
    return "tb-" + base64.b32encode(secrets.token_bytes(16)).decode().lower().rstrip("=")


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
