"""Submitted forms. What a field must be told has to be in the acknowledgement, so quick judgements come first."""

from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.domain.chat import Question
from bot.domain.place import Place
from bot.domain.requests import ModalWork, PendingModal
from bot.errors import BadArgument, BotError
from bot.runtime.background_tasks import BackgroundTasks
from bot.tuning.job_service import JobService
from bot.tuning.proposals import Proposals
from handlers.blocks.chat.ask_form import read_ask_form
from handlers.blocks.datasets.report import checking_view, error_view
from handlers.blocks.message import Message
from handlers.blocks.private_metadata import unpack_place
from handlers.blocks.start.form_reader import field_errors, read_start_form
from handlers.delivery.answer_posts import Questions
from handlers.delivery.poster import Poster
from handlers.errors import Tell, guarded
from handlers.start_flow.check_modal import CheckModal

View = dict[str, Any]
Body = dict[str, Any]


class Views:
    """Each method is one callback id of `register`."""

    def __init__(
        self,
        forms: CheckModal,
        proposals: Proposals,
        tuning: JobService,
        questions: Questions,
        poster: Poster,
        tasks: BackgroundTasks,
    ) -> None:
        self._forms = forms
        self._proposals = proposals
        self._tuning = tuning
        self._questions = questions
        self._poster = poster
        self._tasks = tasks

    async def start_form(self, ack: AsyncAck, body: Body, view: View) -> None:
        """Errors under their fields, or the view that waits for the report."""
        form = read_start_form(view)
        errors = form.errors
        if not errors:
            try:
                await self._proposals.judge(form.place.team, form.request)
            except BadArgument as error:
                errors = field_errors(view, error)
                if not errors:
                    await ack(response_action="update", view=error_view(error, form.place, form.request))
                    return
        if errors:
            await ack(response_action="errors", errors=errors)
            return
        name = form.uploaded[0].name if form.uploaded else "the file"
        await ack(response_action="update", view=checking_view(name))
        user = str(body["user"]["id"])
        pending_modal = PendingModal(ModalWork.CHECK, str(view["id"]), form.place, user, form.request)
        self._tasks.spawn(guarded(self._forms.answer(pending_modal), self._whisper(form.place, user)), "check")

    async def start_report(self, ack: AsyncAck, body: Body, view: View) -> None:
        """“Start tuning”: the row is written before the acknowledgement, so that a crash cannot lose the click."""
        place, kept = unpack_place(str(view.get("private_metadata") or ""))
        user = str(body["user"]["id"])
        try:
            job = await self._tuning.accept(place.team, str(kept.get("proposal", "")), user)
        except BotError as error:
            await ack(response_action="update", view=error_view(error, place))
            return
        await ack(response_action="clear")
        if job is not None:
            self._tasks.spawn(guarded(self._tuning.submit(job), self._whisper(place, user)), f"start {job.key}")

    async def ask_form(self, ack: AsyncAck, body: Body, view: View) -> None:
        """“Ask”: the question is written down before the acknowledgement."""
        form = read_ask_form(view)
        if form.errors:
            await ack(response_action="errors", errors=form.errors)
            return
        user = str(body["user"]["id"])
        # A form that Slack shows again, because the acknowledgement came late, is still the same one.
        key = f"view:{view['id']}"
        question = Question(key, form.place, user, form.question, model=form.model, quoted=True)
        await self._questions.take(question, self._whisper(form.place, user))
        await ack()

    def _whisper(self, place: Place, user: str) -> Tell:
        async def tell(message: Message) -> None:
            await self._poster.post_ephemeral(place, user, message)

        return tell
