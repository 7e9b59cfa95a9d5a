"""Feedback becomes data only where an owner wanted it, and the next model has learned from it."""

import json
from functools import partial

import pytest

from bot.sandbox.slack import Message, View
from tests.support.bot_harness import BotHarness, OpenBot, buttons, shown_in
from tests.support.waiting import DEADLINE_SECONDS, wait_until

pytestmark = pytest.mark.long

QUICK = {"TUNEBOT_POLL_SECONDS": "0.1"}
THUMBS = "answer_vote"


def administrator(bot: BotHarness) -> None:
    """Make Ada one, before the bot has asked Slack about her."""
    bot.slack.workspace.users[bot.ada.id].is_admin = True


async def switch_on(bot: BotHarness) -> None:
    await bot.type("feedback on")
    why = await bot.message("Switch feedback on for this workspace?", "forbids to train")
    await bot.ada.click(why, "feedback_switch_on")
    await bot.message("Feedback is on, as")


async def ask(bot: BotHarness, text: str, shown: str) -> Message:
    before = {message.ts for message in bot.messages("asked")}
    await bot.ada.slash_command(bot.channel, "/ask", text)
    return await bot.slack.workspace.wait_for(
        lambda: next((each for each in bot.messages(shown, "asked") if each.ts not in before), None),
        DEADLINE_SECONDS,
        what="the answer",
    )


async def correct(bot: BotHarness, answer: Message, better: str) -> View:
    await bot.ada.click(answer, THUMBS, "negative")
    form = await bot.view("A better answer")
    submission = await bot.ada.submit_view(form, {"better": better})
    assert submission.errors == {}
    return form


def direct_files(bot: BotHarness) -> dict[str, bytes]:
    """The files in Ada's direct messages, by name."""
    direct = bot.ada.open_dm().id
    return {
        file.name: file.content
        for file in bot.slack.workspace.files.values()
        if any(
            message.channel == direct and file.id in str(message.files)
            for message in bot.slack.workspace.messages()
        )
    }


def told_anybody(bot: BotHarness, words: str) -> bool:
    return any(words in message.text for message in bot.slack.workspace.messages())


@pytest.mark.parametrize("mode", ["socket", pytest.param("http", marks=pytest.mark.long)])
async def test_a_correction_becomes_the_answer_of_the_next_model(open_bot: OpenBot, mode: str) -> None:
    async with open_bot(mode, job_seconds=None, environment=QUICK) as bot:
        administrator(bot)
        await bot.answering("counter")
        assert THUMBS not in str((await ask(bot, "seven", "eight")).blocks)
        await switch_on(bot)
        answer = await ask(bot, "seven", "eight")
        await bot.ada.click(answer, THUMBS, "positive")
        await bot.message("your vote is stored")
        await bot.type("feedback counter")
        await bot.message("1 vote for its answers, 0 against, 0 corrections")

        form = await correct(bot, answer, "seven is my number")
        assert "The model may be tuned on what you save here" in shown_in(form)
        await bot.type("feedback counter")
        await bot.message("0 votes for its answers, 1 against, 1 correction", "seven → seven is my number")

        await bot.type("status counter")
        await bot.message("Tuning counter (", "Feedback: 0 votes for its answers, 1 against, 1 correction.")

        await bot.type("export counter")
        await bot.message("I sent you the corrections of *counter* directly, version 1: 1 row")
        files = direct_files(bot)
        row = {"text_input": "seven", "output": "seven is my number"}
        assert json.loads(files["counter.corrections.v1.jsonl"]) == row
        came_from = json.loads(files["counter.corrections.v1.provenance.jsonl"])
        assert came_from["corrected_by"] == came_from["asked_by"] == bot.ada.id
        assert came_from["sent"] == [{"role": "user", "text": "seven"}]
        assert came_from["answer"] == "eight"

        await bot.type("again counter")
        again = await bot.view("Tune a model")
        assert "counter.jsonl" in str(again.blocks)
        await bot.message("This is the training file of *counter* with 1 correction in place of 4 rows")
        assert b"seven is my number" in direct_files(bot)["counter.jsonl"]
        await bot.ada.submit_view(again)
        report = await bot.report()
        assert report.title == "Ready to start", shown_in(report)
        await bot.ada.submit_view(report)
        job = await bot.job("counter-2")
        [_, create] = bot.google.requests.matching(r"/tuningJobs$", "POST")
        assert "preTunedModel" in create.body, "it goes on from the tuned model"
        job.finish()
        await bot.shows(await bot.card("counter-2"), "done, ")
        await ask(bot, "model=counter-2 seven", "seven is my number")


@pytest.mark.asyncio(loop_scope="module")
async def test_who_does_not_own_the_model_votes_and_sees_sums_only(bot: BotHarness) -> None:
    administrator(bot)
    name = f"counter {bot.channel.id}"
    await bot.answering(name)
    await switch_on(bot)
    answer = await ask(bot, "ninety nine", "one hundred")
    bob = bot.slack.person(f"bob-{bot.channel.id}", "Bob")
    bob.join(bot.channel)
    await bob.click(answer, THUMBS, "negative")
    form = await bot.slack.workspace.wait_for_view(bob.id, lambda view: view.title == "A better answer")
    assert (await bob.submit_view(form, {"better": " "})).errors == {"better": "This must not be empty."}
    await bob.submit_view(form, {"better": "a hundred"})
    for line, told in (
        ("feedback on", "may switch feedback on or off"),
        (f"feedback {name}", "Its owner and approvers can see the corrections."),
        (f"export {name}", "may see the corrections of its answers"),
        (f"again {name}", "may see the corrections of its answers"),
    ):
        await bob.slash_command(bot.channel, "/tune", line)
        await wait_until(partial(told_anybody, bot, told), told)
    await bot.type(f"feedback {name}")
    assert "ninety nine → a hundred" in (await bot.message("1 against, 1 correction")).text

    await bot.type("feedback off")
    await bot.message("Feedback is off. No more votes are stored.")
    await bot.ada.click(answer, THUMBS, "positive")
    await bot.message("Feedback is switched off in this workspace")
    assert THUMBS not in str((await ask(bot, "seven", "eight")).blocks)
    assert "Switch" not in str(buttons(answer))
