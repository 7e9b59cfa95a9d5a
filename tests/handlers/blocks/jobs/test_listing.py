"""The lists of jobs and of tuned models."""

from dataclasses import replace

from bot.domain.jobs import JobState
from bot.domain.operations import TunedModel
from handlers.blocks.jobs.listing import build_job_list, build_model_list
from tests.support.block_checks import check_message
from tests.support.block_samples import NOW, a_job, done

CREATED = "<!date^1795222500^{date_short_pretty} at {time}|21 November 2026, 00:55 UTC>"


def test_each_job_is_listed_with_its_state_and_a_way_to_ask_it() -> None:
    message = build_job_list([a_job(total_steps=12, completed_steps=4), done(key="tb-2")], NOW)
    check_message(message)
    running = (
        "⚙️ *next number* · running · step 4 of 12, 33%\n"
        f"`gemini-3.5-flash` · 15 rows · {CREATED} · 4 minutes so far, about 8 minutes left."
    )
    finished = f"✅ *next number* · done\n`gemini-3.5-flash` · 15 rows · {CREATED} · Took 4 minutes."
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
    assert "No tuning that you can see is under way" in build_job_list([], NOW, under_way=True).text


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


def test_a_name_that_breaks_markup_breaks_nothing() -> None:
    job = a_job()
    message = build_job_list([replace(job, spec=replace(job.spec, name="*bold*\n<!here>"))], NOW)
    check_message(message)
    assert message.text.count("\n") == 2


def test_a_job_whose_rows_are_not_known_is_listed_without_them() -> None:
    job = a_job()
    unknown = replace(job, spec=replace(job.spec, training=replace(job.spec.training, sha256="", examples=0)))
    assert f"`gemini-3.5-flash` · {CREATED}" in build_job_list([unknown], NOW).text
