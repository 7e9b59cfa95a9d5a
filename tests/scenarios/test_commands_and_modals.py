"""Every way in which a person can hand the bot a file, and none of them answered twice."""

import pytest

from bot.sandbox.google import Job
from bot.sandbox.slack import View
from bot.sandbox.stage import BUCKET
from tests.support.bot_harness import NEXT_NUMBER, BotHarness, buttons, shown_in
from tests.support.dataset_builders import PNG, jsonl

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def started_from(bot: BotHarness, report: View, name: str) -> Job:
    """Press “Start tuning”; the job as Google has it."""
    assert report.title == "Ready to start", shown_in(report)
    assert "20 rows" in shown_in(report)
    await bot.ada.submit_view(report)
    await bot.card(name)
    return await bot.job(name)


async def test_a_file_uploaded_in_the_form_is_tuned_on(bot: BotHarness) -> None:
    await bot.type()
    await bot.all_fields()

    submission = await bot.ada.submit_view(
        None, {"name": "uploaded", "epochs": "4", "file_upload": ("numbers.jsonl", NEXT_NUMBER)}
    )

    assert submission.action == "update"
    job = await started_from(bot, await bot.report(), "uploaded")
    assert job.training_task.epochs == 4


async def test_pictures_that_are_uploaded_beside_the_rows_are_stored_with_them(bot: BotHarness) -> None:
    shown = {"fileData": {"mimeType": "image/png", "fileUri": "images/cat.png"}}
    rows = [
        {
            "contents": [
                {"role": "user", "parts": [shown, {"text": f"What is in picture {number}?"}]},
                {"role": "model", "parts": [{"text": f"Cat {number}."}]},
            ]
        }
        for number in range(20)
    ]
    await bot.type()
    await bot.view("Tune a model")

    await bot.ada.submit_view(
        None, {"name": "with cats", "file_upload": [("cats.jsonl", jsonl(*rows)), ("cat.png", PNG)]}
    )

    report = await bot.report()
    assert "1 picture that they show" in shown_in(report)
    assert "[picture images/cat.png]" in shown_in(report)
    await started_from(bot, report, "with cats")
    stored = bot.google.buckets.bucket(BUCKET)
    [picture] = [name for name in stored if name.endswith(".png")]
    assert stored[picture].path.read_bytes() == PNG
    [training] = [name for name in stored if name.startswith(picture.partition("pictures/")[0] + "training")]
    assert stored[training].path.read_bytes().count(f"gs://{BUCKET}/{picture}".encode()) == 20


async def test_a_file_that_was_shared_in_the_channel_can_be_picked_in_the_form(bot: BotHarness) -> None:
    bot.share(name="shared_before.jsonl")
    bot.ada.upload(bot.channel, "holiday.png", b"\x89PNG\r\n")
    await bot.type()
    form = await bot.view("Tune a model")
    assert "shared_before.jsonl" in shown_in(form)
    assert "holiday.png" not in shown_in(form)

    picked = next(
        option["value"]
        for block in form.blocks
        if block["block_id"] == "file_recent"
        for option in block["element"]["options"]
    )
    await bot.ada.submit_view(None, {"name": "picked", "file_recent": picked})

    await started_from(bot, await bot.report(), "picked")


async def test_a_gs_uri_in_the_form_is_read_where_it_lies(bot: BotHarness) -> None:
    bot.google.buckets.put(BUCKET, "there/numbers.jsonl", NEXT_NUMBER)
    await bot.type()
    await bot.view("Tune a model")

    await bot.ada.submit_view(None, {"name": "from bucket", "file_uri": f"gs://{BUCKET}/there/numbers.jsonl"})

    await started_from(bot, await bot.report(), "from bucket")


async def test_one_line_starts_what_the_form_would(bot: BotHarness) -> None:
    link = bot.share()
    await bot.type(f'start name="one line" base=gemini-3.1-flash-lite epochs=7 adapter=4 file={link}')

    job = await started_from(bot, await bot.report(), "one line")

    assert job.base_model == "gemini-3.1-flash-lite"
    assert job.training_task.epochs == 7
    assert "epochs 7" in (await bot.card("one line")).text


async def test_a_link_in_slacks_own_brackets_is_read_as_the_link(bot: BotHarness) -> None:
    link = bot.share()
    await bot.type(f"start name=bracketed file=<{link}>")
    await started_from(bot, await bot.report(), "bracketed")


