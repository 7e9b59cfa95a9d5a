"""From a shared file to a tuned answer, in both of Slack's ways in, on all three Google systems."""

import pytest

from bot.sandbox.slack import Person, View
from tests.support.bot_harness import NEXT_NUMBER, BotHarness, OpenBot
from tests.support.waiting import wait_until

BASE = {"vertex": "gemini-3.5-flash", "gemini": "gemini-1.5-flash-001-tuning", "palm": "text-bison-001"}


async def start_by_form(bot: BotHarness, backend: str, name: str, content: bytes = NEXT_NUMBER) -> View:
    """Open `/tune`, fill it in, upload the file; returns the view with the report."""
    await bot.ada.slash_command(bot.channel, "/tune")
    form = await bot.slack.workspace.wait_for_view(bot.ada.id)
    if backend != "vertex":
        form = await bot.all_fields()
        await bot.ada.select(form, "form_backend", backend)
        wanted = f"base_model_{backend}"
        await bot.slack.workspace.wait_for_view(bot.ada.id, lambda view: wanted in str(view.blocks))
    submission = await bot.ada.submit_view(None, {"name": name, "file_upload": ("numbers.jsonl", content)})
    assert submission.errors == {}
    return await report_of(bot.ada, bot)


async def report_of(person: Person, bot: BotHarness) -> View:
    """The view once the check is done."""
    return await bot.slack.workspace.wait_for(
        lambda: (
            ((view := person.modal) and view.definition["title"]["text"] != "Checking the file" and view) or None
        ),
        what="the report",
    )


@pytest.mark.parametrize(
    ("backend", "mode"),
    [
        # Each backend and each mode here, and the other pairs among the long tests.
        *(("vertex", "http"), ("gemini", "socket"), ("palm", "socket")),
        pytest.param("vertex", "socket", marks=pytest.mark.long),
        pytest.param("gemini", "http", marks=pytest.mark.long),
        pytest.param("palm", "http", marks=pytest.mark.long),
    ],
)
async def test_a_file_becomes_a_model_that_answers(open_bot: OpenBot, backend: str, mode: str) -> None:
    async with open_bot(mode) as bot:
        report = await start_by_form(bot, backend, "next number")
        assert report.definition["title"]["text"] == "Ready to start"
        assert "20 rows" in str(report.definition["blocks"])

        await bot.ada.submit_view(report)

        card = await bot.message("next number", BASE[backend])
        ended = await bot.message("next number", f"<@{bot.ada.id}>", thread=card.ts)
        assert {reference.target for reference in ended.pings} == {bot.ada.id}
        await bot.slack.workspace.wait_for(lambda: "done" in card.text or None, what="the card's end")
        assert card.edits >= 1, "the card is edited, not posted anew"

        await bot.ada.slash_command(bot.channel, "/ask", "model=“next number” seven")
        answer = await bot.message("eight", f"<@{bot.ada.id}> asked")
        bot.ada.post(bot.channel, "ninety nine", thread_ts=answer.ts)
        await bot.message("one hundred", thread=answer.ts)

        await bot.ada.slash_command(bot.channel, "/ask", "private=yes compare model=“next number” seven")
        private = await bot.message("compared `next number` and its base model", "Only you see this answer")
        assert private.visible_to == bot.ada.id
        await bot.ada.click(private, "comparison_same")
        await bot.message("both are about the same")
        await bot.ada.click(private, "answer_share")
        shared = await wait_until(
            lambda: next((each for each in bot.messages("compared `next number`") if not each.visible_to), None),
            "the shared comparison",
        )
        await bot.ada.click(shared, "comparison_a")
        await bot.message("Your vote for A is stored")
