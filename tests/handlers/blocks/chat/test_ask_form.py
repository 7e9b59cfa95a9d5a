"""The form for a question to a tuned model."""

from bot.domain.chat import ModelRef
from handlers.blocks.chat.ask_form import build_ask_form, read_ask_form
from tests.support.block_checks import check_view
from tests.support.block_samples import ADA, PLACE


def test_the_question_form_comes_back_with_its_model() -> None:
    model = ModelRef("vertex", "projects/p/locations/us/endpoints/2", "next number")
    view = build_ask_form(ADA, model)
    check_view(view)
    assert view["callback_id"] == "ask_form"
    filled = {"question": {"question": {"type": "plain_text_input", "value": " What comes after 4? "}}}
    read = read_ask_form({**view, "state": {"values": filled}}, ADA)
    assert (read.place, read.model, read.question, read.errors) == (PLACE, model, "What comes after 4?", {})


def test_an_empty_question_is_said_at_its_field() -> None:
    view = build_ask_form(ADA, ModelRef("vertex", "e", "n"))
    read = read_ask_form({**view, "state": {"values": {"question": {"question": {"value": "  "}}}}}, ADA)
    assert read.errors == {"question": "Type a question first."}
