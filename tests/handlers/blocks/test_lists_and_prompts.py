"""Lists, help, prompts, the question form and errors."""

from dataclasses import replace

import pytest
from hypothesis import given

from bot.domain.chat import ModelRef
from bot.domain.datasets import FieldMapping
from bot.domain.jobs import Hyperparameters, JobState, TunedModel
from bot.domain.place import Place, Requester
from bot.domain.requests import StartRequest
from bot.errors import BadArgument, Forbidden, NoSuchJob, Outdated
from handlers.blocks.chat.ask_form import build_ask_form, read_ask_form
from handlers.blocks.help import build_help
from handlers.blocks.jobs.listing import build_job_list, build_model_list
from handlers.blocks.private_metadata import (
    pack_request,
    pack_requester,
    unpack_model,
    unpack_request,
    unpack_requester,
)
from handlers.blocks.replies import build_error, build_reply, build_unexpected_error
from handlers.blocks.start.prompt import build_prompt
from handlers.syntax.commands import COMMANDS
from tests.support import block_samples as samples
from tests.support.block_checks import check_message, check_view
from tests.support.block_samples import ADA, GEMINI, NOW, PLACE, VERTEX, a_job, done

CREATED = "<!date^1795222500^{date_short_pretty} at {time}|21 November 2026, 00:55 UTC>"


def test_each_job_is_listed_with_its_state_and_a_way_to_ask_it() -> None:
    message = build_job_list([a_job(total_steps=12, completed_steps=4), done(key="tb-2")], NOW)
    check_message(message)
    running = (
        "*next number* · running · step 4 of 12, 33%\n"
        f"`gemini-3.5-flash` · 15 rows · {CREATED} · 4 minutes so far, about 8 minutes left."
    )
    finished = f"*next number* · done\n`gemini-3.5-flash` · 15 rows · {CREATED} · Took 4 minutes."
    assert message.text == f"2 tunings:\n{running}\n{finished}"
    assert list(message.blocks) == [
        {
            "type": "section",
            "block_id": "job_0",
            "text": {"type": "mrkdwn", "text": running, "verbatim": True},
        },
        {
            "type": "section",
            "block_id": "job_1",
            "text": {"type": "mrkdwn", "text": finished, "verbatim": True},
            "accessory": {
                "type": "button",
                "action_id": "job_ask",
                "text": {"type": "plain_text", "text": "Ask it"},
                "value": "tb-2",
                "accessibility_label": "Ask it: next number",
            },
        },
    ]


def test_a_list_of_jobs_pings_no_owner() -> None:
    message = build_job_list([a_job(owner="U1"), a_job(state=JobState.FAILED, owner="U2")], NOW)
    check_message(message, mentions=set())


def test_a_long_list_says_how_many_more_there_are() -> None:
    message = build_job_list([a_job()] * 40, NOW)
    check_message(message)
    assert message.blocks[-1]["elements"][0]["text"] == "And 25 more."


def test_an_empty_list_says_how_to_begin() -> None:
    assert build_job_list([], NOW).text == "Nothing here yet. Tune a model with `/tune`."


def test_models_of_this_workspace_are_told_from_the_others() -> None:
    job = done()
    ours = TunedModel("vertex", job.tuned_model, job.endpoint, "next number", "gemini-3.5-flash", "ACTIVE", NOW)
    other = TunedModel("gemini", "tunedModels/other-1", "tunedModels/other-1", "")
    message = build_model_list([ours, other], [job], ["PaLM API: Google is away."])
    check_message(message)
    assert [each["text"]["text"] for each in message.blocks[:2]] == [
        "*next number* · vertex · `ACTIVE` · from `gemini-3.5-flash` · "
        "<!date^1795222800^{date_short_pretty} at {time}|21 November 2026, 01:00 UTC> · tuned in this workspace\n"
        '`/ask model="next number" your question`',
        "*tunedModels/other-1* · gemini\n`/ask model=tunedModels/other-1 your question`",
    ]
    assert message.blocks[2]["elements"][0]["text"] == "PaLM API: Google is away."


def test_no_models_and_no_answer_are_not_the_same() -> None:
    assert build_model_list([], []).text == "Google lists no tuned models."
    assert (
        build_model_list([], [], ["Vertex AI: 503"]).text == "I could not list all tuned models.\nVertex AI: 503."
    )


def test_help_names_every_command_and_what_no_longer_trains() -> None:
    message = build_help([VERTEX, GEMINI])
    check_message(message)
    assert all(f"`{command.usage}`: {command.summary}" in message.text for command in COMMANDS)
    assert "`/tune cancel NAME`: Stops a tuning, where Google can." in message.text
    assert "*Vertex AI:* tunes gemini-3.5-flash, gemini-3.5-flash-lite." in message.text
    assert "*Gemini API:* Google has had no base model" in message.text
    assert [each["block_id"] for each in message.blocks] == ["commands", "mentions", "systems"]


