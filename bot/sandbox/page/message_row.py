"""One message as a row: who said it and when, its blocks, its files, its reactions and its thread."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from nicegui import ui

from bot.sandbox.page.block_kit.block_painters import BlockList
from bot.sandbox.page.file_controls import draw_file
from bot.sandbox.page.markup import Keyed, Redraw, avatar, button, html, icon, tag
from bot.sandbox.page.message_menu import draw_toolbar
from bot.sandbox.page.reader import Reader, Surface
from bot.sandbox.page.texts.dates import clock, full
from bot.sandbox.page.texts.mrkdwn import emoji, mrkdwn
from bot.sandbox.slack import File, Message

OpenThread = Callable[[Message], None]

_TEXT_BLOCK: Final = "text"


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in its place. `compact` follows one by the same person; `replies` are those of its thread.

    `fresh`: there are replies that the reader has not seen. `status`: what the app is doing in the thread.
    """

    message: Message
    compact: bool = False
    replies: tuple[Message, ...] = ()
    fresh: bool = False
    status: str = ""

    @property
    def appearance(self) -> object:
        """Equal for two entries that look the same."""
        message = self.message
        return (
            message.text, message.blocks, message.edits, tuple(message.files),
            self.compact, self.fresh, self.status,
            message.streaming_until is not None, [reply.ts for reply in self.replies],
            {name: list(users) for name, users in message.reactions.items()},
        )  # fmt: skip


class MessageRow:
    """Draws entries, each later version in place."""

    def __init__(self, reader: Reader, open_thread: OpenThread | None) -> None:
        self._reader = reader
        self._open_thread = open_thread

    def draw(self, entry: Entry) -> Redraw[Entry]:
        """Put a message here; `open_thread` is left out inside a thread."""
        reader, message = self._reader, entry.message
        user = reader.sandbox.slack.workspace.users[message.user]
        ephemeral = " ephemeral" if message.visible_to else ""
        with tag(
            "article", classes=f"message{ephemeral}", tabindex="-1",
            aria_label=f"{user.real_name}, {clock(message.ts)}",
        ) as row:  # fmt: skip
            with tag("div", classes="message-side"):
                avatar(user)
                tag("time", clock(message.ts), "message-time-side", aria_hidden="true")
            with tag("div", classes="message-main"):
                if message.visible_to:
                    with tag("p", classes="only-you"):
                        icon("visibility")
                        tag("span", "Only visible to you")
                with tag("div", classes="message-head"):
                    tag("span", user.real_name, "message-name")
                    if user.is_bot:
                        tag("span", "APP", "badge-app")
                    tag("time", clock(message.ts), "message-time", title=full(message.ts))
                body = tag("div", classes="message-body")
                after = tag("div", classes="message-after")
            if message.visible_to is None:
                draw_toolbar(reader, message, self._open_thread)
        with body:
            holder = tag("div", classes="blocks")
        blocks = BlockList(holder, Surface(reader, message))
        words = Keyed[Message](tag_in(body, "words-holder"), self._words)
        files = Keyed[File](tag_in(body, "files"), lambda file: draw_file(reader, file))
        foot = Keyed[Entry](after, self._foot)

        def show(now: Entry) -> None:
            row.classes(add="compact" if now.compact else "", remove="" if now.compact else "compact")
            shown = now.message
            blocks.show(shown.blocks)
            words.show([] if shown.blocks or not (shown.text or shown.edits) else [
                (_TEXT_BLOCK, (shown.text, shown.edits), shown)
            ])  # fmt: skip
            known = reader.sandbox.slack.workspace.files
            files.show([(each, known[each].deleted, known[each]) for each in shown.files])
            foot.show([(_TEXT_BLOCK, now.appearance, now)])

        show(entry)
        return show

    def _words(self, message: Message) -> None:
        html(mrkdwn(message.text, self._reader.names), "words")

    def _foot(self, entry: Entry) -> None:
        message = entry.message
        if message.edits:
            tag(
                "span",
                "(edited)",
                "edited",
                title=f"Last edited {full(f'{message.revisions[-1].replaced_at:.6f}')}",
            )
        if message.streaming_until is not None:
            with tag("span", classes="streaming", role="status"):
                ui.spinner("dots", size="1.2em")
                tag("span", "still writing", "visually-hidden")
        if message.reactions:
            self._reactions(message)
        if entry.status and self._open_thread is not None:
            tag("p", f"{self._reader.bot_name} {entry.status}", "doing", role="status")
        if entry.replies and self._open_thread is not None:
            self._thread_bar(entry)

    def _reactions(self, message: Message) -> None:
        me = self._reader.person.id
        with tag("div", classes="reactions"):
            for name, users in message.reactions.items():
                who = ", ".join(self._reader.names.user(user) for user in users)
                drawn = button(
                    f"{emoji(name)} {len(users)}", "reaction", title=f"{who} reacted with :{name}:",
                    aria_label=f"{name}, {len(users)}, by {who}", aria_pressed=str(me in users).lower(),
                )  # fmt: skip
                drawn.on(
                    "click",
                    partial(self._reader.person.react, message, name),
                    js_handler="() => emit()",
                )

    def _thread_bar(self, entry: Entry) -> None:
        replies = entry.replies
        open_thread = self._open_thread
        assert open_thread is not None, "only asked for where threads open"
        people = dict.fromkeys(reply.user for reply in replies)
        users = self._reader.sandbox.slack.workspace.users
        count = f"{len(replies)} {'reply' if len(replies) == 1 else 'replies'}"
        with button(classes="thread-bar", on_click=lambda: open_thread(entry.message)):
            with tag("span", classes="thread-faces", aria_hidden="true"):
                for user in list(people)[:3]:
                    avatar(users[user], small=True)
            tag("span", count, "thread-count")
            if entry.fresh:
                tag("span", "New", "badge-new")
            tag("span", f"Last reply at {clock(replies[-1].ts)}", "thread-last")


def tag_in(parent: ui.element, classes: str) -> ui.element:
    """An empty holder inside a parent."""
    with parent:
        return tag("div", classes=classes)
