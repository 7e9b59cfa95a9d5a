"""What the job card and the reply at a job's end show, whatever Google and Slack do meanwhile."""

import pytest

from bot.sandbox.slack import ChannelKind
from handlers.blocks.formatting import loss
from tests.support.bot_harness import BotHarness, OpenBot, buttons, shown_in
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.long]


@pytest.fixture(scope="module", params=["socket", "http"])
def way_in(request: pytest.FixtureRequest) -> str:
    """Over Socket Mode, and over HTTP."""
    return str(request.param)


async def test_the_card_is_one_message_that_is_edited_until_the_end(bot: BotHarness) -> None:
    card, job = await bot.started("one card", "epochs=4 adapter=8")
    job.advance(3)
    await bot.shows(card, "step 3", "Mean loss", "so far")
    assert "epochs 4" in card.text
    assert "adapter size 8" in card.text
    assert "20 rows from numbers.jsonl" in card.text
    assert f"Started by <@{bot.ada.id}>" in card.text
    assert [block for block in card.blocks if block["type"] == "data_visualization"]
    job.finish()
    ended = await bot.message("one card", "is ready", thread=card.ts)
    await bot.shows(card, "done", "100%", "Took")

    assert card.edits >= 2
    assert len(bot.messages("Tuning one card (")) == 1
    assert {reference.target for reference in ended.pings} == {bot.ada.id}
    ready = await bot.message("is ready", thread=card.ts)
    assert ready.broadcast, "the channel sees it, too"
    assert buttons(card).keys() == {"job_ask", "job_use", "job_share", "job_tune_again", "job_delete"}
    assert "/ask model=" in ended.text


