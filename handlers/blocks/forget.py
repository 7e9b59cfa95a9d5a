"""Asks before a person's words are erased, and says what was."""

from typing import Final

from bot.ports.erasure import Erased
from handlers.blocks.elements import actions, button, section
from handlers.blocks.formatting import count
from handlers.blocks.jobs.confirmations import CONFIRM_BLOCK
from handlers.blocks.message import Message, compose, mention

FORGET_ACTION = "forget_person"
_LOSS: Final = (
    "I erase the questions to models and their answers, so that no thread goes on with them, the votes and "
    "corrections, the reports on files and the starts that were not pressed. This cannot be undone. Tunings and "
    "their models stay, and so do the messages in Slack and the audit log."
)


def build_forget_question(user: str, *, own: bool) -> Message:
    """Build the question whether to erase what this user left behind, with what is lost."""
    whose = "what I keep of your words" if own else f"what I keep of the words of {mention(user)}"
    text = f"*Erase {whose}?* {_LOSS}"
    yes = button("Erase it", FORGET_ACTION, user, style="danger")
    return compose(text, [section(text, "forget_loss"), actions([yes], CONFIRM_BLOCK)])


def build_forgotten(erased: Erased, by: str) -> Message:
    """Build the message that takes the place of the question."""
    text = (
        f"{mention(by)}: it is erased: {count(erased.turns, 'message')} of conversations, "
        f"{count(erased.reports, 'report')} on files, {count(erased.proposals, 'start')} that waited, and all "
        "feedback."
    )
    return compose(text, [section(text, "forgotten")])
