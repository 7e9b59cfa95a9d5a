"""The views and messages around a report."""

from pathlib import Path
from typing import Any

import pytest

from bot.domain.requests import StartRequest
from bot.errors import BadArgument, FileUnavailable
from bot.tuning.dataset_repair import RepairedFiles
from handlers.blocks.datasets.check_views import build_checking_view, build_error_view, build_repaired_message
from handlers.blocks.private_metadata import unpack_request
from tests.support.block_checks import check_view
from tests.support.block_samples import ADA


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
        (2, 0, "9 rows kept. No row left out. 2 turns without an answer cut off. Both"),
        (1, 3, "9 rows kept. 3 rows left out. 1 turn without an answer cut off. Both"),
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
