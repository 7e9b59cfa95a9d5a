"""Checks what a person asked for and stores it as a proposal that waits for a click. Nothing here spends money.

Every value is checked before any byte of the file is read, and the whole file before anything is proposed. The
proposal's id becomes the job's key, so one proposal can start one job only.
"""

import base64
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Final

from bot.datasets import DatasetReport
from bot.domain.backend_profile import BackendProfile
from bot.domain.jobs import TuningJob, TuningSpec
from bot.domain.names import written_name
from bot.domain.place import Place, Requester
from bot.domain.requests import Proposal, StartRequest
from bot.domain.spending import ConfirmationRules, TuningEstimate
from bot.errors import BadArgument, BotError
from bot.people.job_access import JobAccess
from bot.people.roles import Deed
from bot.ports.backends import TuningBackend, offered_backend
from bot.ports.clock import Clock
from bot.ports.job_store import JobStore
from bot.runtime.readiness import Readiness
from bot.spending.estimate_text import moved_sentence
from bot.spending.estimates import estimate, reason_to_confirm
from bot.spending.price_table import PriceTable
from bot.spending.retirement import closed_sentence, retirement_sentences, successor_of
from bot.tuning.approvals import Approvals
from bot.tuning.budgets import Budgets
from bot.tuning.dataset_check import DatasetCheck, Progress
from bot.tuning.start_values import EARLIER_JOBS, StartValues, held_out_of, with_epochs


@dataclass(frozen=True, slots=True)
class StartCheckResult:
    """The result of a check. `proposal` is None if something must be corrected first.

    `obstacle` is why a start would fail whatever its file, or, if it is `passing`, why that could not be checked.
    `earlier` are the jobs that the person sees and that were trained on the same bytes, newest first.
    `confirmation` says why the start needs a second yes, empty if it needs none; `notes` are sentences for
    each reader of the report, `own_notes` for this person alone: on the approval that their start needs, and on
    budgets that it brings near their edge.
    """

    profile: BackendProfile
    report: DatasetReport
    validation: DatasetReport | None
    proposal: Proposal | None
    earlier: Sequence[TuningJob] = ()
    obstacle: BotError | None = None
    confirmation: str = ""
    notes: str = ""
    own_notes: str = ""


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
        self.values: Final = StartValues(jobs, access)
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
    ) -> StartCheckResult:
        """Check the request, read its files, and store a proposal if there is no error.

        Raises Forbidden for a person who may not tune here, BadArgument, FileError, Outdated where the person was
        forgotten meanwhile; what is wrong with rows is in the reports.
        """
        requester = Requester(owner, place, present=False)
        await self.check_person(requester)
        profile = self.profile(request.backend)
        base_model = await self.values.checked(requester, profile, request)
        if not request.file:
            raise BadArgument(
                "There is no file to tune on.", "Attach a JSONL file, or give a gs:// URI.", field="file"
            )
        backend = offered_backend(self._backends, request.backend)
        await self.values.check_tuned_base(requester, backend, base_model)
        begun = await self._dataset_check.begun()
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
            return StartCheckResult(profile, report, second, None, earlier, obstacle)
        name = written_name(request.name) or await self.values.free_name(requester, profile, report.name)
        training = report.dataset(request.file)
        validation = second.dataset(request.validation) if second is not None else None
        share = request.validation_share
        held_out = held_out_of(report, share, profile) if share else 0
        chosen = with_epochs(request, report, report.examples - held_out)
        priced = await self.values.priced_model(place.team, base_model)
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
        await self._dataset_check.check_not_forgotten(place.team, owner, begun)
        await self._jobs.add_proposal(proposal)
        confirmation = reason_to_confirm(cost, chosen.epochs, self._confirmation_rules)
        moved = moved_sentence(base_model) if request.moved_from else ""
        notes = " ".join(filter(None, [moved, *self.warnings(profile.name)]))
        own_notes = await self._own_notes(requester, cost)
        return StartCheckResult(
            profile, report, second, proposal, earlier, obstacle, confirmation, notes, own_notes
        )

    async def _own_notes(self, requester: Requester, cost: TuningEstimate) -> str:
        """Return what a person should know of approvals and budgets before the start. Raises StorageError."""
        reason = await self._approvals.reason(requester, cost)
        asked = f"This start waits for the yes of an approver. {reason}" if reason else ""
        return " ".join(filter(None, [asked, await self._budgets.warning(requester, cost)]))

    async def check_person(self, requester: Requester) -> None:
        """Raises Forbidden if the person may not tune here, StorageError."""
        await self._access.check(requester, Deed.TUNE)

    async def check_values(self, requester: Requester, request: StartRequest) -> None:
        """Check the values of a request but not its files, as `check` does first. Raises BadArgument."""
        await self.values.checked(requester, self.profile(request.backend), request)

    async def _trained_on(self, requester: Requester, sha256: str) -> Sequence[TuningJob]:
        jobs = await self._access.listed(requester, EARLIER_JOBS)
        return [job for job in jobs if job.spec.training.sha256 == sha256]


def new_key() -> str:
    """Return a new key: `tb-` and 26 characters of base32, valid as a `tunedModelId` and as a label's value."""
    return "tb-" + base64.b32encode(secrets.token_bytes(16)).decode().lower().rstrip("=")
