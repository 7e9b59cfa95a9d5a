"""Every way in which a person can hand the bot a file, and none of them answered twice."""

import pytest

from bot.sandbox.google import Job
from bot.sandbox.slack import View
from bot.sandbox.stage import BUCKET
from tests.scenarios.conftest import NEXT_NUMBER, World, buttons, shown_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def started_from(world: World, report: View, name: str) -> Job:
    """Press “Start tuning”; the job as Google has it."""
    assert report.title == "Ready to start", shown_in(report)
    assert "20 rows" in shown_in(report)
    await world.ada.submit_view(report)
    await world.card(name)
    return await world.job(name)


async def test_a_file_uploaded_in_the_form_is_tuned_on(world: World) -> None:
    await world.type()
    await world.view("Tune a model")

    submission = await world.ada.submit_view(
        None, {"name": "uploaded", "epochs": "4", "file_upload": ("numbers.jsonl", NEXT_NUMBER)}
    )

    assert submission.action == "update"
    job = await started_from(world, await world.report(), "uploaded")
    assert job.lesson.epochs == 4


async def test_a_file_that_was_shared_in_the_channel_can_be_picked_in_the_form(world: World) -> None:
    world.share(name="shared_before.jsonl")
    world.ada.upload(world.channel, "holiday.png", b"\x89PNG\r\n")
    await world.type()
    form = await world.view("Tune a model")
    assert "shared_before.jsonl" in shown_in(form)
    assert "holiday.png" not in shown_in(form)

    picked = next(
        option["value"]
        for block in form.blocks
        if block["block_id"] == "file_recent"
        for option in block["element"]["options"]
    )
    await world.ada.submit_view(None, {"name": "picked", "file_recent": picked})

    await started_from(world, await world.report(), "picked")


async def test_a_gs_uri_in_the_form_is_read_where_it_lies(world: World) -> None:
    world.google.buckets.put(BUCKET, "there/numbers.jsonl", NEXT_NUMBER)
    await world.type()
    await world.view("Tune a model")

    await world.ada.submit_view(None, {"name": "from bucket", "file_uri": f"gs://{BUCKET}/there/numbers.jsonl"})

    await started_from(world, await world.report(), "from bucket")


async def test_one_line_starts_what_the_form_would(world: World) -> None:
    link = world.share()
    await world.type(f'start name="one line" base=gemini-3.1-flash-lite epochs=7 adapter=4 file={link}')

    job = await started_from(world, await world.report(), "one line")

    assert job.base_model == "gemini-3.1-flash-lite"
    assert job.lesson.epochs == 7
    assert "epochs 7" in (await world.card("one line")).text


async def test_a_link_in_slacks_own_brackets_is_read_as_the_link(world: World) -> None:
    link = world.share()
    await world.type(f"start name=bracketed file=<{link}>")
    await started_from(world, await world.report(), "bracketed")


async def test_one_line_without_a_file_opens_the_form_filled_in(world: World) -> None:
    await world.type("start name=filled epochs=6")
    form = await world.view("Tune a model")
    submission = await world.ada.submit_view(form, {"file_upload": ("numbers.jsonl", NEXT_NUMBER)})
    assert submission.errors == {}
    job = await started_from(world, await world.report(), "filled")
    assert job.lesson.epochs == 6


async def test_a_report_can_be_put_away_and_changed_before_anything_starts(world: World) -> None:
    await world.type(f"start name=changed epochs=3 file={world.share()}")
    report = await world.report()
    await world.ada.click(report, "form_again")
    form = await world.view("Tune a model")
    await world.ada.submit_view(form, {"epochs": "5"})
    job = await started_from(world, await world.report(), "changed")
    assert job.lesson.epochs == 5


async def test_closing_the_report_starts_nothing(world: World) -> None:
    before = len(world.google.jobs.all)
    await world.type(f"start name=never file={world.share()}")
    report = await world.report()
    await world.ada.close_view(report)
    await world.slack.settle()
    assert len(world.google.jobs.all) == before
    assert not world.messages("Tuning never")


async def test_a_form_closed_while_the_file_is_read_still_brings_the_report(world: World) -> None:
    world.slack.faults.delay("files.download", seconds=0.5)
    await world.type(f"start name=closed file={world.share()}")
    await world.ada.close_view(await world.view("Checking the file"))

    report = await world.message("numbers.jsonl", "20 rows")

    assert report.visible_to == world.ada.id
    await world.ada.click(report, "report_start")
    await world.card("closed")


async def test_the_shortcut_on_a_message_with_a_file_opens_the_form_with_that_file(world: World) -> None:
    message = world.ada.post(world.channel, "look at these", [("numbers.jsonl", NEXT_NUMBER)])

    await world.ada.message_shortcut("tune_file", message)

    form = await world.view("Tune a model")
    await world.ada.submit_view(form, {"name": "by shortcut"})
    await started_from(world, await world.report(), "by shortcut")


async def test_the_shortcut_on_a_message_without_a_file_opens_the_empty_form(world: World) -> None:
    message = world.ada.post(world.channel, "no file here")
    await world.ada.message_shortcut("tune_file", message)
    form = await world.view("Tune a model")
    submission = await world.ada.submit_view(form, {"name": "no file"})
    assert "Upload a file" in submission.errors["file_upload"]


