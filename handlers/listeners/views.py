"""Submitted views. An error under a field must be part of the acknowledgement, so the quick checks come first."""

from collections.abc import Awaitable
from typing import Any, Final

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.chat.answer_settings import AnswerSettings
from bot.domain.chat import OF_VIEW, Question
from bot.domain.place import Requester
from bot.domain.requests import ModalWork, PendingModal
from bot.errors import BadArgument, BotError, ConfirmationNeeded, UserError
from bot.people.job_access import JobAccess
from bot.runtime.background_tasks import BackgroundTasks
from bot.tuning.job_service import JobService
from bot.tuning.proposals import Proposals
from bot.tuning.sharing import Sharing
from handlers.blocks.chat.ask_form import read_ask_form
from handlers.blocks.chat.channel_settings import build_settings, read_settings_form, settings_change
from handlers.blocks.datasets.check_views import build_checking_view, build_error_view
from handlers.blocks.jobs.share_form import ShareForm, build_shared_reply, read_share_form
from handlers.blocks.private_metadata import unpack_requester
from handlers.blocks.start.cost import build_confirm_view
from handlers.blocks.start.form_reader import field_errors, read_form
from handlers.delivery.poster import Poster
from handlers.delivery.question_tasks import QuestionTasks
from handlers.delivery.share_posts import SharePosts
from handlers.errors import Respond, report_errors
from handlers.start_flow.approval_flow import ApprovalFlow
from handlers.start_flow.check_modal import CheckModal

View = dict[str, Any]
Body = dict[str, Any]

_NOT_STORED: Final = "I cannot use my database now, so I have not stored your question. Try again in a moment."


