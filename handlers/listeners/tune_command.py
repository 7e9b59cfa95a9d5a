"""Carries out the commands that open no modal, the same for `/tune ...` and for a mention in a thread."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from bot.chat.chat_service import ChatService
from bot.domain.backend_profile import BackendProfile
from bot.domain.place import Requester
from bot.ports.clock import Clock
from bot.ports.stores import JobStore
from bot.spending.month_report import month_of, month_report, months_back, next_month, start_of
from bot.tuning.job_service import JobService
from bot.tuning.permissions import may_use_buttons
from handlers.blocks.help import build_help
from handlers.blocks.jobs.card import build_card
from handlers.blocks.jobs.listing import SHOWN, build_job_list, build_model_list
from handlers.blocks.jobs.wording import cancel_text
from handlers.blocks.message import Message
from handlers.blocks.replies import build_reply
from handlers.blocks.spend import build_spend
from handlers.syntax.commands import Arguments, Runner, TypedCommand

EARLIER_MONTHS: Final = 6
_Run = Callable[[Requester, Arguments], Awaitable[Message]]


class CommandRunner:
    """Carries out one typed command and returns the message that answers it."""

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
        self.runners: Final[Mapping[Runner, _Run]] = {
            Runner.LIST: self._list,
            Runner.STATUS: self._status,
            Runner.CANCEL: self._cancel,
            Runner.DELETE: self._delete,
            Runner.USE: self._use,
            Runner.MODELS: self._models,
            Runner.SPEND: self._spend,
            Runner.HELP: self._help,
        }

    async def run(self, typed: TypedCommand, requester: Requester) -> Message:
        """Return the answer to show. Raises BotError."""
        return await self.runners[typed.runner](requester, typed.arguments)

    async def _list(self, requester: Requester, arguments: Arguments) -> Message:
        return await self._jobs_of(requester.team, under_way=False)

    async def _status(self, requester: Requester, arguments: Arguments) -> Message:
        if not arguments.name:
            return await self._jobs_of(requester.team, under_way=True)
        job = await self._tuning.named(requester.team, arguments.name)
        snapshots = await self._jobs.snapshots(job.key)
        return build_card(
            job,
            self._tuning.profile(job),
            snapshots,
            self._clock.now(),
            native_chart=False,
            with_buttons=may_use_buttons(requester, job),
        )

    async def _cancel(self, requester: Requester, arguments: Arguments) -> Message:
        job = await self._tuning.named(requester.team, arguments.name)
        return build_reply(cancel_text(await self._tuning.cancel(requester.team, job.key, requester.user)))

    async def _delete(self, requester: Requester, arguments: Arguments) -> Message:
        job = await self._tuning.named(requester.team, arguments.name)
        await self._tuning.delete(requester.team, job.key, requester.user)
        return build_reply(f"{job.name} is deleted.")

    async def _use(self, requester: Requester, arguments: Arguments) -> Message:
        model = await self._chat.use(requester.place, arguments.name, requester.user)
        return build_reply(f"{model.name} answers in this channel now. Ask it with /ask, or mention me.")

    async def _models(self, requester: Requester, arguments: Arguments) -> Message:
        listed = await self._chat.models()
        return build_model_list(listed.models, await self._jobs.jobs(requester.team), listed.problems)

    async def _spend(self, requester: Requester, arguments: Arguments) -> Message:
        month = arguments.month or month_of(self._clock.now())
        since, until = start_of(months_back(month, EARLIER_MONTHS)), start_of(next_month(month))
        report = month_report(await self._jobs.started(requester.team, since, until), month)
        # The answer to a mention is posted in its thread, where each name would notify a person.
        return build_spend(report, with_people=not requester.place.thread)

    async def _help(self, requester: Requester, arguments: Arguments) -> Message:
        return build_help(list(self._profiles.values()))

    async def _jobs_of(self, team: str, *, under_way: bool) -> Message:
        jobs = await self._jobs.jobs(team, limit=SHOWN, under_way=under_way)
        return build_job_list(jobs, self._clock.now(), await self._jobs.count_jobs(team, under_way=under_way))
