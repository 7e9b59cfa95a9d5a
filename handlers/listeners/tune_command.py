"""The commands that need no form, the same for `/tune ...` and for a mention in a thread."""

from collections.abc import Mapping
from typing import assert_never

from bot.chat.chat_service import ChatService
from bot.domain.backend_profile import BackendProfile
from bot.domain.place import Place
from bot.ports.clock import Clock
from bot.ports.stores import JobStore
from bot.tuning.job_service import JobService
from handlers.blocks.help import help_message
from handlers.blocks.jobs.card import job_card
from handlers.blocks.jobs.listing import SHOWN, job_list, model_list
from handlers.blocks.jobs.wording import cancel_words
from handlers.blocks.message import Message
from handlers.blocks.said import said
from handlers.syntax.commands import Cancel, Delete, Help, ListJobs, ListModels, Status, Use

Verb = Cancel | Delete | Help | ListJobs | ListModels | Status | Use


class CommandRunner:
    """Carries out one typed command and says what came of it."""

    def __init__(
        self,
        tuning: JobService,
        chat: ChatService,
        jobs: JobStore,
        profiles: Mapping[str, BackendProfile],
        clock: Clock,
    ) -> None:
        self._tuning = tuning
        self._chat = chat
        self._jobs = jobs
        self._profiles = profiles
        self._clock = clock

    async def run(self, verb: Verb, place: Place, user: str) -> Message:
        """The answer to show. Raises BotError."""
        team = place.team
        match verb:
            case ListJobs():
                return await self._list(team, under_way=False)
            case Status(name=""):
                return await self._list(team, under_way=True)
            case Status(name=name):
                job = await self._tuning.named(team, name)
                profile = self._tuning.profile(job)
                snapshots = await self._jobs.snapshots(job.key)
                return job_card(job, profile, snapshots, self._clock.now(), native_chart=False)
            case Cancel(name=name):
                job = await self._tuning.named(team, name)
                return said(cancel_words(await self._tuning.cancel(team, job.key, user)))
            case Delete(name=name):
                job = await self._tuning.named(team, name)
                await self._tuning.delete(team, job.key, user)
                return said(f"{job.name} is deleted.")
            case Use(name=name):
                model = await self._chat.use(place, name, user)
                return said(f"{model.name} answers in this channel now. Ask it with /ask, or mention me.")
            case ListModels():
                listed = await self._chat.models()
                return model_list(listed.models, await self._jobs.jobs(team), listed.problems)
            case Help():
                return help_message(list(self._profiles.values()))
            case _:
                assert_never(verb)

    async def _list(self, team: str, *, under_way: bool) -> Message:
        jobs = await self._jobs.jobs(team, limit=SHOWN, under_way=under_way)
        return job_list(jobs, self._clock.now(), await self._jobs.count_jobs(team, under_way=under_way))
