"""The parts on their own: fingerprints and their bounds, personal data, mappings, tasks, the text report."""

import random

import pytest

from bot.datasets import Histogram, report_text
from bot.datasets.checks.personal_data import PersonalData
from bot.datasets.findings.collector import MOST_GROUPS, FindingCollector, Problem
from bot.datasets.findings.fingerprints import Fingerprints
from bot.datasets.findings.task_kinds import Task
from bot.datasets.rewrite.hash_set import HashSet
from bot.datasets.rows.column_mapping import as_words, guess_mapping
from bot.domain.datasets import Dialect, FieldMapping
from tests.bot.datasets.checking import GEMINI_API, VERTEX, chat, check_bytes, contents, jsonl, pair, rules


def prints_of(*pairs: tuple[int, int]) -> Fingerprints:
    prints = Fingerprints()
    prints.add([i for i, _ in pairs], [o for _, o in pairs])
    return prints


def test_repeats_are_told_from_contradictions_over_several_parts():
    chance = random.Random(1)
    fresh = [(chance.getrandbits(64) | 1, chance.getrandbits(32)) for _ in range(450_000)]
    same, other = prints_of(*fresh, fresh[7], (fresh[300_000][0], 1), fresh[400_000]).repeats()
    assert (same.count, same.lines) == (2, [450_001, 450_003])
    assert (other.count, other.lines, other.of) == (1, [450_002], 300_001)


def test_repeats_are_found_where_half_of_a_large_file_repeats_the_other():
    chance = random.Random(3)
    fresh = [(chance.getrandbits(64) | 1, 7) for _ in range(250_000)]
    same, other = prints_of(*fresh, *fresh, (0, 0)).repeats()
    assert (same.count, same.lines, same.of) == (250_000, [250_001, 250_002, 250_003, 250_004, 250_005], 1)
    assert other.count == 0


def test_lines_that_are_no_example_repeat_nothing():
    same, other = prints_of((0, 0), (5, 1), (0, 0), (5, 1)).repeats()
    assert (same.count, same.lines, same.of) == (1, [4], 2)
    assert other.count == 0


def test_a_repeated_contradiction_is_a_duplicate_of_it():
    same, other = prints_of((5, 1), (5, 2), (5, 2)).repeats()
    assert (same.lines, other.lines) == ([3], [2])


def test_too_many_lines_to_compare_are_said_so(monkeypatch):
    monkeypatch.setattr("bot.datasets.findings.fingerprints.MOST", 3)
    report = check_bytes(jsonl(*(pair(str(i), str(i)) for i in range(2))) + b"{}\n" * 2, chunk=20)
    assert [f.rule for f in report.warnings if f.rule == "not-all-compared"] == ["not-all-compared"]


def test_hash_set_holds_what_a_set_holds():
    chance = random.Random(2)
    values = [chance.getrandbits(chance.choice([4, 64])) or 1 for _ in range(20_000)]
    small, big = HashSet(), set()
    for value in values:
        assert small.add(value) is (value not in big)
        big.add(value)
    assert len(small) == len(big)


def test_validation_file_is_held_against_its_training_file():
    training = check_bytes(jsonl(*(pair(f"{i}?", f"it is {i}") for i in range(2_000))))
    rows = [chat("user: 7?", "assistant: it is 7"), chat("user: new?", "assistant: yes")]
    report = check_bytes(jsonl(*rows), training=training)
    assert rules(report) == [("leakage", 1, (1,))]
    assert report.warnings[0].value == "line 8"
    large = check_bytes(jsonl(*(pair(f"v{i}", f"{i}") for i in range(601))), training=training)
    assert rules(large) == [("validation-too-large", 1, ())]
    assert large.errors[0].limit == 600


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
def test_personal_data_is_hinted_at_and_masked(text):
    tally, personal = FindingCollector(), PersonalData()
    personal.scan(b"nothing here\n" + text.encode() + b"\n", 10)
    personal.report(tally)
    [finding] = tally.findings()
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
def test_harmless_text_is_no_personal_data(text):
    tally, personal = FindingCollector(), PersonalData()
    personal.scan(text.encode(), 1)
    personal.report(tally)
    assert tally.findings() == ()


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("question answer", "input=question output=answer"),
        ("Question Answer id", "input=Question output=Answer"),
        ("instruction input output", "input=instruction+input output=output"),
        ("id text summary", "input=text output=summary"),
        ("frage antwort", "input=frage output=antwort"),
    ],
)
def test_mapping_is_guessed_from_the_keys(keys, expected):
    guess = guess_mapping(dict.fromkeys(keys.split(), "x"))
    assert guess is not None
    assert as_words(guess) == expected


