"""Which texts are reported as personal data, and which are not."""

import pytest

from bot.datasets.checks.personal_data import PersonalData
from bot.datasets.findings.collector import FindingCollector
from bot.datasets.findings.findings import Severity

HINTS = {
    "jo.doe+x@corp.co.uk": "an e-mail address",
    "call +1 (415) 555-2671 now": "a phone number",
    "call 415-555-2671 now": "a phone number",
    "4111-1111-1111-1111": "a card number",
    "378282246310005": "a card number",
    "sk-" + "proj-abcdefghijklmnopqrstuv": "a key or token",
    "ghp_" + "a1B2" * 9: "a key or token",
    "xoxb-" + "123456789012-abc": "a key or token",
    "glpat-" + "a1B2" * 5: "a key or token",
    "hf_" + "a1B2" * 8 + "ab": "a key or token",
    "https://hooks.slack.com/services/" + "T000/B000/" + "x" * 24: "a key or token",
    "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxMjM0In0." + "a" * 43: "a key or token",
    "123456789:AA" + "x" * 33: "a key or token",
    "pay to DE89 3704 0044 0532 0130 00 please": "a bank account number (IBAN)",
    "GB82WEST12345698765432": "a bank account number (IBAN)",
    "NO93 8601 1117 947": "a bank account number (IBAN)",
    "-----BEGIN RSA " + "PRIVATE KEY-----": "a key or token",
}


@pytest.mark.parametrize("text", HINTS)
def test_personal_data_is_hinted_at_and_masked(text: str) -> None:
    collector, personal = FindingCollector(), PersonalData()
    personal.scan(b"nothing here\n" + text.encode() + b"\n", 10)
    personal.report(collector)
    [finding] = collector.findings()
    assert (finding.rule, finding.field, finding.lines, finding.count) == ("personal-data", HINTS[text], (11,), 1)
    assert "…" in finding.value
    assert finding.value not in text


@pytest.mark.parametrize(
    "text",
    [
        "you@example.com",
        "@mention someone",
        "decorator @dataclass.field",
        "pi is 3.14159265358979323846",
        "1234567890123456",
        "12+34567890 = 12345679024",
        "in 2023-2024-2025-2026",
        "10.000.000.000",
        "task-based-learning-with-many-words",
        "550e8400-e29b-41d4-a716-446655440000",
        "DE89 3704 0044 0532 0130 01",
        "AB12 ABCD EFGH 1234",
        "ISO9001 ABCD2015",
        "1234 5678 9012 3456",
        "Natalia sold 48/2 = <<48/2=24>>24 clips",
    ],
)
def test_harmless_text_is_no_personal_data(text: str) -> None:
    collector, personal = FindingCollector(), PersonalData()
    personal.scan(text.encode(), 1)
    personal.report(collector)
    assert collector.findings() == ()


MARKS = {
    rb"hm</reasoning> Yes.": ("thoughts-in-text", "</reasoning>"),
    rb"<think>\nnever closed": ("thoughts-in-text", "<think>"),
    rb"<|channel|>analysis<|message|>hm": ("thoughts-in-text", "<|channel|>analysis"),
    rb"<tool_call>{\"name\": 1}</tool_call>": ("tool-call-in-text", "<tool_call>"),
    rb"[TOOL_CALLS] [1]": ("tool-call-in-text", "[TOOL_CALLS]"),
    rb"\u003c|python_tag|\u003e": ("tool-call-in-text", "<|python_tag|>"),
    rb"<image>\nWhat is it?": ("picture-mark-in-text", "<image>"),
    rb"\n\nHuman: Hi": ("template-in-text", "Human:"),
    rb"[INST] Hi [/INST] Hello": ("template-in-text", "[/INST]"),
    rb"\u003C|im_start|\u003Euser": ("template-in-text", "<|im_start|>"),
    rb"Hi\n\n### Response:\nHello": ("template-in-text", "### Response:"),
    rb"salt &amp; pepper": ("html-entities", "&amp;"),
    rb"don\u0026#39;t": ("html-entities", "&#39;"),
    rb"a\u001b[0mb": ("control-characters", "\\u001b"),
    b"a\x7fb": ("control-characters", "\\x7f"),
}


@pytest.mark.parametrize("text", MARKS)
def test_what_no_text_should_hold_is_named_with_its_line(text: bytes) -> None:
    collector, personal = FindingCollector(), PersonalData()
    personal.scan(b'{"prompt":"nothing"}\n{"prompt":"' + text + b'"}\n', 10)
    personal.report(collector)
    [finding] = collector.findings()
    assert (finding.rule, finding.value) == (MARKS[text][0], MARKS[text][1])
    assert (finding.lines, finding.severity) == ((11,), Severity.WARNING)


@pytest.mark.parametrize(
    "line",
    [
        rb'{"prompt": "<image>\nWhat is it?", "images": ["a.png"]}',
        rb'{"chosen": "\n\nHuman: Hi\n\nAssistant: Hello", "rejected": "\n\nHuman: Hi\n\nAssistant: No"}',
        rb'{"prompt": "Write \\u001b as an escape, & then ; a < b > c"}',
        rb'{"prompt": "one\ttwo\r\nthree\u000afour"}',
        rb'{"prompt": "The human: said &c.; see [INST"}',
    ],
)
def test_marks_that_are_read_and_characters_that_are_no_marks_are_not_named(line: bytes) -> None:
    collector, personal = FindingCollector(), PersonalData()
    personal.scan(line + b"\n", 1)
    personal.report(collector)
    assert collector.findings() == ()
