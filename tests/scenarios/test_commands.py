"""The commands that need no form, typed and by mention, and the buttons on cards."""

import pytest

from tests.support.bot_harness import NEXT_NUMBER, BotHarness, buttons, shown_in
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.long]


async def test_list_shows_what_was_tuned_and_how_it_stands(bot: BotHarness) -> None:
    await bot.tuned("listed ready")
    await bot.started("listed open")

    await bot.type("list")

    listed = await bot.message("listed ready", "listed open")
    assert listed.visible_to == bot.ada.id
    lines = listed.text.splitlines()
    assert any("listed ready" in line and "done" in line for line in lines)
    assert any("listed open" in line and "done" not in line for line in lines)


async def test_status_of_one_job_shows_its_card_to_who_asked(bot: BotHarness) -> None:
    _, job = await bot.started("how goes it")
    job.advance(2)
    await bot.type("status how goes it")
    card = await bot.message("Tuning how goes it (", f"step {job.steps}")
    await bot.type('status "HOW goes it"')
    assert {"job_refresh", "job_cancel"} <= buttons(card).keys()
    own = await wait_until(
        lambda: next((each for each in bot.messages("how goes it") if each.visible_to), None), "the answer"
    )
    assert own.visible_to == bot.ada.id


async def test_status_without_a_name_shows_only_what_is_under_way(bot: BotHarness) -> None:
    await bot.tuned("long done")
    await bot.started("still going")
    await bot.type("status")
    answer = await wait_until(
        lambda: next((each for each in bot.messages("still going") if each.visible_to), None), "the answer"
    )
    assert "long done" not in answer.text


async def test_a_wrong_name_is_answered_with_the_name_that_was_meant(bot: BotHarness) -> None:
    await bot.tuned("capitals of Europe")
    await bot.type("status capitals of Eurpe")
    await bot.message("I know no tuning named", "capitals of Eurpe", "Did you mean capitals of Europe?")
    await bot.ada.slash_command(bot.channel, "/ask", 'model="capitals of Erope" who?')
    await bot.message("I know no model named", "Did you mean capitals of Europe?")


async def test_a_wrong_verb_is_answered_with_the_verb_that_was_meant(bot: BotHarness) -> None:
    await bot.type("statsu x")
    await bot.message("I do not know “statsu”", "Did you mean status?")


async def test_cancel_asks_google_and_the_card_says_who_did(bot: BotHarness) -> None:
    card, job = await bot.started("to cancel")
    await bot.type_and_confirm("cancel to cancel")
    await bot.message("I asked Google to cancel “to cancel”")
    ended = await bot.message("to cancel", "cancelled by", thread=card.ts)
    assert job.phase == "cancelled"
    assert f"<@{bot.ada.id}>" in ended.text
    await bot.shows(card, "cancelled", f"Cancelled by <@{bot.ada.id}>")
    assert "job_cancel" not in buttons(card)
    await bot.type("cancel to cancel")
    await bot.message("has already been cancelled", "nothing to cancel")
    await bot.type("status")
    await bot.message("No tuning that you can see is under way", "/tune list")


async def test_delete_takes_the_model_away_at_google_and_its_name_is_free_again(bot: BotHarness) -> None:
    card = await bot.tuned("to delete")
    await bot.type_and_confirm("delete to delete")
    await bot.message("to delete is deleted.")
    await bot.shows(card, f"Deleted by <@{bot.ada.id}>")
    assert buttons(card) == {}
    await bot.ada.slash_command(bot.channel, "/ask", 'model="to delete" seven')
    await bot.message("I know no model named", "to delete")
    await bot.type(f'start name="to delete" file={bot.share()}')
    await bot.report("Ready to start")


async def test_a_job_under_way_is_not_deleted_but_told_how_to(bot: BotHarness) -> None:
    await bot.started("keep going")
    await bot.type("delete keep going")
    await bot.message("“keep going” is still", '/tune cancel "keep going"')


async def test_use_makes_a_model_the_channels_and_ask_needs_no_name_any_more(bot: BotHarness) -> None:
    await bot.tuned("channel model")
    await bot.tuned("newer one", content=b'{"text_input": "seven", "output": "nothing"}\n' * 4)
    await bot.type("use channel model")
    await bot.message("channel model* answers in this channel now")
    await bot.ada.slash_command(bot.channel, "/ask", "seven")
    answer = await bot.message("asked `channel model`", "eight")
    assert answer.visible_to is None


