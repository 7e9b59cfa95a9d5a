"""The commands that need no form, typed and by mention, and the buttons on cards."""

import pytest

from tests.scenarios.conftest import NEXT_NUMBER, World, buttons, shown_in, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_list_shows_what_was_tuned_and_how_it_stands(world: World) -> None:
    await world.tuned("listed ready")
    await world.started("listed open")

    await world.type("list")

    listed = await world.message("listed ready", "listed open")
    assert listed.visible_to == world.ada.id
    lines = listed.text.splitlines()
    assert any("listed ready" in line and "done" in line for line in lines)
    assert any("listed open" in line and "done" not in line for line in lines)


async def test_status_of_one_job_shows_its_card_to_who_asked(world: World) -> None:
    _, job = await world.started("how goes it")
    job.advance(2)
    await world.type("status how goes it")
    card = await world.message("Tuning how goes it (", f"step {job.steps}")
    await world.type('status "HOW goes it"')
    assert {"job_refresh", "job_cancel"} <= buttons(card).keys()
    own = await until(
        lambda: next((each for each in world.messages("how goes it") if each.visible_to), None), "the answer"
    )
    assert own.visible_to == world.ada.id


async def test_status_without_a_name_shows_only_what_is_under_way(world: World) -> None:
    await world.tuned("long done")
    await world.started("still going")
    await world.type("status")
    answer = await until(
        lambda: next((each for each in world.messages("still going") if each.visible_to), None), "the answer"
    )
    assert "long done" not in answer.text


async def test_a_wrong_name_is_answered_with_the_name_that_was_meant(world: World) -> None:
    await world.tuned("capitals of Europe")
    await world.type("status capitals of Eurpe")
    await world.message("I know no job named", "capitals of Eurpe", "Did you mean capitals of Europe?")
    await world.ada.slash_command(world.channel, "/ask", 'model="capitals of Erope" who?')
    await world.message("I know no model named", "Did you mean capitals of Europe?")


async def test_a_wrong_verb_is_answered_with_the_verb_that_was_meant(world: World) -> None:
    await world.type("statsu x")
    await world.message("I do not know “statsu”", "Did you mean status?")


async def test_cancel_asks_google_and_the_card_says_who_did(world: World) -> None:
    card, job = await world.started("to cancel")
    await world.type("cancel to cancel")
    await world.message("I asked Google to cancel to cancel")
    ended = await world.message("to cancel", "cancelled by", thread=card.ts)
    assert job.phase == "cancelled"
    assert f"<@{world.ada.id}>" in ended.text
    await world.shows(card, "cancelled", f"Cancelled by <@{world.ada.id}>")
    assert "job_cancel" not in buttons(card)
    await world.type("cancel to cancel")
    await world.message("has already been cancelled", "nothing to cancel")


async def test_delete_takes_the_model_away_at_google_and_its_name_is_free_again(world: World) -> None:
    card = await world.tuned("to delete")
    await world.type("delete to delete")
    await world.message("to delete is deleted.")
    await world.shows(card, f"Deleted by <@{world.ada.id}>")
    assert buttons(card) == {}
    await world.ada.slash_command(world.channel, "/ask", 'model="to delete" seven')
    await world.message("I know no model named", "to delete")
    await world.type(f'start name="to delete" file={world.share()}')
    await world.report("Ready to start")


async def test_a_job_under_way_is_not_deleted_but_told_how_to(world: World) -> None:
    await world.started("keep going")
    await world.type("delete keep going")
    await world.message("keep going is still", "/tune cancel keep going")


async def test_use_makes_a_model_the_channels_and_ask_needs_no_name_any_more(world: World) -> None:
    await world.tuned("channel model")
    await world.tuned("newer one", content=b'{"text_input": "seven", "output": "nothing"}\n' * 4)
    await world.type("use channel model")
    await world.message("channel model answers in this channel now")
    await world.ada.slash_command(world.channel, "/ask", "seven")
    answer = await world.message("asked `channel model`", "eight")
    assert answer.visible_to is None


async def test_models_lists_what_google_has_also_what_was_made_elsewhere(world: World) -> None:
    await world.tuned("made here")
    await world.tuned("made by palm", "backend=palm")
    await world.type("models")
    listed = await world.message("made here", "made by palm", "tuned in this workspace")
    assert "/ask model=" in listed.text
    assert listed.visible_to == world.ada.id


async def test_models_still_lists_the_others_when_one_system_fails(world: World) -> None:
    await world.tuned("survivor")
    world.google.faults.fail(403, "Permission denied on tunedModels.", path="/v1beta/tunedModels", times=None)
    await world.type("models")
    listed = await world.message("survivor", "Gemini API", "Permission denied on tunedModels")
    assert listed.visible_to == world.ada.id


async def test_help_names_every_command_and_says_where_google_no_longer_trains(world: World) -> None:
    await world.type("help")
    helped = await world.message("/tune start", "/tune cancel NAME", "/ask [model=NAME] question")
    assert "no base model left to tune" in helped.text
    assert "shut the PaLM API down" in helped.text


SPOKEN = {
    "list": "NAME",
    "status “NAME”": "Tuning NAME (",
    "status": "NAME",
    "models": "tuned model",
    "help": "/tune start",
    "": "/tune start",
    "cancel “NAME”": "I asked Google to cancel NAME",
}


