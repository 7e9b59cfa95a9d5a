"""One or two sentences of the bot's own, with whatever names they hold."""

from handlers.blocks.elements import section
from handlers.blocks.message import Message, compose, escape, mention


def said(text: str, *, by: str = "") -> Message:
    """Plain words; nothing in them is read as markup. `by` names the person whose click they answer."""
    words = f"{mention(by)}: {escape(text)}" if by else escape(text)
    return compose(words, [section(words, "said")])
