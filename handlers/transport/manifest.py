"""What the app declares to Slack, once: `register` binds listeners to it and `tunebot manifest` prints it.

A command, an event or a scope that is missing in Slack's settings fails in silence there, so nothing of this is
written down a second time. Keys follow docs.slack.dev/reference/app-manifest.
"""

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    description: str
    usage: str


@dataclass(frozen=True, slots=True)
class Shortcut:
    callback_id: str
    name: str
    description: str


TUNE: Final = Command(
    "/tune", "Tune a model on your examples, and look after it", "[list | status NAME | help ...]"
)
ASK: Final = Command("/ask", "Ask a tuned model", "[model=NAME] question")
COMMANDS: Final = (TUNE, ASK)

TUNE_FILE: Final = Shortcut("tune_file", "Tune a model on this", "Open the tuning form with this message's file")
SHORTCUTS: Final = (TUNE_FILE,)

# Each event that is subscribed to, with the scope without which Slack does not send it.
EVENTS: Final = {
    "app_mention": "app_mentions:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
}

# Each further scope, with what fails without it.
SCOPES: Final = {
    "commands": "the slash commands and the shortcut",
    "chat:write": "every message, the job card, the thinking status",
    "files:read": "reading the attached training files",
    "files:write": "posting repaired training files and the rows left out",
    "metadata.message:read": "finding a card again whose posting was cut off, before it would be posted twice",
    "im:write": "telling a job's owner directly where a channel does not let the bot in",
}


def manifest(request_url: str = "") -> dict[str, Any]:
    """The app manifest: for Socket Mode, or for HTTP where `request_url` is Slack's way to `/slack/events`."""
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
                "home_tab_enabled": False,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
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
                    "should_escape": False,
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
