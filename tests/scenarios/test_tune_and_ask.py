"""From a shared file to a tuned answer, in both of Slack's ways in, on all three Google systems."""

import pytest

from bot.sandbox.slack import Person, View
from tests.scenarios.conftest import NEXT_NUMBER, Open, World

BASE = {"vertex": "gemini-3.5-flash", "gemini": "gemini-1.5-flash-001-tuning", "palm": "text-bison-001"}


async def start_by_form(world: World, backend: str, name: str, content: bytes = NEXT_NUMBER) -> View:
    """Open `/tune`, fill it in, upload the file; returns the view with the report."""
    await world.ada.slash_command(world.channel, "/tune")
    form = await world.slack.workspace.wait_for_view(world.ada.id)
    if backend != "vertex":
        await world.ada.select(form, "form_backend", backend)
        await world.slack.workspace.wait_for_call("views.update", lambda call: call.args["view_id"] == form.id)
    submission = await world.ada.submit_view(None, {"name": name, "file_upload": ("numbers.jsonl", content)})
    assert submission.errors == {}
    return await report_of(world.ada, world)


async def report_of(person: Person, world: World) -> View:
    """The view once the check is done."""
    return await world.slack.workspace.wait_for(
        lambda: (
            ((view := person.modal) and view.definition["title"]["text"] != "Checking the file" and view) or None
        ),
        10,
        what="the report",
    )


@pytest.mark.parametrize("mode", ["socket", "http"])
@pytest.mark.parametrize("backend", ["vertex", "gemini", "palm"])
async def test_a_file_becomes_a_model_that_answers(world_of: Open, backend: str, mode: str) -> None:
    async with world_of(mode) as world:
        report = await start_by_form(world, backend, "next number")
        assert report.definition["title"]["text"] == "Ready to start"
        assert "20 rows" in str(report.definition["blocks"])

        await world.ada.submit_view(report)

        card = await world.message("next number", BASE[backend])
        ended = await world.message("next number", f"<@{world.ada.id}>", thread=card.ts)
        assert {reference.target for reference in ended.pings} == {world.ada.id}
        await world.slack.workspace.wait_for(lambda: "done" in card.text or None, what="the card's end")
        assert card.edits >= 1, "the card is edited, not posted anew"

        await world.ada.slash_command(world.channel, "/ask", "model=“next number” seven")
        answer = await world.message("eight", f"<@{world.ada.id}> asked")
        world.ada.post(world.channel, "ninety nine", thread_ts=answer.ts)
        await world.message("one hundred", thread=answer.ts)