async def test_one_line_without_a_file_opens_the_form_filled_in(bot: BotHarness) -> None:
    await bot.type("start name=filled epochs=6")
    form = await bot.view("Tune a model")
    submission = await bot.ada.submit_view(form, {"file_upload": ("numbers.jsonl", NEXT_NUMBER)})
    assert submission.errors == {}
    job = await started_from(bot, await bot.report(), "filled")
    assert job.training_task.epochs == 6


async def test_a_report_can_be_put_away_and_changed_before_anything_starts(bot: BotHarness) -> None:
    await bot.type(f"start name=changed epochs=3 file={bot.share()}")
    report = await bot.report()
    await bot.ada.click(report, "form_again")
    form = await bot.view("Tune a model")
    await bot.ada.submit_view(form, {"epochs": "5"})
    job = await started_from(bot, await bot.report(), "changed")
    assert job.training_task.epochs == 5


async def test_closing_the_report_starts_nothing(bot: BotHarness) -> None:
    before = len(bot.google.jobs.all)
    await bot.type(f"start name=never file={bot.share()}")
    report = await bot.report()
    await bot.ada.close_view(report)
    await bot.slack.settle()
    assert len(bot.google.jobs.all) == before
    assert not bot.messages("Tuning never")


async def test_a_form_closed_while_the_file_is_read_stops_the_check(bot: BotHarness) -> None:
    bot.slack.faults.hang("files.download")
    await bot.type(f"start name=closed file={bot.share()}")
    await bot.ada.close_view(await bot.view("Checking the file"))

    said = await bot.message("I stopped checking your file")

    assert said.visible_to == bot.ada.id
    assert not bot.messages("numbers.jsonl", "20 rows")


async def test_the_shortcut_on_a_message_with_a_file_opens_the_form_with_that_file(bot: BotHarness) -> None:
    message = bot.ada.post(bot.channel, "look at these", [("numbers.jsonl", NEXT_NUMBER)])

    await bot.ada.message_shortcut("tune_file", message)

    form = await bot.view("Tune a model")
    await bot.ada.submit_view(form, {"name": "by shortcut"})
    await started_from(bot, await bot.report(), "by shortcut")


async def test_of_several_files_one_is_trained_on_one_validates_and_the_rest_is_named(bot: BotHarness) -> None:
    files = [("notes.docx", b"PK"), ("eval.jsonl", NEXT_NUMBER[:120]), ("rows.jsonl", NEXT_NUMBER)]
    message = bot.ada.post(bot.channel, "look at these", files)
    await bot.ada.message_shortcut("tune_file", message)
    form = await bot.view("Tune a model")
    assert "I leave out notes.docx." in str(form.blocks)
    await bot.ada.submit_view(form, {"name": "of several"})
    report = await bot.report("Ready to start", "Not ready to start")
    assert "*rows.jsonl*: 20 rows" in str(report.blocks)
    assert "*eval.jsonl*: " in str(report.blocks)

    bot.ada.post(bot.channel, bot.ada.typed("@Tunebot tune"), files)
    await bot.message("on *rows.jsonl*", "validation file I take *eval.jsonl*", "I leave out *notes.docx*")


async def test_the_shortcut_on_a_message_without_a_file_opens_the_empty_form(bot: BotHarness) -> None:
    message = bot.ada.post(bot.channel, "no file here")
    await bot.ada.message_shortcut("tune_file", message)
    form = await bot.view("Tune a model")
    submission = await bot.ada.submit_view(form, {"name": "no file"})
    assert "Upload a file" in submission.errors["file_upload"]


async def test_the_shortcut_in_a_thread_keeps_to_the_thread(bot: BotHarness) -> None:
    root = bot.ada.post(bot.channel, "a thread")
    message = bot.ada.post(bot.channel, "here", [("numbers.jsonl", NEXT_NUMBER)], thread_ts=root.ts)
    await bot.ada.message_shortcut("tune_file", message)
    await bot.ada.submit_view(await bot.view("Tune a model"), {"name": "in thread"})
    await started_from(bot, await bot.report(), "in thread")
    card = await bot.card("in thread")
    assert card.thread_ts == root.ts
    (await bot.job("in thread")).finish()
    await bot.message("in thread", "is ready", thread=root.ts)


MENTIONED = [
    pytest.param({}, id="both events, with the file"),
    pytest.param({"mention_files": False}, id="app_mention comes without the file"),
    pytest.param({"mention_event": False}, id="only message comes"),
]