@pytest.mark.parametrize("said", SPOKEN)
async def test_commands_work_by_mention_in_a_thread(world: World, said: str) -> None:
    name = f"spoken of {world.channel.id}"
    await world.started(name)
    root = world.ada.post(world.channel, "a thread")
    spoken = said.replace("NAME", name)
    world.ada.post(world.channel, world.ada.typed(f"@Tunebot {spoken}"), thread_ts=root.ts)
    reply = await world.message(SPOKEN[said].replace("NAME", name), thread=root.ts)
    assert reply.visible_to is None


async def test_a_list_in_a_thread_pings_nobody(world: World) -> None:
    await world.started("quiet list")
    root = world.ada.post(world.channel, "a thread")
    world.ada.post(world.channel, world.ada.typed("@Tunebot list"), thread_ts=root.ts)
    assert (await world.message("quiet list", thread=root.ts)).pings == []


async def test_use_and_delete_by_mention(world: World) -> None:
    await world.tuned("spoken")
    root = world.ada.post(world.channel, "a thread")
    world.ada.post(world.channel, world.ada.typed("@Tunebot use spoken"), thread_ts=root.ts)
    await world.message("spoken answers in this channel now", thread=root.ts)
    world.ada.post(world.channel, world.ada.typed("@Tunebot delete spoken"), thread_ts=root.ts)
    await world.message("spoken is deleted", thread=root.ts)


async def test_the_cancel_button_cancels(world: World) -> None:
    card, job = await world.started("button cancel")
    job.advance()
    await world.shows(card, "step 1")
    await world.ada.click(card, "job_cancel")
    await world.shows(card, "cancelled")
    assert job.phase == "cancelled"


@pytest.mark.parametrize("way", ["button", "command"])
async def test_a_cancellation_that_google_refuses_is_told_to_who_asked_and_on_its_card(
    world: World, way: str
) -> None:
    card, job = await world.started(f"refused by {way}")
    job.advance()
    await world.shows(card, "step 1")
    world.google.faults.fail(403, path=":cancel$", times=None)
    if way == "button":
        await world.ada.click(card, "job_cancel")
    else:
        await world.type(f"cancel refused by {way}")
    reason = "Google has not confirmed the cancellation: "
    told = await world.message(
        f"I asked Google to cancel refused by {way}. {reason}", "permission. Ask an administrator"
    )
    assert told.visible_to == world.ada.id
    await world.shows(card, "cancellation requested", f"<@{world.ada.id}> wants it cancelled", reason)
    job.finish()
    await world.message(f"refused by {way}", "is ready", "It ended before Google could cancel it.", thread=card.ts)
    await world.shows(card, "done")
    assert reason not in card.text


async def test_palm_and_gemini_jobs_can_be_cancelled_too(world: World) -> None:
    for backend in ("gemini", "palm"):
        card, job = await world.started(f"{backend} cancel", f"backend={backend}")
        await world.shows(card, "running")
        await world.ada.click(card, "job_cancel")
        await world.message(f"{backend} cancel", "was cancelled", thread=card.ts)
        assert job.phase == "cancelled"


async def test_the_refresh_button_looks_at_google_at_once(world: World) -> None:
    card, job = await world.started("button refresh")
    before = card.edits
    await world.ada.click(card, "job_refresh")
    await until(lambda: True if card.edits > before else None, "an edit")
    job.finish()


async def test_the_ask_button_opens_a_form_and_the_answer_comes_into_the_channel(world: World) -> None:
    card = await world.tuned("button ask")
    await world.ada.click(card, "job_ask")
    form = await world.view("Ask the model")
    assert "button ask" in shown_in(form)
    await world.ada.submit_view(form, {"question": "ninety nine"})
    answer = await world.message("asked `button ask`", "one hundred")
    assert answer.channel == world.channel.id


async def test_ask_under_the_reply_that_a_job_ended_asks_too(world: World) -> None:
    card = await world.tuned("reply ask")
    ended = await world.message("is ready", thread=card.ts)
    await world.ada.click(ended, "job_ask")
    await world.ada.submit_view(await world.view("Ask the model"), {"question": "seven"})
    await world.message("asked `reply ask`", "eight", thread=card.ts)


async def test_the_use_button_says_in_the_channel_who_chose_the_model(world: World) -> None:
    card = await world.tuned("button use")
    await world.ada.click(card, "job_use")
    said = await world.message("button use answers in this channel now")
    assert f"<@{world.ada.id}>" in said.text
    world.ada.post(world.channel, world.ada.typed("@Tunebot seven"))
    await world.message("eight", "Answered by `button use`")


async def test_the_delete_button_deletes(world: World) -> None:
    card = await world.tuned("button delete")
    await world.ada.click(card, "job_delete")
    await world.shows(card, f"Deleted by <@{world.ada.id}>")
    assert buttons(card) == {}


async def test_a_button_on_an_ended_jobs_old_reply_says_that_the_job_is_gone(world: World) -> None:
    card = await world.tuned("gone meanwhile")
    ended = await world.message("is ready", thread=card.ts)
    await world.type("delete gone meanwhile")
    await world.shows(card, "Deleted by")
    await world.ada.click(ended, "job_ask")
    await world.message("This job no longer exists", "/tune list")


async def test_a_tuned_model_can_be_tuned_again_by_its_name(world: World) -> None:
    await world.tuned("first course")
    _, job = await world.started("second course", 'base="first course"', NEXT_NUMBER)
    assert "preTunedModel" in job.request