def test_no_mapping_is_guessed_where_the_keys_tell_nothing():
    assert guess_mapping({"a": "1", "b": "2", "c": "3"}) is None
    assert guess_mapping({"a": 1, "b": "2"}) is None


def test_alpaca_rows_are_read_by_their_guessed_mapping():
    data = jsonl(
        {"instruction": "Add.", "input": "1 and 2", "output": "3"},
        {"instruction": "Say hi.", "input": "", "output": "hi"},
    )
    guess = check_bytes(data).guessed_mapping
    assert guess == FieldMapping("instruction+input", "output")
    report = check_bytes(data, mapping=guess)
    assert (report.ok, report.examples) == (True, 2)


@pytest.mark.parametrize(
    ("rows", "task"),
    [
        ([pair(f"{i} text", "yes" if i % 2 else "no") for i in range(100)], Task.CLASSIFICATION),
        ([pair("word " * 400 + str(i), f"about {i} words") for i in range(20)], Task.SUMMARIZATION),
        ([chat("user: a", "assistant: b", f"user: {i}", "assistant: d") for i in range(20)], Task.CHAT),
        ([pair(f"how many {i}", f"exactly {i}") for i in range(20)], Task.QUESTIONS),
    ],
    ids=[task.value for task in (Task.CLASSIFICATION, Task.SUMMARIZATION, Task.CHAT, Task.QUESTIONS)],
)
def test_task_is_guessed_and_its_epochs_recommended(rows, task):
    report = check_bytes(jsonl(*rows))
    assert report.task is task
    assert report.recommended_epochs == (2, 4)


def test_histogram_counts_lengths_by_powers_of_two():
    report = check_bytes(jsonl(pair("a", "bb"), pair("a" * 9, "bbb"), pair("a" * 12, "b" * 8)))
    assert report.inputs == Histogram((0, 1, 0, 0, 2), 12, 22)
    assert report.outputs.buckets() == [(2, 3, 2), (4, 7, 0), (8, 15, 1)]
    assert (report.characters, report.tokens) == (35, 9)


def test_lengths_do_not_depend_on_the_dialect():
    plain = check_bytes(jsonl(contents("user: ab", "model: c", "user: d", "model: efg", system="xyz")))
    other = check_bytes(
        jsonl(chat("system: xyz", "user: ab", "assistant: c", "user: d", "assistant: efg")), target=Dialect.VERTEX
    )
    assert (plain.inputs.total, plain.outputs.total) == (7, 3)
    assert (plain.inputs, plain.outputs, plain.tokens) == (other.inputs, other.outputs, other.tokens)


def test_hostile_keys_make_no_more_groups_than_are_held():
    tally = FindingCollector()
    for i in range(10_000):
        tally.add(Problem("keys-left-out", f"key{i}"), lines=(i + 1,))
    assert len(tally.findings()) <= MOST_GROUPS + 1
    assert sum(f.count for f in tally.findings()) == 10_000


def test_report_text_says_what_is_wrong_where_and_what_to_do():
    data = jsonl(pair("1", "2"), pair("3", ""), pair("1", "2"), pair("x", "y" * 5_001))
    text = report_text(check_bytes(data, GEMINI_API, Dialect.GEMINI))
    assert text.splitlines()[0] == f"File       rows.jsonl, {len(data):,} bytes"
    assert "Rows       4, of which 2 are good examples\n" in text
    assert (
        "Errors\n"
        "  line 2: output is empty.  [empty-field]\n"
        "    Write a text there or take the row out.\n"
        "  line 4: The output has 5,001 characters; the limit is 5,000.  [output-too-long]\n"
    ) in text
    assert "  line 3: The same example stands in the file more than once.  [duplicate]\n" in text
    assert text.endswith("\n\nNot yet: 2 of 4 rows must be put right or taken out.\n")
    assert "\x1b" not in text


def test_report_text_is_short_for_a_good_file():
    text = report_text(check_bytes(jsonl(*(pair(f"{i}?", f"it is {i}") for i in range(600))), VERTEX))
    assert "Errors" not in text
    assert "Warnings" not in text
    assert text.endswith("Fine: 600 examples can be tuned on.\n")


def test_report_of_no_known_dialect_is_no_dataset():
    with pytest.raises(ValueError, match="no known dialect"):
        check_bytes(jsonl({"a": 1})).dataset("slack:F1")
