"""What all windows of the page share: the stand-ins, the bot's process, the sample, and who has read what."""

from dataclasses import dataclass, field

from bot.sandbox.google import GoogleStandIn
from bot.sandbox.slack import Channel, ChannelKind, Message, Person, SlackStandIn
from bot.sandbox.slack.records import Json
from bot.sandbox.stage import Stage


@dataclass(slots=True)
class Sandbox:
    """One workspace and the machinery around it; `google` and `stage` are None where only the page is tried.

    `stopped` says that somebody at the controls stopped the bot, as opposed to its having gone by itself.
    """

    slack: SlackStandIn
    google: GoogleStandIn | None = None
    stage: Stage | None = None
    stopped: bool = False
    _read: dict[tuple[str, str], str] = field(default_factory=dict)
    _windows: dict[str, str] = field(default_factory=dict)

    def commands(self) -> list[Json]:
        """The app's slash commands, from its manifest."""
        return self.slack.app.commands

    def shortcuts(self) -> list[Json]:
        """The app's shortcuts on messages, from its manifest."""
        features = (self.slack.app.manifest or {}).get("features", {})
        return [each for each in features.get("shortcuts", []) if each["type"] == "message"]

    @property
    def has_home(self) -> bool:
        """Whether the manifest switches the Home tab on."""
        features = (self.slack.app.manifest or {}).get("features", {})
        return bool(features.get("app_home", {}).get("home_tab_enabled"))

    def people(self) -> list[str]:
        """The names by which people enter."""
        return [user.name for user in self.slack.workspace.users.values() if not user.is_bot]

    def enter(self, name: str) -> Person:
        """The person with this name; a stranger is let into the team and into its public channels.

        Bots are no persons: who comes under a bot's name is a stranger, too.
        """
        if name in {user.name for user in self.slack.workspace.users.values() if user.is_bot}:
            name = f"not-{name}"
        known = name in self.people()
        person = self.slack.person(name)
        if not known:
            for channel in list(self.slack.workspace.channels.values()):
                if channel.kind is ChannelKind.CHANNEL:
                    person.join(channel)
        self.slack.workspace.direct_message(person.id, self.slack.app.bot_user_id)
        return person

    def channels(self, person: Person) -> list[Channel]:
        """The channels of a person, by name, then their direct messages, the bot's first."""
        bot = self.slack.app.bot_user_id
        mine = [each for each in self.slack.workspace.channels.values() if person.id in each.members]
        return sorted(
            mine,
            key=lambda each: (
                each.kind is ChannelKind.IM,
                bot not in each.members,
                each.kind is ChannelKind.GROUP,
                each.name,
                each.created,
            ),
        )

    def title(self, channel: Channel, person: Person) -> str:
        """`#tuning`, or the other person's name."""
        if channel.kind is not ChannelKind.IM:
            return f"#{channel.name}"
        others = [member for member in channel.members if member != person.id] or [person.id]
        return self.slack.workspace.users[others[0]].real_name

    # Reading

    def messages(self, channel: Channel, person: Person) -> list[Message]:
        """What this person can read in a channel, oldest first."""
        return sorted(
            (
                message
                for message in channel.messages
                if not message.deleted and message.visible_to in (None, person.id)
            ),
            key=lambda message: message.ts,
        )

    def mark_read(self, person: Person, place: str, ts: str) -> None:
        """Note that a person has read a channel, or a thread (`channel/ts`), up to here."""
        self._read[person.id, place] = max(ts, self._read.get((person.id, place), ""))

    def acts_in(self, person: Person, window: str) -> None:
        """Note that a person did something in this window: what the app opens in answer opens there."""
        self._windows[person.id] = window

    def opens_in(self, person: Person, window: str) -> bool:
        """Whether what the app opens for a person opens in this window, which is the one where they last acted."""
        return self._windows.get(person.id, window) == window

    def read_up_to(self, person: Person, place: str) -> str:
        """The ts up to which a person has read a place, empty where they never were."""
        return self._read.get((person.id, place), "")

    def unread(self, channel: Channel, person: Person) -> tuple[int, int]:
        """How many messages are new to a person, and how many of them call them by name."""
        since = self.read_up_to(person, channel.id)
        new = [
            message
            for message in self.messages(channel, person)
            if message.ts > since and message.user != person.id
        ]
        calls = [message for message in new if calls_for(message, channel, person)]
        return len([message for message in new if in_channel(message)]), len(calls)


def in_channel(message: Message) -> bool:
    """Whether a message is shown in its channel, and not in a thread alone."""
    return message.thread_ts in (None, message.ts) or message.broadcast


def calls_for(message: Message, channel: Channel, person: Person) -> bool:
    """Whether Slack would put a number on the channel for this message."""
    if channel.kind is ChannelKind.IM:
        return True
    return any(ping.kind == "everyone" or ping.target == person.id for ping in message.pings)
