"""The workspace, which is kept in memory: its people, channels, messages, files, views and its log.

It changes only through plain methods on one event loop, and wakes all that wait for a change. It does no I/O.
"""

import asyncio
import itertools
import mimetypes
import secrets
import time
from collections.abc import Callable
from typing import Any, TypeVar

from bot.sandbox.slack.records import (
    AgentSession,
    Channel,
    ChannelKind,
    Delivery,
    File,
    Message,
    User,
    View,
    WebCall,
)
from bot.sandbox.slack.refusals import SlackError

T = TypeVar("T")

TRIGGER_SECONDS = 3.0
# A limit for what must come and an overloaded machine brings late; nothing that passes waits for so long.
WAIT_SECONDS = 60.0
SLACKBOT = "USLACKBOT"


class SlackWorkspace:
    """One team and all that is in it; `now` may be replaced to age triggers, streams and response URLs."""

    def __init__(
        self,
        team_id: str = "T0SANDBOX",
        name: str = "Sandbox",
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.team_id = team_id
        self.name = name
        self.domain = name.lower().replace(" ", "-")
        self.now = now
        self.charts_enabled = True
        self.file_processing_seconds = 0.0
        self.files_are_stubs = False
        self.users: dict[str, User] = {SLACKBOT: User(SLACKBOT, "slackbot", "Slackbot", is_bot=True)}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, File] = {}
        self.modals: dict[str, list[View]] = {}
        self.homes: dict[str, View] = {}
        self.closed_views: list[View] = []
        self.suggested_prompts: dict[tuple[str, str], list[dict[str, str]]] = {}
        self.agent_sessions: dict[tuple[str, str], AgentSession] = {}
        self.usergroups: dict[str, list[str]] = {}
        self.enterprise_id: str | None = None
        self.calls: list[WebCall] = []
        self.deliveries: list[Delivery] = []
        self.version = 0
        self._triggers: dict[str, tuple[str, float, bool]] = {}
        self._waiting: set[asyncio.Future[None]] = set()
        self._numbers = itertools.count(1)
        self._last_ts = 0

    # Ids and time

    def new_id(self, prefix: str) -> str:
        """Return a fresh id such as ``C0000000004``."""
        return f"{prefix}{next(self._numbers):010d}"

    def new_ts(self) -> str:
        """Return a message ts: seconds and microseconds, later than every one before it."""
        self._last_ts = max(self._last_ts + 1, int(self.now() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def new_trigger(self, user: str) -> str:
        """Return a trigger id that opens one view for this user within three seconds."""
        trigger = f"{next(self._numbers)}.{secrets.randbelow(10**9)}.{secrets.token_hex(8)}"
        self._triggers[trigger] = (user, self.now() + TRIGGER_SECONDS, False)
        return trigger

    def spend_trigger(self, trigger: str) -> str:
        """Use a trigger id up and return whose it is; refuses as Slack does."""
        if trigger not in self._triggers:
            raise SlackError("invalid_trigger_id" if trigger else "invalid_arguments")
        user, expires, spent = self._triggers[trigger]
        if spent:
            raise SlackError("exchanged_trigger_id")
        if self.now() > expires:
            raise SlackError("expired_trigger_id")
        self._triggers[trigger] = (user, expires, True)
        return user

    # People and channels

    def add_user(
        self, name: str, real_name: str = "", *, user_id: str = "", is_bot: bool = False, **more: Any
    ) -> User:
        """Add a person or a bot's user; `more` are further fields, as ``team_id`` or ``is_restricted``."""
        user = User(user_id or self.new_id("U"), name, real_name or name.title(), is_bot, **more)
        self.users[user.id] = user
        self.changed()
        return user

    def add_channel(self, name: str, *members: str, private: bool = False) -> Channel:
        """Make a channel with these user ids in it."""
        kind = ChannelKind.GROUP if private else ChannelKind.CHANNEL
        channel = Channel(self.new_id("C"), name, kind, set(members), int(self.now()))
        self.channels[channel.id] = channel
        self.changed()
        return channel

    def direct_message(self, user: str, other: str) -> Channel:
        """Return the direct message between two users, made where there is none."""
        for channel in self.channels.values():
            if channel.kind is ChannelKind.IM and channel.members == {user, other}:
                return channel
        channel = Channel(self.new_id("D"), "", ChannelKind.IM, {user, other}, int(self.now()))
        self.channels[channel.id] = channel
        self.changed()
        return channel

    def find_channel(self, id_or_name: str) -> Channel | None:
        """Return a channel by id or by its name, with or without ``#``."""
        if id_or_name in self.channels:
            return self.channels[id_or_name]
        name = id_or_name.removeprefix("#")
        return next((channel for channel in self.channels.values() if name and channel.name == name), None)

    # Messages and files

    def add_message(self, message: Message) -> Message:
        """Put a message into its channel."""
        self.channels[message.channel].add(message)
        self.changed()
        return message

    def messages(self, channel: str | None = None, *, ephemeral: bool = True) -> list[Message]:
        """Return what is there to read, oldest first, of one channel or of all."""
        found = [
            message
            for each in self.channels.values()
            if channel in (None, each.id, each.name)
            for message in each.messages
            if not message.deleted and (ephemeral or message.visible_to is None)
        ]
        return sorted(found, key=lambda message: message.ts)

    def add_file(self, user: str, name: str, content: bytes, *, title: str = "", file_id: str = "") -> File:
        """Keep a file that belongs to `user`; it is shared nowhere yet."""
        mimetype, filetype = _types(name, content)
        file = File(
            file_id or self.new_id("F"), name, title or name, user, int(self.now()), content, mimetype, filetype,
            self.now() + self.file_processing_seconds,
        )  # fmt: skip
        self.files[file.id] = file
        self.changed()
        return file

    def view(self, view_id: str) -> View | None:
        """Return an open modal or a Home tab by its id."""
        open_views = [*itertools.chain.from_iterable(self.modals.values()), *self.homes.values()]
        return next((view for view in open_views if view.id == view_id), None)

    def top_view(self, user: str) -> View | None:
        """Return the modal that this user sees."""
        stack = self.modals.get(user)
        return stack[-1] if stack else None

    # Waiting

    def changed(self) -> None:
        """Wake all that wait for a change."""
        self.version += 1
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def wait_for(self, probe: Callable[[], T | None], within: float = WAIT_SECONDS, *, what: str = "") -> T:
        """Return the first result of `probe` that is not None, asked again after every change."""
        try:
            async with asyncio.timeout(within):
                while (result := probe()) is None:
                    future = asyncio.get_running_loop().create_future()
                    self._waiting.add(future)
                    try:
                        await future
                    finally:
                        self._waiting.discard(future)
                return result
        except TimeoutError:
            raise TimeoutError(f"{what or 'the change'} did not happen within {within} s") from None

    async def wait_for_change(self, since: int, within: float = WAIT_SECONDS) -> int:
        """Return the workspace's version once it is past `since`."""
        return await self.wait_for(lambda: self.version if self.version > since else None, within)

    async def wait_for_message(
        self, matches: Callable[[Message], bool] = lambda _: True, within: float = WAIT_SECONDS
    ) -> Message:
        """Return the newest message that matches, as soon as there is one; edits count."""
        return await self.wait_for(
            lambda: next((message for message in reversed(self.messages()) if matches(message)), None),
            within,
            what="a matching message",
        )

    async def wait_for_view(
        self, user: str, matches: Callable[[View], bool] = lambda _: True, within: float = WAIT_SECONDS
    ) -> View:
        """Return the modal on top for this user once it matches."""

        def probe() -> View | None:
            view = self.top_view(user)
            return view if view is not None and matches(view) else None

        return await self.wait_for(probe, within, what="a matching modal")

    async def wait_for_call(
        self, method: str, matches: Callable[[WebCall], bool] = lambda _: True, within: float = WAIT_SECONDS
    ) -> WebCall:
        """Return the newest finished call of a Web API method that matches; its answer may have been lost."""
        return await self.wait_for(
            lambda: next(
                (call for call in reversed(self.calls) if call.method == method and call.done and matches(call)),
                None,
            ),
            within,
            what=f"a matching call of {method}",
        )

    def calls_of(self, method: str) -> list[WebCall]:
        """Return all calls of one Web API method, oldest first."""
        return [call for call in self.calls if call.method == method]


def _types(name: str, content: bytes) -> tuple[str, str]:
    """Return MIME type and Slack's `filetype`, read from the name as Slack does."""
    extension = name.rsplit(".", 1)[-1].lower() if "." in name else ""
    known = {"jsonl": ("text/plain", "text"), "json": ("text/plain", "json"), "csv": ("text/csv", "csv")}
    if extension in known:
        return known[extension]
    guessed = mimetypes.guess_type(name)[0]
    if guessed:
        return guessed, extension
    return ("application/octet-stream", "binary") if b"\0" in content[:1024] else ("text/plain", "text")
