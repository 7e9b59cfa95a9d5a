"""Which texts are reported as personal data, and which are not."""

import pytest

from bot.datasets.checks.personal_data import PersonalData
from bot.datasets.findings.collector import FindingCollector

HINTS = {
    "jo.doe+x@corp.co.uk": "an e-mail address",
    "call +1 (415) 555-2671 now": "a phone number",
    "call 415-555-2671 now": "a phone number",
    "4111-1111-1111-1111": "a card number",
    "378282246310005": "a card number",
    "sk-" + "proj-abcdefghijklmnopqrstuv": "a key",
    "ghp_" + "a1B2" * 9: "a key",
    "xoxb-" + "123456789012-abc": "a key",
    "-----BEGIN RSA " + "PRIVATE KEY-----": "a key",
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
        "Natalia sold 48/2 = <<48/2=24>>24 clips",
    ],
)
def test_harmless_text_is_no_personal_data(text: str) -> None:
    collector, personal = FindingCollector(), PersonalData()
    personal.scan(text.encode(), 1)
    personal.report(collector)
    assert collector.findings() == ()
