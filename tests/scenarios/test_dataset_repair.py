"""The dataset desk in Slack: repair with one click, start with one more; hold out a share for validation."""

import json
from collections.abc import Sequence

from bot.sandbox.stage import BUCKET
from tests.scenarios.conftest import Open, World
from tests.scenarios.test_tune_and_ask import report_of

GOOD = [{"text_input": f"question {number}", "output": f"answer {number}"} for number in range(40)]


def jsonl(rows: Sequence[object]) -> bytes:
    return b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)


async def check_in_form(world: World, content: bytes, **fields: object) -> None:
    await world.ada.slash_command(world.channel, "/tune")
    await world.slack.workspace.wait_for_view(world.ada.id)
    if "validation_share" in fields:
        form = world.ada.modal
        assert form is not None
        await world.ada.click(form, "form_validation")
        await world.slack.workspace.wait_for_call("views.update", lambda call: call.args["view_id"] == form.id)
    values: dict[str | tuple[str, str], object] = {"file_upload": ("rows.jsonl", content)}
    values.update(fields)
    submission = await world.ada.submit_view(None, values)
    assert submission.errors == {}


async def test_one_click_repairs_a_file_and_one_more_starts_on_it(world_of: Open) -> None:
    rows = [*GOOD, b"not json", {"text_input": "no output"}, GOOD[0]]
    async with world_of() as world:
        await check_in_form(world, jsonl(rows))
        report = await report_of(world.ada, world)
        assert report.definition["title"]["text"] == "Not ready to start"

        await world.ada.click(report, "report_repair")

        said = await world.message("repaired", "40 rows kept", "3 rows left out", "1 duplicate")
        offer = await world.message("Start tuning", thread=said.ts)
        files = {file.name: file for file in world.slack.workspace.files.values()}
        assert jsonl(GOOD) == files["rows.repaired.jsonl"].content
        reasons = [json.loads(line) for line in files["rows.rejected.jsonl"].content.splitlines()]
        assert [reason["line"] for reason in reasons] == [41, 42, 43]
        assert all(reason["reasons"] for reason in reasons)

        await world.ada.click(offer, "report_start")
        await world.message("40 rows from rows.repaired.jsonl", "done")


async def test_a_share_that_is_held_out_reaches_google_as_a_second_file(world_of: Open) -> None:
    async with world_of() as world:
        await check_in_form(world, jsonl(GOOD), validation_share="25")
        report = await report_of(world.ada, world)
        await world.ada.submit_view(report)
        await world.message("held out for validation", "done")

        sides = {
            name.rsplit("/", 1)[1]: world.google.buckets.read(BUCKET, name).splitlines()
            for name in world.google.buckets.bucket(BUCKET)
        }
        assert set(sides) == {"training.jsonl", "validation.jsonl"}
        assert len(sides["training.jsonl"]) + len(sides["validation.jsonl"]) == len(GOOD)
        assert not set(sides["training.jsonl"]) & set(sides["validation.jsonl"])
        assert 0 < len(sides["validation.jsonl"]) < 20


async def test_the_same_in_one_line(world_of: Open) -> None:
    async with world_of() as world:
        file = world.ada.upload(world.channel, "rows.jsonl", jsonl(GOOD))
        line = f"start name=held file={world.ada.permalink(file)} validation=25% epochs=3"
        await world.ada.slash_command(world.channel, "/tune", line)
        report = await report_of(world.ada, world)
        assert report.definition["title"]["text"] == "Ready to start"
        assert "held out" in json.dumps(report.definition)
