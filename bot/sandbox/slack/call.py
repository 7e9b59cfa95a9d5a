"""One call of a Web API method: its arguments, and the workspace that it changes."""

import json
import re
from typing import Any

from bot.sandbox.slack.api_objects import ApiObjects
from bot.sandbox.slack.events_api import EventsApi
from bot.sandbox.slack.records import Channel, ChannelKind, Json, Message
from bot.sandbox.slack.refusals import SlackError
from bot.sandbox.slack.slack_app import HISTORY_SCOPES, SlackApp
from bot.sandbox.slack.workspace import SlackWorkspace

_JSON_ARGUMENTS = {"blocks", "attachments", "metadata", "view", "files", "prompts"}


class Call:
    """The arguments of one request, read as Slack reads them from JSON and form bodies alike."""

    def __init__(
        self, method: str, args: Json, workspace: SlackWorkspace, app: SlackApp, events: EventsApi
    ) -> None:
        self.method = method
        self.args = args
        self.workspace = workspace
        self.app = app
        self.events = events
        self.objects: ApiObjects = events.objects

    def text(self, name: str, default: str = "") -> str:
        """Return a string argument; numbers in JSON count as strings."""
        value = self.args.get(name)
        return default if value is None else str(value)

    def required(self, name: str) -> str:
        """Return a string argument that must be there."""
        value = self.text(name)
        if not value:
            raise SlackError("invalid_arguments", messages=[f"[ERROR] missing required field: {name}"])
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a yes or no, written in any of the ways clients write it."""
        return self.text(name, str(default)).lower() in ("1", "true")

    def number(self, name: str, default: int) -> int:
        """Return a whole number."""
        value = self.text(name)
        if not value:
            return default
        if not re.fullmatch(r"-?\d+", value):
            raise SlackError("invalid_arguments", messages=[f"[ERROR] must be an integer [json-pointer:/{name}]"])
        return int(value)

    def data(self, name: str) -> Any:
        """Return an argument that is JSON, decoded; None where it is absent."""
        return self.args.get(name)

    def need(self, *scopes: str) -> None:
        """Refuse unless the app has one of these scopes."""
        if scopes and not self.app.scopes.intersection(scopes):
            provided = ",".join(sorted(self.app.scopes))
            raise SlackError("missing_scope", needed=",".join(scopes), provided=provided)

    def channel(self, name: str = "channel", *, by_name: bool = False) -> Channel:
        """Return the conversation with this id, if the app may know of it; only posting takes names too."""
        target = self.text(name)
        found = self.workspace.find_channel(target) if by_name else self.workspace.channels.get(target)
        if found is None:
            raise SlackError("channel_not_found")
        if found.kind is not ChannelKind.CHANNEL and self.app.bot_user_id not in found.members:
            raise SlackError("channel_not_found")
        return found

    def writable_channel(self, name: str = "channel") -> Channel:
        """Return the conversation to post into; a user's id means the direct message with them."""
        target = self.text(name)
        if target in self.workspace.users:
            return self.workspace.direct_message(self.app.bot_user_id, target)
        found = self.channel(name, by_name=True)
        if found.is_archived:
            raise SlackError("is_archived")
        outside = self.app.bot_user_id not in found.members
        if outside and "chat:write.public" not in self.app.scopes:
            raise SlackError("not_in_channel")
        return found

    def readable_channel(self) -> Channel:
        """Return the conversation to read, with the scope and the membership that reading takes."""
        found = self.channel()
        self.need(HISTORY_SCOPES[found.kind])
        if self.app.bot_user_id not in found.members:
            raise SlackError("not_in_channel")
        return found

    def own_message(self, channel: Channel, not_mine: str) -> Message:
        """Return the app's own message with the ``ts`` argument."""
        message = channel.message(self.required("ts"))
        if message is None:
            raise SlackError("message_not_found")
        if message.bot_id != self.app.bot_id:
            raise SlackError(not_mine)
        return message


def decoded(args: Json) -> Json:
    """Return arguments with those decoded that forms carry as JSON text; unreadable ones stay text."""
    ready = dict(args)
    for name in _JSON_ARGUMENTS & ready.keys():
        value = ready[name]
        if isinstance(value, str):
            try:
                ready[name] = json.loads(value)
            except ValueError:
                ready[name] = value
    return ready
