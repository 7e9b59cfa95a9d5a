"""Messages of one or two sentences: a plain reply, and an error that is shown to the person who caused it."""

from bot.errors import BotError
from handlers.blocks.elements import section
from handlers.blocks.formatting import sentence
from handlers.blocks.message import Message, compose, escape, mention, shorten


def build_reply(text: str, *, by: str = "") -> Message:
    """Build a reply of plain text without markup; `by` names the person whose click it answers."""
    shown = f"{mention(by)}: {escape(text)}" if by else escape(text)
    return compose(shown, [section(shown, "said")])


def build_error(error: BotError) -> Message:
    """Build the message for an error whose text may be shown."""
    text = error_text(error)
    return compose(text.replace("\n", " "), [section(text, "error")])


def build_unexpected_error(reference: str) -> Message:
    """Build the message for a bug: it shows only the reference under which the error is logged."""
    text = (
        "Something went wrong on my side. Please try again; if it happens again, give this reference to the "
        f"person who runs me: `{reference}`."
    )
    return compose(text, [section(text, "error")])


def error_text(error: BotError) -> str:
    """Return what happened and what to do next, as mrkdwn on two lines."""
    lines = [sentence(escape(shorten(part.strip(), 1_000))) for part in (error.message, error.hint)]
    return "\n".join(line for line in lines if line) or "That did not work."
