"""The check of a dataset in Slack: repair with one click, start with one more; hold out a share for validation."""

import json
import sqlite3
from collections.abc import Sequence

import pytest

from bot.sandbox.stage import BUCKET
from tests.scenarios.test_tune_and_ask import report_of
from tests.support.bot_harness import BotHarness, OpenBot, shown_in
from tests.support.dataset_builders import PNG

pytestmark = pytest.mark.long

GOOD = [{"text_input": f"question {number}", "output": f"answer {number}"} for number in range(40)]


def jsonl(rows: Sequence[object]) -> bytes:
    return b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)


async def check_in_form(bot: BotHarness, content: bytes, **fields: object) -> None:
    await bot.ada.slash_command(bot.channel, "/tune")
    await bot.slack.workspace.wait_for_view(bot.ada.id)
    if "validation_share" in fields:
        await bot.ada.click(await bot.all_fields(), "form_validation")
        await bot.slack.workspace.wait_for_view(
            bot.ada.id, lambda view: any(each["block_id"] == "validation_share" for each in view.blocks)
        )
    values: dict[str | tuple[str, str], object] = {"file_upload": ("rows.jsonl", content)}
    values.update(fields)
    submission = await bot.ada.submit_view(None, values)
    assert submission.errors == {}


async def test_one_click_repairs_a_file_and_one_more_starts_on_it(open_bot: OpenBot) -> None:
    rows = [*GOOD, b"not json", {"text_input": "no output"}, GOOD[0]]
    async with open_bot() as bot:
        await check_in_form(bot, jsonl(rows))
        report = await report_of(bot.ada, bot)
        assert report.definition["title"]["text"] == "Not ready to start"
        await bot.ada.click(report, "report_details")
        details = await bot.view("What I found")
        assert "*Error in line 42:* output is missing." in str(details.definition)
        await bot.ada.close_view(details)

        await bot.ada.click(report, "report_repair")

        said = await bot.message("repaired", "40 rows kept", "3 rows left out", "1 duplicate")
        offer = await bot.message("Start tuning", thread=said.ts)
        assert "Both files are in this thread" in said.text
        again = await bot.report("Ready to start")
        assert "rows.repaired.jsonl" in str(again.definition)
        files = {file.name: file for file in bot.slack.workspace.files.values()}
        # Both go to Ada alone, and the tuning belongs to the channel all the same.
        direct = bot.ada.open_dm().id
        assert {channel for file in files.values() for channel, _ in file.shares} == {direct}
        assert jsonl(GOOD) == files["rows.repaired.jsonl"].content
        reasons = [json.loads(line) for line in files["rows.rejected.jsonl"].content.splitlines()]
        assert [reason["line"] for reason in reasons] == [41, 42, 43]
        assert all(reason["reasons"] for reason in reasons)

        await bot.ada.click(offer, "report_start")
        card = await bot.message("40 rows from rows.repaired.jsonl", "done")
        assert card.channel == bot.channel.id


async def test_a_file_with_pictures_is_repaired_with_them_and_started_on(open_bot: OpenBot) -> None:
    shown = {"fileData": {"mimeType": "image/png", "fileUri": "cat.png"}}
    rows: list[object] = [
        {
            "contents": [
                {"role": "user", "parts": [shown, {"text": f"What is in picture {i}?"}]},
                {"role": "model", "parts": [{"text": f"Cat {i}."}]},
            ]
        }
        for i in range(20)
    ]
    async with open_bot() as bot:
        await check_in_form(
            bot, b"", name="cats", file_upload=[("cats.jsonl", jsonl([*rows, b"no row"])), ("cat.png", PNG)]
        )
        report = await report_of(bot.ada, bot)
        await bot.ada.click(report, "report_repair")
        await bot.message("repaired", "20 rows kept", "1 row left out")
        again = await bot.report("Ready to start")
        assert "1 picture that they show" in shown_in(again)
        assert "cats.repaired.zip" in {file.name for file in bot.slack.workspace.files.values()}
        await bot.ada.submit_view(again)
        await bot.message("20 rows from cats.repaired.zip", "done")
        stored = bot.google.buckets.bucket(BUCKET)
        assert [held.path.read_bytes() for name, held in stored.items() if name.endswith(".png")] == [PNG]


async def test_a_row_with_a_card_number_is_never_posted_in_the_channel(open_bot: OpenBot) -> None:
    private = "4111 1111 1111 1111"
    rows = [*GOOD, {"text_input": f"Is {private} mine?", "output": "yes"}, {"text_input": f"and {private}?"}]
    async with open_bot() as bot:
        await check_in_form(bot, jsonl(rows))
        report = await report_of(bot.ada, bot)
        await bot.ada.click(report, "report_post")
        said = await bot.message("repaired", "41 rows kept", "sent to the person who asked")
        assert said.channel == bot.channel.id
        files = {file.name: file for file in bot.slack.workspace.files.values()}
        posted, rejected = files["rows.repaired.jsonl"], files["rows.rejected.jsonl"]
        direct = bot.ada.open_dm().id
        assert ({channel for channel, _ in posted.shares}, {channel for channel, _ in rejected.shares}) == (
            {bot.channel.id},
            {direct},
        )
        assert private.encode() not in posted.content
        seen = [each for each in bot.slack.workspace.messages() if each.channel == bot.channel.id]
        assert not any(private in each.text or private in str(each.blocks) for each in seen)


