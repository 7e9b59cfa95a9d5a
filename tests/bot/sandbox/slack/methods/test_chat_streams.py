"""Streamed answers, driven by the SDK's own helper."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Channel, Person, SlackStandIn
from tests.support.clock import FixedClock

Refused = Callable[[Awaitable[Any]], Awaitable[dict[str, Any]]]


async def test_the_sdk_streams_an_answer_into_a_thread(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, general: Channel
) -> None:
    root = ana.post(general, "question")
    stream = await client.chat_stream(
        buffer_size=4, channel=general.id, thread_ts=root.ts,
        recipient_user_id=ana.id, recipient_team_id=slack.workspace.team_id,
    )  # fmt: skip
    await stream.append(markdown_text="Hello ")
    growing = await slack.workspace.wait_for_message(lambda message: message.text == "Hello ")
    assert growing.streaming_until is not None
    await stream.append(markdown_text="**wor")
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
    await stream.stop(markdown_text="ld**", blocks=[feedback])
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
        ({"chunks": [{"type": "confetti"}]}, "invalid_chunks"),
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


async def test_tasks_in_a_stream_are_shown_with_their_latest_state(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person
) -> None:
    direct = ana.open_dm()
    question = ana.post(direct, "question")
    started = await client.chat_startStream(channel=direct.id, thread_ts=question.ts)
    for status in ("in_progress", "complete"):
        chunk = {"type": "task_update", "id": "t1", "title": "Reading", "status": status}
        await client.chat_appendStream(channel=direct.id, ts=started["ts"], markdown_text="", chunks=[chunk])
    message = direct.message(started["ts"])
    assert message is not None
    assert [(block["type"], block["status"]) for block in message.blocks] == [("task_card", "complete")]


async def test_a_status_shows_until_the_bot_speaks(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, general: Channel, refused: Refused
) -> None:
    root = ana.post(general, "question")
    await client.assistant_threads_setStatus(channel_id=general.id, thread_ts=root.ts, status="is thinking...")
    key = (general.id, root.ts)
    assert slack.workspace.assistant_threads[key] == {"status": "is thinking..."}
    await client.chat_postMessage(channel=general.id, thread_ts=root.ts, text="done")
    assert slack.workspace.assistant_threads[key] == {}
    await client.assistant_threads_setTitle(channel_id=general.id, thread_ts=root.ts, title="Numbers")
    prompts = [{"title": "Tune", "message": "How do I tune?"}]
    await client.assistant_threads_setSuggestedPrompts(channel_id=general.id, thread_ts=root.ts, prompts=prompts)
    assert slack.workspace.assistant_threads[key] == {"title": "Numbers", "prompts": prompts}
    lost = await refused(client.assistant_threads_setStatus(channel_id=general.id, thread_ts="1.1", status="x"))
    assert lost["error"] == "thread_not_found"
