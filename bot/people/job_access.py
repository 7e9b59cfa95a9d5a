"""The one place that decides who sees a job, its model, its file and its name, and who may change or use it.

A job is seen where it was made: by each person who can read that channel or is in that direct message, by its
owner, and where it is shared. To a person who may not see it, it is as if it did not exist. Among those who see
it, only its owner and those with the role for it (see `bot.people.roles`) may cancel it, delete it, share it, or
use it in another channel.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final

from bot.domain.chat import ChannelModel, ModelRef
from bot.domain.jobs import TuningJob
from bot.domain.names import did_you_mean
from bot.domain.operations import TunedModel
from bot.domain.place import NOBODY, Place, Requester, Sight
from bot.domain.requests import Proposal
from bot.domain.roles import EVERYONE, is_channel, is_person
from bot.errors import BadArgument, Forbidden, JobDeleted, NoSuchJob
from bot.people.roles import Deed, Roles
from bot.ports.job_store import JobStore
from bot.ports.workspace_members import WorkspaceMembers

SUGGESTED: Final = 300  # among how many names one that the person may have meant is searched for


class JobAccess:
    """Finds jobs for a person, and says what the person may do to them."""

    def __init__(self, jobs: JobStore, members: WorkspaceMembers, roles: Roles) -> None:
        self._jobs = jobs
        self._members = members
        self._roles = roles

    async def may(self, requester: Requester, deed: Deed) -> bool:
        """Return whether the person may do this here, to a job that is not theirs. Raises StorageError."""
        return await self._roles.may(requester, deed)

    async def answered(self, requester: Requester, *jobs: TuningJob) -> bool:
        """Return whether Slack says now what the person may do here, and to these jobs. Raises StorageError."""
        channels = {name for job in jobs for name in (job.place.channel, *filter(is_channel, job.shared_with))}
        return await self._roles.answered(requester, *channels)

    async def check(self, requester: Requester, deed: Deed) -> None:
        """Check what the person may do here, whatever the job. Raises Forbidden, StorageError."""
        await self._roles.check(requester, deed)

    async def check_served(self, requester: Requester) -> None:
        """Raises Forbidden for a person who is not served, such as a guest without a role; StorageError."""
        if not await self._roles.belongs(requester):
            raise Forbidden(
                "Only full members of this workspace and people with a role may use me.",
                "Ask an owner for a role: /tune roles give asker @PERSON",
            )

    async def may_see(self, requester: Requester, job: TuningJob) -> bool:
        """Return whether the job exists for this person. Raises StorageError."""
        if requester.team != job.place.team:
            return False
        if requester.overheard:
            return await self._roles.belongs(requester) and await known_in(requester.place, job, self._members)
        if requester.user in (job.owner, job.prepared_by):
            return True
        if not await self._roles.belongs(requester):
            return False
        if requester.user in job.shared_with or EVERYONE in job.shared_with:
            return True
        for channel in (job.place.channel, *filter(is_channel, job.shared_with)):
            if await self._reads(requester, channel):
                return True
        return False

    async def sight(self, requester: Requester) -> Sight:
        """Return what the person sees of all the workspace's jobs. Raises StorageError."""
        if not await self._roles.belongs(requester):
            return Sight(requester.user, frozenset())
        if requester.overheard:
            here = frozenset([requester.place.channel])
            shared = frozenset() if await self._members.is_external(requester.place.channel) else here
            return Sight(NOBODY, here, shared)
        channels = sorted(await self._jobs.channels(requester.team))
        reads = await asyncio.gather(*(self._reads(requester, channel) for channel in channels))
        readable = frozenset(each for each, read in zip(channels, reads, strict=True) if read)
        return Sight(requester.user, readable, readable | {requester.user, EVERYONE})

    async def _reads(self, requester: Requester, channel: str) -> bool:
        return bool(channel) and await self._roles.is_in(requester, channel)

    async def may_read(self, requester: Requester, channel: str) -> bool:
        """Return whether the person can read the channel. Raises StorageError."""
        return await self._roles.belongs(requester) and await self._reads(requester, channel)

    async def check_reads(self, requester: Requester, *, unless_unknown: bool = False) -> None:
        """Check that a person whose request comes from a view has not left the channel of the view.

        Raises Forbidden, without `unless_unknown` also where Slack does not say if they read it; StorageError.
        """
        channel = requester.place.channel
        if requester.place.is_direct or await self._reads(requester, channel):
            return
        if unless_unknown and not await self._roles.answered(requester, channel):
            return
        raise Forbidden(
            "You opened this in a channel that you cannot read any more, or that I cannot.",
            "Open it again where you want it: /tune or /ask.",
        )

    async def visible(self, requester: Requester, jobs: Iterable[TuningJob]) -> list[TuningJob]:
        """Return those of the jobs that exist for this person, in their order. Raises StorageError."""
        listed = list(jobs)
        seen = await asyncio.gather(*(self.may_see(requester, job) for job in listed))
        return [job for job, sees in zip(listed, seen, strict=True) if sees]

    async def listed(self, requester: Requester, limit: int, *, under_way: bool = False) -> Sequence[TuningJob]:
        """Return the newest jobs that the person sees. Raises StorageError."""
        sight = await self.sight(requester)
        return await self._jobs.jobs(requester.team, limit=limit, under_way=under_way, sight=sight)

    async def count(self, requester: Requester, *, under_way: bool = False) -> int:
        """Return how many jobs `listed` would return without a limit. Raises StorageError."""
        return await self._jobs.count_jobs(requester.team, under_way=under_way, sight=await self.sight(requester))

    async def started(self, requester: Requester, since: datetime, until: datetime) -> list[TuningJob]:
        """Return the jobs that the person sees, also deleted ones, of this time. Raises StorageError."""
        return await self.visible(requester, await self._jobs.started(requester.team, since, until))

    async def get(self, requester: Requester, key: str) -> TuningJob:
        """Return the job with this key.

        Raises JobDeleted for a job that was deleted, NoSuchJob, also for a job that the person may not see.
        """
        job = await self._jobs.job(key)
        if job is None or not await self.may_see(requester, job):
            raise NoSuchJob("This tuning no longer exists.", "See all tunings with /tune list.")
        if job.deleted_by:
            what = "model" if job.endpoint else "tuning"
            hint = "See /tune list for models that can be asked."
            raise JobDeleted(f"The {what} “{job.name}” was deleted.", hint, key=key)
        return job

    async def find(self, requester: Requester, name: str) -> TuningJob | None:
        """Return the job that this person means by the name, None if they see none of it. Raises StorageError.

        Of several it is one that still has the name, then one of this channel, then the person's own, then the
        newest: people who do not see each other's tunings may call them alike.
        """
        here = requester.place.channel

        def nearness(job: TuningJob) -> tuple[bool, bool, bool]:
            if not job.holds_name:
                return (True, True, True)
            return (False, here not in (job.place.channel, *job.shared_with), requester.user != job.owner)

        seen = await self.visible(requester, await self._jobs.with_name(requester.team, name))
        return min(seen, key=nearness, default=None)

    async def shows_name(self, requester: Requester, name: str) -> bool:
        """Return whether the person sees a job that still has this name. Raises StorageError."""
        seen = await self.visible(requester, await self._jobs.with_name(requester.team, name))
        return any(job.holds_name for job in seen)

    async def hidden_of_name(self, requester: Requester, name: str) -> Collection[str]:
        """Return the keys of the jobs of this name that do not exist for the person. Raises StorageError."""
        named = await self._jobs.with_name(requester.team, name)
        seen = {job.key for job in await self.visible(requester, named)}
        return {job.key for job in named} - seen

    async def named(self, requester: Requester, name: str) -> TuningJob:
        """Return the job that `find` returns. Raises NoSuchJob with a suggestion, StorageError."""
        job = await self.find(requester, name)
        if job is None:
            known = [each.name for each in await self.listed(requester, SUGGESTED)]
            if requester.overheard:
                otherwise = (
                    "I speak only of the tunings of this channel here: /tune shows you alone all that you see."
                )
                raise NoSuchJob(
                    f"I know no tuning named {name!r} in this channel.",
                    did_you_mean(name, known, otherwise=otherwise),
                )
            otherwise = (
                "See all tunings with /tune list." if known else "Nothing was tuned here yet. Start with /tune."
            )
            raise NoSuchJob(f"I know no tuning named {name!r}.", did_you_mean(name, known, otherwise=otherwise))
        return job

    async def visible_models(self, requester: Requester, models: Sequence[TunedModel]) -> Sequence[TunedModel]:
        """Return Google's models without those of jobs that the person may not see. Raises StorageError."""
        jobs = await self._jobs.with_resources([each for model in models for each in _resources_of(model)])
        known = {name for job in jobs for name in job.resources}
        hidden = {name for job in jobs if not await self.may_see(requester, job) for name in job.resources}
        return [
            model
            for model in models
            if hidden.isdisjoint(_resources_of(model))
            and (not known.isdisjoint(_resources_of(model)) or await self.may_see_unknown(requester, model))
        ]

    async def may_see_unknown(self, requester: Requester, model: TunedModel) -> bool:
        """Return whether a model of which the database knows no job exists for this person here.

        Another Tunebot on the same project made it, or this one before its database was lost. Then it belongs to
        the channel that its labels name. One that no Tunebot made is everybody's. Raises StorageError.
        """
        made = model.origin
        if made is None:
            return True
        if made.team != requester.team or not await self._roles.belongs(requester):
            return False
        if not requester.place.is_direct and requester.place.channel != made.channel:
            return False
        return requester.user == made.owner or await self._reads(requester, made.channel)

    async def job_of(self, model: ModelRef | TunedModel | str) -> TuningJob | None:
        """Return the job that made a model, of any workspace; None for a model that no job made.

        A text is the name of a resource at Google. Raises StorageError.
        """
        names = [model] if isinstance(model, str) else _resources_of(model)
        jobs = await self._jobs.with_resources(names)
        return next((job for job in reversed(jobs) if not job.deleted_by), jobs[-1] if jobs else None)

    async def may_decide(self, requester: Requester, job: TuningJob, deed: Deed) -> bool:
        """Return whether the person may do this deed of OWN_JOB to the job. Raises StorageError."""
        if not await self.may_see(requester, job):
            return False
        if requester.user == job.owner:
            # An owner who became a guest may still stop what costs money, and nothing else.
            return deed is Deed.CANCEL or await self._roles.belongs(requester)
        return await self._roles.may(requester, deed)

    async def check_deed(self, requester: Requester, job: TuningJob, deed: Deed) -> None:
        """Raises Forbidden if the person may not do this to the job, NoSuchJob if they do not see it."""
        if await self.may_decide(requester, job, deed):
            return
        if not await self.may_see(requester, job):
            raise NoSuchJob("This tuning no longer exists.", "See all tunings with /tune list.")
        raise Forbidden(
            f"Only the person who started “{job.name}”, approvers and administrators of this workspace may "
            f"{deed}.",
            "Ask one of them; /tune roles shows who has which role.",
        )

    async def may_use(self, requester: Requester, job: TuningJob) -> bool:
        """Return whether the person may make the model answer, or tune it again, in the requester's channel.

        Raises StorageError.
        """
        if await known_in(requester.place, job, self._members):
            return await self.may_see(requester, job)
        return await self.may_decide(requester, job, Deed.USE)

    async def check_target(self, requester: Requester, target: str) -> None:
        """Check with whom the person may share: a channel that they can read, somebody whom the bot serves.

        Raises BadArgument, StorageError.
        """
        if is_channel(target) and not await self._reads(requester, target):
            raise BadArgument("You cannot read that channel, or I cannot.", "Invite me there first, and join it.")
        if is_channel(target) and await self._members.is_external(target):
            raise BadArgument(
                "That channel is shared with another company, whose people would see it.",
                "Share it with people, or with a channel of this workspace alone.",
            )
        if is_person(target) and not await self._roles.belongs(Requester(target, requester.place, present=False)):
            raise BadArgument(
                "That person is no full member of this workspace, so they may not use me.",
                "An owner can give them a role: /tune roles give asker @PERSON.",
            )

    async def check_use(self, requester: Requester, job: TuningJob) -> None:
        """Raises Forbidden if the person may not use the model here, NoSuchJob if they do not see it."""
        if not await self.may_use(requester, job):
            await self.check_deed(requester, job, Deed.USE)

    async def still_answers(self, place: Place, chosen: ChannelModel) -> bool:
        """Return whether the model that was chosen for this channel may still answer all people of it.

        It may where the channel itself knows the model. Elsewhere it may only as long as the person who chose it
        has the right to: in direct messages to ask it, in a channel to use it there. Raises StorageError.
        """
        job = await self.job_of(chosen.model)
        if job is None:
            return True
        if job.deleted_by or job.place.team != place.team:
            return False
        if not place.is_direct and await known_in(place, job, self._members):
            return True
        chooser = Requester(chosen.user, place, present=False)
        if not await self._roles.belongs(chooser):
            return False
        return await (self.may_ask if place.is_direct else self.may_use)(chooser, job)

    async def check_base(self, requester: Requester, proposal: Proposal) -> None:
        """Check that the person may still use the tuned models that the proposal needs, where a job made them.

        `requester` is who presses Start, in which channel they do. They may have left the model's channel since
        the check, or be another person. Raises Forbidden, NoSuchJob, StorageError.
        """
        pressed_there = requester.present and requester.place.channel == proposal.place.channel
        for name in proposal.spec.sources:
            job = await self.job_of(name)
            if job is None:
                continue
            if job.deleted_by or not await self.may_see(requester, job):
                raise NoSuchJob(
                    "The model that this start is based on no longer exists. Nothing was started.",
                    "Check the file again with /tune, and choose another base model.",
                )
            await self.check_use(Requester(requester.user, proposal.place, pressed_there), job)

    async def may_ask(self, requester: Requester, job: TuningJob) -> bool:
        """Return whether the person may ask the model here: its answers must not leave a private channel.

        Everybody who sees it may ask it in its own channel, in those with which it is shared and in direct
        messages; that of a public channel, and one that is shared with everyone, wherever no other company reads.
        """
        if not await self._roles.may(requester, Deed.ASK):
            return False
        if await self.may_use(requester, job):
            return True
        if not await self.may_see(requester, job):
            return False
        if requester.place.is_direct:
            return True
        if await self._members.is_external(requester.place.channel):
            return False
        return EVERYONE in job.shared_with or await self._members.is_public(job.place.channel)

    async def check_ask(self, requester: Requester, job: TuningJob) -> None:
        """Raises Forbidden if the person sees the model, but may not ask it here."""
        await self._roles.check(requester, Deed.ASK)
        if not await self.may_ask(requester, job):
            if await self._members.is_external(requester.place.channel):
                raise Forbidden(
                    f"People of another company may read this channel, and would see what “{job.name}” answers.",
                    "Ask it where it was tuned, or write to me directly.",
                )
            raise Forbidden(
                f"“{job.name}” was tuned in a private place, and its answers would be seen by others here.",
                "Ask it where it was tuned, or write to me directly.",
            )


def check_start(proposal: Proposal, user: str, channel: str) -> None:
    """Raises Forbidden if this person may not start what the report proposes.

    The person whose report it is may start it anywhere, others only in the channel where the report is.
    """
    if user != proposal.owner and channel != proposal.place.channel:
        raise Forbidden(
            "This report belongs to somebody else, in another channel. Nothing was started.",
            "Check the file yourself with /tune.",
        )


async def known_in(place: Place, job: TuningJob, members: WorkspaceMembers) -> bool:
    """Return whether each person who reads a post in this place may know the job, its name included.

    What was made in a channel belongs to it, also where it is shared with another company. One with which the job
    was shared may have become a channel that another company reads, too: then it may no longer know the job.
    """
    if place.team != job.place.team:
        return False
    if place.channel == job.place.channel:
        return True
    return place.channel in filter(is_channel, job.shared_with) and not await members.is_external(place.channel)


def _resources_of(model: ModelRef | TunedModel) -> list[str]:
    names = (model.endpoint,) if isinstance(model, ModelRef) else (model.resource, model.endpoint)
    return [name for name in names if name]
