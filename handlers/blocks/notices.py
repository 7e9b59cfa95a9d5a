"""What went wrong, told to the person it went wrong for."""

from bot.errors import BotError
from handlers.blocks.elements import section
from handlers.blocks.formatting import sentence
from handlers.blocks.message import Message, compose, escape, shorten


def error_text(error: BotError) -> str:
    """What happened and what to do next, as mrkdwn."""
    said = [sentence(escape(shorten(part.strip(), 1_000))) for part in (error.message, error.hint)]
    return "\n".join(part for part in said if part) or "That did not work."


def error_message(error: BotError) -> Message:
    """An error that has words of its own."""
    text = error_text(error)
    return compose(text.replace("\n", " "), [section(text, "error")])


def unexpected_message(reference: str) -> Message:
    """A fault of ours: nothing of it is shown but the reference under which it is logged."""
    text = (
        "Something went wrong on my side. Please try again; if it happens again, tell whoever runs me "
        f"this reference: `{reference}`."
    )
    return compose(text, [section(text, "error")])