def test_a_prompt_carries_the_whole_request_in_its_button() -> None:
    request = StartRequest(name="capitals", hyperparameters=Hyperparameters(epochs=3), file="slack:F1")
    message = build_prompt(request, "next_number.jsonl")
    check_message(message)
    text = (
        "I can tune a model on *next_number.jsonl* with name capitals, epochs 3. "
        "Open the form to check it all; nothing starts before that."
    )
    assert message.text == text
    assert list(message.blocks) == [
        {
            "type": "section",
            "block_id": "prompt",
            "text": {"type": "mrkdwn", "text": text, "verbatim": True},
        },
        {
            "type": "actions",
            "block_id": "prompt_actions",
            "elements": [
                {
                    "type": "button",
                    "action_id": "open_form",
                    "text": {"type": "plain_text", "text": "Open the form"},
                    "value": '{"n":"capitals","f":"slack:F1","h":{"epochs":3}}',
                    "style": "primary",
                }
            ],
        },
    ]


def test_a_prompt_without_a_file_says_where_to_give_one() -> None:
    assert "You can add the file in the form." in build_prompt(StartRequest(), "").text


@given(samples.requests)
def test_a_request_comes_back_from_a_button_as_it_was(request_: StartRequest) -> None:
    try:
        packed = pack_request(request_)
    except BadArgument:
        return
    assert len(packed) <= 2_000
    assert unpack_request(packed) == request_


def test_a_mapping_comes_back_from_a_button() -> None:
    request = StartRequest(mapping=FieldMapping("question", "answer"))
    assert unpack_request(pack_request(request)) == request


@pytest.mark.parametrize("text", ["", "[1]", '{"n":1}', '{"h":{"epochs":"three"}}', '{"k":["one"]}'])
def test_a_button_of_an_older_version_is_outdated(text: str) -> None:
    with pytest.raises(Outdated):
        unpack_request(text)


def test_a_place_comes_back_with_what_was_kept_beside_it() -> None:
    ada = Requester("U1", Place("T1", "C1", "1.2"))
    assert unpack_requester(pack_requester(ada, proposal="tb-p", empty=""), ada) == (ada, {"proposal": "tb-p"})


@pytest.mark.parametrize("sender", [Requester("U2", PLACE), Requester("U1", Place("T2", "C1"))])
def test_a_view_is_refused_to_everybody_but_the_person_for_whom_it_was_opened(sender: Requester) -> None:
    with pytest.raises(Forbidden, match="opened by somebody else"):
        unpack_requester(pack_requester(ADA, proposal="tb-p"), sender)


def test_a_view_that_does_not_say_whose_it_is_is_outdated() -> None:
    with pytest.raises(Outdated):
        unpack_requester('{"team":"T1","channel":"C1"}', ADA)


def test_the_question_form_comes_back_with_its_model() -> None:
    model = ModelRef("vertex", "projects/p/locations/us/endpoints/2", "next number")
    view = build_ask_form(ADA, model)
    check_view(view)
    assert view["callback_id"] == "ask_form"
    filled = {"question": {"question": {"type": "plain_text_input", "value": " What comes after 4? "}}}
    read = read_ask_form({**view, "state": {"values": filled}}, ADA)
    assert (read.place, read.model, read.question, read.errors) == (PLACE, model, "What comes after 4?", {})


def test_an_empty_question_is_said_at_its_field() -> None:
    view = build_ask_form(ADA, ModelRef("vertex", "e", "n"))
    read = read_ask_form({**view, "state": {"values": {"question": {"question": {"value": "  "}}}}}, ADA)
    assert read.errors == {"question": "Type a question first."}


def test_a_question_form_without_a_model_is_outdated() -> None:
    with pytest.raises(Outdated):
        unpack_model('{"team":"T1","user":"U1"}', ADA)


def test_an_error_says_what_and_what_next() -> None:
    message = build_error(NoSuchJob("I know no job named <x>", "See /tune list"))
    check_message(message)
    assert message.text == "I know no job named &lt;x&gt;. See /tune list."
    assert message.blocks[0]["text"]["text"] == "I know no job named &lt;x&gt;.\nSee /tune list."


def test_an_unexpected_error_shows_its_reference_only() -> None:
    message = build_unexpected_error("ab12cd")
    check_message(message)
    assert "`ab12cd`" in message.text


def test_what_is_said_on_a_click_names_who_clicked() -> None:
    message = build_reply("R&D answers here now.", by="U1")
    check_message(message, mentions={"U1"})
    assert message.text == "<@U1>: R&amp;D answers here now."


def test_a_name_that_breaks_markup_breaks_nothing() -> None:
    job = a_job()
    message = build_job_list([replace(job, spec=replace(job.spec, name="*bold*\n<!here>"))], NOW)
    check_message(message)
    assert message.text.count("\n") == 2
