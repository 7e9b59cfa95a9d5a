"""Pictures that rows name are there, are pictures, and fit; what no row shows is named."""

from typing import Any

from bot.backends.profiles import GEMINI, VERTEX
from bot.datasets import DatasetReport
from bot.domain.datasets import Dialect
from tests.support.dataset_builders import JPEG, PNG, check_bytes, finding, jsonl, rules, zipped


def row(*names: str, mime: str = "image/png") -> dict[str, Any]:
    shown = [{"fileData": {"mimeType": mime, "fileUri": name}} for name in names]
    asked = {"role": "user", "parts": [*shown, {"text": f"What is in {' and '.join(names)}?"}]}
    return {"contents": [asked, {"role": "model", "parts": [{"text": "A cat on a chair."}]}]}


def checked(data: bytes) -> DatasetReport:
    return check_bytes(data, VERTEX.limits)


def test_pictures_in_the_zip_are_part_of_the_rows() -> None:
    rows = jsonl(row("images/a.png"), row("./images/b.jpg", "images/a.png"))
    report = checked(zipped({"set/images/a.png": PNG, "set/rows.jsonl": rows, "set/images/b.jpg": JPEG}))
    assert (report.ok, report.examples, report.files, report.pictures) == (True, 2, 3, 2)
    assert report.previews[0].question == "[picture images/a.png] What is in images/a.png?"
    assert report.tokens >= 3 * 1_120
    assert "1,120 for each of 3 pictures" in report.token_method
    assert not report.repairable


def test_what_is_missing_or_no_picture_is_an_error_with_its_lines_and_what_no_row_shows_is_named() -> None:
    rows = jsonl(row("a.png"), row("gone.png"), row("text.png"), row("gone.png"), row("../x.png"))
    report = checked(zipped({"rows.jsonl": rows, "a.png": PNG, "text.png": b"text", "extra.png": PNG}))
    assert rules(report)[:3] == [
        ("picture-missing", 2, (2, 4)),
        ("picture-kind", 1, (3,)),
        ("wrong-type", 1, (5,)),
    ]
    assert "gone.png" in finding(report, "picture-missing").message
    assert "No row shows extra.png." in finding(report, "unused-pictures").message
    assert not report.ok
    assert not report.repairable


def test_rows_without_their_pictures_and_rows_with_too_many_are_errors() -> None:
    many = row(*(f"{number}.png" for number in range(31)))
    report = checked(jsonl(row("a.png"), many))
    assert [rule for rule, _, _ in rules(report)[:2]] == ["picture-missing", "too-many-pictures"]
    assert "one zip" in finding(report, "picture-missing").advice


def test_a_picture_in_openais_form_is_found_and_a_text_only_system_refuses_with_the_reason() -> None:
    shown = {"type": "image_url", "image_url": {"url": "a.png"}}
    said = {"role": "assistant", "content": "A cat."}
    openai = {"messages": [{"role": "user", "content": [shown, {"type": "text", "text": "What?"}]}, said]}
    data = zipped({"rows.jsonl": jsonl(openai), "a.png": PNG})
    assert checked(data).ok
    refused = check_bytes(data, GEMINI.limits, Dialect.GEMINI)
    assert [rule for rule, _, _ in rules(refused)] == ["not-text"]
