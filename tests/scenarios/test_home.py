"""What people see before they type anything: the Home tab, the prompts of the Messages tab, the first contact."""

from dataclasses import replace

import pytest

from bot.sandbox.slack import Message, View
from handlers.blocks.home.greeting import GREETING
from tests.support.bot_harness import BotHarness, OpenBot, shown_in
from tests.support.waiting import wait_until

pytestmark = pytest.mark.long


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
    asked = await bot.slack.workspace.wait_for_call("assistant.threads.setSuggestedPrompts")
    assert (asked.args["channel_id"], asked.args["title"]) == (direct.id, GREETING)
    prompts = bot.slack.workspace.suggested_prompts[direct.id, ""]
    assert [prompt["title"] for prompt in prompts] == ["Tune a model", f"Ask {name}", "What can I do?"]
    answers = ("Open the form", "answers in these direct messages now", "/tune start")
    for prompt, answer in zip(prompts, answers, strict=True):
        bot.ada.post(direct, prompt["message"])
        await bot.message(answer)

    lobby = bot.slack.add_channel(f"lobby-{bot.channel.id}", bot.ada, with_bot=False)
    bot.slack.invite_bot(lobby.id)
    hello = await bot.message("I tune Gemini models on your files")
    assert (hello.channel, hello.text.count("\n")) == (lobby.id, 1)


async def directly(bot: BotHarness, text: str, shown: str) -> Message:
    """Ada writes to the bot directly, and sees the answer beside her message and not below it."""
    direct = bot.ada.open_dm()
    before = {message.ts for message in bot.messages()}
    bot.ada.post(direct, text)

    def answered() -> Message | None:
        new = (each for each in bot.messages(shown) if each.ts not in before and each.channel == direct.id)
        return next(new, None)

    answer = await wait_until(answered, f"{shown} in direct messages")
    assert answer.thread_ts is None
    return answer


@pytest.mark.parametrize("mode", ["socket", pytest.param("http", marks=pytest.mark.long)])
async def test_direct_messages_are_one_flat_conversation_with_a_model_that_was_chosen(
    open_bot: OpenBot, mode: str
) -> None:
    async with open_bot(mode, job_seconds=None, environment={"TUNEBOT_POLL_SECONDS": "0.1"}) as bot:
        await bot.tuned("counter")
        bob = bot.slack.person("bob", "Bob")
        asker = replace(bot, ada=bob)
        choice = await directly(asker, "max_tokens=99 seven", "Which model shall answer you here?")
        await bob.click(choice, "choose_model")
        await wait_until(lambda: asker.messages("answers in these direct messages now"), "the chosen model")
        await wait_until(lambda: asker.messages("eight\nAnswered by"), "the answer to the question that waited")
        assert bot.asked()[-1].body["generationConfig"]["maxOutputTokens"] == 99
        answer = await directly(asker, "ninety nine", "one hundred")
        texts = [content["parts"][0]["text"] for content in bot.asked()[-1].body["contents"]]
        assert texts == ["seven", "eight", "ninety nine"]
        session = bot.slack.workspace.agent_sessions[answer.channel, ""]
        assert session.title == "seven"
        await wait_until(lambda: session.status == "active", "the end of the turn")

        bob.post(bob.open_dm(), "3", thread_ts=answer.ts)
        await wait_until(lambda: asker.messages("4", "Answered by", thread=answer.ts), "the answer in the thread")
        assert len(bot.asked()[-1].body["contents"]) == 5, "a thread goes on with what was said"
        bot.google.answers.say("one two three four five")
        pause = bot.google.faults.pause_stream(after=2)
        bob.post(bob.open_dm(), "count")
        await wait_until(lambda: pause.reached and session.status == "processing", "an answer in the making")
        bob.stop_agent(answer.channel, "")
        await wait_until(lambda: asker.messages("one two", "topped"), "the words until the Stop")
        bot.google.answers.clear()
        await directly(asker, "ok", "Answered by")
        assert bot.asked()[-1].body["contents"][-1]["parts"] == [{"text": "ok"}], "perhaps the model had asked"
        await directly(asker, "tune", "Open the form")
        await directly(asker, "model=nobody seven", "I know no model named")


async def test_a_question_that_waited_for_a_model_is_edited_and_deleted_with_its_message(
    open_bot: OpenBot,
) -> None:
    async with open_bot(job_seconds=None, environment={"TUNEBOT_POLL_SECONDS": "0.1"}) as bot:
        await bot.tuned("counter")
        bob = bot.slack.person("bob", "Bob")
        asker, direct = replace(bot, ada=bob), bob.open_dm()
        question = bob.post(direct, "seven")
        choice = await asker.message("Which model shall answer you here?")
        await bob.click(choice, "choose_model")
        await asker.message("eight", "Answered by")

        async def heard(asked: str) -> list[str]:
            before = len(bot.asked())
            bob.post(direct, asked)
            await wait_until(lambda: len(bot.asked()) > before, "the question at Google")
            return [content["parts"][0]["text"] for content in bot.asked()[-1].body["contents"]]

        bob.edit(question, "eleven")
        assert await heard("ninety nine") == ["eleven", "eight", "ninety nine"]
        await asker.message("one hundred", "Answered by")
        bob.delete(question)
        assert await heard("3") == ["ninety nine", "one hundred", "3"]


async def test_a_model_of_a_private_channel_is_not_offered_to_who_cannot_read_it(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        board = replace(bot, channel=bot.slack.add_channel(f"board-{bot.channel.id}", bot.ada, private=True))
        await board.tuned(f"secret {bot.channel.id}")
        bob = bot.slack.person(f"bob-{bot.channel.id}", "Bob")
        asker = replace(bot, ada=bob)
        bob.post(bob.open_dm(), "seven")
        told = await wait_until(
            lambda: asker.messages("Which model") or asker.messages("No model was chosen"), "words"
        )
        assert "secret" not in shown_in(told[0])