async def test_what_a_person_may_spend_is_in_their_own_report_and_not_in_that_of_the_channel(
    open_bot: OpenBot,
) -> None:
    async with open_bot() as bot:
        bot.slack.workspace.users[bot.ada.id].is_admin = True
        await bot.type(f"budget 0.01 for <@{bot.ada.id}>")
        await bot.message("0.01")
        await check_in_form(bot, jsonl(GOOD) + b"oops\n")
        report = await report_of(bot.ada, bot)
        await bot.ada.click(report, "report_post")
        said = await bot.message("repaired")
        offer = await bot.message("Start tuning", thread=said.ts)
        assert "budget" not in f"{offer.text} {offer.blocks}"
        own = await bot.slack.workspace.wait_for_view(bot.ada.id, lambda view: "repaired" in shown_in(view))
        assert "Your budget for tuning" in shown_in(own)


async def test_one_click_masks_personal_data_and_leaves_no_row_out(open_bot: OpenBot) -> None:
    rows = [
        {"text_input": f"Who is person{number}@corp.org?", "output": f"number {number}"} for number in range(20)
    ]
    async with open_bot() as bot:
        await check_in_form(bot, jsonl(rows))
        report = await bot.report("Ready to start")
        await bot.ada.click(report, "report_mask")
        said = await bot.message("20 rows kept", "personal data masked in 20", "Nothing left out")
        await bot.shows(said, "The repaired file is in this thread.")
        again = await bot.report("Ready to start")
        assert "an e-mail address" not in str(again.blocks)
        [masked] = [file for file in bot.slack.workspace.files.values() if "repaired" in file.name]
        assert json.loads(masked.content.splitlines()[3])["text_input"] == "Who is [EMAIL_4]?"


async def test_rows_with_pictures_are_masked_and_keep_their_pictures(open_bot: OpenBot) -> None:
    # The path itself looks like an address.
    shown = {"fileData": {"mimeType": "image/png", "fileUri": "ada@corp.org.png"}}
    rows: list[object] = [
        {
            "contents": [
                {"role": "user", "parts": [shown, {"text": f"Is person{i}@corp.org in picture {i}?"}]},
                {"role": "model", "parts": [{"text": f"Yes, at {i}."}]},
            ]
        }
        for i in range(20)
    ]
    async with open_bot() as bot:
        files = [("people.jsonl", jsonl(rows)), ("ada@corp.org.png", PNG)]
        await check_in_form(bot, b"", name="people", file_upload=files)
        await bot.ada.click(await bot.report("Ready to start"), "report_mask")
        await bot.message("20 rows kept", "personal data masked in 20")
        again = await bot.slack.workspace.wait_for_view(
            bot.ada.id, lambda view: view.title == "Ready to start" and "repaired" in shown_in(view)
        )
        assert "1 picture that they show" in shown_in(again)
        await bot.ada.submit_view(again)
        await bot.message("20 rows from people.repaired.zip", "done")
        stored = bot.google.buckets.bucket(BUCKET)
        [written] = [held.path.read_text() for name, held in stored.items() if name.endswith(".jsonl")]
        assert "person3@corp.org" not in written
        assert "Is [EMAIL_" in written
        assert [held.path.read_bytes() for name, held in stored.items() if name.endswith(".png")] == [PNG]


async def test_a_person_who_presses_start_under_anothers_report_is_the_one_who_started_it(
    open_bot: OpenBot,
) -> None:
    async with open_bot() as bot:
        bob = bot.slack.person("bob")
        bot.channel.members.add(bob.id)
        await check_in_form(bot, jsonl(GOOD) + b"oops\n")
        report = await report_of(bot.ada, bot)
        await bot.ada.click(report, "report_post")
        said = await bot.message("repaired")
        offer = await bot.message("Start tuning", thread=said.ts)

        await bob.click(offer, "report_start")

        card = await bot.message("Tuning ", "Started by", "on the report of")
        assert f"Started by <@{bob.id}>, on the report of <@{bot.ada.id}>" in card.text
        # The reply about its end mentions the person who started it.
        await bot.message(f"<@{bob.id}>", "is ready")
        with sqlite3.connect(bot.stage.directory / "tunebot.db") as database:
            assert database.execute("SELECT owner, prepared_by FROM jobs").fetchall() == [(bob.id, bot.ada.id)]
            rows = database.execute("SELECT user, action FROM audit ORDER BY id").fetchall()
        assert rows == [(bot.ada.id, "post a repaired file"), (bob.id, "start")]


async def test_a_share_that_is_held_out_reaches_google_as_a_second_file(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        await check_in_form(bot, jsonl(GOOD), validation_share="25")
        report = await report_of(bot.ada, bot)
        await bot.ada.submit_view(report)
        await bot.message("held out for validation", "done")

        sides = {
            name.rsplit("/", 1)[1]: bot.google.buckets.read(BUCKET, name).splitlines()
            for name in bot.google.buckets.bucket(BUCKET)
        }
        assert set(sides) == {"training.jsonl", "validation.jsonl"}
        assert len(sides["training.jsonl"]) + len(sides["validation.jsonl"]) == len(GOOD)
        assert not set(sides["training.jsonl"]) & set(sides["validation.jsonl"])
        assert 0 < len(sides["validation.jsonl"]) < 20


async def test_the_same_in_one_line(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        file = bot.ada.upload(bot.channel, "rows.jsonl", jsonl(GOOD))
        line = f"start name=held file={bot.ada.permalink(file)} validation=25% epochs=3"
        await bot.ada.slash_command(bot.channel, "/tune", line)
        report = await report_of(bot.ada, bot)
        assert report.definition["title"]["text"] == "Ready to start"
        assert "held out" in json.dumps(report.definition)
