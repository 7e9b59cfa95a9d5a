"""The job card, whole, and what each state and each backend changes about it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.backends import profiles
from bot.domain.backend_profile import BackendProfile
from bot.domain.jobs import DataStats, Failure, Hyperparameters, JobState, Search, Snapshot, TuningJob
from handlers.blocks.jobs.card import build_card
from handlers.blocks.jobs.loss_curve import LossCurve, sample
from handlers.blocks.jobs.wording import data_lines
from handlers.blocks.message import Message
from tests.support.block_checks import check_message
from tests.support.block_samples import GEMINI, NOW, VERTEX, a_job, done

CURVE = [Snapshot(1, 3.1), Snapshot(4, 2.05)]


def card(
    job: TuningJob,
    profile: BackendProfile = VERTEX,
    snapshots: Sequence[Snapshot] = (),
    now: datetime = NOW,
    **options: Any,
) -> Message:
    message = build_card(job, profile, snapshots, now, **options)
    check_message(message, mentions={"U1", "U2"})
    return message


def block(message: Message, block_id: str) -> Any:
    blocks = [inner for each in message.blocks for inner in (each, *each.get("child_blocks", ()))]
    return next((each for each in blocks if each["block_id"] == block_id), None)


def buttons(message: Message) -> list[str]:
    found = block(message, "job_actions")
    return [each["action_id"] for each in found["elements"]] if found else []


def mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def test_the_card_of_a_running_job() -> None:
    job = a_job(total_steps=12, completed_steps=4, epoch=1)
    message = card(job, snapshots=CURVE)
    checked = "<!date^1795222800^{date_short_pretty} at {time}|21 November 2026, 01:00 UTC>"
    created = "<!date^1795222500^{date_short_pretty} at {time}|21 November 2026, 00:55 UTC>"
    assert message.text == (
        "Tuning next number (`gemini-3.5-flash` on Vertex AI): running, step 4 of 12, epoch 1 of 3, 33%. "
        "4 minutes so far, about 8 minutes left. Mean loss 2.05 at step 4, down from 3.1 at step 1. "
        "Started by <@U1> on 15 rows from next_number.jsonl: epochs 3, learning rate multiplier chosen by Google, "
        f"adapter size chosen by Google. Last checked {checked}."
    )
    assert list(message.blocks) == [
        {"type": "header", "block_id": "job_title", "text": plain("⚙️ next number: running")},
        {
            "type": "section",
            "block_id": "job_standing",
            "text": mrkdwn(
                "*Running* · step 4 of 12, epoch 1 of 3, 33%\n"
                "`███████░░░░░░░░░░░░░`\n"
                "4 minutes so far, about 8 minutes left.\n"
                "Mean loss 2.05 at step 4, down from 3.1 at step 1."
            ),
        },
        {
            "type": "data_visualization",
            "block_id": "job_losses",
            "title": "Mean loss by step",
            "chart": {
                "type": "line",
                "series": [
                    {
                        "name": "Training",
                        "data": [{"label": "1 · epoch 1", "value": 3.1}, {"label": "4", "value": 2.05}],
                    }
                ],
                "axis_config": {"categories": ["1 · epoch 1", "4"], "x_label": "Step", "y_label": "Mean loss"},
            },
        },
        {
            "type": "actions",
            "block_id": "job_actions",
            "elements": [
                {
                    "type": "button",
                    "action_id": "job_refresh",
                    "text": plain("Refresh"),
                    "value": "tb-1",
                    "accessibility_label": "Refresh next number",
                },
                {
                    "type": "button",
                    "action_id": "job_cancel",
                    "text": plain("Cancel"),
                    "value": "tb-1",
                    "accessibility_label": "Cancel next number",
                    "style": "danger",
                    "confirm": {
                        "title": plain("Cancel this tuning?"),
                        "text": plain(
                            "Google stops training “next number”. What was trained so far is lost, "
                            "and Google may still charge for it."
                        ),
                        "confirm": plain("Cancel the tuning"),
                        "deny": plain("Let it run"),
                        "style": "danger",
                    },
                },
            ],
        },
        {
            "type": "container",
            "block_id": "job_details",
            "title": plain("Details"),
            "child_blocks": [
                {
                    "type": "section",
                    "block_id": "job_facts",
                    "fields": [
                        mrkdwn("*Started by*\n<@U1>"),
                        mrkdwn("*Base model*\n`gemini-3.5-flash` on Vertex AI"),
                        mrkdwn("*File*\n15 rows from next_number.jsonl, SHA-256 `abababababab`"),
                        mrkdwn(
                            "*Hyperparameters*\nepochs 3, learning rate multiplier chosen by Google, "
                            "adapter size chosen by Google"
                        ),
                    ],
                },
            ],
            "is_collapsible": True,
            "default_collapsed": True,
        },
        {
            "type": "context",
            "block_id": "job_footer",
            "elements": [mrkdwn(f"Last checked {checked} · created {created}")],
        },
    ]


def test_a_finished_job_can_be_asked_used_and_deleted() -> None:
    message = card(done(total_steps=12, completed_steps=12), snapshots=CURVE)
    assert buttons(message) == ["job_ask", "job_use", "job_share", "job_tune_again", "job_delete"]
    delete = block(message, "job_actions")["elements"][4]
    assert delete["confirm"]["text"]["text"] == (
        "“next number” is deleted at Google and no longer answers. This cannot be undone."
    )
    assert block(message, "job_title")["text"]["text"] == "✅ next number: done"
    assert "done, step 12 of 12, 100%. Took 4 minutes." in message.text


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (a_job(state=JobState.SUBMITTING), ["job_refresh", "job_cancel"]),
        (a_job(state=JobState.SUBMITTING, stuck_at=NOW), ["job_refresh", "job_cancel", "job_delete"]),
        (a_job(state=JobState.QUEUED), ["job_refresh", "job_cancel"]),
        (a_job(cancelled_by="U2"), ["job_refresh"]),
        (a_job(state=JobState.FAILED), ["job_again", "job_tune_again"]),
        (a_job(state=JobState.CANCELLED), ["job_again", "job_tune_again"]),
        (a_job(state=JobState.FAILED, tuned_model="tunedModels/x"), ["job_again", "job_tune_again", "job_delete"]),
        (a_job(state=JobState.LOST), ["job_delete"]),
        (a_job(state=JobState.LOST, tuned_model="tunedModels/x"), ["job_delete"]),
        (done(endpoint=""), ["job_tune_again", "job_delete"]),
        (done(deleted_by="U2"), []),
    ],
)
def test_each_state_has_its_buttons(job: TuningJob, expected: list[str]) -> None:
    assert buttons(card(job)) == expected


def test_a_backend_that_cannot_cancel_shows_no_cancel() -> None:
    assert buttons(card(a_job(GEMINI), GEMINI)) == ["job_refresh"]


def test_defaults_are_told_apart_from_what_was_set() -> None:
    message = card(a_job(GEMINI), GEMINI)
    assert block(message, "job_facts")["fields"][3]["text"] == (
        "*Hyperparameters*\nepochs 3, batch size 4 (default), learning rate 0.001 (default), "
        "learning rate multiplier chosen by Google"
    )


def test_a_value_that_the_profile_no_longer_knows_is_still_shown() -> None:
    job = a_job()
    job = replace(job, spec=replace(job.spec, hyperparameters=Hyperparameters(batch_size=4)))
    assert "batch size 4" in block(card(job), "job_facts")["fields"][3]["text"]


def test_a_value_that_rules_another_out_is_shown_alone() -> None:
    job = a_job(GEMINI)
    job = replace(job, spec=replace(job.spec, hyperparameters=Hyperparameters(learning_rate_multiplier=0.5)))
    text = block(card(job, GEMINI), "job_facts")["fields"][3]["text"]
    assert text.endswith("batch size 4 (default), learning rate multiplier 0.5")


def test_the_epochs_of_a_default_are_counted_too() -> None:
    job = a_job(GEMINI, epoch=2)
    job = replace(job, spec=replace(job.spec, hyperparameters=Hyperparameters()))
    assert "epoch 2 of 5" in card(job, GEMINI).text


def test_an_unknown_state_is_shown_in_googles_own_word() -> None:
    message = card(a_job(google_state="JOB_STATE_PAUSED"))
    assert "Google calls this state `JOB_STATE_PAUSED`." in message.text
    assert "Google calls this state `JOB_STATE_PAUSED`." in block(message, "job_standing")["text"]["text"]


@pytest.mark.parametrize("word", ["JOB_STATE_RUNNING", "CREATING", ""])
def test_googles_usual_words_are_not_repeated(word: str) -> None:
    assert "Google calls" not in card(a_job(google_state=word)).text


def test_a_failure_says_why_and_what_to_do() -> None:
    failure = Failure(3, "Row: 0. Missing required 'contents' field", "Correct the rows and start again")
    message = card(a_job(state=JobState.FAILED, ended_at=NOW, failure=failure))
    assert block(message, "job_outcome")["text"]["text"] == (
        "Google's reason: Row: 0. Missing required 'contents' field.\n"
        "What to do: Correct the rows and start again."
    )
    assert "Google's reason: Row: 0." in message.text


def test_a_reason_of_our_own_is_not_put_into_googles_mouth() -> None:
    failure = Failure(0, "The start was interrupted: nothing was started.", "Start it again with /tune.")
    message = card(a_job(state=JobState.FAILED, ended_at=NOW, failure=failure))
    assert block(message, "job_outcome")["text"]["text"].startswith("Reason: The start was interrupted")


def test_rows_that_google_left_out_are_said_plainly() -> None:
    stats = DataStats(
        examples=12, billable_tokens=340, steps=12, truncated=1, dropped=3, dropped_reasons=("too long", "empty")
    )
    message = card(done(data_stats=stats))
    said = (
        "Google left out 3 of 15 rows: too long; empty.\n"
        "1 row was too long, and Google cut the end off.\n"
        "Google trained on 12 rows, 340 billable tokens, 12 steps."
    )
    assert block(message, "job_outcome")["text"]["text"] == said
    assert said.replace("\n", " ") in message.text


@pytest.mark.parametrize(("rows", "said"), [(1, "1 of 1 row"), (0, "1 row"), (2, "1 of 2 rows")])
def test_one_row_that_google_left_out_is_one_row(rows: int, said: str) -> None:
    assert data_lines(DataStats(dropped=1), rows) == [f"Google left out {said}."]


def test_who_cancelled_is_named() -> None:
    asked = card(a_job(cancelled_by="U2"))
    assert block(asked, "job_title")["text"]["text"] == "⚙️ next number: cancellation requested"
    assert "<@U2> wants it cancelled. I ask Google until it stops" in asked.text
    assert "Cancelled by <@U2>." in card(a_job(state=JobState.CANCELLED, cancelled_by="U2")).text
    assert "Cancelled at Google." in card(a_job(state=JobState.CANCELLED)).text


def test_a_start_that_google_has_not_confirmed_says_what_is_known() -> None:
    assert "I do not know yet" not in card(a_job(state=JobState.SUBMITTING)).text
    refused = a_job(state=JobState.SUBMITTING, search=Search(refused=5.0), problem="I try it again by myself.")
    assert "I do not know yet" not in card(refused).text
    assert "I try it again by myself." in card(refused).text
    unseen = card(a_job(state=JobState.SUBMITTING, create_sent_at=NOW, search=Search()))
    assert "I do not know yet whether Google started it." in unseen.text
    doubtful = card(a_job(state=JobState.SUBMITTING, search=Search(), stuck_at=NOW, problem="Look for tb-1."))
    assert block(doubtful, "job_title")["text"]["text"] == "❓ next number: in doubt"
    assert "because I cannot look" in doubtful.text
    assert "Look for tb-1." in doubtful.text
    asked = card(a_job(state=JobState.SUBMITTING, search=Search(), cancelled_by="U2"))
    assert "I cancel it as soon as Google shows it." in asked.text
    withdrawn = card(a_job(state=JobState.CANCELLED, cancelled_by="U2", operation=""))
    assert "By my records it was not sent to Google." in withdrawn.text
    forgotten = card(a_job(state=JobState.FAILED, deleted_by="U2", operation=""))
    assert "If Google shows it later, it comes back here." in forgotten.text


def test_what_does_not_work_is_told_until_the_job_ends() -> None:
    trouble = "The last check at Google failed: Google is away (503)"
    assert trouble in card(a_job(problem=trouble)).text
    assert block(card(a_job(problem=trouble)), "job_footer")["elements"][0]["text"].endswith(trouble)
    assert trouble not in card(done(problem=trouble)).text


def test_remaining_time_runs_down_between_two_looks() -> None:
    job = a_job(total_steps=12, completed_steps=4, checked_at=NOW)
    assert "7 minutes so far, about 5 minutes left." in card(job, now=NOW + timedelta(minutes=3)).text
    assert "nearly done." in card(job, now=NOW + timedelta(hours=1)).text


def test_without_steps_no_remaining_time_is_made_up() -> None:
    assert "4 minutes so far. " in card(a_job()).text
    assert "left" not in card(a_job(total_steps=12, completed_steps=0)).text


def test_losses_that_a_backend_never_shows_are_not_waited_for() -> None:
    assert "Google has not reported a loss yet." in block(card(a_job()), "job_standing")["text"]["text"]
    silent = replace(VERTEX, shows_losses=False)
    assert "Vertex AI shows no losses." in block(card(a_job(), silent), "job_standing")["text"]["text"]


def test_a_long_curve_is_drawn_with_twenty_points_first_and_last_among_them() -> None:
    curve = [Snapshot(step, 100 / step) for step in range(1, 500)]
    chart = block(card(a_job(), snapshots=curve), "job_losses")["chart"]
    categories = chart["axis_config"]["categories"]
    assert (len(categories), categories[0], categories[-1]) == (20, "1", "499")


def test_the_validation_loss_is_drawn_where_enough_steps_have_one() -> None:
    curve = [Snapshot(step, 10 / step, eval_loss=12 / step if step % 2 else None) for step in range(1, 20)]
    chart = block(card(a_job(), snapshots=curve), "job_losses")["chart"]
    assert [series["name"] for series in chart["series"]] == ["Training", "Validation"]
    assert chart["axis_config"]["categories"] == [str(step) for step in range(1, 20, 2)]


def test_a_single_validation_loss_is_said_in_words() -> None:
    message = card(a_job(), snapshots=[Snapshot(1, 3.0), Snapshot(2, 2.0, eval_loss=2.5)])
    assert [each["name"] for each in block(message, "job_losses")["chart"]["series"]] == ["Training"]
    assert "On the validation file 2.5 at step 2." in message.text


def test_correct_predictions_have_a_chart_of_their_own_and_epochs_are_marked() -> None:
    curve = [
        Snapshot(
            step,
            10 / step,
            eval_loss=12 / step,
            correct=step / 20,
            predictions=64,
            eval_correct=step / 25,
            eval_predictions=16,
        )
        for step in range(1, 13)
    ]
    job = replace(a_job(), total_steps=12)
    job = replace(job, spec=replace(job.spec, hyperparameters=Hyperparameters(epochs=3)))
    message = card(job, snapshots=curve)
    losses, correct = (block["chart"] for block in message.blocks if block["type"] == "data_visualization")
    assert [each["name"] for each in correct["series"]] == ["Training", "Validation"]
    assert correct["series"][0]["data"][-1] == {"label": "12", "value": 0.6}
    marked = [label for label in losses["axis_config"]["categories"] if "epoch" in label]
    assert marked == ["1 · epoch 1", "5 · epoch 2", "9 · epoch 3"]
    assert "60% of 64 predictions were correct." in message.text
    assert "On the validation file 1 at step 12, 48% of 16 predictions were correct." in message.text
    assert "Correct predictions by step" in str(card(job, snapshots=curve, native_chart=False).blocks)


def test_a_waiting_job_says_what_it_waits_for() -> None:
    waiting = replace(a_job(state=JobState.QUEUED), waits_for="WAITING_FOR_QUOTA")
    assert "waits for quota" in card(waiting).text
    assert "free machines" in card(replace(waiting, waits_for="WAITING_FOR_CAPACITY")).text
    assert "waits" not in card(replace(waiting, waits_for="A_NEW_ONE", state=JobState.RUNNING)).text
    assert "Google reads and prepares the rows." in card(replace(waiting, waits_for="PROCESSING_DATASET")).text


@pytest.mark.parametrize(
    ("job", "shown"),
    [
        (a_job(state=JobState.AWAITING_APPROVAL), "✋ next number: awaiting approval"),
        (a_job(state=JobState.WAITING), "⏳ next number: waiting for its turn"),
        (a_job(state=JobState.SUBMITTING), "⏳ next number: being sent to Google"),
        (a_job(state=JobState.QUEUED), "⏳ next number: waiting in Google's queue"),
        (a_job(state=JobState.RUNNING), "⚙️ next number: running"),
        (done(), "✅ next number: done"),
        (a_job(state=JobState.FAILED), "❌ next number: failed"),
        (a_job(state=JobState.CANCELLED), "⏹️ next number: cancelled"),
        (a_job(state=JobState.LOST), "❓ next number: lost"),
        (done(deleted_by="U2"), "🗑️ next number: deleted"),
    ],
)
def test_each_state_has_a_mark_and_its_word(job: TuningJob, shown: str) -> None:
    assert block(card(job), "job_title")["text"]["text"] == shown


def test_the_card_links_to_the_job_in_google_cloud_and_shows_its_resource() -> None:
    name = "projects/7/locations/us-central1/tuningJobs/42"
    page = (
        "https://console.cloud.google.com/vertex-ai/generative/language/locations/us-central1/tuning/tuningJob/42"
    )
    vertex = replace(VERTEX, console_url=profiles.VERTEX.console_url)
    facts = {
        each["text"].split("\n")[0]: each["text"]
        for each in block(build_card(a_job(operation=name), vertex, (), NOW), "job_facts")["fields"]
    }
    assert facts["*At Google*"] == f"*At Google*\n<{page}?project=7|Open it in Google Cloud>\n`{name}`"
    elsewhere = block(card(a_job(GEMINI, operation="tunedModels/x"), GEMINI), "job_facts")["fields"]
    assert elsewhere[-1]["text"] == "*At Google*\n`tunedModels/x`"


def test_where_slack_refuses_charts_the_curve_is_words() -> None:
    curve = [Snapshot(step, 8.0 - step) for step in range(8)]
    message = card(a_job(), snapshots=curve, native_chart=False)
    assert block(message, "job_losses") == {
        "type": "section",
        "block_id": "job_losses",
        "text": mrkdwn(
            "*Mean loss by step*\n`█▇▆▅▄▃▂▁`\n"
            "step 0: 8 · step 1: 7 · step 3: 5 · step 4: 4 · step 6: 2 · step 7: 1\n"
            "Lowest: 1 at step 7."
        ),
    }


def test_words_in_place_of_charts_mark_epochs_too() -> None:
    curve = [Snapshot(step, 8.0 - step) for step in range(1, 5)]
    job = a_job(total_steps=4)
    job = replace(job, spec=replace(job.spec, hyperparameters=Hyperparameters(epochs=2)))
    text = block(card(job, snapshots=curve, native_chart=False), "job_losses")["text"]["text"]
    assert "step 1 (epoch 1): 7 · step 2: 6 · step 3 (epoch 2): 5 · step 4: 4" in text


def test_a_metric_that_the_last_step_lacks_is_shown_of_the_step_that_has_it() -> None:
    curve = [Snapshot(1, 3.0, correct=0.25, predictions=20), Snapshot(2, 2.0, correct=0.5, predictions=40)]
    shown = card(a_job(), snapshots=[*curve, Snapshot(3, 1.0)]).text
    assert "50% of 40 predictions were correct at step 2." in shown
    assert "50% of 40 predictions were correct." in card(a_job(), snapshots=curve).text


def test_losses_that_are_no_numbers_are_left_out() -> None:
    message = card(a_job(), snapshots=[Snapshot(1, float("nan")), Snapshot(2, float("inf")), Snapshot(3, 1.0)])
    assert block(message, "job_losses") is None
    assert "Mean loss 1 at step 3." in message.text


def test_one_step_is_drawn_once() -> None:
    curve = LossCurve.of([Snapshot(2, 1.0), Snapshot(1, 2.0), Snapshot(2, 0.5)])
    assert [(each.step, each.mean_loss) for each in curve.points] == [(1, 2.0), (2, 0.5)]


def test_a_sample_keeps_both_ends_and_repeats_nothing() -> None:
    points = [Snapshot(step, 1.0) for step in range(21)]
    steps = [each.step for each in sample(points, 20)]
    assert (len(steps), len(set(steps)), steps[0], steps[-1]) == (20, 20, 0, 20)


def test_a_tuned_base_is_shown_by_the_end_of_its_name() -> None:
    job = a_job()
    job = replace(job, spec=replace(job.spec, base_model="projects/p/locations/us-central1/models/77@1"))
    assert "`77@1` on Vertex AI" in card(job).text


def test_the_card_names_who_pressed_start_and_whose_report_it_was() -> None:
    message = build_card(a_job(owner="U2", prepared_by="U1"), VERTEX, (), NOW)
    check_message(message, mentions={"U1", "U2"})
    assert "Started by <@U2>, on the report of <@U1>" in message.text
    assert "*Started by*\n<@U2>, on the report of <@U1>" in str(message.blocks).replace("\\n", "\n")


def test_a_card_without_buttons_is_otherwise_the_same() -> None:
    job = a_job(state=JobState.RUNNING)
    card, bare = build_card(job, VERTEX, (), NOW), build_card(job, VERTEX, (), NOW, with_buttons=False)
    assert bare.blocks == tuple(block for block in card.blocks if block["type"] != "actions")
    assert len(bare.blocks) < len(card.blocks)


@pytest.mark.parametrize(
    ("ahead", "at_once", "words"),
    [
        (0, 1, "Vertex AI runs 1 tuning of this project at a time, so it waits here and starts by itself. It is"),
        (2, 3, "so it waits here and starts by itself. 2 other tunings start before it."),
        (1, 0, "It waits here and starts by itself. 1 other tuning starts before it."),
    ],
)
def test_a_card_of_a_job_that_waits_says_why_and_what_starts_before_it(
    ahead: int, at_once: int, words: str
) -> None:
    shown = card(a_job(state=JobState.WAITING), replace(VERTEX, tunings_at_once=at_once), ahead=ahead)
    assert words in block(shown, "job_outcome")["text"]["text"]
    assert words in shown.text
    assert "waiting for its turn" in shown.text
    assert buttons(shown) == ["job_refresh", "job_cancel"]


def test_a_job_that_was_only_found_at_google_says_nothing_of_its_rows_and_settings() -> None:
    job = a_job()
    training = replace(job.spec.training, location="", name="an unknown file", sha256="", size=0, examples=0)
    message = card(replace(job, spec=replace(job.spec, training=training)))
    said = message.text + str(message.blocks)
    assert "Started by <@U1> on an unknown file. " in message.text
    for never in ("0 rows", "SHA-256", "epochs"):
        assert never not in said
