"""The Home and the Messages tab that a person opens, the buttons of Home, and the bot's arrival in a channel."""

import logging
from collections.abc import Coroutine
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.chat.chat_service import ChatService
from bot.chat.home_page import HomePages
from bot.chat.named_models import cannot_answer
from bot.domain.chat import ModelRef, Question, second_try
from bot.domain.place import Place, Requester
from bot.domain.requests import StartRequest
from bot.people.job_access import JobAccess
from bot.ports.stores import AuditLog
from bot.runtime.background_tasks import BackgroundTasks
from handlers.blocks.chat.ask_form import build_ask_form
from handlers.blocks.chat.channel_model import build_chosen
from handlers.blocks.help import build_help
from handlers.blocks.home.greeting import GREETING, build_first_contact, suggested_prompts
from handlers.blocks.home.tab import build_help_view
from handlers.blocks.private_metadata import unpack_choice, unpack_requester
from handlers.delivery.dead_buttons import pressed_value, report_press
from handlers.delivery.home_tabs import HomeTabs
from handlers.delivery.poster import Poster
from handlers.delivery.question_tasks import QuestionTasks
from handlers.errors import report_errors
from handlers.slack_errors import CALL_ERRORS
from handlers.start_flow.check_modal import CheckModal

logger = logging.getLogger(__name__)

Body = dict[str, Any]


class HomeListeners:
    """Each method without a leading underscore handles one route of `register`.

    A view has no channel, so a button of the Home tab takes effect in the person's direct messages, which the tab
    carries.
    """

    def __init__(
        self,
        tabs: HomeTabs,
        pages: HomePages,
        access: JobAccess,
        chat: ChatService,
        questions: QuestionTasks,
        check_modal: CheckModal,
        poster: Poster,
        client: AsyncWebClient,
        audit_log: AuditLog,
        tasks: BackgroundTasks,
    ) -> None:
        self._tabs = tabs
        self._pages = pages
        self._access = access
        self._chat = chat
        self._questions = questions
        self._check_modal = check_modal
        self._poster = poster
        self._client = client
        self._audit_log = audit_log
        self._tasks = tasks

    async def opened(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Publish the Home tab, or offer what to say in the Messages tab.

        Source: docs.slack.dev/reference/events/app_home_opened.
        """
        await ack()
        tab = body["event"].get("tab")
        if tab == "home":
            self._tasks.queue(self._publish(requester), "Home tab")
        elif tab == "messages":
            self._tasks.queue(self._suggest(requester), "suggested prompts")

    async def _publish(self, requester: Requester) -> None:
        try:
            await self._tabs.opened(requester)
        except CALL_ERRORS as error:
            logger.warning("could not publish a Home tab: %s", error)

    async def _suggest(self, requester: Requester) -> None:
        prompts = suggested_prompts(await self._pages.models(requester))
        try:
            await self._client.assistant_threads_setSuggestedPrompts(
                channel_id=requester.place.channel, title=GREETING, prompts=prompts
            )
        except CALL_ERRORS as error:
            # A workspace may have no agent view; everything can be typed, too.
            logger.info("could not suggest what to say: %s", error)

    async def tune(self, ack: AsyncAck, sender: Requester, body: Body) -> None:
        """Open the form."""
        await ack()
        self._spawn(self._tune(sender, body), body)

    async def _tune(self, sender: Requester, body: Body) -> None:
        await self._check_modal.open(str(body["trigger_id"]), _at_home(sender, body), StartRequest())

    async def ask(self, ack: AsyncAck, sender: Requester, body: Body) -> None:
        """Open the form for a question, whose answer is posted in the direct messages."""
        await ack()
        self._spawn(self._ask(sender, body), body)

    async def _ask(self, sender: Requester, body: Body) -> None:
        requester = _at_home(sender, body)
        job = await self._access.get(requester, pressed_value(body))
        if not job.can_answer:
            raise cannot_answer(job)
        model = ModelRef(job.backend, job.endpoint, job.name)
        await self._chat.check_ask(requester, model)
        await self._client.views_open(trigger_id=body["trigger_id"], view=build_ask_form(requester, model))

    async def help(self, ack: AsyncAck, sender: Requester, body: Body) -> None:
        """Show the help in a modal."""
        await ack()
        self._spawn(self._help(body), body)

    async def _help(self, body: Body) -> None:
        view = build_help_view(build_help(self._check_modal.profiles))
        await self._client.views_open(trigger_id=body["trigger_id"], view=view)

    async def choose(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Let a model answer in these direct messages, and ask it the question that waits for that."""
        await ack()
        self._tasks.spawn(report_press(self._choose(requester, body), body, self._poster), "choose")

    async def _choose(self, requester: Requester, body: Body) -> None:
        chosen = unpack_choice(pressed_value(body))
        model = await self._chat.use_job(requester, await self._access.get(requester, chosen.job))
        respond = self._poster.respond_to(body["response_url"], replace=True)
        await respond(build_chosen(model.name, direct=True))
        if chosen.question:
            # A question with the message's own key was stored when the choice was offered.
            of_button = f"choice:{requester.place.channel}:{body['container']['message_ts']}"
            asked = second_try(chosen.message) if chosen.message else of_button
            question = Question(
                asked,
                requester.place,
                requester.user,
                chosen.question,
                settings=chosen.settings,
                compare=chosen.compare,
            )
            await self._questions.accept(question, self._poster.respond_ephemeral(requester.place, requester.user))

    async def arrived(self, place: Place, key: str) -> None:
        """Say in a channel into which the bot came what one can do, once."""
        if await self._audit_log.first_time(key):
            await self._poster.post(place, build_first_contact())

    def _spawn(self, work: Coroutine[Any, Any, None], body: Body) -> None:
        respond = self._check_modal.respond_by_trigger(str(body["trigger_id"]))
        self._tasks.spawn(report_errors(work, respond), "Home tab")


def _at_home(sender: Requester, body: Body) -> Requester:
    """Return the person in their direct messages. Raises Forbidden, Outdated."""
    return unpack_requester(str(body["view"].get("private_metadata") or ""), sender)[0]
