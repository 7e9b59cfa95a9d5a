"""Streamed answers, driven by Slack's own client."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Channel, Person, SlackStandIn
from tests.support.clock import FixedClock

Refused = Callable[[Awaitable[Any]], Awaitable[dict[str, Any]]]


async def test_an_answer_is_streamed_into_a_thread(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, general: Channel
) -> None:
    root = ana.post(general, "question")
    started = await client.chat_startStream(
        channel=general.id, thread_ts=root.ts, markdown_text="Hello ",
        recipient_user_id=ana.id, recipient_team_id=slack.workspace.team_id,
    )  # fmt: skip
    place = {"channel": general.id, "ts": started["ts"]}
    growing = await slack.workspace.wait_for_message(lambda message: message.text == "Hello ")
    assert growing.streaming_until is not None
    await client.chat_appendStream(**place, markdown_text="**wor")
    feedback = {
        "type": "context_actions",
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": "feedback",
                "positive_button": {"text": {"type": "plain_text", "text": "Good"}, "value": "good"},
                "negative_button": {"text": {"type": "plain_text", "text": "Bad"}, "value": "bad"},
            }
        ],
    }
    await client.chat_stopStream(**place, markdown_text="ld**", blocks=[feedback])
    assert growing.text == "Hello **world**"
    assert growing.thread_ts == root.ts
    assert growing.streaming_until is None
    assert [block["type"] for block in growing.blocks] == ["markdown", "context_actions"]


async def test_a_stream_in_a_channel_needs_its_reader(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, general: Channel, refused: Refused
) -> None:
    root = ana.post(general, "question")
    wanted: dict[str, Any] = {"channel": general.id, "thread_ts": root.ts}
    first = await refused(client.chat_startStream(**wanted))
    assert first["error"] == "missing_recipient_team_id"
    second = await refused(client.chat_startStream(**wanted, recipient_team_id=slack.workspace.team_id))
    assert second["error"] == "missing_recipient_user_id"
    direct = ana.open_dm()
    question = ana.post(direct, "question")
    assert (await client.chat_startStream(channel=direct.id, thread_ts=question.ts))["ok"]


async def test_the_server_ends_a_stream_after_five_minutes_and_then_edits_work(
    client: AsyncWebClient, ana: Person, clock: FixedClock, refused: Refused
) -> None:
    direct = ana.open_dm()
    question = ana.post(direct, "question")
    started = await client.chat_startStream(channel=direct.id, thread_ts=question.ts, markdown_text="a")
    where = {"channel": direct.id, "ts": started["ts"]}
    assert (await refused(client.chat_update(**where, text="b")))["error"] == "streaming_state_conflict"
    clock.advance(seconds=300)
    late = await refused(client.chat_appendStream(**where, markdown_text="b"))
    assert late["error"] == "message_not_in_streaming_state"
    assert (await client.chat_update(**where, text="the rest"))["ok"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"markdown_text": "x" * 12_001}, "msg_too_long"),
        ({"markdown_text": ""}, "no_text"),
    ],
)
async def test_an_unsound_piece_is_refused(
    client: AsyncWebClient, ana: Person, refused: Refused, arguments: dict[str, Any], code: str
) -> None:
    direct = ana.open_dm()
    question = ana.post(direct, "question")
    started = await client.chat_startStream(channel=direct.id, thread_ts=question.ts)
    call = client.chat_appendStream(
        **{"channel": direct.id, "ts": started["ts"], "markdown_text": "", **arguments}
    )
    assert (await refused(call))["error"] == code
