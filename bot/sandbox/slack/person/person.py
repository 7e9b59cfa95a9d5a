"""A person in the workspace, who can do what Slack's own app offers."""

from collections.abc import Sequence

from bot.sandbox.slack.events_api import SESSION_STOPPED
from bot.sandbox.slack.person.form_actions import FormActions
from bot.sandbox.slack.records import (
    Channel,
    ChannelKind,
    Delivery,
    File,
    Json,
    Message,
    Revision,
    View,
)
from bot.sandbox.slack.references import live_in_message
from bot.sandbox.slack.references import typed as typed_words
from bot.sandbox.slack.refusals import ClientRefusal, SlackError
from bot.sandbox.slack.workspace import SLACKBOT

_COMMAND_CHANNEL_NAMES = {ChannelKind.GROUP: "privategroup", ChannelKind.IM: "directmessage"}


class Person(FormActions):
    """Acts as one user; whatever Slack's app itself would not allow raises `ClientRefusal`."""

    # Writing

    def typed(self, text: str) -> str:
        """Return what Slack sends for words typed into the composer: escaped, with ``@Name`` as a mention."""
        names = {user.real_name: user.id for user in self._workspace.users.values()}
        names |= {user.name: user.id for user in self._workspace.users.values()}
        return typed_words(text, names)

    def typed_in_command(self, text: str) -> str:
        """Return a command's text where the manifest says ``should_escape``: with ids of people and channels.

        See https://docs.slack.dev/interactivity/implementing-slash-commands/#creating_commands. The mention of a
        user group is typed by its id, ``@S0GROUP``, since groups have no names here.
        """
        ids = {f"@{user.name}": f"<@{user.id}|{user.name}>" for user in self._workspace.users.values()}
        ids |= {f"#{each.name}": f"<#{each.id}|{each.name}>" for each in self._workspace.channels.values()}
        ids |= {f"@{group}": f"<!subteam^{group}|@{group}>" for group in self._workspace.usergroups}
        return " ".join(ids.get(word, word) for word in text.split(" "))

    def _channel(self, where: Channel | str) -> Channel:
        found = where if isinstance(where, Channel) else self._workspace.find_channel(where)
        if found is None or self.id not in found.members:
            raise ClientRefusal(f"{self.user.name} is not in {where if isinstance(where, str) else where.id}")
        return found

    async def slash_command(self, where: Channel | str, command: str, text: str = "") -> Delivery:
        """Type a slash command; its direct answer, or Slackbot's regret, appears in the channel."""
        channel = self._channel(where)
        declared = self._sender.app.require_command(command)
        team = self._workspace
        grid = team.enterprise_id
        enterprise = {"enterprise_id": grid, "enterprise_name": grid} if grid else {}
        delivery = await self._sender.command(
            {
                "token": self._sender.app.verification_token, "team_id": team.team_id, "team_domain": team.domain,
                "channel_id": channel.id, "channel_name": _COMMAND_CHANNEL_NAMES.get(channel.kind, channel.name),
                "user_id": self.id, "user_name": self.user.name, "command": command,
                "text": self.typed_in_command(text) if declared.get("should_escape") else text,
                "api_app_id": self._sender.app.app_id, "is_enterprise_install": "false", **enterprise,
                "response_url": self._sender.responses.issue(self.id, channel.id),
                "trigger_id": team.new_trigger(self.id),
            }
        )  # fmt: skip
        if not delivery.acked:
            timeout = delivery.attempts[-1].outcome == "timeout"
            reason = "operation_timeout" if timeout else "dispatch_failed"
            self._slackbot(channel, f'{command} failed with the error "{reason}"')
        elif delivery.ack:
            try:
                self._sender.responses.show(self.id, channel.id, delivery.ack)
            except SlackError as error:
                self._slackbot(channel, f'{command} failed with the error "{error.code}"')
        return delivery

    def _slackbot(self, channel: Channel, text: str) -> None:
        words = Message(channel.id, self._workspace.new_ts(), SLACKBOT, text, visible_to=self.id)
        self._workspace.add_message(words)

    def post(
        self,
        where: Channel | str,
        text: str = "",
        files: Sequence[File | tuple[str, bytes]] = (),
        thread_ts: str | None = None,
        *,
        mention_event: bool = True,
        mention_files: bool = True,
        as_legacy_bot: bool = False,
    ) -> Message:
        """Send a message, in Slack's wire form (see `typed`), with files where given.

        Another app's bot posts with its `bot_id`; `as_legacy_bot` makes it a ``bot_message``, which has no user.

        Slack sometimes sends ``app_mention`` without the files, or not at all: so it does here where
        `mention_files` or `mention_event` is false.
        """
        channel = self._channel(where)
        if channel.is_archived:
            raise ClientRefusal(f"{channel.name} is archived")
        kept = [file if isinstance(file, File) else self._workspace.add_file(self.id, *file) for file in files]
        if not text and not kept:
            raise ClientRefusal("there is nothing to send")
        message = Message(
            channel.id, self._workspace.new_ts(), self.id, text, thread_ts=thread_ts,
            subtype="bot_message" if as_legacy_bot else "file_share" if kept else None,
            bot_id=self.user.bot_id or None, files=[file.id for file in kept], live=live_in_message(text, []),
        )  # fmt: skip
        for file in kept:
            file.shares.append((channel.id, message.ts))
        self._workspace.add_message(message)
        self._sender.events.message_posted(message, mention_event=mention_event, mention_files=mention_files)
        return message

    def upload(self, where: Channel | str, name: str, content: bytes, text: str = "") -> File:
        """Share a file in a channel and return it."""
        message = self.post(where, text, [(name, content)])
        return self._workspace.files[message.files[0]]

    def edit(self, message: Message, text: str) -> None:
        """Change one of one's own messages."""
        self._own(message)
        previous = self._sender.objects.message(message)
        message.revisions.append(Revision(message.text, message.blocks, self._workspace.now()))
        message.text, message.live = text, live_in_message(text, [])
        self._workspace.changed()
        self._sender.events.message_changed(message, previous)

    def delete(self, message: Message) -> None:
        """Delete one of one's own messages."""
        self._own(message)
        self._sender.events.message_deleted(message)
        message.deleted = True
        self._workspace.changed()

    def _own(self, message: Message) -> None:
        if message.user != self.id:
            raise ClientRefusal("only one's own messages can be changed")

    def react(self, message: Message, name: str) -> None:
        """Put a reaction on a message; once more takes it back."""
        users = message.reactions.setdefault(name, [])
        (users.remove if self.id in users else users.append)(self.id)
        if not users:
            del message.reactions[name]
        self._workspace.changed()

    def permalink(self, thing: Message | File) -> str:
        """Copy the link of a message or a file."""
        return (
            self._sender.objects.permalink(thing)
            if isinstance(thing, Message)
            else self._sender.objects.file_permalink(thing)
        )

    def stop_agent(self, where: Channel | str, thread_ts: str) -> None:
        """Press the Stop button that Slack shows while the app's session in a thread is ``processing``."""
        channel = self._channel(where)
        session = self._workspace.agent_sessions.get((channel.id, thread_ts))
        if session is None or session.status != "processing":
            raise ClientRefusal("there is no Stop button in this thread")
        if not self._sender.app.subscribes(SESSION_STOPPED):
            raise ClientRefusal("the app does not subscribe to agent_session_stopped")
        streams = [
            message
            for message in channel.messages
            if message.thread_ts == thread_ts and message.streaming_until is not None and not message.deleted
        ]
        for message in streams:
            message.streaming_until = None
        self._workspace.changed()
        self._sender.events.session_stopped(self.id, channel.id, thread_ts, [each.ts for each in streams])

    # Channels, direct messages and the Home tab

    def join(self, where: Channel | str) -> Channel:
        """Enter a channel."""
        channel = where if isinstance(where, Channel) else self._workspace.find_channel(where)
        if channel is None:
            raise ClientRefusal(f"there is no {where}")
        channel.members.add(self.id)
        self._workspace.changed()
        self._sender.events.member_joined(self.id, channel.id)
        return channel

    def open_dm(self) -> Channel:
        """Open the direct message with the bot."""
        channel = self._workspace.direct_message(self.id, self._sender.app.bot_user_id)
        self._sender.events.home_opened(self.id, channel.id, "messages")
        return channel

    def open_home(self) -> Channel:
        """Open the app's Home tab; the app publishes it in answer."""
        self._sender.app.require_home()
        channel = self._workspace.direct_message(self.id, self._sender.app.bot_user_id)
        self._sender.events.home_opened(self.id, channel.id, "home")
        return channel

    @property
    def home(self) -> View | None:
        """The Home tab as this person sees it."""
        return self._workspace.homes.get(self.id)

    @property
    def modal(self) -> View | None:
        """The modal that this person sees."""
        return self._workspace.top_view(self.id)

    # Shortcuts

    async def message_shortcut(self, callback_id: str, message: Message) -> Delivery:
        """Choose a shortcut from a message's menu."""
        self._sender.app.require_shortcut(callback_id)
        channel = self._channel(message.channel)
        payload: Json = self._sender.head("message_action", self.user) | {
            "callback_id": callback_id, "action_ts": self._workspace.new_ts(), "message_ts": message.ts,
            "channel": self._sender.place(channel), "message": self._sender.objects.message(message),
            "response_url": self._sender.responses.issue(self.id, channel.id, None),
        }  # fmt: skip
        return await self._sender.interaction(payload)
