"""What every person's actions share: who the app is, and how a payload begins."""

from bot.sandbox.slack.deliveries import Deliveries
from bot.sandbox.slack.events_api import EventsApi
from bot.sandbox.slack.person.inputs import state_values
from bot.sandbox.slack.records import Channel, Delivery, Json, Message, User, View
from bot.sandbox.slack.response_urls import ResponseUrls


class PayloadSender:
    """Builds the parts of payloads and sends them; one for all people of a workspace."""

    def __init__(self, events: EventsApi, deliveries: Deliveries, responses: ResponseUrls) -> None:
        self.events = events
        self.workspace = events.workspace
        self.app = events.app
        self.objects = events.objects
        self.responses = responses
        self._deliveries = deliveries

    async def command(self, payload: Json) -> Delivery:
        """Deliver a slash command."""
        return await self._deliveries.interact("slash_commands", payload)

    async def interaction(self, payload: Json) -> Delivery:
        """Deliver a click, a form or a shortcut."""
        return await self._deliveries.interact("interactive", payload)

    def head(self, kind: str, user: User, *, trigger: bool = True) -> Json:
        """Return the fields that every interaction carries."""
        team = {"id": self.workspace.team_id, "domain": self.workspace.domain}
        enterprise = self.workspace.enterprise_id
        head: Json = {
            "type": kind, "token": self.app.verification_token, "api_app_id": self.app.app_id, "team": team,
            "user": {"id": user.id, "username": user.name, "name": user.name,
                     "team_id": self.objects.team_of(user)},
            "enterprise": {"id": enterprise, "name": enterprise} if enterprise else None,
            "is_enterprise_install": False,
        }  # fmt: skip
        if trigger:
            head["trigger_id"] = self.workspace.new_trigger(user.id)
        return head

    def place(self, channel: Channel) -> Json:
        """Return a channel as interactions name it."""
        return {"id": channel.id, "name": channel.name or "directmessage"}

    def surface(self, user: User, surface: Message | View) -> Json:
        """Return the fields that say where a click happened."""
        if isinstance(surface, View):
            return {
                "container": {"type": "view", "view_id": surface.id},
                "view": self.view(surface),
            }
        channel = self.workspace.channels[surface.channel]
        ephemeral = surface.visible_to is not None
        container: Json = {
            "type": "message", "message_ts": surface.ts, "channel_id": surface.channel, "is_ephemeral": ephemeral,
        }  # fmt: skip
        if surface.thread_ts:
            container["thread_ts"] = surface.thread_ts
        fields: Json = {
            "container": container,
            "channel": self.place(channel),
            "response_url": self.responses.issue(user.id, channel.id, surface),
            "state": {"values": self.state(surface)},
        }
        if not ephemeral:
            fields["message"] = self.objects.message(surface, with_metadata=True)
        return fields

    def view(self, view: View) -> Json:
        """Return a view with what the person has put in."""
        return {**self.objects.view(view), "state": {"values": self.state(view)}}

    def state(self, surface: Message | View) -> Json:
        """Return the ``state.values`` of a message or a view."""
        return state_values(surface.blocks, surface.entered)
