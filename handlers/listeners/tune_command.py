"""Carries out the commands that open no modal, the same for `/tune ...` and for a mention in a thread."""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from bot.chat.answer_settings import AnswerSettings
from bot.chat.answer_worker import AnswerWorker
from bot.chat.chat_service import ChatService
from bot.chat.compare import Comparisons
from bot.chat.feedback_service import FeedbackService
from bot.domain.backend_profile import BackendProfile
from bot.domain.google_accounts import is_account
from bot.domain.jobs import JobState
from bot.domain.names import same_name
from bot.domain.place import Requester
from bot.people.job_access import JobAccess
from bot.people.roles import Deed
from bot.ports.clock import Clock
from bot.ports.job_store import JobStore
from bot.tuning.google_sharing import GoogleSharing
from bot.tuning.job_service import JobService
from bot.tuning.sharing import Sharing
from handlers.blocks.chat.channel_model import build_channel_model, build_chosen, build_none_chosen
from handlers.blocks.chat.channel_settings import build_settings
from handlers.blocks.chat.feedback import (
    build_again,
    build_summary,
    build_switch,
    build_switched,
    build_why,
    with_votes,
)
from handlers.blocks.chat.two_answers import with_comparisons
from handlers.blocks.help import build_help
from handlers.blocks.jobs.card import build_card
from handlers.blocks.jobs.confirmations import build_cancel_question, build_delete_question
from handlers.blocks.jobs.listing import SHOWN, build_job_list, build_model_list
from handlers.blocks.jobs.queue_place import RunningTuning
from handlers.blocks.jobs.share_form import build_shared_reply
from handlers.blocks.message import Message
from handlers.blocks.replies import build_reply
from handlers.delivery.poster import Poster
from handlers.delivery.share_posts import SharePosts
from handlers.listeners.workspace_commands import Run, WorkspaceCommands
from handlers.slack_errors import CALL_ERRORS
from handlers.start_flow.corrections_upload import CorrectionsUpload
from handlers.start_flow.job_import import JobImport
from handlers.syntax.arguments import NO_MODEL, Arguments
from handlers.syntax.commands import Runner
from handlers.syntax.typed_text import TypedCommand

logger = logging.getLogger(__name__)

MARKED_JOBS: Final = 200  # among how many jobs those are searched for that made one of the listed models


# A guest without a role may do nothing but read what the bot is, and erase their own words.
_FOR_ALL: Final = frozenset({Runner.HELP, Runner.FORGET})


