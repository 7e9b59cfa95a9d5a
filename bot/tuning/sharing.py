"""Shows a job to more people than those of its channel, and takes that back.

A job is shared with people, with channels, for those who can read them, or with everyone in the workspace. Nothing
is changed at Google: the bot asks the model with its own credentials, for all who may ask it here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.domain.jobs import TuningJob
from bot.domain.place import Requester
from bot.domain.roles import EVERYONE, is_channel, is_person
from bot.errors import BadArgument, NoSuchJob
from bot.people.job_access import JobAccess
from bot.people.roles import Deed
from bot.ports.clock import Clock
from bot.ports.job_store import Change, JobStore
from bot.tuning.transitions import share


@dataclass(frozen=True, slots=True)
class Shared:
    """The job as it is shared now, and with whom it is since then and no longer."""

    job: TuningJob
    added: tuple[str, ...]
    removed: tuple[str, ...]


class Sharing:
    """The use cases on sharing. A target is the id of a person or a channel, or EVERYONE."""

    def __init__(self, jobs: JobStore, access: JobAccess, clock: Clock, wake_sender: Callable[[], None]) -> None:
        self._jobs = jobs
        self._access = access
        self._clock = clock
        self._wake_sender = wake_sender

    async def add(self, requester: Requester, job: TuningJob, target: str) -> Shared:
        """Share the job with one more target. Raises Forbidden, NoSuchJob, BadArgument, StorageError."""
        await self._check(requester, job, [target])
        return await self._change(requester, job, lambda before: (*before, target))

    async def remove(self, requester: Requester, job: TuningJob, target: str) -> Shared:
        """Share the job no longer with this target. Raises as `add` does."""
        await self._access.check_deed(requester, job, Deed.SHARE)
        if target not in job.shared_with:
            raise BadArgument(f"“{job.name}” is not shared there.", "See with whom it is: /tune status NAME.")
        return await self._change(requester, job, lambda before: [each for each in before if each != target])

    async def set(
        self, requester: Requester, job: TuningJob, targets: Sequence[str], shown: Sequence[str]
    ) -> Shared:
        """Share the job with these targets in place of those that a person was shown. Raises as `add` does.

        What others have shared or taken back since then stays as it is.
        """
        added = [each for each in targets if each not in shown]
        removed = {each for each in shown if each not in targets}
        await self._check(requester, job, [each for each in added if each not in job.shared_with])
        return await self._change(
            requester, job, lambda before: (*(each for each in before if each not in removed), *added)
        )

    async def _check(self, requester: Requester, job: TuningJob, targets: Sequence[str]) -> None:
        await self._access.check_deed(requester, job, Deed.SHARE)
        for target in targets:
            if target != EVERYONE and not is_person(target) and not is_channel(target):
                raise BadArgument(
                    "A tuning is shared with a person, a channel, or everyone.",
                    "Write /tune share NAME @person, #channel or everyone.",
                )
            await self._access.check_target(requester, target)

    async def _change(
        self, requester: Requester, job: TuningJob, targets_after: Callable[[Sequence[str]], Sequence[str]]
    ) -> Shared:
        before: list[TuningJob] = []

        def step(current: TuningJob) -> Change | None:
            before.append(current)
            targets = tuple(dict.fromkeys(targets_after(current.shared_with)))
            return share(current, targets, requester, self._clock.now())

        after = await self._jobs.change(job.key, step)
        if after is None or not before:
            raise NoSuchJob("This tuning no longer exists.", "See all tunings with /tune list.")
        self._wake_sender()
        old, new = before[-1].shared_with, after.shared_with
        return Shared(after, tuple(x for x in new if x not in old), tuple(x for x in old if x not in new))