@pytest.mark.parametrize("mentioned", MENTIONED)
@pytest.mark.parametrize("threaded", [False, True], ids=["in the channel", "in a thread"])
async def test_a_mention_with_a_file_offers_the_form_once(
    bot: BotHarness, mentioned: dict[str, bool], threaded: bool
) -> None:
    root = bot.ada.post(bot.channel, "before") if threaded else None
    said = bot.ada.post(
        bot.channel,
        bot.ada.typed("@Tunebot tune epochs=3"),
        [("numbers.jsonl", NEXT_NUMBER)],
        thread_ts=root.ts if root else None,
        **mentioned,
    )

    prompt = await bot.message("Open the form", "numbers.jsonl")

    assert prompt.thread_ts == (root.ts if root else said.ts)
    await bot.slack.settle()
    await bot.ada.click(prompt, "open_form")
    form = await bot.view("Tune a model")
    name = f"mentioned {bot.channel.id}"
    await bot.ada.submit_view(form, {"name": name})
    job = await started_from(bot, await bot.report(), name)
    assert job.training_task.epochs == 3
    assert len(bot.messages("Open the form")) == 1


@pytest.mark.parametrize("first", ["message", "app_mention"])
async def test_the_file_is_not_lost_whichever_of_the_twins_comes_first(bot: BotHarness, first: str) -> None:
    if first == "app_mention":
        bot.slack.faults.reorder_deliveries(2)
    bot.ada.post(
        bot.channel, bot.ada.typed("@Tunebot tune"), [("numbers.jsonl", NEXT_NUMBER)], mention_files=False
    )
    prompt = await bot.message("Open the form")
    assert "numbers.jsonl" in prompt.text
    await bot.slack.settle()
    assert len(bot.messages("Open the form")) == 1


async def test_a_file_of_which_the_event_holds_only_the_id_is_looked_up(bot: BotHarness) -> None:
    bot.slack.workspace.files_are_stubs = True
    try:
        bot.ada.post(bot.channel, bot.ada.typed("@Tunebot tune"), [("numbers.jsonl", NEXT_NUMBER)])
        prompt = await bot.message("Open the form")
        await bot.ada.click(prompt, "open_form")
        await bot.ada.submit_view(await bot.view("Tune a model"), {"name": "stub"})
        await started_from(bot, await bot.report(), "stub")
    finally:
        bot.slack.workspace.files_are_stubs = False


async def test_a_mention_with_nothing_but_a_file_offers_the_form(bot: BotHarness) -> None:
    bot.ada.post(bot.channel, bot.ada.typed("@Tunebot"), [("numbers.jsonl", NEXT_NUMBER)])
    assert "open_form" in buttons(await bot.message("numbers.jsonl", "Open the form"))


async def test_a_direct_message_with_a_file_offers_the_form_and_tunes_there(bot: BotHarness) -> None:
    direct = bot.ada.open_dm()
    bot.ada.post(direct, "tune epochs=2", [("numbers.jsonl", NEXT_NUMBER)])
    prompt = await bot.message("Open the form", "numbers.jsonl")
    assert prompt.channel == direct.id
    await bot.ada.click(prompt, "open_form")
    await bot.ada.submit_view(await bot.view("Tune a model"), {"name": "directly"})
    await started_from(bot, await bot.report(), "directly")
    assert (await bot.card("directly")).channel == direct.id


async def test_a_file_that_merely_lies_in_the_channel_is_left_alone(bot: BotHarness) -> None:
    bot.share()
    await bot.slack.settle()
    assert bot.messages() == []


async def test_duplicate_deliveries_are_answered_once(bot: BotHarness) -> None:
    bot.slack.faults.duplicate_deliveries(2)
    bot.ada.post(bot.channel, bot.ada.typed("@Tunebot help"))
    await bot.message("/tune list")
    await bot.slack.settle()
    assert len(bot.messages("/tune list")) == 1


async def test_a_start_that_slack_delivers_twice_is_one_job(bot: BotHarness) -> None:
    await bot.type(f"start name=twice file={bot.share()}")
    report = await bot.report()
    bot.slack.faults.duplicate_deliveries()
    await bot.ada.submit_view(report)
    await bot.card("twice")
    (await bot.job("twice")).finish()
    await bot.message("twice", "is ready")
    await bot.slack.settle()
    assert len([job for job in bot.google.jobs.all if job.display_name == "twice"]) == 1
    assert len(bot.messages("Tuning twice (")) == 1
    assert len(bot.messages("is ready")) == 1
