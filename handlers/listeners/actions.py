"""Buttons and selects: on the job card, under an ended job, on a start prompt, and in the views of a start."""

from collections.abc import Coroutine
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.chat.chat_service import ChatService
from bot.domain.chat import ModelRef
from bot.domain.place import Place
from bot.errors import Outdated
from bot.runtime.background_tasks import BackgroundTasks
from bot.tuning.job_refresh import JobRefresher
from bot.tuning.job_service import JobService
from handlers.blocks.chat.ask_form import build_ask_form
from handlers.blocks.jobs.wording import cancel_text
from handlers.blocks.notices import build_reply
from handlers.blocks.private_metadata import unpack_place, unpack_request
from handlers.delivery.poster import Poster
from handlers.errors import report_errors
from handlers.start_flow.check_modal import CheckModal
from handlers.start_flow.repair_upload import RepairUpload

Body = dict[str, Any]


class Actions:
    """Each method without a leading underscore handles one action id of `register`.

    The payload is described at docs.slack.dev/reference/interaction-payloads/block_actions-payload.
    """

    def __init__(
        self,
        check_modal: CheckModal,
        repair_upload: RepairUpload,
        tuning: JobService,
        refresher: JobRefresher,
        chat: ChatService,
        poster: Poster,
        client: AsyncWebClient,
        tasks: BackgroundTasks,
    ) -> None:
        self._check_modal = check_modal
        self._repair_upload = repair_upload
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
            await self._poster.respond_to(body["response_url"])(build_reply(cancel_text(job)))

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
        text = f"{job.name} answers in this channel now. Ask it with /ask, or mention me."
        await self._poster.post(place, build_reply(text, by=user))

    async def job_ask(self, ack: AsyncAck, body: Body) -> None:
        await ack()
        self._spawn(self._ask(body), body)

    async def _ask(self, body: Body) -> None:
        job = await self._tuning.get(_team(body), _value(body))
        if not job.can_answer:
            raise Outdated(f"{job.name} cannot answer: it is {job.state}.", "See /tune list.")
        model = ModelRef(job.backend, job.endpoint, job.name)
        await self._client.views_open(trigger_id=body["trigger_id"], view=build_ask_form(_place(body), model))

    async def open_form(self, ack: AsyncAck, body: Body) -> None:
        """Open the form from a start prompt."""
        await ack()
        self._spawn(self._open_form(body), body)

    async def _open_form(self, body: Body) -> None:
        await self._check_modal.open(body["trigger_id"], _place(body), unpack_request(_value(body)))

    async def form_backend(self, ack: AsyncAck, body: Body) -> None:
        """Show the fields of the backend that was chosen in the form."""
        await ack()
        self._spawn_in_view(self._check_modal.redraw(body["view"]), body)

    async def form_validation(self, ack: AsyncAck, body: Body) -> None:
        """Show or remove the fields for a validation file."""
        await ack()
        self._spawn_in_view(self._check_modal.redraw(body["view"], validation=_value(body) == "add"), body)

    async def form_again(self, ack: AsyncAck, body: Body) -> None:
        """Replace the report by the form, filled in."""
        await ack()
        self._spawn_in_view(self._show_again(body), body)

    async def _show_again(self, body: Body) -> None:
        await self._check_modal.show_again(body["view"], unpack_request(_value(body)))

    async def report_repair(self, ack: AsyncAck, body: Body) -> None:
        """Repair the file of the report."""
        await ack()
        self._spawn_in_view(self._repair(body), body)

    async def _repair(self, body: Body) -> None:
        view = body["view"]
        place, _ = unpack_place(str(view.get("private_metadata") or ""))
        await self._repair_upload.repair(str(view["id"]), place, _user(body), unpack_request(_value(body)))

    async def report_start(self, ack: AsyncAck, body: Body) -> None:
        """Start the job of a report that was posted in a thread."""
        await ack()
        self._spawn(self._start(body), body)

    async def _start(self, body: Body) -> None:
        job = await self._tuning.accept(_team(body), _value(body), _user(body))
        if job is not None:
            await self._tuning.submit(job)

    def _spawn_in_view(self, work: Coroutine[Any, Any, None], body: Body) -> None:
        respond = self._check_modal.respond_in_view(str(body["view"]["id"]))
        self._tasks.spawn(report_errors(work, respond), "view")

    def _spawn(self, work: Coroutine[Any, Any, None], body: Body) -> None:
        self._tasks.spawn(report_errors(work, self._poster.respond_to(body["response_url"])), "button")


def _team(body: Body) -> str:
    return str((body.get("team") or {}).get("id") or body["user"]["team_id"])


def _user(body: Body) -> str:
    return str(body["user"]["id"])


def _value(body: Body) -> str:
    return str(body["actions"][0].get("value") or "")


def _place(body: Body) -> Place:
    """Return where the button is; a button in a thread answers in that thread."""
    container: dict[str, Any] = body.get("container") or {}
    channel = str((body.get("channel") or {}).get("id") or container.get("channel_id") or "")
    return Place(_team(body), channel, str(container.get("thread_ts") or ""))
