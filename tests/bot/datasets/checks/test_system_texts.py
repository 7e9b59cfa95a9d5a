"""The system text of most rows is found, and the report says when rows do not agree on one."""

from bot.datasets.findings.findings import Finding
from bot.datasets.findings.report import DatasetReport
from bot.domain.datasets import Dialect
from tests.support.dataset_builders import GEMINI_API, VERTEX, chat, check_bytes, contents, jsonl, pair

KIND = {"systemInstruction": {"parts": [{"text": "Be kind."}]}, **contents("user: hi", "model: hello")}
SHORT = {"systemInstruction": {"parts": [{"text": "Be short."}]}, **contents("user: bye", "model: see you")}
PLAIN = contents("user: who?", "model: me")


def checked(*rows: object) -> tuple[DatasetReport, list[Finding]]:
    report = check_bytes(jsonl(*rows), VERTEX, Dialect.VERTEX)
    return report, [finding for finding in report.findings if finding.rule == "system-texts-differ"]


def test_one_system_text_for_all_is_kept_without_a_word() -> None:
    report, found = checked(KIND, {**KIND, **contents("user: bye", "model: see you", "user: no", "model: yes")})
    assert (report.system_instruction, found) == ("Be kind.", [])
    assert checked(PLAIN)[0].system_instruction == ""


def test_other_texts_and_rows_without_one_are_told() -> None:
    report, (found,) = checked(KIND, {**KIND, **contents("user: a", "model: b")}, PLAIN)
    assert report.system_instruction == "Be kind."
    assert "2 of 3 rows have the same one" in found.message
    assert "gets the one that most rows have" in found.advice

    report, (found,) = checked(KIND, SHORT, PLAIN)
    assert report.system_instruction == ""
    assert "2 of 3 rows have 2 different ones" in found.message
    assert "gets none, as no text is in most rows" in found.advice


def test_very_many_texts_take_no_more_memory() -> None:
    rows = [chat(f"system: Row {i}.", f"user: {i}", f"assistant: {i + 1}") for i in range(1_200)]
    report, (found,) = checked(*rows, *rows[:1] * 2)
    assert report.system_instruction == ""
    assert "1,202 of 1,202 rows have over 1,000 different ones" in found.message


def test_where_no_system_text_is_taken_nothing_is_said_of_it() -> None:
    report = check_bytes(jsonl(KIND, pair("1", "2")), GEMINI_API, Dialect.GEMINI)
    assert "system-texts-differ" not in {finding.rule for finding in report.findings}
