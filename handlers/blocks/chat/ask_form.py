"""Builds and reads the modal of the “Ask it” button: one question to one model."""

from dataclasses import dataclass
from typing import Any

from bot.domain.chat import ModelRef
from bot.domain.place import Place, Requester
from handlers.blocks.elements import context, input_block, modal, text_input
from handlers.blocks.message import code
from handlers.blocks.private_metadata import pack_model, unpack_model

ASK_VIEW = "ask_form"
_QUESTION = 3_000  # Slack's limit for a text field


@dataclass(frozen=True, slots=True)
class AskForm:
    """The submitted form; `errors` maps block ids to what is wrong there."""

    place: Place
    model: ModelRef
    question: str
    errors: dict[str, str]


def build_ask_form(requester: Requester, model: ModelRef) -> dict[str, Any]:
    """Build the modal; question and answer will be posted in the place of the person."""
    question = text_input("question", placeholder="Type your question", longest=_QUESTION, multiline=True)
    blocks = [
        input_block("question", "Your question", question),
        context(f"{code(model.name, 128)} answers in the channel, for everyone to see.", "ask_where"),
    ]
    return modal(ASK_VIEW, "Ask the model", blocks, submit="Ask", metadata=pack_model(requester, model))


def read_ask_form(view: dict[str, Any], sender: Requester) -> AskForm:
    """Read the form from a view that the sender submitted. Raises Forbidden if it is not theirs, Outdated."""
    requester, model = unpack_model(str(view.get("private_metadata") or ""), sender)
    values = (view.get("state") or {}).get("values") or {}
    question = str((values.get("question") or {}).get("question", {}).get("value") or "").strip()
    return AskForm(requester.place, model, question, {} if question else {"question": "Type a question first."})
