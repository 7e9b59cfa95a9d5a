"""How a model answers is set by channel and by question, and shown, and sent."""

import pytest

from tests.support.bot_harness import BotHarness, shown_in

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.long]


@pytest.fixture(scope="module", params=["socket", pytest.param("http", marks=pytest.mark.long)])
def way_in(request: pytest.FixtureRequest) -> str:
    """Over Socket Mode, and over HTTP."""
    return str(request.param)


async def test_settings_of_a_channel_and_of_a_question(bot: BotHarness) -> None:
    await bot.answering("settled")
    await bot.type('settings temperature=0.5 stop=END greeting="Ask <@U1> numbers."')
    notice = await bot.message(
        "changed how models answer in this channel", "temperature: 0.5", "stop sequences: `END`"
    )
    assert notice.visible_to is None
    await bot.ada.slash_command(bot.channel, "/ask", "top_k=3 seven")
    await bot.message("asked `settled` with top-k: 3", "eight")
    config = bot.asked()[-1].body["generationConfig"]
    assert (config["temperature"], config["topK"], config["stopSequences"]) == (0.5, 3, ["END"])

    await bot.ada.slash_command(bot.channel, "/ask", "temperature=9 seven")
    refused = await bot.message("The temperature is from 0 to 2, not 9.")
    assert "question_again" not in str(refused.blocks), "the same words would be refused again"
    bot.ada.post(bot.channel, bot.ada.typed("@Tunebot top_p=0.1 three"))
    await bot.message("Answered by `settled` with top-p: 0.1")

    await bot.ada.click(notice, "channel_settings")
    form = await bot.view("How models answer")
    submission = await bot.ada.submit_view(form, {"stop_sequences": "\n".join("abcdef"), "temperature": "0.25"})
    assert "at most 5 are taken" in submission.errors["stop_sequences"]
    await bot.ada.submit_view(form, {"stop_sequences": "STOP", "greeting": "Ask me numbers."})
    await bot.message("changed how models answer", "temperature: 0.25", "`STOP`", "greeting: Ask me numbers.")
    await bot.type("use settled")
    await bot.message("settled* answers in this channel now", "Ask me numbers.")
    await bot.type("settings default")
    await bot.message("Models answer in this channel as Google and their tuning have it")


async def test_several_answers_of_a_palm_model_are_all_shown(bot: BotHarness) -> None:
    await bot.tuned("many", "backend=palm")
    bot.google.answers.say("first", containing="pick one")
    bot.google.answers.say("second", containing="pick one")
    await bot.ada.slash_command(bot.channel, "/ask", "model=many candidates=2 pick one")
    answer = await bot.message("Answer 2 of 2")
    assert "first" in answer.text
    assert "second" in answer.text
    await bot.type("settings")
    shown = await bot.message("as Google and their tuning have it")
    assert "Change" in shown_in(shown)


async def test_what_another_model_does_not_take_of_the_channels_settings_is_said_once(bot: BotHarness) -> None:
    await bot.answering("warm")
    await bot.tuned("lite", "base=gemini-3.5-flash-lite")
    await bot.type("settings temperature=0")
    await bot.message("changed how models answer in this channel", "temperature: 0")
    note = "Set here but not sent, because this model does not take it: temperature."
    await bot.ada.slash_command(bot.channel, "/ask", "model=lite private=yes seven")
    assert (await bot.message("asked `lite`", note)).visible_to == bot.ada.id
    await bot.ada.slash_command(bot.channel, "/ask", "model=lite two")
    first = await bot.message("asked `lite`", "two", note)
    assert first.visible_to is None
    assert "temperature" not in bot.asked()[-1].body.get("generationConfig", {})
    await bot.ada.slash_command(bot.channel, "/ask", "model=lite three")
    assert note not in (await bot.message("asked `lite`", "three")).text
    await bot.ada.slash_command(bot.channel, "/ask", "nine")
    assert note not in (await bot.message("asked `warm`", "nine")).text
