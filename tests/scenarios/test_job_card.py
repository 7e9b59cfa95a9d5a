"""What the job card and the reply at a job's end show, whatever Google and Slack do meanwhile."""

import pytest

from bot.sandbox.slack import ChannelKind
from tests.scenarios.conftest import Open, World, buttons, shown_in, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_card_is_one_message_that_is_edited_until_the_end(world: World) -> None:
    card, job = await world.started("one card", "epochs=4 adapter=8")
    job.advance(3)
    await world.shows(card, "step 3", "Mean loss", "so far")
    assert "epochs 4" in card.text
    assert "adapter size 8" in card.text
    assert "20 rows from numbers.jsonl" in card.text
    assert f"Started by <@{world.ada.id}>" in card.text
    assert [block for block in card.blocks if block["type"] == "data_visualization"]
    job.finish()
    ended = await world.message("one card", "is ready", thread=card.ts)
    await world.shows(card, "done", "100%", "Took")

    assert card.edits >= 2
    assert len(world.messages("Tuning one card (")) == 1
    assert {reference.target for reference in ended.pings} == {world.ada.id}
    assert buttons(card).keys() == {"job_ask", "job_use", "job_delete"}
    assert "/ask model=" in ended.text


async def test_a_workspace_without_charts_sees_the_losses_in_words(world_of: Open) -> None:
    async with world_of(job_seconds=None, environment={"TUNEBOT_POLL_SECONDS": "0.1"}) as world:
        world.slack.workspace.charts_enabled = False
        card, job = await world.started("no charts")
        job.advance(4)
        await world.shows(card, "Mean loss by step", "Lowest:")
        assert not [block for block in card.blocks if block["type"] == "data_visualization"]
        job.finish()
        await world.message("no charts", "is ready", thread=card.ts)
        refused = [
            call
            for call in world.slack.workspace.calls_of("chat.update")
            if call.response and call.response.get("error") == "invalid_blocks"
        ]
        assert len(refused) == 1, "what Slack refused once is not tried again"


async def test_a_state_that_nobody_knows_is_shown_in_googles_word_and_does_not_stop_the_job(world: World) -> None:
    card, job = await world.started("odd state")
    job.advance()
    job.set_state("JOB_STATE_MEDITATING")
    await world.shows(card, "Google calls this state", "JOB_STATE_MEDITATING")
    job.set_state(None)
    job.finish()
    await world.message("odd state", "is ready", thread=card.ts)


async def test_a_job_that_failed_at_google_tells_the_reason_and_what_to_do(world: World) -> None:
    for backend in ("vertex", "gemini", "palm"):
        card, job = await world.started(f"fails {backend}", f"backend={backend}")
        job.fail(3, "Row: 0. Missing required 'contents' field.")
        ended = await world.message(f"fails {backend}", "failed on", "Row: 0. Missing", thread=card.ts)
        assert "What to do:" in ended.text
        assert f"<@{world.ada.id}>" in ended.text
        await world.shows(card, "failed", "Row: 0. Missing required", "What to do:")
        assert "job_cancel" not in buttons(card)
        assert "job_ask" not in buttons(card)


async def test_a_cancellation_at_google_is_no_failure(world: World) -> None:
    card, job = await world.started("elsewhere")
    job.cancel()
    await world.message("elsewhere", "was cancelled at Google, not by me", thread=card.ts)
    await world.shows(card, "Cancelled at Google")


async def test_rows_that_google_dropped_are_told(world: World) -> None:
    # Google's limits are not always those that it documents.
    documented, world.google.limits.vertex_example_tokens = world.google.limits.vertex_example_tokens, 40
    long = b'{"text_input": "count", "output": "%s"}\n' % (b"one two three " * 60)
    content = b'{"text_input": "seven", "output": "eight"}\n' * 19 + long
    try:
        card, job = await world.started("dropped rows", content=content)
        job.finish()
        ended = await world.message("dropped rows", "is ready", thread=card.ts)
    finally:
        world.google.limits.vertex_example_tokens = documented
    assert "Google left out 1 of 20 rows: The example has" in ended.text
    await world.shows(card, "Google left out 1 of 20 rows", "Google trained on")


async def test_a_card_that_somebody_deleted_is_posted_anew(world: World) -> None:
    card, job = await world.started("deleted card")
    card.deleted = True
    job.advance()
    again = await world.card("deleted card")
    assert again.ts != card.ts
    job.finish()
    await world.message("deleted card", "is ready", thread=again.ts)
    await world.shows(again, "done")


async def test_where_the_bot_is_no_member_the_owner_hears_of_it_directly(world: World) -> None:
    outside = world.slack.add_channel("outside", world.ada, with_bot=False)
    link = world.share()
    await world.ada.slash_command(outside, "/tune", f"start name=outside file={link}")
    await world.ada.submit_view(await world.report())

    card = await world.card("outside")

    assert world.slack.workspace.channels[card.channel].kind is ChannelKind.IM
    (await world.job("outside")).finish()
    ended = await world.message("outside", "is ready", thread=card.ts)
    assert ended.channel == card.channel
    await world.shows(card, "done")


async def test_a_channel_that_loses_the_bot_halfway_leads_to_the_owner(world: World) -> None:
    card, job = await world.started("left alone")
    world.channel.members.discard(world.slack.app.bot_user_id)
    job.finish()
    ended = await world.message("left alone", "is ready")
    assert world.slack.workspace.channels[ended.channel].kind is ChannelKind.IM
    assert card.channel == world.channel.id


async def test_googles_trouble_while_a_job_runs_is_shown_and_passes(world_of: Open) -> None:
    async with world_of(job_seconds=None, environment={"TUNEBOT_POLL_SECONDS": "0.1"}) as world:
        card, job = await world.started("troubled")
        job.advance()
        await world.shows(card, "step 1")
        fault = world.google.faults.fail(403, "Permission denied.", path="/tuningJobs/", times=None)
        await world.shows(card, "The last check at Google failed", "Permission denied.", within=3.0)
        world.google.faults.remove(fault)
        await until(
            lambda: "The last check at Google failed" not in shown_in(card) or None, "the card without trouble"
        )
        job.finish()
        await world.message("troubled", "is ready", thread=card.ts)


@pytest.mark.long
async def test_slack_failing_for_a_while_loses_and_repeats_nothing(world: World) -> None:
    card, job = await world.started("slack fails")
    world.slack.faults.fail("chat.*", times=3, status=503)
    world.slack.faults.rate_limit("chat.postMessage", retry_after=1)
    job.finish()
    # After a 503 nobody knows whether the post stands, so the bot looks for it before it posts again.
    await world.message("slack fails", "is ready", thread=card.ts, within=45)
    await world.shows(card, "done")
    assert len(world.messages("is ready")) == 1


@pytest.mark.parametrize("backend", ["vertex", "gemini", "palm"])
async def test_each_backend_shows_steps_losses_and_who_started_it(world: World, backend: str) -> None:
    card, job = await world.started(f"all of {backend}", f"backend={backend} epochs=3")
    job.advance(2)
    await world.shows(card, "Mean loss", "step 2")
    job.finish()
    await world.shows(card, "done", "100%")
