"""Declares the app to Slack: `register` binds its commands and shortcuts, and `tunebot manifest` prints it.

Slack reports no error for a command, an event or a scope that is missing in the app's settings, so they are
declared only here. Keys follow docs.slack.dev/reference/app-manifest.
"""

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class ManifestCommand:
    name: str
    description: str
    usage: str


@dataclass(frozen=True, slots=True)
class Shortcut:
    callback_id: str
    name: str
    description: str


TUNE: Final = ManifestCommand(
    "/tune", "Tune a model on your file, and look after it", "[list | status NAME | help ...]"
)
ASK: Final = ManifestCommand("/ask", "Ask a tuned model", "[model=NAME] question")
COMMANDS: Final = (TUNE, ASK)

TUNE_FILE: Final = Shortcut("tune_file", "Tune a model on this", "Open the tuning form with this message's file")
SHORTCUTS: Final = (TUNE_FILE,)

# Each subscribed event, with the scope that Slack requires for it.
EVENTS: Final = {
    "agent_session_stopped": "assistant:write",
    "app_mention": "app_mentions:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "app_home_opened": "im:read",
    "member_joined_channel": "channels:read",
}

# Each further scope, with what fails without it.
SCOPES: Final = {
    "commands": "the slash commands and the shortcut",
    "chat:write": "every message, the job card, streamed answers",
    "files:read": "reading attached training files",
    "files:write": "posting repaired training files and the rows left out",
    "metadata.message:read": "finding a card again after an interrupted post, so that it is not posted twice",
    "users:read": "asking Slack who a person is where a request does not say it, and who is a guest",
    "channels:read": "asking Slack which channels are public, and so who may see what was tuned there",
    "groups:read": "asking Slack who is in a private channel, and so who may see what was tuned there",
    "im:read": "asking Slack who is in a direct message, and so who may see what was tuned there",
    "mpim:read": "the same for a direct message of several people",
    "usergroups:read": "asking Slack who is in a user group that was given a role",
    "assistant:write": "the agent view: what one can say, and what the bot is doing",
    "im:write": "writing to a job's owner directly where the bot cannot post in the channel",
}

# Without these the bot can do nothing at all.
REQUIRED_SCOPES: Final = frozenset({"commands", "chat:write"})
# The scopes that Slack gives to agents only: https://docs.slack.dev/reference/scopes/assistant.write.
AGENT_SCOPES: Final = frozenset({"assistant:write"}) & SCOPES.keys()


def manifest(request_url: str = "") -> dict[str, Any]:
    """Return the app manifest: for HTTP with the `request_url` of `/slack/events`, else for Socket Mode."""
    url = {"url": request_url} if request_url else {}
    hook = {"request_url": request_url} if request_url else {}
    return {
        "display_information": {
            "name": "Tunebot",
            "description": "Tune Gemini models on your own examples and chat with them, right here.",
            "background_color": "#1a4a6e",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "agent_view": {
                "agent_description": "Tunes Gemini models on your own examples and lets you chat with them.",
                "suggested_prompts": [
                    {"title": "Tune a model", "message": "tune"},
                    {"title": "What can I do?", "message": "help"},
                ],
            },
            "bot_user": {"display_name": "Tunebot", "always_online": True},
            "shortcuts": [
                {
                    "name": shortcut.name,
                    "type": "message",
                    "callback_id": shortcut.callback_id,
                    "description": shortcut.description,
                }
                for shortcut in SHORTCUTS
            ],
            "slash_commands": [
                {
                    "command": command.name,
                    "description": command.description,
                    "usage_hint": command.usage,
                    # With it Slack sends the ids of the people and channels that a person names.
                    "should_escape": command is TUNE,
                    **url,
                }
                for command in COMMANDS
            ],
        },
        "oauth_config": {"scopes": {"bot": sorted({*SCOPES, *EVENTS.values()})}},
        "settings": {
            "event_subscriptions": {"bot_events": sorted(EVENTS), **hook},
            "interactivity": {"is_enabled": True, **hook},
            "org_deploy_enabled": False,
            "socket_mode_enabled": not request_url,
            "token_rotation_enabled": False,
        },
    }
