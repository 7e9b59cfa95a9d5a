"""A workspace with a little app of its own instead of Tunebot: it sends every block and input that the page draws.

Run as a program, because the page's toolkit keeps one application a process. It prints one line of JSON: where the
page is and where Slack's Web API is.
"""

import asyncio
import json
import re
import signal
import socket
from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.page import Sandbox
from bot.sandbox.serve import page
from bot.sandbox.slack import APP_TOKEN, BOT_TOKEN, SlackStandIn

MANIFEST: dict[str, Any] = {
    "features": {
        "app_home": {"home_tab_enabled": True, "messages_tab_enabled": True},
        "bot_user": {"display_name": "Trial"},
        "shortcuts": [{"name": "Look at it", "type": "message", "callback_id": "look", "description": "Look"}],
        "slash_commands": [
            {"command": "/form", "description": "Open a form", "usage_hint": "[nothing]"},
            {"command": "/late", "description": "Answer too late", "usage_hint": ""},
        ],
    },
    "oauth_config": {
        "scopes": {
            "bot": ["commands", "chat:write", "files:read", "app_mentions:read", "channels:history", "im:history",
                    "assistant:write", "channels:read", "im:write"],
        }
    },
    "settings": {
        "event_subscriptions": {
            "bot_events": ["app_home_opened", "message.channels", "message.im", "agent_session_stopped"],
        },
        "interactivity": {"is_enabled": True},
        "socket_mode_enabled": True,
    },
}  # fmt: skip


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def option(value: str) -> dict[str, Any]:
    return {"text": plain(value.title()), "value": value}


def entry(name: str, element: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "input", "block_id": name, "label": plain(name.capitalize()), "optional": True,
        "element": {**element, "action_id": name}, **more,
    }  # fmt: skip


PAIR = [option("red"), option("blue")]
FORM: dict[str, Any] = {
    "type": "modal", "callback_id": "form", "title": plain("Everything"), "submit": plain("Send it"),
    "close": plain("Leave"), "notify_on_close": True,
    "blocks": [
        entry("words", {"type": "plain_text_input"}, optional=False, hint=plain("Anything at all")),
        entry("story", {"type": "plain_text_input", "multiline": True, "initial_value": "Once"}),
        entry("number", {"type": "number_input", "is_decimal_allowed": False}),
        entry("choice", {"type": "static_select", "option_groups": [
            {"label": plain("First"), "options": [option("red")]},
            {"label": plain("Second"), "options": [option("blue")]},
        ]}),
        entry("switch", {"type": "static_select", "options": PAIR}, dispatch_action=True),
        entry("boxes", {"type": "checkboxes", "options": PAIR}),
        entry("people", {"type": "multi_users_select"}),
        entry("channels", {"type": "multi_conversations_select"}),
        entry("papers", {"type": "file_input", "max_files": 2}),
        {"type": "actions", "block_id": "more", "elements": [
            {"type": "button", "action_id": "push", "text": plain("One more"), "value": "1"},
        ]},
    ],
}  # fmt: skip
SECOND: dict[str, Any] = {
    "type": "modal", "callback_id": "second", "title": plain("On top"), "submit": plain("Close all"),
    "blocks": [{"type": "section", "text": plain("Nothing to fill in")}],
}  # fmt: skip
HOME: dict[str, Any] = {
    "type": "home",
    "blocks": [
        {"type": "header", "text": plain("Your tunings")},
        {
            "type": "actions",
            "elements": [{"type": "button", "action_id": "home", "text": plain("Count"), "value": "1"}],
        },
    ],
}