async def test_use_alone_shows_who_chose_the_model_and_none_ends_it(bot: BotHarness) -> None:
    await bot.type("use")
    await bot.message("No model was chosen for this channel")
    await bot.answering("shown model")
    notice = bot.messages("shown model* answers in this channel now")
    assert [(f"chosen by <@{bot.ada.id}>" in each.text, each.visible_to) for each in notice] == [(True, None)]
    await bot.type("use")
    await bot.message("shown model* answers in this channel.", f"<@{bot.ada.id}> chose it", "/tune use none")
    await bot.type("use none")
    await bot.message("shown model* no longer answers in this channel", f"<@{bot.ada.id}> decided")
    await bot.ada.slash_command(bot.channel, "/ask", "seven")
    await bot.message("No model was chosen for this channel yet")


async def test_models_lists_what_google_has_also_what_was_made_elsewhere(bot: BotHarness) -> None:
    await bot.tuned("made here")
    await bot.tuned("made by palm", "backend=palm")
    await bot.type("models")
    listed = await bot.message("made here", "made by palm", "tuned in this workspace")
    assert "/ask model=" in listed.text
    assert listed.visible_to == bot.ada.id


async def test_models_still_lists_the_others_when_one_system_fails(bot: BotHarness) -> None:
    await bot.tuned("survivor")
    bot.google.faults.fail(403, "Permission denied on tunedModels.", path="/v1beta/tunedModels", times=None)
    await bot.type("models")
    listed = await bot.message("survivor", "Gemini API", "Permission denied on tunedModels")
    assert listed.visible_to == bot.ada.id


async def test_help_names_every_command_and_says_where_google_no_longer_trains(bot: BotHarness) -> None:
    await bot.type("help")
    helped = await bot.message("/tune start", "/tune cancel NAME", "/ask [compare] [model=NAME")
    assert "no base model left to tune" in helped.text
    assert "shut the PaLM API down" in helped.text


SPOKEN = {
    "list": "NAME",
    "status “NAME”": "Tuning NAME (",
    "status": "NAME",
    "models": "tuned model",
    "help": "/tune start",
    "": "/tune start",
    "cancel “NAME”": "Google stops training “NAME”",
}


@pytest.mark.parametrize("said", SPOKEN)
async def test_commands_work_by_mention_in_a_thread(bot: BotHarness, said: str) -> None:
    name = f"spoken of {bot.channel.id}"
    await bot.started(name)
    root = bot.ada.post(bot.channel, "a thread")
    spoken = said.replace("NAME", name)
    bot.ada.post(bot.channel, bot.ada.typed(f"@Tunebot {spoken}"), thread_ts=root.ts)
    reply = await bot.message(SPOKEN[said].replace("NAME", name), thread=root.ts)
    assert reply.visible_to is None


async def test_a_list_in_a_thread_pings_nobody(bot: BotHarness) -> None:
    await bot.started("quiet list")
    root = bot.ada.post(bot.channel, "a thread")
    bot.ada.post(bot.channel, bot.ada.typed("@Tunebot list"), thread_ts=root.ts)
    assert (await bot.message("quiet list", thread=root.ts)).pings == []


@pytest.mark.long
async def test_use_and_delete_by_mention(bot: BotHarness) -> None:
    await bot.tuned("spoken")
    root = bot.ada.post(bot.channel, "a thread")
    bot.ada.post(bot.channel, bot.ada.typed("@Tunebot use spoken"), thread_ts=root.ts)
    await bot.message("spoken* answers in this channel now", thread=root.ts)
    bot.ada.post(bot.channel, bot.ada.typed("@Tunebot delete spoken"), thread_ts=root.ts)
    question = await bot.message("“spoken” is deleted at Google and no longer answers", thread=root.ts)
    await bot.ada.click(question, "job_delete")
    await bot.message(f"<@{bot.ada.id}>: spoken is deleted.", thread=root.ts)
    await bot.message("spoken*, which answered in this channel, was deleted by")
    bot.ada.post(bot.channel, bot.ada.typed("@Tunebot seven"))
    await bot.message("The model of this channel, “spoken”, was deleted", "/tune use NAME")


async def test_the_cancel_button_cancels(bot: BotHarness) -> None:
    card, job = await bot.started("button cancel")
    job.advance()
    await bot.shows(card, "step 1")
    await bot.ada.click(card, "job_cancel")
    await bot.shows(card, "cancelled")
    assert job.phase == "cancelled"


