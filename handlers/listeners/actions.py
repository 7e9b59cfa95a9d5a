"""Buttons of jobs: on the job card, under an ended job, and in questions about it; also those of a channel."""

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.chat.answer_settings import AnswerSettings
from bot.chat.chat_service import ChatService
from bot.chat.named_models import cannot_answer
from bot.domain.chat import ModelRef
from bot.domain.jobs import TuningJob
from bot.domain.place import Requester
from bot.domain.requests import StartRequest
from bot.people.forgetting import Forgetting
from bot.people.job_access import JobAccess
from bot.people.roles import Deed
from bot.runtime.background_tasks import BackgroundTasks
from bot.tuning.job_refresh import JobRefresher
from bot.tuning.job_service import JobService
from handlers.blocks.chat.ask_form import build_ask_form
from handlers.blocks.chat.channel_model import build_chosen
from handlers.blocks.chat.channel_settings import build_settings_form
from handlers.blocks.forget import build_forgotten
from handlers.blocks.jobs.confirmations import CONFIRM_BLOCK
from handlers.blocks.jobs.share_form import build_share_form
from handlers.blocks.jobs.wording import cancel_text
from handlers.blocks.replies import build_reply
from handlers.delivery.dead_buttons import pressed_value, report_press
from handlers.delivery.poster import Poster
from handlers.start_flow.approval_flow import ApprovalFlow
from handlers.start_flow.check_modal import CheckModal

Body = dict[str, Any]


