"""The report as the command line prints it."""

from bot.datasets import report_text
from bot.domain.datasets import Dialect
from tests.support.dataset_builders import GEMINI_API, VERTEX, chat, check_bytes, jsonl, pair


def test_report_text_says_what_is_wrong_where_and_what_to_do() -> None:
    data = jsonl(pair("1", "2"), pair("3", ""), pair("1", "2"), pair("x", "y" * 5_001))
    text = report_text(check_bytes(data, GEMINI_API, Dialect.GEMINI))
    assert text.splitlines()[0] == f"File       rows.jsonl, {len(data):,} bytes"
    assert "Rows       4, of which 2 can be tuned on\n" in text
    assert (
        "Errors\n"
        "  line 2: output is empty.  [empty-field]\n"
        "    Write a text there or take the row out.\n"
        "  line 4: The output has 5,001 characters; the limit is 5,000.  [output-too-long]\n"
    ) in text
    assert "  line 3: The same row stands in the file more than once.  [duplicate]\n" in text
    assert text.endswith(
        "\n\nNot yet: 2 of 4 rows must be put right or taken out.\n"
        "This writes the rows that can be kept, and the others with reasons: "
        "tunebot check rows.jsonl --repair DIRECTORY\n"
    )
    assert "\x1b" not in text


def test_report_text_is_short_for_a_good_file() -> None:
    text = report_text(check_bytes(jsonl(*(pair(f"{i}?", f"it is {i}") for i in range(600))), VERTEX))
    assert "Errors" not in text
    assert "Warnings" not in text
    assert text.endswith("Fine: 600 rows can be tuned on.\n")


def test_report_text_shows_the_first_two_examples_as_the_model_will_see_them() -> None:
    first = chat("system: be kind", "user: a", "assistant: b", "user: c", "assistant: d\ne")
    text = report_text(check_bytes(jsonl(first, *(chat(f"user: {i}", "assistant: x" * 300) for i in range(3)))))
    assert (
        "The first rows, as the model will see them\n"
        "  System:   be kind\n"
        "  (2 earlier turns)\n"
        "  Question: c\n"
        "  Answer:   d\\ne\n"
        "  Question: 0\n"
    ) in text
    assert text.count("Question:") == 2


def test_two_answers_are_asked_about_and_only_the_preferred_one_is_shown_and_counted() -> None:
    rows = ({"prompt": f"Where is key {i}?", "chosen": "At the desk.", "rejected": "No idea."} for i in range(3))
    report = check_bytes(jsonl(*rows), VERTEX)
    text = report_text(report)
    assert "  Answer:   At the desk.\n  Not learned: No idea.\n" in text
    assert "tunebot check rows.jsonl --preferred" in text
    assert text.endswith("Not yet: answer the question first.\n")
    assert report_text(report, preferred_only=True).endswith("Fine: 3 rows can be tuned on.\n")
    assert report.characters == 3 * len("Where is key 0?At the desk.")