class Trial:
    """The app's listeners."""

    def __init__(self, client: AsyncWebClient) -> None:
        self.client = client
        self.app = AsyncApp(client=client, signing_secret="unused")
        self.app.command("/form")(self.open_form)
        self.app.command("/late")(self.never)
        self.app.view("form")(self.submitted)
        self.app.view_closed("form")(self.closed)
        self.app.view("second")(self.clear)
        self.app.action("push")(self.push)
        self.app.action("switch")(self.switch)
        self.app.action("home")(self.count)
        self.app.action(re.compile("beside|go|pick|thumbs"))(self.clicked)
        self.app.shortcut("look")(self.look)
        self.app.event("app_home_opened")(self.home)
        self.app.event("agent_session_stopped")(self.stopped)
        self.app.event("message")(self.heard)

    async def open_form(self, ack: Any, body: dict[str, Any]) -> None:
        await ack()
        await self.client.views_open(trigger_id=body["trigger_id"], view=FORM)

    async def never(self) -> None:
        """Leave the command without an answer."""

    async def submitted(self, ack: Any, body: dict[str, Any], view: dict[str, Any]) -> None:
        values = {name: next(iter(held.values())) for name, held in view["state"]["values"].items()}
        if values["words"]["value"] == "bad":
            await ack(response_action="errors", errors={"words": "Not that word, please."})
            return
        await ack()
        for held in values.values():
            held["files"] = [file["name"] for file in held.get("files") or []]
        user = body["user"]["id"]
        await self.client.chat_postMessage(channel="tuning", text=f"{user} sent {json.dumps(values)}")

    async def closed(self, ack: Any) -> None:
        await ack()
        await self.client.chat_postMessage(channel="tuning", text="The form was closed")

    async def clear(self, ack: Any) -> None:
        await ack(response_action="clear")

    async def push(self, ack: Any, body: dict[str, Any]) -> None:
        await ack()
        await self.client.views_push(trigger_id=body["trigger_id"], view=SECOND)

    async def switch(self, ack: Any, body: dict[str, Any]) -> None:
        """Show a block that depends on the choice; the other fields keep what was typed."""
        await ack()
        chosen = body["actions"][0]["selected_option"]["value"]
        told = {"type": "section", "block_id": "told", "text": plain(f"You chose {chosen}")}
        view = {**FORM, "title": plain(f"Chose {chosen}"), "blocks": [told, *FORM["blocks"]]}
        await self.client.views_update(view_id=body["view"]["id"], view=view)

    async def clicked(self, ack: Any, body: dict[str, Any]) -> None:
        await ack()
        if "message" in body:
            action = body["actions"][0]
            said = action.get("value") or (action.get("selected_option") or {}).get("value")
            await self.client.chat_postMessage(channel=body["channel"]["id"], text=f"Clicked {said}")

    async def look(self, ack: Any, body: dict[str, Any]) -> None:
        await ack()
        await self.client.chat_postMessage(
            channel=body["channel"]["id"], text=f"Looked at: {body['message']['text']}"
        )

    async def home(self, event: dict[str, Any]) -> None:
        if event.get("tab") == "home":
            await self.client.views_publish(user_id=event["user"], view=HOME)

    async def stopped(self, event: dict[str, Any]) -> None:
        place = {"channel_id": event["channel"], "thread_ts": event["thread_ts"] or None}
        await self.client.agents_sessions_setStatus(**place, status="active")

    async def count(self, ack: Any, body: dict[str, Any]) -> None:
        await ack()
        later = [*HOME["blocks"], {"type": "section", "text": plain("You have counted once")}]
        await self.client.views_publish(user_id=body["user"]["id"], view={**HOME, "blocks": later})

    async def heard(self) -> None:
        """Take note and say nothing."""


async def main() -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    async with SlackStandIn(manifest=MANIFEST) as slack:
        ada, grace = slack.person("ada", "Ada Lovelace"), slack.person("grace", "Grace Hopper")
        tuning = slack.add_channel("tuning", ada, grace)
        client = AsyncWebClient(token=BOT_TOKEN, base_url=slack.api_url)
        handler = AsyncSocketModeHandler(Trial(client).app, APP_TOKEN)
        await handler.connect_async()  # type: ignore[no-untyped-call]
        with socket.create_server(("127.0.0.1", 0)) as listener:
            async with page(Sandbox(slack), listener):
                at = f"http://127.0.0.1:{listener.getsockname()[1]}"
                ids = {"channel": tuning.id, "ada": ada.id, "grace": grace.id}
                print(json.dumps({"page": at, "api": slack.api_url, **ids}), flush=True)
                await stopping.wait()
        await handler.close_async()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    asyncio.run(main())
