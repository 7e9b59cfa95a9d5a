"""A small Bolt app that keeps what it is sent, and the pieces of forms that tests are made of."""

from typing import Any

from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Person, SlackStandIn

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def field(block_id: str, element: Json, **changes: Any) -> Json:
    return {"type": "input", "block_id": block_id, "label": plain(block_id), "element": element, **changes}


def modal(*blocks: Json, **changes: Any) -> Json:
    view = {"type": "modal", "callback_id": "form", "title": plain("Form"), "submit": plain("Go")}
    return {**view, "blocks": list(blocks), **changes}


OPTIONS = [{"text": plain(word.title()), "value": word} for word in ("vertex", "gemini", "palm")]


class Recorder:
    """A Bolt app that keeps every interaction and acknowledges as told."""

    def __init__(self) -> None:
        self.seen: list[Json] = []
        self.answer: Json = {}

    async def take(self, ack: Any, body: Json) -> None:
        self.seen.append(body)
        await ack(**self.answer)

    def app(self, client: AsyncWebClient) -> AsyncApp:
        app = AsyncApp(client=client, process_before_response=True)
        for constraint in (app.view("form"), app.view_closed("form"), app.action("a"), app.action("b")):
            constraint(self.take)
        app.options("a")(self.take)
        app.shortcut("tune_file")(self.take)
        app.event("message")(self.heard)
        return app

    async def heard(self) -> None:
        """Acknowledge."""


async def opened(slack: SlackStandIn, client: AsyncWebClient, person: Person, view: Json) -> None:
    await client.views_open(trigger_id=slack.workspace.new_trigger(person.id), view=view)
