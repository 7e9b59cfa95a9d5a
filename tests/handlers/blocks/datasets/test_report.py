"""What a file holds, as the modal and the thread show it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.datasets import DatasetReport, Finding, Preview, Severity
from bot.domain.datasets import Dialect, FieldMapping
from bot.domain.jobs import Hyperparameters, TuningSpec
from bot.domain.requests import Proposal, StartRequest
from bot.errors import BadArgument, FileUnavailable
from bot.tuning.dataset_repair import RepairedFiles
from handlers.blocks.datasets.report import (
    build_checking_view,
    build_error_view,
    build_repaired_message,
    build_report_message,
    build_report_view,
)
from handlers.blocks.private_metadata import unpack_request
from tests.support.block_checks import check_message, check_view
from tests.support.block_samples import ADA, GEMINI, NOW, PLACE, TRAINING, VERTEX

REPORT = DatasetReport("next_number.jsonl", 900, "ab" * 32, 15, 15, Dialect.GEMINI, characters=80, tokens=40)
SPEC = TuningSpec("gemini", GEMINI.base_models[0], "next number", Hyperparameters(epochs=3), TRAINING)
PROPOSAL = Proposal("tb-p", PLACE, "U1", SPEC, NOW)
EMPTY_OUTPUT = Finding(
    Severity.ERROR,
    "empty-output",
    "The output is empty",
    "Fill it in or leave the row out",
    count=8,
    lines=(4, 9, 12, 40, 41),
    value="  ",
)
FEW = Finding(Severity.WARNING, "few", "15 examples are few; 100 are advised", count=1)


def mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def view_of(*args: Any, **kwargs: Any) -> dict[str, Any]:
    view = build_report_view(*args, **kwargs)
    check_view(view)
    return view


def texts(view: Any) -> list[str]:
    blocks = view["blocks"] if isinstance(view, dict) else view.blocks
    return [each["text"]["text"] for each in blocks if each["type"] == "section" and "text" in each]


def test_a_good_file_is_ready_to_start() -> None:
    assert view_of(REPORT, GEMINI, ADA, PROPOSAL) == {
        "type": "modal",
        "callback_id": "start_report",
        "title": plain("Ready to start"),
        "submit": plain("Start tuning"),
        "close": plain("Not now"),
        "private_metadata": '{"user":"U1","team":"T1","channel":"C1","proposal":"tb-p"}',
        "blocks": [
            {
                "type": "section",
                "block_id": "training_summary",
                "text": mrkdwn(
                    "*next_number.jsonl*: 15 rows, all fit to tune on. "
                    "Form: Gemini API examples (text_input, output)."
                ),
            },
            {
                "type": "section",
                "block_id": "start_facts",
                "fields": [
                    mrkdwn("*Name*\nnext number"),
                    mrkdwn("*Base model*\n`models/gemini-1.5-flash-001-tuning` on Gemini API"),
                    mrkdwn(
                        "*Hyperparameters*\nepochs 3, batch size 4 (default), learning rate 0.001 (default), "
                        "learning rate multiplier chosen by Google"
                    ),
                ],
            },
            {
                "type": "section",
                "block_id": "start_cost",
                "text": mrkdwn(
                    "12 steps in all. About 120 tokens to train on "
                    "(40 in the file, 3 epochs; estimated: 0.236 tokens for a byte of text)."
                ),
            },
            {
                "type": "section",
                "block_id": "notice",
                "text": mrkdwn(
                    "*Please note:* Google has had no base model for tuning on the Gemini API since May 2025."
                ),
            },
            {
                "type": "context",
                "block_id": "report_next",
                "elements": [
                    mrkdwn(
                        "When you start, Google begins to train and to charge for it. "
                        "A card in the channel shows how it goes."
                    )
                ],
            },
        ],
    }


def test_bad_rows_are_named_with_their_lines_and_nothing_can_be_started() -> None:
    bad = replace(REPORT, rows=100, examples=92, findings=(FEW, EMPTY_OUTPUT))
    view = view_of(bad, VERTEX, ADA, None)
    assert "submit" not in view
    assert texts(view) == [
        "*next_number.jsonl*: 100 rows, 92 of them fit to tune on. "
        "Form: Gemini API examples (text_input, output).",
        "*Error in lines 4, 9, 12, 40, 41 and 3 more:* The output is empty. Found: ` `. "
        "Fill it in or leave the row out.",
        "*Warning:* 15 examples are few; 100 are advised.",
    ]


def test_one_bad_row_is_one_line() -> None:
    finding = replace(EMPTY_OUTPUT, count=1, lines=(1_204,), value="")
    assert texts(view_of(replace(REPORT, findings=(finding,)), VERTEX, ADA, None))[1].startswith(
        "*Error in line 1,204:* The output"
    )


def test_items_of_a_json_array_are_called_items() -> None:
    finding = replace(EMPTY_OUTPUT, count=2, lines=(1, 2))
    bad = replace(REPORT, findings=(finding,), unit="item")
    assert "*Error in items 1 and 2:*" in texts(view_of(bad, VERTEX, ADA, None))[1]


def test_the_number_of_steps_is_not_made_up() -> None:
    spec = replace(SPEC, hyperparameters=Hyperparameters())
    view = view_of(REPORT, VERTEX, ADA, replace(PROPOSAL, spec=spec))
    assert "Google chooses the number of steps. About 40 tokens an epoch" in texts(view)[1]


def test_unknown_keys_are_shown_and_the_guess_is_one_click_away() -> None:
    keys = ("question", "answer")
    unknown = replace(REPORT, dialect=None, examples=0, keys=keys, guessed_mapping=FieldMapping(*keys))
    request = StartRequest(file="slack:F1", name="math")
    view = view_of(unknown, VERTEX, ADA, None, request=request)
    assert texts(view)[0] == (
        "*next_number.jsonl*: 15 rows, in no form that I know. The keys are `question` and `answer`. "
        "My guess: input `question`, output `answer`."
    )
    button = view["blocks"][-1]["elements"][0]
    assert (button["action_id"], button["text"]["text"]) == ("form_again", "Fill in question and answer")
    assert unpack_request(button["value"]) == replace(request, mapping=FieldMapping("question", "answer"))


def test_keys_that_were_named_are_repeated() -> None:
    mapped = replace(REPORT, dialect=Dialect.MAPPED, mapping=FieldMapping("question", "answer"))
    assert "Form: input `question`, output `answer`." in texts(view_of(mapped, VERTEX, ADA, PROPOSAL))[0]


def test_both_files_are_reported() -> None:
    second = replace(REPORT, name="check.jsonl", findings=(FEW,))
    view = view_of(REPORT, VERTEX, ADA, PROPOSAL, validation=second)
    assert texts(view)[1].startswith("*check.jsonl*: 15 rows")


def test_only_the_first_findings_are_shown_and_the_rest_counted() -> None:
    many = tuple(replace(EMPTY_OUTPUT, rule=f"r{index}", message=f"Reason {index}") for index in range(40))
    bad = replace(REPORT, findings=many)
    view = view_of(bad, VERTEX, ADA, None)
    assert len(texts(view)) == 31
    assert "And 10 more findings." in json.dumps(view)
    message = build_report_message(bad, VERTEX)
    check_message(message)
    assert "And 35 more findings." in json.dumps(message.blocks)


def test_the_report_in_a_thread_can_start_it() -> None:
    message = build_report_message(replace(REPORT, findings=(FEW,)), VERTEX, PROPOSAL)
    check_message(message)
    button = message.blocks[-1]["elements"][0]
    assert (button["action_id"], button["value"]) == ("report_start", "tb-p")
    assert message.text.startswith("*next_number.jsonl*: 15 rows, all fit to tune on.")
    assert "15 examples are few" in message.text


def test_while_the_file_is_read_the_modal_says_so() -> None:
    view = build_checking_view("<big>.jsonl")
    check_view(view)
    assert "I am checking &lt;big&gt;.jsonl." in view["blocks"][0]["text"]["text"]
    assert "submit" not in view


def test_an_error_leads_back_to_the_form() -> None:
    request = StartRequest(name="capitals", file="slack:F1")
    view = build_error_view(FileUnavailable("That file was deleted in Slack.", "Share it again."), ADA, request)
    check_view(view)
    assert texts(view) == ["That file was deleted in Slack.\nShare it again."]
    assert unpack_request(view["blocks"][1]["elements"][0]["value"]) == request


def test_a_request_too_long_for_a_button_leaves_the_button_out() -> None:
    request = StartRequest(file="gs://b/" + "a" * 1_100, validation="gs://b/" + "b" * 1_100)
    view = build_error_view(BadArgument("No.", "Yes."), ADA, request)
    check_view(view)
    assert len(view["blocks"]) == 1


@pytest.mark.parametrize("dialect", list(Dialect))
def test_every_dialect_has_a_plain_name(dialect: Dialect) -> None:
    assert "Form: " in texts(view_of(replace(REPORT, dialect=dialect), VERTEX, ADA, PROPOSAL))[0]


@pytest.mark.parametrize(
    ("cut_turns", "rejected", "words"),
    [
        (0, 0, "9 rows kept. Nothing left out. Both"),
        (2, 0, "9 rows kept. No row left out. 2 turns without an answer cut off. Both"),
        (1, 3, "9 rows kept. 3 rows left out. 1 turn without an answer cut off. Both"),
    ],
)
def test_a_repair_never_says_that_nothing_was_left_out_where_turns_were_cut(
    cut_turns: int, rejected: int, words: str
) -> None:
    files = RepairedFiles("talks", Path("a"), Path("b"), 9, 0, rejected, 0, cut_turns)
    assert words in build_repaired_message(files).text


def test_the_view_shows_the_first_examples_and_the_thread_does_not() -> None:
    preview = Preview("Who <!here> is *that*?", "A friend.", system="Be brief.", earlier=2)
    report = replace(REPORT, previews=(preview,))
    view = view_of(report, GEMINI, ADA, PROPOSAL)
    [block] = [block for block in view["blocks"] if block.get("block_id") == "previews"]
    text = block["text"]["text"]
    assert "*Question (after 2 earlier turns):* Who &lt;!here&gt; is" in text
    assert "*Answer:* A friend." in text
    check_view(view)
    assert "friend" not in str(build_report_message(report, GEMINI, PROPOSAL))
