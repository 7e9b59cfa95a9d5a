"""Builds and reads the modal of the “Ask it” button: one question to one model."""

from dataclasses import dataclass
from typing import Any

from bot.domain.chat import ModelRef
from bot.domain.place import Place
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


def build_ask_form(place: Place, model: ModelRef) -> dict[str, Any]:
    """Build the modal; question and answer will be posted in the place."""
    question = text_input("question", placeholder="Type your question", longest=_QUESTION, multiline=True)
    blocks = [
        input_block("question", "Your question", question),
        context(f"{code(model.name, 128)} answers in the channel, for everyone to see.", "ask_where"),
    ]
    return modal(ASK_VIEW, "Ask the model", blocks, submit="Ask", metadata=pack_model(place, model))


def read_ask_form(view: dict[str, Any]) -> AskForm:
    """Read the form from a submitted view. Raises Outdated."""
    place, model = unpack_model(str(view.get("private_metadata") or ""))
    values = (view.get("state") or {}).get("values") or {}
    question = str((values.get("question") or {}).get("question", {}).get("value") or "").strip()
    return AskForm(place, model, question, {} if question else {"question": "Type a question first."})
