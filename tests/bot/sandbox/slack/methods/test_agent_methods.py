"""Agent sessions and suggested prompts by Slack's own client, and the Stop button."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Channel, ClientRefusal, Person, SlackStandIn

Refused = Callable[[Awaitable[Any]], Awaitable[dict[str, Any]]]


async def test_a_session_has_a_status_and_keeps_its_first_title(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, general: Channel, refused: Refused
) -> None:
    root = ana.post(general, "question").ts
    place = {"channel_id": general.id, "thread_ts": root}
    made = await client.agents_sessions_setStatus(**place, status="processing", title="First")
    assert (made["agent_status"], made["title"], made.get("warning")) == ("processing", "First", None)
    later = await client.agents_sessions_setStatus(**place, status="suspended", title="Second")
    assert (later["agent_status"], later["title"]) == ("suspended", "First")
    session = slack.workspace.agent_sessions[general.id, root]
    assert (session.status, session.title) == ("suspended", "First")
    wrong = await refused(client.agents_sessions_setStatus(**place, status="thinking..."))
    assert wrong["error"] == "invalid_arguments"
    lost = await refused(client.agents_sessions_setStatus(channel_id=general.id, thread_ts="1.1", status="active"))
    assert lost["error"] == "thread_not_found"


async def test_without_its_event_there_is_a_warning_and_no_stop_button(
    client: AsyncWebClient, slack: SlackStandIn, ana: Person, general: Channel
) -> None:
    slack.app.manifest = {"settings": {"event_subscriptions": {"bot_events": ["message.channels"]}}}
    root = ana.post(general, "question").ts
    made = await client.agents_sessions_setStatus(channel_id=general.id, thread_ts=root, status="processing")
    assert made["warning"] == "missing_agent_session_stopped_event_subscription"
    with pytest.raises(ClientRefusal, match="does not subscribe"):
        ana.stop_agent(general, root)


async def test_stop_ends_the_streams_and_tells_the_app_which_leaves_the_status_to_it(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, general: Channel, refused: Refused
) -> None:
    root = ana.post(general, "question").ts
    with pytest.raises(ClientRefusal, match="no Stop button"):
        ana.stop_agent(general, root)
    place = {"channel_id": general.id, "thread_ts": root}
    await client.agents_sessions_setStatus(**place, status="processing")
    team = slack.workspace.team_id
    stream = await client.chat_startStream(
        channel=general.id, thread_ts=root, recipient_user_id=ana.id, recipient_team_id=team, markdown_text="Once"
    )
    ana.stop_agent(general, root)
    event = slack.workspace.deliveries[-1].payload["event"]
    assert (event["type"], event["thread_ts"], event["user"]) == ("agent_session_stopped", root, ana.id)
    assert event["streaming_message_ts"] == [stream["ts"]]
    late = await refused(client.chat_appendStream(channel=general.id, ts=stream["ts"], markdown_text=" a time"))
    assert late["error"] == "message_not_in_streaming_state"
    assert slack.workspace.agent_sessions[general.id, root].status == "processing"
    assert (await client.agents_sessions_setStatus(**place, status="active"))["agent_status"] == "active"


async def test_the_end_of_a_stream_may_set_the_status_of_its_session(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, general: Channel
) -> None:
    root = ana.post(general, "question").ts
    await client.agents_sessions_setStatus(channel_id=general.id, thread_ts=root, status="processing")
    stream = await client.chat_startStream(
        channel=general.id, thread_ts=root, recipient_user_id=ana.id, recipient_team_id=slack.workspace.team_id
    )
    await client.chat_stopStream(
        channel=general.id, ts=stream["ts"], markdown_text="Done", session_status="suspended"
    )
    assert slack.workspace.agent_sessions[general.id, root].status == "suspended"


async def test_suggested_prompts_are_kept_for_the_conversation_or_a_thread_of_it(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, general: Channel, refused: Refused
) -> None:
    root = ana.post(general, "question").ts
    prompts = [{"title": "Tune", "message": "How do I tune?"}]
    await client.assistant_threads_setSuggestedPrompts(channel_id=general.id, thread_ts=root, prompts=prompts)
    assert slack.workspace.suggested_prompts[general.id, root] == prompts
    lost = await refused(
        client.assistant_threads_setSuggestedPrompts(channel_id=general.id, thread_ts="1.1", prompts=prompts)
    )
    assert lost["error"] == "thread_not_found"
