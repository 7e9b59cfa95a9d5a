"""The installed app as the workspace sees it: its tokens, scopes, commands and subscriptions.

With a manifest it is told nothing that the manifest leaves out, which makes a forgotten scope or event visible.
"""

from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.slack.records import ChannelKind, Json
from bot.sandbox.slack.refusals import ClientRefusal

EVERY_SCOPE = frozenset(
    {
        "app_mentions:read", "assistant:write", "channels:history", "channels:read",
        "chat:write", "chat:write.public", "commands", "files:read", "files:write", "groups:history",
        "groups:read", "groups:write", "im:history", "im:read", "im:write", "usergroups:read",
        "users:read", "metadata.message:read",
    }
)  # fmt: skip

HISTORY_SCOPES = {
    ChannelKind.CHANNEL: "channels:history",
    ChannelKind.GROUP: "groups:history",
    ChannelKind.IM: "im:history",
}
READ_SCOPES = {
    ChannelKind.CHANNEL: "channels:read",
    ChannelKind.GROUP: "groups:read",
    ChannelKind.IM: "im:read",
}
EVENT_SCOPES = {
    "app_mention": "app_mentions:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "member_joined_channel": "channels:read",
}


@dataclass(slots=True)
class SlackApp:
    """The app's identity and rights; change `scopes` at any time to take one away."""

    bot_token: str = field(repr=False)
    app_token: str = field(repr=False)
    signing_secret: str = field(repr=False)
    manifest: Json | None = None
    app_id: str = "A0SANDBOX"
    bot_id: str = "B0SANDBOX"
    bot_user_id: str = "U0TUNEBOT"
    verification_token: str = field(default="sandbox-verification-token", repr=False)
    scopes: set[str] = field(default_factory=lambda: set(EVERY_SCOPE))

    def __post_init__(self) -> None:
        if self.manifest is not None:
            self.scopes = set(self._section("oauth_config", "scopes").get("bot", []))

    @property
    def name(self) -> str:
        """The bot's display name."""
        return str(self._section("features", "bot_user").get("display_name", "Tunebot"))

    @property
    def commands(self) -> list[Json]:
        """The slash commands that the manifest declares, with their descriptions and usage hints."""
        declared: list[Json] = self._section("features").get("slash_commands", [])
        return declared

    def _section(self, *path: str) -> Json:
        section: Any = self.manifest or {}
        for key in path:
            section = section.get(key, {})
        return dict(section)

    def subscribes(self, event: str) -> bool:
        """Tell whether the app is sent this event (``message.im``, ``app_mention``, ...)."""
        scope = EVENT_SCOPES.get(event)
        if scope is not None and scope not in self.scopes:
            return False
        if self.manifest is None:
            return True
        return event in self._section("settings", "event_subscriptions").get("bot_events", [])

    def require_command(self, command: str) -> Json:
        """Return what the manifest declares of a slash command, and refuse one that Slack does not know."""
        declared = next((entry for entry in self.commands if entry["command"] == command), None)
        if (declared is None and self.manifest is not None) or "commands" not in self.scopes:
            raise ClientRefusal(f"{command} is not a valid command")
        return declared or {}

    def require_shortcut(self, callback_id: str) -> None:
        """Refuse a shortcut on messages that no menu would show."""
        declared = self._section("features").get("shortcuts", [])
        known = self.manifest is None or any(
            entry["callback_id"] == callback_id and entry["type"] == "message" for entry in declared
        )
        if not known or "commands" not in self.scopes:
            raise ClientRefusal(f"no shortcut has the callback id {callback_id!r}")
        self.require_interactivity()

    def require_interactivity(self) -> None:
        """Refuse buttons and forms where the manifest leaves interactivity off."""
        if self.manifest is not None and not self._section("settings", "interactivity").get("is_enabled"):
            raise ClientRefusal("this app is not configured to handle interactive responses")

    def require_home(self) -> None:
        """Refuse the Home tab where the manifest leaves it off."""
        if self.manifest is not None and not self._section("features", "app_home").get("home_tab_enabled"):
            raise ClientRefusal("this app has no Home tab")
