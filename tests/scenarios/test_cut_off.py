"""The process dies while a person watches a modal: who starts next tells them."""

import sqlite3
from collections.abc import AsyncIterator

import pytest

from tests.scenarios.conftest import Open, World, buttons, shown_in, until

CUT_OFF = "I was restarted while I was at work on your file"
BROKEN = b'{"text_input": "1", "output": "2"}\n' * 3 + b"{broken\n" + b'{"text_input": "3", "output": "4"}\n' * 3


@pytest.fixture
async def world(world_of: Open) -> AsyncIterator[World]:
    """A bot of the test's own, to be killed."""
    async with world_of(job_seconds=None) as world:
        yield world


def noted(world: World) -> int:
    """How many errands the bot's database holds."""
    with sqlite3.connect(f"file:{world.stage.directory / 'tunebot.db'}?mode=ro", uri=True) as database:
        return int(database.execute("SELECT count(*) FROM errands").fetchone()[0])


async def test_a_check_that_was_cut_off_is_told_in_its_modal_and_goes_on_with_one_click(world: World) -> None:
    file = world.share()
    world.slack.faults.hang("files.info", times=None)
    await world.type(f"start name=capitals epochs=3 file={file}")
    await world.view("Checking the file")
    await world.slack.workspace.wait_for(lambda: world.slack.workspace.calls_of("files.info") or None)
    await world.stage.kill()
    world.slack.faults.clear()
    await world.stage.start()

    view = await world.view("That did not work")
    assert CUT_OFF in shown_in(view)
    assert "Nothing was started" in shown_in(view)
    assert list(buttons(view).values()) == ["Change something"]
    await world.ada.click(view, "form_again")
    form = await world.view("Tune a model")
    assert "capitals" in str(form.blocks)

    await world.stage.kill()
    await world.stage.start()
    assert world.ada.modal is not None
    assert world.ada.modal.title == "Tune a model", "it is told once"


async def test_a_check_whose_modal_was_closed_is_told_to_the_person_alone(world: World) -> None:
    file = world.share()
    world.slack.faults.hang("files.info", times=None)
    await world.type(f"start name=capitals file={file}")
    view = await world.view("Checking the file")
    await world.slack.workspace.wait_for(lambda: world.slack.workspace.calls_of("files.info") or None)
    await world.ada.close_view(view)
    await world.stage.kill()
    world.slack.faults.clear()
    await world.stage.start()
    assert (await world.message(CUT_OFF)).visible_to == world.ada.id


async def test_a_repair_that_was_cut_off_by_a_stop_is_told(world: World) -> None:
    await world.type(f"start name=capitals file={world.share(BROKEN)}")
    report = await world.report("Not ready to start")
    world.slack.faults.hang("files.getUploadURLExternal", times=None)
    await world.ada.click(report, "report_repair")
    asked = world.slack.workspace.calls_of
    await world.slack.workspace.wait_for(lambda: asked("files.getUploadURLExternal") or None)
    assert await world.stage.stop() == 0
    world.slack.faults.clear()
    await world.stage.start()
    assert CUT_OFF in shown_in(await world.view("That did not work"))


async def test_a_check_that_ended_is_not_told_again(world: World) -> None:
    await world.type(f"start name=capitals file={world.share()}")
    await world.report("Ready to start")
    await until(lambda: None if noted(world) else True, "the end of the check")
    await world.stage.kill()
    await world.stage.start()
    report = await world.report("Ready to start")
    assert (await world.ada.submit_view(report)).action == "clear"
    await world.card("capitals")
    assert not world.messages(CUT_OFF)
