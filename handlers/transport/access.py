"""Says whose request Slack delivers, and refuses everybody but the workspace's people.

The bot serves only the workspace of its token. Each route of `register` goes through `Access`, which passes on the
`Requester`; a listener cannot be called without one. What Slack does not say is asked with users.info, and who is
unknown after that is not let in. A person who is refused is told why; a bot is not, since two bots that answer
each other never end.
"""

import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Final

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.place import Place, Requester
from bot.errors import BotError, Forbidden
from bot.runtime.background_tasks import BackgroundTasks
from bot.runtime.logs import bind_request
from handlers.blocks.datasets.check_views import build_message_view
from handlers.blocks.message import Message
from handlers.blocks.replies import build_error
from handlers.delivery.poster import Poster
from handlers.errors import Respond, report
from handlers.slack_errors import CALL_ERRORS
from handlers.transport.slack_people import SlackUsers

logger = logging.getLogger(__name__)

_SLACKBOT: Final = "USLACKBOT"  # posts reminders, which may mention the bot

Payload = dict[str, Any]
Listener = Callable[[AsyncAck, Requester, Payload], Awaitable[None]]
Route = Callable[[AsyncAck, Payload], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Identity:
    """The bot's team, its user and the workspace's address, as auth.test returns them."""

    team: str
    user: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Sender:
    """What a payload says of the person behind it; an empty text means that it does not say.

    `receivers` are the workspaces that the payload names as the one it is for, `teams` those (or the Enterprise
    organisations, `E...`) that it names as the person's.
    """

    user: str
    receivers: tuple[str, ...]
    teams: tuple[str, ...]
    channel: str
    thread: str = ""
    is_bot: bool = False
    in_view: bool = False


class Refused(Exception):
    """The request is not let in. `error` is what the person is told, None where they are told nothing."""

    def __init__(self, reason: str, error: Forbidden | None = None) -> None:
        super().__init__(reason)
        self.error = error


def sender_of_command(body: Payload) -> Sender:
    """Read a slash command; its `team_id` is the workspace in which the person typed it."""
    team = _text(body.get("team_id"))
    return Sender(_text(body.get("user_id")), (team,), (team,), _text(body.get("channel_id")))


def sender_of_interaction(body: Payload) -> Sender:
    """Read a button, a view or a shortcut.

    `view.app_installed_team_id` differs from `team` where a view was opened in another workspace's channel:
    slack_bolt/request/internals.py.
    """
    user, view, container = _object(body.get("user")), _object(body.get("view")), _object(body.get("container"))
    message = _object(body.get("message"))
    receivers = [_text(_object(body.get("team")).get("id"))]
    if view.get("app_installed_team_id"):
        receivers.append(_text(view["app_installed_team_id"]))
    return Sender(
        user=_text(user.get("id")),
        receivers=tuple(receivers),
        teams=(_text(user.get("team_id")),),
        channel=_text(_object(body.get("channel")).get("id")) or _text(container.get("channel_id")),
        thread=_text((container or message).get("thread_ts")),
        in_view=bool(view),
    )


def sender_of_event(body: Payload) -> Sender:
    """Read an event about a message.

    Where a channel is shared, `authorizations` names the workspace that the event is for, and `team_id` may name
    the other one; `user_team` is then the author's workspace or organisation: slack_bolt/request/internals.py.
    """
    about, authorized = _object(body.get("event")), body.get("authorizations")
    # What tells of an edit or a deletion names the author inside the message; only its author can edit it.
    inside = {"message_changed": "message", "message_deleted": "previous_message"}.get(_text(about.get("subtype")))
    event = _object(about.get(inside)) if inside else about
    if inside and is_tombstone(event):
        event = _object(about.get("previous_message"))  # The note is Slack's, in the place of a person's message.
    receiver = _object(authorized[0]).get("team_id") if authorized else body.get("team_id")
    teams = [_text(event[name]) for name in ("user_team", "source_team", "team") if event.get(name)]
    # In a channel of this workspace alone, and only there, `team` without `user_team` is the author's.
    if body.get("is_ext_shared_channel") is not False and not event.get("user_team"):
        teams.append("")
    is_bot = bool(event.get("bot_id") or event.get("bot_profile") or event.get("subtype") == "bot_message")
    user, thread, channel = _text(event.get("user")), _text(event.get("thread_ts")), _text(about.get("channel"))
    return Sender(user, (_text(receiver),), tuple(teams), channel, thread, is_bot)


def is_tombstone(message: Payload) -> bool:
    """Return whether a message is Slack's note that the first message of a thread with replies was deleted.

    Slack tells of such a deletion as of an edit: https://github.com/42wim/matterbridge/issues/600.
    """
    return message.get("subtype") == "tombstone"


class Access:
    """Wraps each listener, so that it is called only for a person of the bot's own workspace."""

    def __init__(
        self,
        identity: Identity,
        users: SlackUsers,
        client: AsyncWebClient,
        poster: Poster,
        tasks: BackgroundTasks,
    ) -> None:
        self._identity = identity
        self._users = users
        self._client = client
        self._poster = poster
        self._tasks = tasks

    async def requester(self, sender: Sender) -> Requester:
        """Return the person and the place, or raise Refused."""
        if sender.is_bot or sender.user in (_SLACKBOT, self._identity.user):
            raise Refused("a bot wrote it")
        if not sender.user or not (sender.channel or sender.in_view):
            raise Refused("it names no person or no channel", _unknown())
        team = self._identity.team
        if any(_is_workspace(named) and named != team for named in (*sender.receivers, *sender.teams)):
            raise Refused("the person is of another workspace", _stranger())
        if any(named != team for named in sender.receivers):
            raise Refused("it does not say which workspace it is for", _unknown())
        if set(sender.teams) != {team}:
            await self._ask_slack(sender.user)
        return Requester(sender.user, Place(team, sender.channel, sender.thread))

    async def _ask_slack(self, user: str) -> None:
        found = await self._users.find(user)
        if found is None:
            raise Refused("Slack does not say which workspace the person is of", _unknown())
        if found.is_bot:
            raise Refused("a bot wrote it")
        if self._identity.team not in found.teams:
            raise Refused("the person is of another workspace", _stranger())

    def command(self, listener: Listener) -> Route:
        """Wrap the listener of a slash command."""
        return self._route(listener, sender_of_command, self._responding)

    def action(self, listener: Listener) -> Route:
        """Wrap the listener of a button or a select, in a message or in a view."""
        return self._route(
            listener, sender_of_interaction, lambda body: self._responding(body) or self._in_view(body)
        )

    def closed_view(self, listener: Listener) -> Route:
        """Wrap the listener of a view that was closed; nobody is told of a refusal, since the view is gone."""
        return self._route(listener, sender_of_interaction, lambda _: None)

    def shortcut(self, listener: Listener) -> Route:
        """Wrap the listener of a message shortcut."""
        return self._route(listener, sender_of_interaction, self._responding)

    def event(self, listener: Listener) -> Route:
        """Wrap the listener of an event; a person is told why only where they wrote to the bot itself."""
        return self._route(listener, sender_of_event, self._where_addressed)

    def own_arrival(self, listener: Callable[[Place, str], Awaitable[None]]) -> Route:
        """Wrap the listener of `member_joined_channel`: it hears only of this very bot in its own workspace.

        It gets the channel and a key of the event. The event names no person to let in or to refuse.
        """

        async def checked(ack: AsyncAck, body: Payload) -> None:
            await ack()
            event, sender = _object(body.get("event")), sender_of_event(body)
            team = self._identity.team
            if sender.user == self._identity.user and sender.channel and set(sender.receivers) == {team}:
                key = f"arrival:{_text(body.get('event_id')) or event.get('event_ts')}"
                self._tasks.spawn(_logged(listener(Place(team, sender.channel), key)), "arrival")

        return checked

    def view(self, listener: Listener) -> Route:
        """Wrap the listener of a submitted view; who is refused is told why in the acknowledgement."""

        async def checked(ack: AsyncAck, body: Payload) -> None:
            try:
                requester = await self._admitted(sender_of_interaction(body))
            except Refused as refused:
                view = None if refused.error is None else build_message_view(build_error(refused.error))
                await (ack() if view is None else ack(response_action="update", view=view))
                return
            await listener(ack, requester, body)

        return checked

    def _route(
        self,
        listener: Listener,
        read: Callable[[Payload], Sender],
        respond: Callable[[Payload], Respond | None],
    ) -> Route:
        async def checked(ack: AsyncAck, body: Payload) -> None:
            try:
                requester = await self._admitted(read(body))
            except Refused as refused:
                await ack()
                told = respond(body) if refused.error is not None else None
                if refused.error is not None and told is not None:
                    self._tasks.spawn(report(refused.error, told), "refusal")
                return
            await listener(ack, requester, body)

        return checked

    async def _admitted(self, sender: Sender) -> Requester:
        try:
            requester = await self.requester(sender)
        except Refused as refused:
            # Bots and Slack's own notes on a channel are many, and nothing about them is wrong.
            level = logging.INFO if sender.user and refused.error is not None else logging.DEBUG
            logger.log(level, "refused a request: %s", refused)
            raise
        place = requester.place
        bind_request(request=token_hex(4), team=place.team, channel=place.channel, user=requester.user)
        return requester

    def _responding(self, body: Payload) -> Respond | None:
        url = _text(body.get("response_url"))
        return self._poster.respond_to(url) if url else None

    def _in_view(self, body: Payload) -> Respond | None:
        view = _text(_object(body.get("view")).get("id"))
        if not view:
            return None

        async def respond(message: Message) -> None:
            await self._client.views_update(view_id=view, view=build_message_view(message))

        return respond

    def _where_addressed(self, body: Payload) -> Respond | None:
        event, sender = _object(body.get("event")), sender_of_event(body)
        addressed = event.get("type") == "app_mention" or event.get("channel_type") == "im"
        if not addressed or not sender.user or not sender.channel:
            return None
        place = Place(self._identity.team, sender.channel, sender.thread)
        return self._poster.respond_ephemeral(place, sender.user)


async def _logged(work: Awaitable[None]) -> None:
    """Do what nobody waits for; where it fails, nobody needs to know but the operator."""
    try:
        await work
    except (*CALL_ERRORS, BotError) as error:
        logger.info("could not greet a channel: %s", error)


def _is_workspace(team: str) -> bool:
    """Return whether the id is a workspace's; an Enterprise organisation (`E...`) holds several workspaces."""
    return team.startswith("T")


def _stranger() -> Forbidden:
    return Forbidden(
        "I serve only the people of the workspace that installed me, and you belong to another one.",
        "Ask an administrator of your own workspace to install Tunebot there.",
    )


def _unknown() -> Forbidden:
    return Forbidden(
        "I could not find out which workspace you belong to, so I did nothing.",
        "Try again in a minute; if it happens again, tell the person who runs me.",
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _object(value: object) -> Payload:
    return value if isinstance(value, dict) else {}
