"""Draws the messages of a channel or of a thread, and the part that a screen reader reads aloud."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from bot.sandbox.page.markup import Keyed, Redraw, button, run_script, tag
from bot.sandbox.page.message_row import Entry, MessageRow
from bot.sandbox.page.reader import Reader
from bot.sandbox.page.sandbox import in_channel
from bot.sandbox.page.texts.dates import day, local
from bot.sandbox.page.texts.mrkdwn import spoken
from bot.sandbox.slack import Channel, Message

_TOGETHER_SECONDS: Final = 300.0
# A browser is slow with thousands of messages, and nobody reads them.
_AT_ONCE: Final = 60
_EARLIER: Final = "earlier"
# Arrows go from message to message, so that the Tab key need not pass every button of each.
_ARROWS: Final = """(event) => {
  if (!['ArrowUp', 'ArrowDown'].includes(event.key)) return;
  if (event.target.closest('input, textarea, select, [role=menu]')) return;
  const rows = [...event.currentTarget.querySelectorAll('article')];
  const at = rows.indexOf(document.activeElement.closest('article'));
  const next = at < 0 ? rows.length - 1 : at + (event.key === 'ArrowUp' ? -1 : 1);
  if (rows[next]) { event.preventDefault(); rows[next].focus(); }
}"""

Line = Entry | str


class Feed:
    """Shows entries under lines that name the day; the newest is at the bottom and stays visible."""

    def __init__(self, reader: Reader, label: str, open_thread: Callable[[Message], None] | None) -> None:
        self._row = MessageRow(reader, open_thread)
        # A reversed column keeps the newest visible by itself, and does not move while one reads further up.
        self._scroller = tag(
            "div", classes="scroller", tabindex="0", role="log", aria_live="off", aria_label=label
        )
        self._scroller.on("keydown", js_handler=_ARROWS)
        with self._scroller:
            holder = tag("div", classes="feed")
        self._rows: Keyed[Line] = Keyed(holder, self._draw)
        self._most = _AT_ONCE
        self._entries: Sequence[Entry] = ()

    def show(self, entries: Sequence[Entry]) -> None:
        """Show these, the newest of them at first."""
        self._entries = entries
        things: list[tuple[str, object, Line]] = []
        today = datetime.now().astimezone().date()
        last = None
        if len(entries) > self._most:
            things.append((_EARLIER, len(entries), _EARLIER))
        for entry in entries[-self._most :]:
            at = local(float(entry.message.ts)).date()
            if at != last:
                things.append((f"day {at}", day(at, today), day(at, today)))
                last = at
            things.append((entry.message.ts, entry.appearance, entry))
        self._rows.show(things)

    def to_the_end(self) -> None:
        """Bring the newest message into sight."""
        run_script(self._scroller, "$.scrollTop = 0;")

    def _show_earlier(self) -> None:
        self._most += _AT_ONCE
        self.show(self._entries)

    def _draw(self, line: Line) -> Redraw[Line] | None:
        if line == _EARLIER:
            button("Show earlier messages", "btn-small earlier", on_click=self._show_earlier)
            return None
        if isinstance(line, str):
            with tag("div", classes="day"):
                tag("span", line)
            return None
        redraw = self._row.draw(line)

        def again(later: Line) -> None:
            if isinstance(later, Entry):
                redraw(later)

        return again


def channel_entries(reader: Reader, channel: Channel) -> list[Entry]:
    """The messages of a channel as this person sees them, each with what is in its thread."""
    sandbox = reader.sandbox
    every = sandbox.messages(channel, reader.person)
    replies: dict[str, list[Message]] = {}
    for message in every:
        if message.thread_ts not in (None, message.ts):
            replies.setdefault(message.thread_ts or "", []).append(message)
    entries = []
    before: Message | None = None
    for message in every:
        if not in_channel(message):
            continue
        thread = tuple(replies.get(message.ts, ()))
        seen = sandbox.read_up_to(reader.person, f"{channel.id}/{message.ts}")
        fresh = any(reply.ts > seen and reply.user != reader.person.id for reply in thread)
        entries.append(
            Entry(message, _follows(before, message), thread, fresh, status_of(reader, channel, message.ts))
        )
        before = message
    return entries


def thread_entries(reader: Reader, channel: Channel, root: Message) -> list[Entry]:
    """A thread: its first message, then the replies."""
    replies = [each for each in reader.sandbox.messages(channel, reader.person) if each.thread_ts == root.ts]
    entries = []
    before: Message | None = None
    for message in [root, *(reply for reply in replies if reply is not root)]:
        entries.append(Entry(message, before is not root and _follows(before, message)))
        before = message
    return entries


def status_of(reader: Reader, channel: Channel, thread_ts: str) -> str:
    """Return what the app does in a thread; empty for nothing."""
    return "is working..." if is_processing(reader, channel, thread_ts) else ""


def is_processing(reader: Reader, channel: Channel, thread_ts: str) -> bool:
    """Return whether the app's session in a thread is ``processing``, where Slack shows its Stop button."""
    session = reader.sandbox.slack.workspace.agent_sessions.get((channel.id, thread_ts))
    return session is not None and session.status == "processing"


def _follows(before: Message | None, message: Message) -> bool:
    """Whether a message is drawn without its face, under one by the same person shortly before."""
    return (
        before is not None
        and before.user == message.user
        and before.visible_to == message.visible_to
        and not before.files
        and float(message.ts) - float(before.ts) < _TOGETHER_SECONDS
        and local(float(before.ts)).date() == local(float(message.ts)).date()
    )


_KEPT: Final = 5


class Announcer:
    """A part of the page that nobody sees; blocks that are redrawn while a job runs are not read out again."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._since = max((each.ts for each in self._heard()), default="")
        holder = tag("div", classes="visually-hidden", role="log", aria_live="polite", aria_label="New messages")
        self._rows: Keyed[Message] = Keyed(holder, self._draw, name="p")

    def refresh(self) -> None:
        """Say what is new."""
        new = [message for message in self._heard() if message.ts > self._since]
        self._rows.show([(message.ts, message.ts, message) for message in new[-_KEPT:]])

    def _heard(self) -> list[Message]:
        reader = self._reader
        found = [
            message
            for channel in reader.sandbox.channels(reader.person)
            for message in reader.sandbox.messages(channel, reader.person)
            if message.user != reader.person.id
        ]
        return sorted(found, key=lambda message: message.ts)

    def _draw(self, message: Message) -> None:
        names = self._reader.names
        tag("span", f"{names.user(message.user)}: {spoken(message.text, names)}")
