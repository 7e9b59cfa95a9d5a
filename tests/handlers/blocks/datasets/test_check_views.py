"""The views and messages around a report."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.datasets import DatasetReport, Finding, Severity
from bot.domain.datasets import Dialect
from bot.domain.requests import StartRequest
from bot.errors import BadArgument, FileUnavailable
from bot.tuning.dataset_repair import RepairedFiles
from handlers.blocks.datasets.check_views import (
    build_checking_view,
    build_error_view,
    build_repaired_message,
    build_repairing_view,
    build_way_out,
    nothing_kept,
)
from handlers.blocks.private_metadata import unpack_request
from tests.support.block_checks import check_view
from tests.support.block_samples import ADA

REPORT = DatasetReport("tides.jsonl", 300, "f00d", rows=12, examples=12, dialect=Dialect.PROMPT)


def texts(view: dict[str, Any]) -> list[str]:
    return [each["text"]["text"] for each in view["blocks"] if each["type"] == "section"]


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


@pytest.mark.parametrize(
    ("cut_turns", "rejected", "words"),
    [
        (0, 0, "9 rows kept. Nothing left out. Both"),
        (2, 0, "9 rows kept. No row left out. 2 turns without a question or an answer cut off. Both"),
        (1, 3, "9 rows kept. 3 rows left out. 1 turn without a question or an answer cut off. Both"),
    ],
)
def test_a_repair_never_says_that_nothing_was_left_out_where_turns_were_cut(
    cut_turns: int, rejected: int, words: str
) -> None:
    files = RepairedFiles("talks", Path("a"), Path("b"), 9, 0, rejected, 0, cut_turns)
    assert words in build_repaired_message(files, 2).text


def test_only_files_that_were_uploaded_are_promised() -> None:
    files = RepairedFiles("talks", Path("a"), Path("b"), 9, 0, 0, 0, 0)
    assert build_repaired_message(files).text.endswith("Nothing left out.")
    assert build_repaired_message(files, 1).text.endswith("The repaired file is in this thread.")


def test_where_no_row_can_be_kept_the_first_reason_is_said() -> None:
    files = RepairedFiles(
        "talks", Path("a"), Path("b"), 0, 0, 9, 0, 0, first_reason="The output is empty. Fill it."
    )
    error = nothing_kept(files)
    assert error.message == "No row of talks can be tuned on as it is, so there is nothing to repair it to."
    assert error.hint == "The first one: The output is empty. Fill it."


def test_a_repair_says_who_gets_its_files() -> None:
    alone, posted = build_repairing_view(ADA), build_repairing_view(ADA, in_channel=True)
    assert "send to you alone" in texts(alone)[0]
    assert "post in the channel" in texts(posted)[0]


def finding(rule: str, codec: str = "", rows: int = 12) -> Finding:
    return Finding(Severity.ERROR, rule, "Not so.", "Put it right.", field=codec, count=rows, lines=(1, 2))


@pytest.mark.parametrize(
    ("rule", "codec", "shown"),
    [
        ("not-utf8", "cp1252", "Windows-1252 (or Latin-1)"),
        ("not-utf8", "gb18030", "GB18030 (GBK)"),
        ("utf-16", "utf-16-le", "UTF-16"),
    ],
)
def test_a_guessed_encoding_is_asked_for_and_only_what_helps_is_offered(rule: str, codec: str, shown: str) -> None:
    request = StartRequest(file="slack:F1", name="tides")
    report = replace(REPORT, examples=0, dialect=None, findings=(finding(rule, codec),))
    question, yes, choices = build_way_out(report, request)
    assert question["text"]["text"].startswith(f"*Is this file written in {shown}?*")
    [press] = yes["elements"]
    assert (press["action_id"], press["text"]["text"]) == ("report_encoding", "Yes, read it so")
    assert unpack_request(press["value"]) == replace(request, encoding=codec)
    assert [each["action_id"] for each in choices["elements"]] == ["form_again"]


def test_rows_that_are_good_can_be_kept_without_those_of_another_encoding() -> None:
    report = replace(REPORT, rows=15, examples=12, findings=(finding("not-utf8", "cp1252", 3),))
    offered = [
        each["action_id"] for block in build_way_out(report, StartRequest()) for each in block.get("elements", ())
    ]
    assert offered == ["report_encoding", "report_repair", "report_post", "form_again"]


@pytest.mark.parametrize(
    ("examples", "words"), [(0, "I can try to repair this file."), (12, "I can repair this file.")]
)
def test_a_repair_is_promised_only_where_rows_are_good(examples: int, words: str) -> None:
    report = replace(REPORT, rows=15, examples=examples, findings=(finding("role-order", rows=15 - examples),))
    assert words in build_way_out(report, StartRequest())[0]["text"]["text"]