class Views:
    """Each method handles one callback id of `register`; see docs.slack.dev/surfaces/modals for the answers."""

    def __init__(
        self,
        check_modal: CheckModal,
        proposals: Proposals,
        approvals: ApprovalFlow,
        tuning: JobService,
        access: JobAccess,
        sharing: Sharing,
        share_posts: SharePosts,
        answer_settings: AnswerSettings,
        questions: QuestionTasks,
        poster: Poster,
        tasks: BackgroundTasks,
    ) -> None:
        self._check_modal = check_modal
        self._proposals = proposals
        self._approvals = approvals
        self._tuning = tuning
        self._answer_settings = answer_settings
        self._access = access
        self._sharing = sharing
        self._share_posts = share_posts
        self._questions = questions
        self._poster = poster
        self._tasks = tasks

    async def start_form(self, ack: AsyncAck, sender: Requester, body: Body) -> None:
        """Show errors under their fields, or the view that waits for the report."""
        view: View = body["view"]
        try:
            form = read_form(view, sender)
        except UserError as error:
            await ack(response_action="update", view=build_error_view(error, sender))
            return
        errors = form.errors
        if not errors:
            try:
                await self._access.check_reads(form.requester, unless_unknown=True)
                await self._proposals.check_values(form.requester, form.request)
            except UserError as error:
                errors = field_errors(view, error) if isinstance(error, BadArgument) else {}
                if not errors:
                    await ack(response_action="update", view=build_error_view(error, form.requester, form.request))
                    return
        if errors:
            await ack(response_action="errors", errors=errors)
            return
        name = form.uploaded[0].name if form.uploaded else "the file"
        await ack(response_action="update", view=build_checking_view(name))
        place, user = form.requester.place, form.requester.user
        pending = PendingModal(ModalWork.CHECK, str(view["id"]), place, user, form.request)
        respond = self._poster.respond_ephemeral(place, user)
        self._tasks.spawn(report_errors(self._check_modal.show_report(pending), respond), "check")

    async def check_closed(self, ack: AsyncAck, sender: Requester, body: Body) -> None:
        """Stop the check whose view was closed."""
        await ack()
        self._check_modal.stop(str(body["view"]["id"]), sender)

    async def start_report(self, ack: AsyncAck, sender: Requester, body: Body) -> None:
        """Start the job, or ask for a second yes where the start is very large."""
        await self._start(ack, sender, body, confirmed=False)

    async def start_confirmed(self, ack: AsyncAck, sender: Requester, body: Body) -> None:
        """Start a very large job, to which the person said yes a second time."""
        await self._start(ack, sender, body, confirmed=True)

    async def _start(self, ack: AsyncAck, sender: Requester, body: Body, *, confirmed: bool) -> None:
        """Write the job's row before the acknowledgement, so that a crash cannot lose the click."""
        try:
            requester, kept = unpack_requester(str(body["view"].get("private_metadata") or ""), sender)
            proposal = str(kept.get("proposal", ""))
            # Its card would be posted there, and its cost be the channel's.
            await self._access.check_reads(requester, unless_unknown=True)
            # The second question was opened by a button of this channel, which may belong to another's report.
            channel = requester.place.channel if confirmed else ""
            job = await self._tuning.accept(
                *(sender.team, proposal, sender.user, channel),
                confirmed=confirmed,
                read_prices=str(kept.get("prices", "")),
            )
        except ConfirmationNeeded as error:
            await ack(response_action="update", view=build_confirm_view(error, requester, proposal))
            return
        except BotError as error:
            await ack(response_action="update", view=build_error_view(error, sender))
            return
        await ack(response_action="clear")
        if job is not None:
            respond = self._poster.respond_ephemeral(requester.place, requester.user)
            self._tasks.spawn(report_errors(self._tuning.starts.submit(job), respond), f"start {job.key}")

    async def decline_start(self, ack: AsyncAck, sender: Requester, body: Body) -> None:
        """Decline a start, with the reason that was typed."""
        view: View = body["view"]
        try:
            await self._approvals.decline(sender, view)
        except BadArgument as error:
            await ack(response_action="errors", errors={error.field: str(error)})
        except BotError as error:
            await ack(response_action="update", view=build_error_view(error, sender))
        else:
            await ack(response_action="clear")

    async def share_form(self, ack: AsyncAck, sender: Requester, body: Body) -> None:
        """Share the job as the form says, and tell the person how it is shared then."""
        try:
            form = read_share_form(body["view"], sender)
        except UserError as error:
            await ack(response_action="update", view=build_error_view(error, sender))
            return
        await ack()
        respond = self._poster.respond_ephemeral(form.requester.place, form.requester.user)
        self._tasks.spawn(report_errors(self._share(form, respond), respond), "share")

    async def _share(self, form: ShareForm, respond: Respond) -> None:
        job = await self._access.get(form.requester, form.key)
        shared = await self._sharing.set(form.requester, job, form.targets, form.shown)
        await self._share_posts.tell(form.requester, shared)
        await respond(build_shared_reply(shared.job))

    async def ask_form(self, ack: AsyncAck, sender: Requester, body: Body) -> None:
        """Ask the question of the form, written to the database before the acknowledgement."""
        view: View = body["view"]
        try:
            form = read_ask_form(view, sender)
        except UserError as error:
            await ack(response_action="update", view=build_error_view(error, sender))
            return
        if form.errors:
            await ack(response_action="errors", errors=form.errors)
            return
        # Slack keeps a form open whose acknowledgement came late; submitted again, it is still the same question.
        key = f"{OF_VIEW}{view['id']}"
        question = Question(key, form.place, sender.user, form.question, model=form.model, quoted=True)
        respond = self._poster.respond_ephemeral(form.place, sender.user)
        if await self._questions.accept(question, respond, keep=False):
            await ack()
        else:
            # The form still holds the question, so nothing is lost and nothing needs to be promised.
            await ack(response_action="errors", errors={"question": _NOT_STORED})

    async def settings_form(self, ack: AsyncAck, sender: Requester, body: Body) -> None:
        """Change how models answer in the channel, and tell the channel; errors go under their fields."""
        try:
            requester, shown = read_settings_form(body["view"], sender)
        except UserError as error:
            await ack(response_action="update", view=build_error_view(error, sender))
            return
        try:
            changed = await self._answer_settings.change(requester, settings_change(shown))
        except BadArgument as error:
            await ack(response_action="errors", errors={error.field or "greeting": str(error)})
            return
        except BotError as error:
            await ack(response_action="update", view=build_error_view(error, sender))
            return
        await ack()
        told = self._poster.post(requester.place, build_settings(changed, changed_by=sender.user))
        respond = self._poster.respond_ephemeral(requester.place, sender.user)
        self._tasks.spawn(report_errors(_nothing_of(told), respond), "settings")


async def _nothing_of(posted: Awaitable[str]) -> None:
    await posted