class Actions:
    """Each method without a leading underscore handles one action id of `register`.

    The payload is described at docs.slack.dev/reference/interaction-payloads/block_actions-payload.
    """

    def __init__(
        self,
        check_modal: CheckModal,
        approvals: ApprovalFlow,
        tuning: JobService,
        access: JobAccess,
        forgetting: Forgetting,
        refresher: JobRefresher,
        chat: ChatService,
        answer_settings: AnswerSettings,
        poster: Poster,
        client: AsyncWebClient,
        tasks: BackgroundTasks,
    ) -> None:
        self._check_modal = check_modal
        self._approvals = approvals
        self._tuning = tuning
        self._access = access
        self._forgetting = forgetting
        self._refresher = refresher
        self._chat = chat
        self._answer_settings = answer_settings
        self._poster = poster
        self._client = client
        self._tasks = tasks

    async def job_approve(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        await ack()
        self._spawn(self._approvals.approve(requester, pressed_value(body)), body)

    async def job_decline(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Ask why the start is declined."""
        await ack()
        self._spawn(self._approvals.open_decline(body["trigger_id"], requester, pressed_value(body)), body)

    async def job_cancel(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        await ack()
        self._spawn(self._cancel(requester, body), body, too_late=True, once=not _answers_question(body))

    async def _cancel(self, requester: Requester, body: Body) -> None:
        job = await self._job(requester, body)
        await self._access.check_deed(requester, job, Deed.CANCEL)
        job = await self._tuning.cancel(requester.team, job.key, requester.user, requester.place.channel)
        if _answers_question(body):
            respond = self._poster.respond_to(body["response_url"], replace=True)
            await respond(build_reply(cancel_text(job), by=requester.user))
        elif job.problem:
            await self._poster.respond_to(body["response_url"])(build_reply(cancel_text(job)))

    async def job_refresh(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        await ack()
        self._spawn(self._refresh(requester, body), body)

    async def _refresh(self, requester: Requester, body: Body) -> None:
        await self._refresher.refresh(requester.team, (await self._job(requester, body)).key)

    async def job_delete(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        await ack()
        self._spawn(self._delete(requester, body), body, too_late=True)

    async def _delete(self, requester: Requester, body: Body) -> None:
        job = await self._job(requester, body)
        await self._access.check_deed(requester, job, Deed.DELETE)
        await self._tuning.delete(requester.team, job.key, requester.user, requester.place.channel)
        if _answers_question(body):
            respond = self._poster.respond_to(body["response_url"], replace=True)
            await respond(build_reply(f"{job.name} is deleted.", by=requester.user))

    async def forget_person(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Erase what the bot keeps of a person's words, after the question."""
        await ack()
        self._spawn(self._forget(requester, body), body)

    async def _forget(self, requester: Requester, body: Body) -> None:
        erased = await self._forgetting.forget(requester, pressed_value(body))
        await self._poster.respond_to(body["response_url"], replace=True)(build_forgotten(erased, requester.user))

    async def job_again(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Check the file and the settings of a failed start again, and show the report."""
        await ack()
        self._spawn(self._again(requester, body), body)

    async def _again(self, requester: Requester, body: Body) -> None:
        request = StartRequest.of((await self._job(requester, body)).spec)
        await self._check_modal.open_report(body["trigger_id"], requester, request)

    async def job_tune_again(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Open the form with the file and the settings of a job that has ended."""
        await ack()
        self._spawn(self._tune_again(requester, body), body)

    async def _tune_again(self, requester: Requester, body: Body) -> None:
        # Its name is taken by its model; a model that was moved, or could not be, is trained on the same file.
        spec = (await self._job(requester, body)).spec
        request = replace(StartRequest.of(spec), name="", moved_from="")
        await self._check_modal.open(body["trigger_id"], requester, request)

    async def job_successor(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Open the form with the job's file on a base model that can be tuned in place of its own."""
        await ack()
        self._spawn(self._successor(requester, body), body)

    async def _successor(self, requester: Requester, body: Body) -> None:
        job = await self._job(requester, body)
        await self._check_modal.open_successor(body["trigger_id"], requester, job)

    async def job_move(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Open the form that asks Google to move the job's model to another base model."""
        await ack()
        self._spawn(self._move(requester, body), body)

    async def _move(self, requester: Requester, body: Body) -> None:
        job = await self._job(requester, body)
        await self._check_modal.open_move(body["trigger_id"], requester, job)

    async def job_use(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        await ack()
        self._spawn(self._use(requester, body), body)

    async def _use(self, requester: Requester, body: Body) -> None:
        model = await self._chat.use_job(requester, await self._job(requester, body))
        greeting = (await self._answer_settings.of_channel(requester.place)).settings.greeting
        place = requester.place
        chosen = build_chosen(model.name, requester.user, greeting=greeting, direct=place.is_direct)
        await self._poster.post(place, chosen)

    async def channel_settings(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Open the form that changes how models answer in the channel."""
        await ack()
        self._spawn(self._channel_settings(requester, body), body)

    async def _channel_settings(self, requester: Requester, body: Body) -> None:
        await self._access.check(requester, Deed.ASK)
        answers = await self._answer_settings.of_channel(requester.place)
        view = build_settings_form(requester, await self._answer_settings.with_defaults(answers))
        await self._client.views_open(trigger_id=body["trigger_id"], view=view)

    async def job_share(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Open the form that says with whom the job is shared."""
        await ack()
        self._spawn(self._share(requester, body), body)

    async def _share(self, requester: Requester, body: Body) -> None:
        job = await self._job(requester, body)
        await self._access.check_deed(requester, job, Deed.SHARE)
        await self._client.views_open(trigger_id=body["trigger_id"], view=build_share_form(requester, job))

    async def job_ask(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        await ack()
        self._spawn(self._ask(requester, body), body)

    async def _ask(self, requester: Requester, body: Body) -> None:
        job = await self._job(requester, body)
        if not job.can_answer:
            raise cannot_answer(job)
        model = ModelRef(job.backend, job.endpoint, job.name)
        await self._chat.check_ask(requester, model)
        await self._client.views_open(trigger_id=body["trigger_id"], view=build_ask_form(requester, model))

    async def _job(self, requester: Requester, body: Body) -> TuningJob:
        """Return the job of the button: its key alone opens nothing. Raises NoSuchJob, also for a hidden one."""
        return await self._access.get(requester, pressed_value(body))

    def _spawn(
        self, work: Coroutine[Any, Any, None], body: Body, *, too_late: bool = False, once: bool = False
    ) -> None:
        self._tasks.spawn(report_press(work, body, self._poster, too_late=too_late, once=once), "button")


def _answers_question(body: Body) -> bool:
    """Return whether the button belongs to the question of a typed command, and not to a card."""
    return bool(body["actions"][0].get("block_id") == CONFIRM_BLOCK)
