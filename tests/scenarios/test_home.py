"""What people see before they type anything: the Home tab, the prompts of the Messages tab, the first contact."""

import pytest

from bot.sandbox.slack import View
from handlers.blocks.home.greeting import GREETING
from tests.support.bot_harness import BotHarness, OpenBot, shown_in
from tests.support.waiting import wait_until


async def home(bot: BotHarness, *words: str, without: str = "") -> View:
    """The Home tab that Ada has just opened, once it shows all these words."""
    bot.ada.open_home()

    def shown() -> View | None:
        view = bot.ada.home
        texts = "" if view is None else shown_in(view)
        return view if all(word in texts for word in words) and not (without and without in texts) else None

    return await wait_until(shown, f"{words} on the Home tab")


@pytest.mark.parametrize("mode", ["socket", pytest.param("http", marks=pytest.mark.long)])
async def test_home_shows_a_persons_tunings_and_asks_and_tunes_from_there(open_bot: OpenBot, mode: str) -> None:
    async with open_bot(mode, job_seconds=None, environment={"TUNEBOT_POLL_SECONDS": "0.1"}) as bot:
        await home(bot, "My tunings", "None yet. Press “Tune a model”")
        await bot.started("counter")
        # The tab is open, so it is published again without being opened.
        await wait_until(lambda: bot.ada.home and "counter" in shown_in(bot.ada.home), "counter on the Home tab")
        await home(bot, "counter* · running", "A model is listed here when its tuning is done")
        (await bot.job("counter")).finish()
        await bot.message("is ready")
        await bot.type("use counter")
        await bot.message("*counter* answers in this channel now")
        view = await home(bot, "counter* · done", f"*counter* in <#{bot.channel.id}>, chosen by <@{bot.ada.id}>")

        await bot.ada.click(view, "home_ask")
        await bot.ada.submit_view(await bot.view("Ask the model"), {"question": "seven"})
        answer = await bot.message("eight", "asked `counter`")
        assert answer.channel == bot.ada.open_dm().id
        await bot.ada.click(view, "home_tune")
        await bot.view("Tune a model")
        await bot.ada.close_view()
        await bot.ada.click(view, "home_help")
        await bot.view("Help")

        # Bob is in no channel with the bot, and nothing of a private one is his to see.
        private = bot.slack.add_channel("board", bot.ada, private=True)
        await bot.ada.slash_command(private, "/tune", "use counter")
        await bot.message("*counter* answers in this channel now, chosen by")
        bob = bot.slack.person("bob", "Bob")
        bob.open_home()
        page = await wait_until(lambda: bob.home, "Bob's Home tab")
        assert private.id not in shown_in(page)
        assert "None yet. Press" in shown_in(page)


@pytest.mark.asyncio(loop_scope="module")
async def test_the_messages_tab_suggests_what_to_say_and_a_channel_is_greeted_once(bot: BotHarness) -> None:
    name = f"counter {bot.channel.id}"
    await bot.tuned(name)
    direct = bot.ada.open_dm()
    threads = bot.slack.workspace.assistant_threads
    asked = await bot.slack.workspace.wait_for_call("assistant.threads.setSuggestedPrompts")
    assert (asked.args["channel_id"], asked.args["title"]) == (direct.id, GREETING)
    prompts = threads[direct.id, ""]["prompts"]
    assert isinstance(prompts, list)
    assert [prompt["title"] for prompt in prompts] == ["Tune a model", f"Ask {name}", "What can I do?"]
    answers = ("Open the form", "answers in this channel now", "/tune start")
    for prompt, answer in zip(prompts, answers, strict=True):
        bot.ada.post(direct, prompt["message"])
        await bot.message(answer)

    lobby = bot.slack.add_channel(f"lobby-{bot.channel.id}", bot.ada, with_bot=False)
    bot.slack.invite_bot(lobby.id)
    hello = await bot.message("I tune Gemini models on your examples")
    assert (hello.channel, hello.text.count("\n")) == (lobby.id, 1)
