"""Buttons: on the job card, under an ended job, on a start prompt, and the switches inside the form."""

from collections.abc import Coroutine
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.chat.chat_service import ChatService
from bot.domain.chat import ModelRef
from bot.domain.place import Place
from bot.domain.requests import ModalWork, PendingModal
from bot.errors import Outdated
from bot.runtime.background_tasks import BackgroundTasks
from bot.tuning.job_refresh import JobRefresher
from bot.tuning.job_service import JobService
from handlers.blocks.chat.ask_form import ask_form
from handlers.blocks.datasets.report import repairing_view
from handlers.blocks.jobs.wording import cancel_words
from handlers.blocks.private_metadata import unpack_place, unpack_request
from handlers.blocks.said import said
from handlers.delivery.poster import Poster
from handlers.errors import guarded
from handlers.start_flow.check_modal import CheckModal
from handlers.start_flow.pending_modals import PendingModals
from handlers.start_flow.repair_upload import RepairUpload

Body = dict[str, Any]


class Actions:
    """Each method is one action id of `register`."""

    def __init__(
        self,
        forms: CheckModal,
        repairs: RepairUpload,
        pending_modals: PendingModals,
        tuning: JobService,
        refresher: JobRefresher,
        chat: ChatService,
        poster: Poster,
        client: AsyncWebClient,
        tasks: BackgroundTasks,
    ) -> None:
        self._forms = forms
        self._repairs = repairs
        self._errands = pending_modals
        self._tuning = tuning
        self._refresher = refresher
        self._chat = chat
        self._poster = poster
        self._client = client
        self._tasks = tasks

    async def job_cancel(self, ack: AsyncAck, body: Body) -> None:
        await ack()
        self._spawn(self._cancel(body), body)

    async def _cancel(self, body: Body) -> None:
        job = await self._tuning.cancel(_team(body), _value(body), _user(body))
        if job.problem:
            await self._poster.answering(body["response_url"])(said(cancel_words(job)))

    async def job_refresh(self, ack: AsyncAck, body: Body) -> None:
        await ack()
        self._spawn(self._refresh(body), body)

    async def _refresh(self, body: Body) -> None:
        await self._refresher.refresh(_team(body), _value(body))

    async def job_delete(self, ack: AsyncAck, body: Body) -> None:
        await ack()
        self._spawn(self._delete(body), body)

    async def _delete(self, body: Body) -> None:
        await self._tuning.delete(_team(body), _value(body), _user(body))

    async def job_use(self, ack: AsyncAck, body: Body) -> None:
        await ack()
        self._spawn(self._use(body), body)

    async def _use(self, body: Body) -> None:
        job = await self._tuning.get(_team(body), _value(body))
        place, user = _place(body), _user(body)
        await self._chat.use(place, job.name, user)
        await self._poster.say(
            place, said(f"{job.name} answers in this channel now. Ask it with /ask, or mention me.", by=user)
        )

    async def job_ask(self, ack: AsyncAck, body: Body) -> None:
        await ack()
        self._spawn(self._ask(body), body)

    async def _ask(self, body: Body) -> None:
        job = await self._tuning.get(_team(body), _value(body))
        if not job.can_answer:
            raise Outdated(f"{job.name} cannot answer: it is {job.state}.", "See /tune list.")
        model = ModelRef(job.backend, job.endpoint, job.name)
        await self._client.views_open(trigger_id=body["trigger_id"], view=ask_form(_place(body), model))

    async def open_form(self, ack: AsyncAck, body: Body) -> None:
        await ack()
        self._spawn(self._open_form(body), body)

    async def _open_form(self, body: Body) -> None:
        await self._forms.open(body["trigger_id"], _place(body), unpack_request(_value(body)))

    async def form_backend(self, ack: AsyncAck, body: Body) -> None:
        """Another system was chosen in the form: show its fields."""
        await ack()
        self._spawn_in_view(self._forms.redraw(body["view"]), body)

    async def form_validation(self, ack: AsyncAck, body: Body) -> None:
        """The fields for a validation file were asked for, or put away."""
        await ack()
        self._spawn_in_view(self._forms.redraw(body["view"], validation=_value(body) == "add"), body)

    async def form_again(self, ack: AsyncAck, body: Body) -> None:
        """From the report back to the form, filled in."""
        await ack()
        self._spawn_in_view(self._forms.show_again(body["view"], unpack_request(_value(body))), body)

    async def report_repair(self, ack: AsyncAck, body: Body) -> None:
        """“Repair the file” in the report."""
        await ack()
        self._spawn_in_view(self._repair(body), body)

    async def _repair(self, body: Body) -> None:
        view, user, request = body["view"], _user(body), unpack_request(_value(body))
        place, _ = unpack_place(str(view.get("private_metadata") or ""))
        async with self._errands.noted(PendingModal(ModalWork.REPAIR, str(view["id"]), place, user, request)):
            await self._client.views_update(view_id=view["id"], view=repairing_view(place))
            await self._repairs.repair(place, user, request)

    async def report_start(self, ack: AsyncAck, body: Body) -> None:
        """“Start tuning” under a report that was shown in the channel."""
        await ack()
        self._spawn(self._start(body), body)

    async def _start(self, body: Body) -> None:
        job = await self._tuning.accept(_team(body), _value(body), _user(body))
        if job is not None:
            await self._tuning.submit(job)

    def _spawn_in_view(self, work: Coroutine[Any, Any, None], body: Body) -> None:
        self._tasks.spawn(guarded(work, self._forms.tell_in_view(str(body["view"]["id"]))), "form")

    def _spawn(self, work: Coroutine[Any, Any, None], body: Body) -> None:
        self._tasks.spawn(guarded(work, self._poster.answering(body["response_url"])), "button")


def _team(body: Body) -> str:
    return str((body.get("team") or {}).get("id") or body["user"]["team_id"])


def _user(body: Body) -> str:
    return str(body["user"]["id"])


def _value(body: Body) -> str:
    return str(body["actions"][0].get("value") or "")


def _place(body: Body) -> Place:
    """Where the button stands; a button in a thread keeps to the thread."""
    container: dict[str, Any] = body.get("container") or {}
    channel = str((body.get("channel") or {}).get("id") or container.get("channel_id") or "")
    return Place(_team(body), channel, str(container.get("thread_ts") or ""))
