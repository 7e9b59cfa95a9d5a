"""The process dies while a person watches a modal: whoever starts next takes it up."""

import sqlite3
from collections.abc import AsyncIterator

import pytest

from tests.scenarios.conftest import Open, World, buttons, shown_in

BROKEN = b'{"text_input": "1", "output": "2"}\n' * 3 + b"{broken\n" + b'{"text_input": "3", "output": "4"}\n' * 3


@pytest.fixture
async def world(world_of: Open) -> AsyncIterator[World]:
    """A bot of the test's own, to be killed."""
    async with world_of(job_seconds=None) as world:
        yield world


async def killed_over(world: World, method: str) -> None:
    """Once Slack was asked this, which it never answers."""
    await world.slack.workspace.wait_for(lambda: world.slack.workspace.calls_of(method) or None)
    await world.stage.kill()
    world.slack.workspace.calls.clear()


def pending_modals(world: World) -> int:
    """How many the bot's database holds."""
    with sqlite3.connect(f"file:{world.stage.directory / 'tunebot.db'}?mode=ro", uri=True) as database:
        return int(database.execute("SELECT count(*) FROM pending_modals").fetchone()[0])


async def checking(world: World) -> None:
    """A check that hangs in Slack."""
    file = world.share()
    world.slack.faults.hang("files.info", times=None)
    await world.type(f"start name=capitals epochs=3 file={file}")
    await world.view("Checking the file")


async def test_a_check_that_was_cut_off_goes_on_in_its_modal(world: World) -> None:
    await checking(world)
    await killed_over(world, "files.info")
    world.slack.faults.clear()
    await world.stage.start()
    report = await world.report()
    assert report.title == "Ready to start"
    assert (await world.ada.submit_view(report)).action == "clear"
    await world.card("capitals")
    assert pending_modals(world) == 0


async def test_a_check_whose_modal_was_closed_is_told_to_the_person_alone(world: World) -> None:
    await checking(world)
    await world.ada.close_view()
    await killed_over(world, "files.info")
    world.slack.faults.clear()
    await world.stage.start()
    report = await world.message("numbers.jsonl", "fit to tune on")
    assert report.visible_to == world.ada.id


async def test_a_check_that_two_processes_did_not_survive_is_told_and_not_tried_again(world: World) -> None:
    await checking(world)
    await killed_over(world, "files.info")
    await world.stage.start()
    await killed_over(world, "files.info")
    world.slack.faults.clear()
    await world.stage.start()
    view = await world.report()
    assert "I was restarted more than once" in shown_in(view)
    assert "Nothing was started" in shown_in(view)
    assert not world.slack.workspace.calls_of("files.info")
    await world.ada.click(view, "form_again")
    assert "capitals" in str((await world.view("Tune a model")).blocks)
    assert pending_modals(world) == 0


async def test_a_repair_that_was_cut_off_by_a_stop_is_told_and_not_begun_again(world: World) -> None:
    await world.type(f"start name=capitals file={world.share(BROKEN)}")
    report = await world.report("Not ready to start")
    world.slack.faults.hang("files.getUploadURLExternal", times=None)
    await world.ada.click(report, "report_repair")
    asked = world.slack.workspace.calls_of
    await world.slack.workspace.wait_for(lambda: asked("files.getUploadURLExternal") or None)
    assert await world.stage.stop() == 0
    world.slack.faults.clear()
    world.slack.workspace.calls.clear()
    await world.stage.start()
    view = await world.report("That did not work")
    assert "I was restarted while I was repairing your file" in shown_in(view)
    assert list(buttons(view).values()) == ["Change something"]
    assert not asked("files.getUploadURLExternal")


async def test_a_check_that_fails_after_its_modal_was_closed_says_why(world: World) -> None:
    await checking(world)
    await world.ada.close_view()
    world.slack.faults.clear()
    world.slack.faults.fail("files.info", error="file_deleted", times=None)
    await killed_over(world, "files.info")
    await world.stage.start()
    said = await world.message("I find no file")
    assert said.visible_to == world.ada.id


async def test_a_report_is_shown_though_the_way_to_slack_breaks_just_then(world: World) -> None:
    file = world.share()
    world.slack.faults.reset("views.update", times=2)
    await world.type(f"start name=capitals file={file}")
    assert (await world.report()).title == "Ready to start"
    assert not world.slack.faults.rules
