"""Slack's own Bolt and SDK, unmodified, against the stand-in: what they take for Slack behaves like it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, SlackStandIn

FORM: dict[str, Any] = {
    "type": "modal",
    "callback_id": "tune",
    "title": {"type": "plain_text", "text": "Tune"},
    "submit": {"type": "plain_text", "text": "Start"},
    "blocks": [
        {
            "type": "input",
            "block_id": "name",
            "label": {"type": "plain_text", "text": "Name"},
            "element": {"type": "plain_text_input", "action_id": "name"},
        },
        {
            "type": "input",
            "block_id": "file",
            "label": {"type": "plain_text", "text": "Examples"},
            "element": {"type": "file_input", "action_id": "file", "max_files": 1},
        },
    ],
}


def tuning_app(api_url: str) -> AsyncApp:
    """Return a small Bolt app with a command, a form, a button and two events."""
    client = AsyncWebClient(token=BOT_TOKEN, base_url=api_url)
    app = AsyncApp(client=client, signing_secret=SIGNING_SECRET)

    @app.command("/tune")
    async def tune(ack: Any, body: Any, client: Any) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=FORM)

    @app.view("tune")
    async def started(ack: Any, view: Any, client: Any) -> None:
        values = view["state"]["values"]
        if values["name"]["name"]["value"] == "taken":
            await ack(response_action="errors", errors={"name": "That name is taken."})
            return
        await ack()
        name, file = values["name"]["name"]["value"], values["file"]["file"]["files"][0]
        button = {
            "type": "button",
            "action_id": "stop",
            "text": {"type": "plain_text", "text": "Stop"},
            "value": "1",
        }
        await client.chat_postMessage(
            channel="general",
            text=f"Tuning {name} on {file['name']}",
            blocks=[{"type": "actions", "elements": [button]}],
        )

    @app.action("stop")
    async def stop(ack: Any, respond: Any) -> None:
        await ack()
        await respond("Stopped", replace_original=True)

    @app.event("app_mention")
    async def mentioned(event: Any, say: Any) -> None:
        await say(f"You said {event['text']}", thread_ts=event["ts"])

    @app.event("message")
    async def heard() -> None:
        """Acknowledge."""

    return app


@asynccontextmanager
async def over_socket(slack: SlackStandIn) -> AsyncIterator[None]:
    handler = AsyncSocketModeHandler(tuning_app(slack.api_url), APP_TOKEN)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    try:
        await slack.wait_connected()
        yield
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]


@asynccontextmanager
async def over_http(slack: SlackStandIn) -> AsyncIterator[None]:
    runner = web.AppRunner(tuning_app(slack.api_url).server(path="/slack/events").web_app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        await slack.deliver_over_http(f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events")
        yield
    finally:
        await runner.cleanup()


@pytest.fixture(params=["socket", "http"])
async def bolt(request: pytest.FixtureRequest) -> AsyncIterator[SlackStandIn]:
    async with SlackStandIn() as standin:
        standin.add_channel("general", standin.person("ana", "Ana"))
        connect = over_socket if request.param == "socket" else over_http
        async with connect(standin):
            yield standin
            await standin.settle()


async def test_bolt_opens_a_form_and_posts_what_was_submitted(bolt: SlackStandIn) -> None:
    slack, ana = bolt, bolt.person("ana")
    command = await ana.slash_command("general", "/tune", "now")
    assert command.acked
    view = await slack.workspace.wait_for_view(ana.id)
    assert view.title == "Tune"

    refused = await ana.submit_view(view, {"name": "taken", "file": ("a.jsonl", b"{}")})
    assert (refused.action, refused.errors) == ("errors", {"name": "That name is taken."})

    sent = await ana.submit_view(view, {"name": "numbers", "file": ("a.jsonl", b"{}")})
    assert sent.action == "close"
    assert ana.modal is None
    card = await slack.workspace.wait_for_message(lambda message: "Tuning numbers on a.jsonl" in message.text)

    assert (await ana.click(card, "stop")).acked
    await slack.workspace.wait_for_message(lambda message: message is card and message.text == "Stopped")
    assert card.blocks == []


async def test_bolt_answers_a_mention_in_its_thread(bolt: SlackStandIn) -> None:
    slack, ana = bolt, bolt.person("ana")
    said = ana.post("general", ana.typed("@Tunebot hello"))
    answer = await slack.workspace.wait_for_message(lambda message: message.text.startswith("You said"))
    assert answer.thread_ts == said.ts
    assert "hello" in answer.text
    await slack.settle()
    heard = [delivery.event_type for delivery in slack.workspace.deliveries if delivery.acked]
    assert heard.count("app_mention") == 1
    assert heard.count("message") == 2


async def test_bolt_answers_no_unknown_command_and_slackbot_says_so(bolt: SlackStandIn) -> None:
    slack, ana = bolt, bolt.person("ana")
    slack.deliveries.ack_seconds = 0.2
    delivery = await ana.slash_command("general", "/unknown")
    assert not delivery.acked
    regret = await slack.workspace.wait_for_message(lambda message: "/unknown failed" in message.text)
    assert regret.visible_to == ana.id