@pytest.mark.parametrize("way", ["button", "command"])
async def test_a_cancellation_that_google_refuses_is_told_to_who_asked_and_on_its_card(
    bot: BotHarness, way: str
) -> None:
    card, job = await bot.started(f"refused by {way}")
    job.advance()
    await bot.shows(card, "step 1")
    bot.google.faults.fail(403, path=":cancel$", times=None)
    if way == "button":
        await bot.ada.click(card, "job_cancel")
    else:
        await bot.type_and_confirm(f"cancel refused by {way}")
    reason = "Google has not confirmed the cancellation: "
    notice = await bot.message(
        f"I asked Google to cancel “refused by {way}”. {reason}", "permission. Ask an administrator"
    )
    assert notice.visible_to == bot.ada.id
    await bot.shows(card, "cancellation requested", f"<@{bot.ada.id}> wants it cancelled", reason)
    job.finish()
    await bot.message(f"refused by {way}", "is ready", "It ended before Google could cancel it.", thread=card.ts)
    await bot.shows(card, "done")
    assert reason not in card.text


async def test_palm_and_gemini_jobs_can_be_cancelled_too(bot: BotHarness) -> None:
    for backend in ("gemini", "palm"):
        card, job = await bot.started(f"{backend} cancel", f"backend={backend}")
        await bot.shows(card, "running")
        await bot.ada.click(card, "job_cancel")
        await bot.message(f"{backend} cancel", "was cancelled", thread=card.ts)
        assert job.phase == "cancelled"


async def test_the_refresh_button_looks_at_google_at_once(bot: BotHarness) -> None:
    card, job = await bot.started("button refresh")
    before = card.edits
    await bot.ada.click(card, "job_refresh")
    await wait_until(lambda: card.edits > before, "an edit")
    job.finish()


async def test_the_ask_button_opens_a_form_and_the_answer_comes_into_the_channel(bot: BotHarness) -> None:
    card = await bot.tuned("button ask")
    await bot.ada.click(card, "job_ask")
    form = await bot.view("Ask the model")
    assert "button ask" in shown_in(form)
    await bot.ada.submit_view(form, {"question": "ninety nine"})
    answer = await bot.message("asked `button ask`", "one hundred")
    assert answer.channel == bot.channel.id


async def test_ask_under_the_reply_that_a_job_ended_asks_too(bot: BotHarness) -> None:
    card = await bot.tuned("reply ask")
    ended = await bot.message("is ready", thread=card.ts)
    await bot.ada.click(ended, "job_ask")
    await bot.ada.submit_view(await bot.view("Ask the model"), {"question": "seven"})
    await bot.message("asked `reply ask`", "eight", thread=card.ts)


async def test_the_use_button_says_in_the_channel_who_chose_the_model(bot: BotHarness) -> None:
    card = await bot.tuned("button use")
    await bot.ada.click(card, "job_use")
    said = await bot.message("button use* answers in this channel now")
    assert f"<@{bot.ada.id}>" in said.text
    bot.ada.post(bot.channel, bot.ada.typed("@Tunebot seven"))
    await bot.message("eight", "Answered by `button use`")


async def test_the_delete_button_deletes(bot: BotHarness) -> None:
    card = await bot.tuned("button delete")
    await bot.ada.click(card, "job_delete")
    await bot.shows(card, f"Deleted by <@{bot.ada.id}>")
    assert buttons(card) == {}


async def test_a_press_under_a_deleted_model_says_so_and_removes_its_buttons(bot: BotHarness) -> None:
    card = await bot.tuned("gone meanwhile")
    ended = await bot.message("is ready", thread=card.ts)
    await bot.type_and_confirm("delete gone meanwhile")
    await bot.shows(card, "Deleted by")
    await bot.ada.click(ended, "job_ask")
    told = await bot.message("The model “gone meanwhile” was deleted", "/tune list")
    assert told.visible_to == bot.ada.id
    await wait_until(lambda: buttons(ended) == {}, "the buttons to be removed")
    assert "is ready" in shown_in(ended)


async def test_a_tuned_model_can_be_tuned_again_by_its_name(bot: BotHarness) -> None:
    await bot.tuned("first course")
    _, job = await bot.started("second course", 'base="first course"', NEXT_NUMBER)
    assert "preTunedModel" in job.request
