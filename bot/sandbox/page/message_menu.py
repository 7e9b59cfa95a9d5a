"""Draws the actions of a message: react, reply, the app's shortcuts, and edits of a person's own message."""

from collections.abc import Callable
from functools import partial

from nicegui import ui

from bot.sandbox.page.markup import QUIETLY, button, menu_item, opens_menu, quoted, tag
from bot.sandbox.page.reader import Reader
from bot.sandbox.page.texts.mrkdwn import QUICK, decode, emoji
from bot.sandbox.slack import Message


def draw_toolbar(reader: Reader, message: Message, open_thread: Callable[[Message], None] | None) -> None:
    """The buttons that appear when a message is pointed at or reached by key."""
    with tag("div", classes="toolbar", role="toolbar", aria_label="Message actions"):
        react = button(
            symbol="add_reaction", classes="btn-icon", aria_label="Add a reaction", title="Add a reaction"
        )
        opens_menu(react, lambda: _reactions(reader, message))
        if open_thread is not None:
            reply = button(symbol="chat_bubble_outline", classes="btn-icon", aria_label="Reply in thread",
                           title="Reply in thread")  # fmt: skip
            reply.on("click", lambda: open_thread(message), js_handler=QUIETLY)
        more = button(symbol="more_vert", classes="btn-icon", aria_label="More actions", title="More actions")
        opens_menu(more, lambda: _actions(reader, message))


def _reactions(reader: Reader, message: Message) -> None:
    with tag("div", classes="reaction-choice"):
        for name in QUICK:
            choice = button(emoji(name), "btn-icon", aria_label=name, title=f":{name}:")
            choice.on("click", partial(reader.person.react, message, name), js_handler=QUIETLY)


def _actions(reader: Reader, message: Message) -> None:
    for shortcut in reader.sandbox.shortcuts():
        menu_item(
            shortcut["name"],
            partial(_shortcut, reader, shortcut["callback_id"], message),
            reader.bot_name,
        )
    menu_item("Copy link", lambda: _copy(reader, reader.person.permalink(message)))
    for file_id in message.files:
        file = reader.sandbox.slack.workspace.files[file_id]
        menu_item(f"Copy link to {file.name}", partial(_copy, reader, reader.person.permalink(file)))
    if message.user == reader.person.id:
        menu_item("Edit message", lambda: _edit(reader, message))
        menu_item("Delete message", lambda: reader.person.delete(message))


async def _shortcut(reader: Reader, callback_id: str, message: Message) -> None:
    await reader.attempt(reader.person.message_shortcut(callback_id, message))


def _copy(reader: Reader, address: str) -> None:
    reader.client.run_javascript(f"navigator.clipboard?.writeText({quoted(address)})")
    reader.notify(f"Copied: {address}")


async def _edit(reader: Reader, message: Message) -> None:
    with reader.client, ui.dialog() as dialog, tag("div", classes="modal modal-small"):
        title = tag("h2", "Edit message", "modal-title")
        box = (
            ui.textarea(value=decode(message.text)).props("outlined autogrow data-autofocus").classes("text-field")
        )
        box.props["aria-labelledby"] = title.html_id
        with tag("div", classes="modal-foot"):
            button("Cancel", on_click=lambda: dialog.submit(None))
            button("Save changes", "btn-primary", on_click=lambda: dialog.submit(box.value))
    dialog.props["aria-labelledby"] = title.html_id
    text = await dialog
    dialog.delete()
    if text:
        reader.person.edit(message, reader.person.typed(text))
