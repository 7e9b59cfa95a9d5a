"""With a manifest the app hears and may do only what the manifest says."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import BOT_TOKEN, ClientRefusal, SlackStandIn

MANIFEST: dict[str, Any] = {
    "display_information": {"name": "Tunebot"},
    "features": {
        "bot_user": {"display_name": "Tuner"},
        "slash_commands": [{"command": "/tune", "description": "Tune a model"}],
        "shortcuts": [{"name": "Tune", "type": "message", "callback_id": "tune_file", "description": "Tune"}],
    },
    "oauth_config": {"scopes": {"bot": ["commands", "channels:history", "chat:write"]}},
    "settings": {
        "event_subscriptions": {"bot_events": ["message.channels", "app_mention"]},
        "interactivity": {"is_enabled": False},
    },
}


@pytest.fixture
async def declared() -> AsyncIterator[SlackStandIn]:
    async with SlackStandIn(manifest=MANIFEST) as standin:
        standin.deliveries.retry_delays = ()
        yield standin


async def test_events_need_both_their_subscription_and_their_scope(declared: SlackStandIn) -> None:
    ana = declared.person("ana")
    public = declared.add_channel("public", ana)
    private = declared.add_channel("private", ana, private=True)
    ana.post(public, ana.typed("@Tuner hello"))
    ana.post(private, "unheard: no message.groups")
    ana.open_dm()
    # app_mention is subscribed to but its scope is missing.
    assert [delivery.event_type for delivery in declared.workspace.deliveries] == ["message"]
    declared.app.scopes.add("app_mentions:read")
    ana.post(public, ana.typed("@Tuner hello"))
    assert [delivery.event_type for delivery in declared.workspace.deliveries][1:] == ["message", "app_mention"]


async def test_commands_shortcuts_and_the_home_tab_must_be_declared(declared: SlackStandIn) -> None:
    ana = declared.person("ana")
    public = declared.add_channel("public", ana)
    with pytest.raises(ClientRefusal, match="/ask is not a valid command"):
        await ana.slash_command(public, "/ask")
    assert not (await ana.slash_command(public, "/tune")).acked
    message = ana.post(public, "hello")
    with pytest.raises(ClientRefusal, match="no shortcut has the callback id 'other'"):
        await ana.message_shortcut("other", message)
    with pytest.raises(ClientRefusal, match="not configured to handle interactive"):
        await ana.message_shortcut("tune_file", message)
    with pytest.raises(ClientRefusal, match="no Home tab"):
        ana.open_home()
    assert [command["command"] for command in declared.app.commands] == ["/tune"]


async def test_methods_outside_the_declared_scopes_are_refused(declared: SlackStandIn) -> None:
    client = AsyncWebClient(token=BOT_TOKEN, base_url=declared.api_url)
    with pytest.raises(SlackApiError, match="missing_scope"):
        await client.files_list()