async def test_a_card_and_status_show_all_six_metrics_how_far_it_is_and_its_page_at_google(
    bot: BotHarness,
) -> None:
    rows = b"".join(b'{"text_input": "%d", "output": "%d"}\n' % (number, number + 1) for number in range(40))
    card, job = await bot.started("measured", "validation=25% epochs=8", rows)
    job.advance(job.total_steps // 2)
    # Vertex AI says how many steps there are only at the end; until then the epochs are all that is known.
    await bot.shows(
        card, f"step {job.steps}, epoch 4 of 8", "Correct predictions by step", "On the validation file"
    )
    await bot.ada.slash_command(bot.channel, "/ask", "model=measured seven")
    await bot.message(f"“measured” is not ready yet: its tuning is running, step {job.steps}, epoch 4 of 8.")
    job.finish()
    await bot.shows(card, "done, ", "100%")
    last = job.snapshots[-1]
    assert last.validation is not None
    await bot.type("status measured")
    told = await wait_until(
        lambda: next((each for each in bot.messages("Tuning measured (") if each.visible_to), None), "the status"
    )
    for shown in (card, told):
        for score in (last.train, last.validation):
            assert f"of {score.predictions:,} prediction" in shown.text
        assert f"Mean loss {loss(last.train.loss)} at step {last.step}" in shown.text
        assert f"On the validation file {loss(last.validation.loss)} at step {last.step}" in shown.text
    drawn = [each for each in card.blocks if each["type"] == "data_visualization"]
    assert [each["title"] for each in drawn] == ["Mean loss by step", "Correct predictions by step"]
    assert all([line["name"] for line in each["chart"]["series"]] == ["Training", "Validation"] for each in drawn)
    assert "epoch 2" in str(drawn)
    (details,) = (each for each in card.blocks if each["type"] == "container")
    assert details["default_collapsed"]
    assert "https://console.cloud.google.com/vertex-ai/" in str(details)
    assert f"`{job.name}`" in str(details)


async def test_where_google_says_how_many_steps_there_are_percent_and_time_left_are_shown(bot: BotHarness) -> None:
    card, job = await bot.started("halfway", "backend=gemini epochs=4")
    job.advance(job.total_steps // 2)
    await bot.shows(card, "50%", "so far, ")
    assert "`██████████░░░░░░░░░░`" in shown_in(card)
    assert "left." in card.text or "nearly done." in card.text
    await bot.ada.slash_command(bot.channel, "/ask", "model=halfway seven")
    await bot.message("“halfway” is not ready yet: its tuning is running, 50% done.")


async def test_a_card_says_that_it_waits_for_googles_quota(bot: BotHarness) -> None:
    usual, bot.google.limits.concurrent_vertex_jobs = bot.google.limits.concurrent_vertex_jobs, 0
    try:
        card, job = await bot.started("patient")
        await bot.shows(card, "waiting in Google's queue", "It waits for quota: Google runs only so many")
    finally:
        bot.google.limits.concurrent_vertex_jobs = usual
    job.finish()
    await bot.shows(card, "done")
    assert "It waits" not in card.text


async def test_an_ended_card_starts_again_and_opens_the_form_with_the_same_file(bot: BotHarness) -> None:
    card, job = await bot.started("ended", "epochs=7")
    job.fail(13, "Internal error encountered.")
    await bot.shows(card, "❌ ended: failed")
    assert buttons(card) == {"job_again": "Try again", "job_tune_again": "Tune again"}
    await bot.ada.click(card, "job_tune_again")
    form = await bot.view("Tune a model")
    assert "numbers.jsonl" in str(form.blocks)
    await bot.ada.close_view()
    await bot.ada.click(card, "job_again")
    report = await bot.report("Ready to start")
    assert "epochs 7" in shown_in(report)
    await bot.ada.close_view()


async def test_a_workspace_without_charts_sees_the_losses_in_words(open_bot: OpenBot) -> None:
    async with open_bot(job_seconds=None, environment={"TUNEBOT_POLL_SECONDS": "0.1"}) as bot:
        bot.slack.workspace.charts_enabled = False
        card, job = await bot.started("no charts")
        job.advance(4)
        await bot.shows(card, "Mean loss by step", "Lowest:")
        assert not [block for block in card.blocks if block["type"] == "data_visualization"]
        job.finish()
        await bot.message("no charts", "is ready", thread=card.ts)
        refused = [
            call
            for call in bot.slack.workspace.calls_of("chat.update")
            if call.response and call.response.get("error") == "invalid_blocks"
        ]
        assert len(refused) == 1, "what Slack refused once is not tried again"


async def test_a_state_that_nobody_knows_is_shown_in_googles_word_and_does_not_stop_the_job(
    bot: BotHarness,
) -> None:
    card, job = await bot.started("odd state")
    job.advance()
    job.set_state("JOB_STATE_MEDITATING")
    await bot.shows(card, "Google calls this state", "JOB_STATE_MEDITATING")
    job.set_state(None)
    job.finish()
    await bot.message("odd state", "is ready", thread=card.ts)


async def test_a_job_that_failed_at_google_tells_the_reason_and_what_to_do(bot: BotHarness) -> None:
    for backend in ("vertex", "gemini", "palm"):
        card, job = await bot.started(f"fails {backend}", f"backend={backend}")
        job.fail(3, "Row: 0. Missing required 'contents' field.")
        ended = await bot.message(f"fails {backend}", "failed on", "Row: 0. Missing", thread=card.ts)
        assert "What to do:" in ended.text
        assert f"<@{bot.ada.id}>" in ended.text
        await bot.shows(card, "failed", "Row: 0. Missing required", "What to do:")
        assert "job_cancel" not in buttons(card)
        assert "job_ask" not in buttons(card)


async def test_a_cancellation_at_google_is_no_failure(bot: BotHarness) -> None:
    card, job = await bot.started("elsewhere")
    job.cancel()
    await bot.message("elsewhere", "was cancelled at Google, not by me", thread=card.ts)
    await bot.shows(card, "Cancelled at Google")


async def test_rows_that_google_dropped_are_told(bot: BotHarness) -> None:
    # Google's limits are not always those that it documents.
    documented, bot.google.limits.vertex_example_tokens = bot.google.limits.vertex_example_tokens, 40
    long = b'{"text_input": "count", "output": "%s"}\n' % (b"one two three " * 60)
    content = b'{"text_input": "seven", "output": "eight"}\n' * 19 + long
    try:
        card, job = await bot.started("dropped rows", content=content)
        job.finish()
        ended = await bot.message("dropped rows", "is ready", thread=card.ts)
    finally:
        bot.google.limits.vertex_example_tokens = documented
    assert "Google left out 1 of 20 rows: The example has" in ended.text
    await bot.shows(card, "Google left out 1 of 20 rows", "Google trained on")


async def test_where_the_bot_is_no_member_the_owner_hears_of_it_directly(bot: BotHarness) -> None:
    outside = bot.slack.add_channel("outside", bot.ada, with_bot=False)
    link = bot.share()
    await bot.ada.slash_command(outside, "/tune", f"start name=outside file={link}")
    await bot.ada.submit_view(await bot.report())

    card = await bot.card("outside")

    assert bot.slack.workspace.channels[card.channel].kind is ChannelKind.IM
    (await bot.job("outside")).finish()
    ended = await bot.message("outside", "is ready", thread=card.ts)
    assert ended.channel == card.channel
    await bot.shows(card, "done")


async def test_a_channel_that_loses_the_bot_for_a_moment_keeps_its_card_and_its_replies(bot: BotHarness) -> None:
    card, job = await bot.started("left alone")
    bot.channel.members.discard(bot.slack.app.bot_user_id)
    job.finish()
    refused = [call for call in bot.slack.workspace.calls if call.method == "chat.postMessage"]
    await wait_until(
        lambda: (
            len([call for call in bot.slack.workspace.calls if call.method == "chat.postMessage"]) > len(refused)
        ),
        "a post that the channel refuses",
    )
    bot.channel.members.add(bot.slack.app.bot_user_id)
    ended = await bot.message("left alone", "is ready", thread=card.ts)
    assert ended.channel == bot.channel.id
    await bot.shows(card, "done")


async def test_googles_trouble_while_a_job_runs_is_shown_and_passes(open_bot: OpenBot) -> None:
    async with open_bot(job_seconds=None, environment={"TUNEBOT_POLL_SECONDS": "0.1"}) as bot:
        card, job = await bot.started("troubled")
        job.advance()
        await bot.shows(card, "step 1")
        fault = bot.google.faults.fail(403, "Permission denied.", path="/tuningJobs/", times=None)
        await bot.shows(card, "The last check at Google failed", "Permission denied.")
        bot.google.faults.remove(fault)
        await wait_until(
            lambda: "The last check at Google failed" not in shown_in(card), "the card without trouble"
        )
        job.finish()
        await bot.message("troubled", "is ready", thread=card.ts)


@pytest.mark.long
async def test_slack_failing_for_a_while_loses_and_repeats_nothing(bot: BotHarness) -> None:
    card, job = await bot.started("slack fails")
    bot.slack.faults.fail("chat.*", times=3, status=503)
    bot.slack.faults.rate_limit("chat.postMessage", retry_after=1)
    job.finish()
    # After a 503 nobody knows whether the post stands, so the bot looks for it before it posts again.
    await bot.message("slack fails", "is ready", thread=card.ts)
    await bot.shows(card, "done")
    assert len(bot.messages("is ready")) == 1


@pytest.mark.parametrize("backend", ["vertex", "gemini", "palm"])
async def test_each_backend_shows_steps_losses_and_who_started_it(bot: BotHarness, backend: str) -> None:
    card, job = await bot.started(f"all of {backend}", f"backend={backend} epochs=3")
    job.advance(2)
    await bot.shows(card, "Mean loss", "step 2")
    job.finish()
    await bot.shows(card, "done", "100%")
