"""Turns what happens in the workspace into Slack's events, for the app that subscribed to them."""

from typing import Protocol

from bot.sandbox.slack.api_objects import ApiObjects
from bot.sandbox.slack.records import ChannelKind, Delivery, Json, Message
from bot.sandbox.slack.slack_app import SlackApp
from bot.sandbox.slack.workspace import SlackWorkspace

_MESSAGE_EVENTS = {
    ChannelKind.CHANNEL: "message.channels",
    ChannelKind.GROUP: "message.groups",
    ChannelKind.IM: "message.im",
}


SESSION_STOPPED = "agent_session_stopped"


class Outgoing(Protocol):
    """Delivers event payloads."""

    def send_event(self, payload: Json) -> Delivery:
        """Begin delivering and return the record of it."""


class EventsApi:
    """Sends the app the events to which it subscribes and that its scopes allow."""

    def __init__(self, workspace: SlackWorkspace, app: SlackApp, objects: ApiObjects, outgoing: Outgoing) -> None:
        self.workspace = workspace
        self.app = app
        self.objects = objects
        self._outgoing = outgoing

    def send(self, name: str, event: Json) -> None:
        """Deliver an event if the app subscribes to `name`.

        Source: https://docs.slack.dev/apis/events-api/#event-type-structure
        """
        if not self.app.subscribes(name):
            return
        event_ts = event.setdefault("event_ts", self.workspace.new_ts())
        channel = self.workspace.channels.get(str(event.get("channel") or event.get("channel_id")))
        payload = {
            "token": self.app.verification_token,
            "team_id": self.workspace.team_id,
            "context_team_id": self.workspace.team_id,
            "api_app_id": self.app.app_id,
            "event": event,
            "type": "event_callback",
            "event_id": self.workspace.new_id("Ev"),
            "event_time": int(float(event_ts)),
            "authorizations": [
                {
                    "enterprise_id": self.workspace.enterprise_id, "team_id": self.workspace.team_id,
                    "user_id": self.app.bot_user_id, "is_bot": True, "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": channel is not None and channel.is_ext_shared,
            "context_enterprise_id": self.workspace.enterprise_id,
            "event_context": f"4-{self.workspace.new_id('E')}",
        }  # fmt: skip
        self._outgoing.send_event(payload)

    def message_posted(self, message: Message, *, mention_event: bool = True, mention_files: bool = True) -> None:
        """Tell of a new message; one that mentions the bot also as ``app_mention``, unless that is left out."""
        channel = self.workspace.channels[message.channel]
        if self.app.bot_user_id not in channel.members or message.visible_to is not None:
            return
        event = {
            **self.objects.message(message),
            "channel": channel.id,
            "channel_type": str(channel.kind),
            "event_ts": message.ts,
        }
        self.send(_MESSAGE_EVENTS[channel.kind], event)
        mentioned = any(ref.kind == "user" and ref.target == self.app.bot_user_id for ref in message.live)
        if (
            mentioned
            and mention_event
            and message.user != self.app.bot_user_id
            and channel.kind is not ChannelKind.IM
        ):
            self.send("app_mention", self._mention(event, with_files=mention_files))

    def _mention(self, event: Json, *, with_files: bool) -> Json:
        left_out = {"subtype", "channel_type"} | (set() if with_files else {"files", "upload"})
        return {name: value for name, value in event.items() if name not in left_out} | {"type": "app_mention"}

    def message_changed(self, message: Message, previous: Json) -> None:
        """Tell of an edit."""
        fields = {"message": self.objects.message(message), "previous_message": previous}
        self._about_message("message_changed", message, fields)

    def message_deleted(self, message: Message) -> None:
        """Tell of a deletion; a thread with replies keeps a note of Slack's in the place of its first message.

        Source: https://github.com/42wim/matterbridge/issues/600.
        """
        previous = self.objects.message(message)
        if self.workspace.channels[message.channel].goes_on(message.ts):
            note = {
                "type": "message", "subtype": "tombstone", "text": "This message was deleted.",
                "user": "USLACKBOT", "hidden": True, "ts": message.ts, "thread_ts": message.ts,
            }  # fmt: skip
            self._about_message("message_changed", message, {"message": note, "previous_message": previous})
        else:
            fields = {"deleted_ts": message.ts, "previous_message": previous}
            self._about_message("message_deleted", message, fields)

    def _about_message(self, subtype: str, message: Message, fields: Json) -> None:
        channel = self.workspace.channels[message.channel]
        if self.app.bot_user_id not in channel.members:
            return
        ts = self.workspace.new_ts()
        event: Json = {
            "type": "message", "subtype": subtype, "channel": channel.id, "channel_type": str(channel.kind),
            "ts": ts, "event_ts": ts, "hidden": True, **fields,
        }  # fmt: skip
        self.send(_MESSAGE_EVENTS[channel.kind], event)

    def session_stopped(self, user: str, channel: str, thread_ts: str, streams: list[str]) -> None:
        """Tell that a person pressed Stop: https://docs.slack.dev/reference/events/agent_session_stopped"""
        where: Json = {"channel": channel, "thread_ts": thread_ts, "user": user, "streaming_message_ts": streams}
        self.send(SESSION_STOPPED, {"type": SESSION_STOPPED, **where})

    def home_opened(self, user: str, channel_id: str, tab: str) -> None:
        """Tell that a person opened the app's Home or Messages tab."""
        event: Json = {"type": "app_home_opened", "user": user, "channel": channel_id, "tab": tab}
        view = self.workspace.homes.get(user)
        if tab == "home" and view is not None:
            event["view"] = {**self.objects.view(view), "state": {"values": {}}}
        self.send("app_home_opened", event)

    def member_joined(self, user: str, channel_id: str) -> None:
        """Tell that somebody, or the bot itself, came into a channel."""
        channel = self.workspace.channels[channel_id]
        if self.app.bot_user_id in channel.members:
            shape = "C" if channel.kind is ChannelKind.CHANNEL else "G"
            event: Json = {"user": user, "channel": channel_id, "channel_type": shape}
            self.send(
                "member_joined_channel",
                {"type": "member_joined_channel", "team": self.workspace.team_id, **event},
            )