class CommandRunner:
    """Carries out one typed command and returns the message that answers it."""

    def __init__(
        self,
        tuning: JobService,
        access: JobAccess,
        sharing: Sharing,
        share_posts: SharePosts,
        google_sharing: GoogleSharing,
        chat: ChatService,
        answers: AnswerWorker,
        answer_settings: AnswerSettings,
        jobs: JobStore,
        profiles: Mapping[str, BackendProfile],
        poster: Poster,
        clock: Clock,
        feedback: FeedbackService,
        comparisons: Comparisons,
        corrections: CorrectionsUpload,
        job_import: JobImport,
        workspace_commands: WorkspaceCommands,
    ) -> None:
        self._tuning = tuning
        self._access = access
        self._sharing = sharing
        self._share_posts = share_posts
        self._google_sharing = google_sharing
        self._chat = chat
        self._answers = answers
        self._answer_settings = answer_settings
        self._jobs = jobs
        self._profiles = profiles
        self._poster = poster
        self._clock = clock
        self._feedback = feedback
        self._comparisons = comparisons
        self._corrections = corrections
        self._job_import = job_import
        self.runners: Final[Mapping[Runner, Run]] = {
            Runner.LIST: self._list,
            Runner.STATUS: self._status,
            Runner.CANCEL: self._cancel,
            Runner.DELETE: self._delete,
            Runner.USE: self._use,
            Runner.SETTINGS: self._settings,
            Runner.MODELS: self._models,
            Runner.SHARE: self._share,
            Runner.UNSHARE: self._unshare,
            Runner.FEEDBACK: self._feedback_of,
            Runner.EXPORT: self._export,
            Runner.AGAIN: self._again,
            Runner.IMPORT: self._import,
            Runner.HELP: self._help,
            Runner.STOP: self._stop,
            Runner.QUIET: self._quiet,
            Runner.GREET: self._greet,
            **workspace_commands.runners,
        }

    async def run(self, typed: TypedCommand, requester: Requester) -> Message | None:
        """Return the answer to show, None if the whole channel was told instead. Raises BotError."""
        if typed.runner not in _FOR_ALL:
            await self._access.check_served(requester)
        return await self.runners[typed.runner](requester, typed.arguments)

    async def _list(self, requester: Requester, arguments: Arguments) -> Message:
        return await self._jobs_of(requester, under_way=False)

    async def _status(self, requester: Requester, arguments: Arguments) -> Message:
        if not arguments.name:
            return await self._jobs_of(requester, under_way=True)
        job = await self._access.named(requester, arguments.name)
        snapshots = await self._jobs.snapshots(job.key)
        waits = job.state is JobState.WAITING
        others = await self._jobs.running(job.backend) if waits else ()
        card = build_card(
            job,
            self._tuning.profile(job),
            snapshots,
            self._clock.now(),
            native_chart=False,
            with_buttons=await self._access.may_use(requester, job),
            ahead=await self._jobs.ahead(job) if waits else 0,
            running=[RunningTuning(each, await self._access.may_see(requester, each)) for each in others],
        )
        card = with_votes(card, await self._feedback.sums(job))
        return with_comparisons(card, await self._comparisons.sums(requester, job))

    async def _cancel(self, requester: Requester, arguments: Arguments) -> Message:
        """Ask first; the button of the question cancels."""
        job = await self._access.named(requester, arguments.name)
        await self._access.check_deed(requester, job, Deed.CANCEL)
        self._tuning.check_cancel(job)
        return build_cancel_question(job)

    async def _delete(self, requester: Requester, arguments: Arguments) -> Message:
        """Ask first; the button of the question deletes."""
        job = await self._access.named(requester, arguments.name)
        await self._access.check_deed(requester, job, Deed.DELETE)
        self._tuning.check_delete(job)
        return build_delete_question(job)

    async def _use(self, requester: Requester, arguments: Arguments) -> Message | None:
        place, direct = requester.place, requester.place.is_direct
        if not arguments.name:
            return build_channel_model(await self._chat.chosen(place), direct=direct)
        if same_name(arguments.name) == NO_MODEL:
            before = await self._chat.use_none(requester)
            if before is None:
                return build_channel_model(None, direct=direct)
            return await self._said_in_channel(requester, partial(build_none_chosen, before, direct=direct))
        model = await self._chat.use(requester, arguments.name)
        greeting = (await self._answer_settings.of_channel(place)).settings.greeting
        build = partial(build_chosen, model.name, greeting=greeting, direct=direct)
        return await self._said_in_channel(requester, build)

    async def _settings(self, requester: Requester, arguments: Arguments) -> Message | None:
        """Show how models answer in the channel, or change it and tell the channel."""
        if arguments.change is None:
            return build_settings(await self._answer_settings.of_channel(requester.place))
        changed = await self._answer_settings.change(requester, arguments.change)

        def build(by: str) -> Message:
            return build_settings(changed, changed_by=by)

        return await self._said_in_channel(requester, build)

    async def _said_in_channel(self, requester: Requester, build: Callable[[str], Message]) -> Message | None:
        """Tell the channel who changed something there; return the answer to that person if that failed.

        The answer to a mention is seen in the channel anyway.
        """
        if requester.place.thread:
            return build(requester.user)
        try:
            await self._poster.post(requester.place, build(requester.user))
        except CALL_ERRORS as error:
            logger.info("could not say in %s what changed there: %s", requester.place.channel, error)
            return build("")
        return None

    async def _models(self, requester: Requester, arguments: Arguments) -> Message:
        listed = await self._chat.named.listed(requester)
        return build_model_list(listed.models, await self._access.listed(requester, MARKED_JOBS), listed.problems)

    async def _share(self, requester: Requester, arguments: Arguments) -> Message:
        job = await self._access.named(requester, arguments.name)
        if is_account(arguments.target):
            await self._google_sharing.add(requester, job, arguments.target)
            return build_reply(f"{arguments.target} may now ask “{job.name}” at Google, outside of Slack.")
        shared = await self._sharing.add(requester, job, arguments.target)
        await self._share_posts.tell(requester, shared)
        return build_shared_reply(shared.job)

    async def _unshare(self, requester: Requester, arguments: Arguments) -> Message:
        job = await self._access.named(requester, arguments.name)
        if is_account(arguments.target):
            await self._google_sharing.remove(requester, job, arguments.target)
            return build_reply(f"{arguments.target} may no longer ask “{job.name}” at Google.")
        return build_shared_reply((await self._sharing.remove(requester, job, arguments.target)).job)

    async def _feedback_of(self, requester: Requester, arguments: Arguments) -> Message:
        """Show what people say of a model, or the switch; switching it on shows the reason first."""
        match same_name(arguments.name):
            case "":
                return build_switch(await self._feedback.switch(requester.team))
            case "on":
                await self._feedback.check_switch(requester)
                return build_why()
            case "off":
                await self._feedback.set_switch(requester, on=False)
                return build_switched(on=False, by=requester.user)
            case _:
                summary = await self._feedback.summary(requester, arguments.name)
                # The answer to a mention is read by everybody in its thread.
                return build_summary(summary, in_public=bool(requester.place.thread))

    async def _export(self, requester: Requester, arguments: Arguments) -> Message:
        return await self._corrections.export(requester, arguments.name)

    async def _again(self, requester: Requester, arguments: Arguments) -> Message:
        """Offer a button that opens the form, since a mention can open none."""
        job, _ = await self._feedback.corrected_job(requester, arguments.name)
        return build_again(job)

    async def _import(self, requester: Requester, arguments: Arguments) -> Message:
        return await self._job_import.answer(requester, arguments.name)

    async def _stop(self, requester: Requester, arguments: Arguments) -> Message:
        number = self._answers.stop(requester.place, requester.user)
        if not number:
            return build_reply("No answer is being written here.")
        return build_reply("I stop the answer." if number == 1 else f"I stop {number} answers.")

    async def _quiet(self, requester: Requester, arguments: Arguments) -> Message:
        if not requester.place.thread:
            return build_reply("Write it in a thread in which I answer: @Tunebot quiet")
        await self._chat.be_quiet(requester.place)
        return build_reply("I say nothing more in this thread until somebody mentions me.")

    async def _greet(self, requester: Requester, arguments: Arguments) -> Message:
        said = " ".join(arguments.question.split())
        return build_reply(f"Always happy to help. I sent this to no model; `/ask {said}` does.")

    async def _help(self, requester: Requester, arguments: Arguments) -> Message:
        return build_help(list(self._profiles.values()))

    async def _jobs_of(self, requester: Requester, *, under_way: bool) -> Message:
        jobs = await self._access.listed(requester, SHOWN, under_way=under_way)
        total = await self._access.count(requester, under_way=under_way)
        return build_job_list(jobs, self._clock.now(), total, under_way=under_way)
