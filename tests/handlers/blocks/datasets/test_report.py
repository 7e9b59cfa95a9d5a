"""What a file holds, as the modal and the thread show it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.datasets import DatasetReport, Finding, Preview, Severity
from bot.domain.datasets import Dialect, FieldMapping
from bot.domain.jobs import Hyperparameters, TuningSpec
from bot.domain.requests import Proposal, StartRequest
from handlers.blocks.datasets.finding_list import build_details_view
from handlers.blocks.datasets.report import build_report_message, build_report_view
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
FEW = Finding(Severity.WARNING, "few", "15 rows are few; 100 are advised", count=1)


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
                    "*next_number.jsonl*: 15 rows, all fit to tune on. Form: Gemini API rows (text_input, output)."
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
                    "(40 in one pass, 3 passes; estimated: 0.236 tokens for a byte of text)."
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
        "*next_number.jsonl*: 100 rows, 92 of them fit to tune on. Form: Gemini API rows (text_input, output).",
        "*To put right*\n• *8 rows*, lines 4, 9, 12, …: The output is empty.",
        "*Good to know*\n• 15 rows are few; 100 are advised.",
    ]


def test_one_bad_row_is_one_line() -> None:
    finding = replace(EMPTY_OUTPUT, count=1, lines=(1_204,), value="")
    found = texts(view_of(replace(REPORT, findings=(finding,)), VERTEX, ADA, None))[1]
    assert found == "*To put right*\n• Line 1,204: The output is empty."


def test_items_of_a_json_array_are_called_items() -> None:
    finding = replace(EMPTY_OUTPUT, count=2, lines=(1, 2))
    bad = replace(REPORT, findings=(finding,), unit="item")
    assert "• *2 rows*, items 1, 2: The output" in texts(view_of(bad, VERTEX, ADA, None))[1]


def test_the_number_of_steps_is_not_made_up() -> None:
    spec = replace(SPEC, hyperparameters=Hyperparameters())
    view = view_of(REPORT, VERTEX, ADA, replace(PROPOSAL, spec=spec))
    assert "Google chooses the number of steps. About 40 tokens in one pass" in texts(view)[1]


def test_unknown_keys_are_shown_and_the_guess_is_one_click_away() -> None:
    keys = ("question", "answer")
    unknown = replace(REPORT, dialect=None, examples=0, keys=keys, guessed_mapping=FieldMapping(*keys))
    request = StartRequest(file="slack:F1", name="math")
    view = view_of(unknown, VERTEX, ADA, None, request=request)
    assert texts(view)[0] == (
        "*next_number.jsonl*: 15 rows, in no form that I know. The keys are `question` and `answer`."
    )
    assert texts(view)[1] == "*Is `question` what people ask, and `answer` what the model should say?*"
    yes, change = view["blocks"][2]["elements"]
    assert (yes["action_id"], yes["text"]["text"]) == ("report_check", "Yes, check it so")
    assert unpack_request(yes["value"]) == replace(request, mapping=FieldMapping("question", "answer"))
    assert (change["action_id"], unpack_request(change["value"])) == ("form_again", request)


def test_whether_to_learn_the_preferred_answers_is_asked() -> None:
    finding = replace(FEW, rule="preferred-only", message="Each row has a preferred answer and another one.")
    pairs = replace(REPORT, dialect=Dialect.TRL, findings=(finding,))
    request = StartRequest(file="slack:F1")
    view = view_of(pairs, VERTEX, ADA, None, request=request)
    assert "Should the model learn the preferred answers" in texts(view)[1]
    yes = view["blocks"][2]["elements"][0]
    assert unpack_request(yes["value"]) == replace(request, preferred_only=True)
    message = build_report_message(pairs, VERTEX, None, request=request)
    check_message(message)
    assert "Yes, the preferred ones" in json.dumps(message.blocks)
    answered = view_of(pairs, VERTEX, ADA, PROPOSAL, request=replace(request, preferred_only=True))
    assert "Should the model" not in json.dumps(answered)


def test_the_repair_stands_on_top_of_the_report() -> None:
    broken = replace(EMPTY_OUTPUT, rule="empty-field")
    view = view_of(replace(REPORT, findings=(broken,)), VERTEX, ADA, None, request=StartRequest(file="slack:F1"))
    assert texts(view)[1].startswith("*I can repair this file.*")
    assert [each["text"]["text"] for each in view["blocks"][2]["elements"]] == [
        "Repair and continue",
        "Repair and post here",
        "Change something",
    ]


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ([(24,), (24,)], "Line 24: "),
        ([(24,), (3, 24)], "*2 rows*, lines 3, 24: "),
        ([(24, 25), (3, 26)], "*4 rows*, lines 3, 24, 25, …: "),
    ],
)
def test_findings_in_the_same_rows_are_counted_once(lines: list[tuple[int, ...]], place: str) -> None:
    findings = tuple(replace(EMPTY_OUTPUT, count=len(each), lines=each) for each in lines)
    text = texts(view_of(replace(REPORT, findings=findings), VERTEX, ADA, None))[1]
    assert text == f"*To put right*\n• {place}The output is empty. And 1 more of this kind."


def test_findings_of_one_kind_are_one_line_and_each_has_its_details() -> None:
    places = [replace(EMPTY_OUTPUT, field=f"messages[{i}]", message=f"Turn {i} is empty") for i in range(3)]
    bad = replace(REPORT, findings=(*places, FEW))
    text = texts(view_of(bad, VERTEX, ADA, None))[1]
    assert text == "*To put right*\n• Lines 4, 9, 12, …: Turn 0 is empty. And 2 more of this kind."
    details = build_details_view([bad, bad])
    check_view(details)
    assert texts(details)[1:5] == [
        *(
            f"*Error in lines 4, 9, 12, 40, 41 and 3 more:* Turn {i} is empty. Found: ` `. "
            "Fill it in or leave the row out."
            for i in range(3)
        ),
        "*Warning:* 15 rows are few; 100 are advised.",
    ]


def test_keys_that_were_named_are_repeated() -> None:
    mapped = replace(REPORT, dialect=Dialect.MAPPED, mapping=FieldMapping("question", "answer"))
    assert "Form: input `question`, output `answer`." in texts(view_of(mapped, VERTEX, ADA, PROPOSAL))[0]


def test_both_files_are_reported() -> None:
    second = replace(REPORT, name="check.jsonl", findings=(FEW,))
    view = view_of(REPORT, VERTEX, ADA, PROPOSAL, validation=second)
    assert texts(view)[1].startswith("To validate with: *check.jsonl*: 15 rows")


def test_only_the_first_findings_are_shown_and_the_rest_counted() -> None:
    many = tuple(replace(EMPTY_OUTPUT, rule=f"r{index}", message=f"Reason {index}") for index in range(40))
    bad = replace(REPORT, findings=many)
    view = view_of(bad, VERTEX, ADA, None)
    assert texts(view)[1].endswith("Reason 7.\n• and 32 more kinds")
    message = build_report_message(bad, VERTEX)
    check_message(message)
    assert "and 32 more kinds" in json.dumps(message.blocks)
    details = build_details_view([replace(bad, findings=many * 2)])
    check_view(details)
    assert "And 35 more findings." in json.dumps(details)


def test_the_report_in_a_thread_can_start_it() -> None:
    message = build_report_message(replace(REPORT, findings=(FEW,)), VERTEX, PROPOSAL)
    check_message(message)
    button = message.blocks[-1]["elements"][0]
    assert (button["action_id"], button["value"]) == ("report_start", "tb-p")
    assert message.text.startswith("*next_number.jsonl*: 15 rows, all fit to tune on.")
    assert "15 rows are few" in message.text


@pytest.mark.parametrize("dialect", list(Dialect))
def test_every_dialect_has_a_plain_name(dialect: Dialect) -> None:
    assert "Form: " in texts(view_of(replace(REPORT, dialect=dialect), VERTEX, ADA, PROPOSAL))[0]


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


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (0, "Nothing was started. Check another file, or this one when that is put right."),
        (15, "Nothing was started. Put the rows right and check the file again."),
    ],
)
def test_rows_are_to_be_put_right_only_where_there_are_rows(rows: int, words: str) -> None:
    finding = replace(EMPTY_OUTPUT, message="This is a PDF file, not a training file.", lines=())
    view = view_of(replace(REPORT, rows=rows, examples=0, task=None, findings=(finding,)), VERTEX, ADA, None)
    assert words in str(view["blocks"])
