"""The form offers what the channel's model takes, and reads back what was changed."""

from dataclasses import replace
from typing import Any

from bot.backends.profiles import GEMINI, PALM, VERTEX
from bot.chat.answer_settings import ChannelAnswers, SettingsChange
from bot.domain.chat import ChannelSettings, ModelRef
from bot.domain.generation_settings import GenerationSettings, Safety
from bot.domain.place import Place, Requester
from handlers.blocks.chat.channel_settings import (
    build_settings,
    build_settings_form,
    read_settings_form,
    settings_change,
)
from tests.support.block_checks import check_message, check_view

ADA = Requester("U1", Place("T1", "C1"))
MODEL = ModelRef("vertex", "projects/1/locations/us/endpoints/2", "capitals")
SET = ChannelSettings(
    GenerationSettings(
        temperature=0.2, stop_sequences=("END", "\n"), safety=Safety.HIGH, system_instruction="<!here>"
    ),
    "Ask <@U2> or me.",
)


def blocks(view: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {block["block_id"]: block for block in view["blocks"]}


def test_the_message_shows_what_is_set_and_mentions_nobody_but_who_changed_it() -> None:
    answers = ChannelAnswers(SET, VERTEX, MODEL, "gemini-3.5-flash-lite")
    message = build_settings(answers, changed_by="U1")
    check_message(message, mentions={"U1"})
    assert message.text.split("\n") == [
        "<@U1> changed how models answer in this channel. Now:",
        "• temperature: 0.2",
        "• stop sequences: `END` and `\\n`",
        "• safety setting: high (hold back only what is very likely harmful)",
        "• system instruction: &lt;!here&gt;",
        "• greeting: Ask &lt;@U2&gt; or me.",
        "`capitals` does not take the temperature: I do not send it.",
    ]
    plain = build_settings(ChannelAnswers(ChannelSettings(), VERTEX))
    assert plain.text == "Models answer in this channel as Google and their tuning have it."


def test_the_form_offers_what_the_model_takes() -> None:
    form = build_settings_form(ADA, ChannelAnswers(SET, VERTEX, MODEL, "gemini-3.5-flash-lite"))
    check_view(form)
    shown = blocks(form)
    assert "temperature" not in shown
    assert "`gemini-3.5-flash-lite` ignores temperature, top-k and top-p" in str(shown["ignored"])
    assert "system_instruction" in shown

    shown = blocks(build_settings_form(ADA, ChannelAnswers(SET, PALM, defaults=GenerationSettings(top_p=0.95))))
    assert "Leave it empty for 0.95, the tuned model's own." in shown["top_p"]["hint"]["text"]
    assert "candidate_count" in shown
    assert "system_instruction" not in shown
    assert "candidate_count" not in blocks(build_settings_form(ADA, ChannelAnswers(SET, GEMINI)))


def test_what_the_form_shows_reads_back_as_it_was() -> None:
    form = build_settings_form(ADA, ChannelAnswers(SET, VERTEX, MODEL, "gemini-3.5-flash"))

    def value(element: dict[str, Any]) -> dict[str, Any]:
        if "initial_option" in element:
            return {"selected_option": element["initial_option"]}
        return {"value": element.get("initial_value")}

    inputs = [block for block in form["blocks"] if block["type"] == "input"]
    state = {block["block_id"]: {block["element"]["action_id"]: value(block["element"])} for block in inputs}
    requester, shown = read_settings_form(
        {"private_metadata": form["private_metadata"], "state": {"values": state}}, ADA
    )
    assert requester == replace(ADA, present=False)
    change = settings_change(shown)
    assert change == SettingsChange(
        SET.generation, frozenset({"top_p", "top_k", "max_output_tokens"}), SET.greeting
    )
    assert change.applied_to(SET) == SET
    assert settings_change({"system_instruction": "none", "top_k": "4"}) == SettingsChange(
        GenerationSettings(system_instruction="", top_k=4)
    )