async def test_the_shortcut_in_a_thread_keeps_to_the_thread(world: World) -> None:
    root = world.ada.post(world.channel, "a thread")
    message = world.ada.post(world.channel, "here", [("numbers.jsonl", NEXT_NUMBER)], thread_ts=root.ts)
    await world.ada.message_shortcut("tune_file", message)
    await world.ada.submit_view(await world.view("Tune a model"), {"name": "in thread"})
    await started_from(world, await world.report(), "in thread")
    card = await world.card("in thread")
    assert card.thread_ts == root.ts
    (await world.job("in thread")).finish()
    await world.message("in thread", "is ready", thread=root.ts)


MENTIONED = [
    pytest.param({}, id="both events, with the file"),
    pytest.param({"mention_files": False}, id="app_mention comes without the file"),
    pytest.param({"mention_event": False}, id="only message comes"),
]


@pytest.mark.parametrize("told", MENTIONED)
@pytest.mark.parametrize("threaded", [False, True], ids=["in the channel", "in a thread"])
async def test_a_mention_with_a_file_offers_the_form_once(
    world: World, told: dict[str, bool], threaded: bool
) -> None:
    root = world.ada.post(world.channel, "before") if threaded else None
    said = world.ada.post(
        world.channel,
        world.ada.typed("@Tunebot tune epochs=3"),
        [("numbers.jsonl", NEXT_NUMBER)],
        thread_ts=root.ts if root else None,
        **told,
    )

    prompt = await world.message("Open the form", "numbers.jsonl")

    assert prompt.thread_ts == (root.ts if root else said.ts)
    await world.slack.settle()
    await world.ada.click(prompt, "open_form")
    form = await world.view("Tune a model")
    name = f"mentioned {world.channel.id}"
    await world.ada.submit_view(form, {"name": name})
    job = await started_from(world, await world.report(), name)
    assert job.lesson.epochs == 3
    assert len(world.messages("Open the form")) == 1


@pytest.mark.parametrize("first", ["message", "app_mention"])
async def test_the_file_is_not_lost_whichever_of_the_twins_comes_first(world: World, first: str) -> None:
    if first == "app_mention":
        world.slack.faults.reorder_deliveries(2)
    world.ada.post(
        world.channel, world.ada.typed("@Tunebot tune"), [("numbers.jsonl", NEXT_NUMBER)], mention_files=False
    )
    prompt = await world.message("Open the form")
    assert "numbers.jsonl" in prompt.text
    await world.slack.settle()
    assert len(world.messages("Open the form")) == 1


async def test_a_file_of_which_the_event_holds_only_the_id_is_looked_up(world: World) -> None:
    world.slack.workspace.files_are_stubs = True
    try:
        world.ada.post(world.channel, world.ada.typed("@Tunebot tune"), [("numbers.jsonl", NEXT_NUMBER)])
        prompt = await world.message("Open the form")
        await world.ada.click(prompt, "open_form")
        await world.ada.submit_view(await world.view("Tune a model"), {"name": "stub"})
        await started_from(world, await world.report(), "stub")
    finally:
        world.slack.workspace.files_are_stubs = False


async def test_a_mention_with_nothing_but_a_file_offers_the_form(world: World) -> None:
    world.ada.post(world.channel, world.ada.typed("@Tunebot"), [("numbers.jsonl", NEXT_NUMBER)])
    assert "open_form" in buttons(await world.message("numbers.jsonl", "Open the form"))


async def test_a_direct_message_with_a_file_offers_the_form_and_tunes_there(world: World) -> None:
    direct = world.ada.open_dm()
    world.ada.post(direct, "tune epochs=2", [("numbers.jsonl", NEXT_NUMBER)])
    prompt = await world.message("Open the form", "numbers.jsonl")
    assert prompt.channel == direct.id
    await world.ada.click(prompt, "open_form")
    await world.ada.submit_view(await world.view("Tune a model"), {"name": "directly"})
    await started_from(world, await world.report(), "directly")
    assert (await world.card("directly")).channel == direct.id


async def test_a_file_that_merely_lies_in_the_channel_is_left_alone(world: World) -> None:
    world.share()
    await world.slack.settle()
    assert world.messages() == []


async def test_duplicate_deliveries_are_answered_once(world: World) -> None:
    world.slack.faults.duplicate_deliveries(2)
    world.ada.post(world.channel, world.ada.typed("@Tunebot help"))
    await world.message("/tune list")
    await world.slack.settle()
    assert len(world.messages("/tune list")) == 1


async def test_a_start_that_slack_delivers_twice_is_one_job(world: World) -> None:
    await world.type(f"start name=twice file={world.share()}")
    report = await world.report()
    world.slack.faults.duplicate_deliveries()
    await world.ada.submit_view(report)
    await world.card("twice")
    (await world.job("twice")).finish()
    await world.message("twice", "is ready")
    await world.slack.settle()
    assert len([job for job in world.google.jobs.all if job.display_name == "twice"]) == 1
    assert len(world.messages("Tuning twice (")) == 1
    assert len(world.messages("is ready")) == 1
