"""Response URLs: the address in a payload by which an app may answer five times within half an hour."""

import json
import secrets
from dataclasses import dataclass

from aiohttp import web

from bot.sandbox.slack.events_api import EventsApi
from bot.sandbox.slack.methods.chat_methods import POST_CHARACTERS
from bot.sandbox.slack.records import Json, Message, Revision, WebCall
from bot.sandbox.slack.references import live_in_message
from bot.sandbox.slack.refusals import SlackError
from bot.sandbox.slack.rules.surfaces import message_blocks
from bot.sandbox.slack.slack_faults import RequestFaults

USES = 5
SECONDS = 1800.0


@dataclass(slots=True)
class _Issued:
    user: str
    channel: str
    message: Message | None
    expires: float
    uses: int = 0


class ResponseUrls:
    """Issues response URLs and answers what is posted to them."""

    def __init__(self, events: EventsApi, request_faults: RequestFaults) -> None:
        self._events = events
        self._workspace = events.workspace
        self._request_faults = request_faults
        self._issued: dict[str, _Issued] = {}

    def issue(self, user: str, channel: str, message: Message | None = None) -> str:
        """Return a fresh URL; `message` is what ``replace_original`` would replace."""
        secret = secrets.token_urlsafe(16)
        self._issued[secret] = _Issued(user, channel, message, self._workspace.now() + SECONDS)
        return f"{self._events.objects.origin}/actions/{self._workspace.team_id}/{secret}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Take one answer."""
        record = WebCall("response_url", {}, self._workspace.now())

        async def take() -> web.Response:
            record.args = json.loads(await request.text() or "{}")
            response = self._respond(self._issued.get(request.match_info["secret"]), record.args)
            record.performed = True
            record.response = {"ok": response.text == "ok"}
            return response

        return await self._request_faults.carry_out(record, request, take)

    def _respond(self, issued: _Issued | None, body: Json) -> web.Response:
        if issued is None:
            return _refused("invalid_url", 404)
        if self._workspace.now() > issued.expires:
            return _refused("expired_url", 404)
        if issued.uses >= USES:
            return _refused("used_url", 404)
        issued.uses += 1
        try:
            self.show(issued.user, issued.channel, body, issued.message)
        except SlackError as error:
            return _refused(error.code, 200)
        return web.Response(text="ok")

    def show(self, user: str, channel: str, body: Json, original: Message | None = None) -> Message:
        """Do what an answer says: show or replace; used for commands' direct answers too."""
        text = str(body.get("text") or "")
        blocks = message_blocks(body["blocks"], self._workspace) if body.get("blocks") else []
        if not text and not blocks:
            raise SlackError("no_text")
        if len(text) > POST_CHARACTERS:
            raise SlackError("msg_too_long")
        if body.get("replace_original") and original is not None:
            original.revisions.append(Revision(original.text, original.blocks, self._workspace.now()))
            original.text, original.blocks = text, blocks
            original.live = live_in_message(text, blocks)
            self._workspace.changed()
            return original
        app = self._events.app
        message = Message(
            channel, self._workspace.new_ts(), app.bot_user_id, text, blocks,
            thread_ts=body.get("thread_ts"), bot_id=app.bot_id, live=live_in_message(text, blocks),
            visible_to=None if body.get("response_type") == "in_channel" else user,
        )  # fmt: skip
        self._workspace.add_message(message)
        self._events.message_posted(message)
        return message


def _refused(code: str, status: int) -> web.Response:
    return web.json_response({"ok": False, "error": code}, status=status)
