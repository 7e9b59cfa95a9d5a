"""Faces: initials on a colour of their own, since a sandbox has no photographs."""

import zlib
from typing import Final

from nicegui.element import Element

from bot.sandbox.page.markup import icon, tag
from bot.sandbox.slack import User

# Each is dark enough for white letters on it.
_COLOURS: Final = ("#7a3e9d", "#a03a2c", "#1f6f54", "#8a5a00", "#365fa8", "#a02c66")


def avatar(user: User, *, small: bool = False) -> Element:
    """A square with initials; the bot has a symbol. The name always stands beside it."""
    with tag("span", classes=f"avatar{' avatar-small' if small else ''}", aria_hidden="true") as face:
        if user.is_bot:
            face.classes("avatar-bot")
            icon("tune" if user.id != "USLACKBOT" else "smart_toy")
        else:
            tag("span", "".join(word[0] for word in user.real_name.split()[:2]).upper())
            face.style(f"background: {_COLOURS[zlib.crc32(user.name.encode()) % len(_COLOURS)]}")
    return face
