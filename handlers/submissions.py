"""Submitted forms. What a field must be told has to be in the acknowledgement, so quick judgements come first."""

from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.domain.chat import Question
from bot.domain.place import Place
from bot.domain.requests import Errand, ErrandKind
from bot.errors import BadArgument, BotError
from bot.proposals import Proposals
from bot.tasks import Tasks
from bot.tuning import Tuning
from handlers.blocks.ask_form import read_ask_form
from handlers.blocks.message import Message
from handlers.blocks.metadata import unpack_place
from handlers.blocks.report import checking_view, error_view
from handlers.blocks.start_form_reader import field_errors, read_start_form
from handlers.errors import Tell, guarded
from handlers.forms import Forms
from handlers.poster import Poster
from handlers.questions import Questions

View = dict[str, Any]
Body = dict[str, Any]


class Submissions:
    """Each method is one callback id of `register`."""

    def __init__(
        self,
        forms: Forms,
        proposals: Proposals,
        tuning: Tuning,
        questions: Questions,
        poster: Poster,
        tasks: Tasks,
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
        errand = Errand(ErrandKind.CHECK, str(view["id"]), form.place, user, form.request)
        self._tasks.spawn(guarded(self._forms.answer(errand), self._whisper(form.place, user)), "check")

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
            await self._poster.whisper(place, user, message)

        return tell
