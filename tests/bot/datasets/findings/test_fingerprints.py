"""Repeats and contradictions, and the bounds on what is compared."""

import random

import pytest

from bot.datasets.findings.fingerprints import Fingerprints
from tests.support.dataset_builders import check_bytes, jsonl, pair


def fingerprints_of(*pairs: tuple[int, int]) -> Fingerprints:
    fingerprints = Fingerprints()
    fingerprints.add([i for i, _ in pairs], [o for _, o in pairs])
    return fingerprints


def test_repeats_are_told_from_contradictions_over_several_parts() -> None:
    chance = random.Random(1)
    fresh = [(chance.getrandbits(64) | 1, chance.getrandbits(32)) for _ in range(450_000)]
    same, other = fingerprints_of(*fresh, fresh[7], (fresh[300_000][0], 1), fresh[400_000]).repeats()
    assert (same.count, same.lines) == (2, [450_001, 450_003])
    assert (other.count, other.lines, other.of) == (1, [450_002], 300_001)


def test_repeats_are_found_where_half_of_a_large_file_repeats_the_other() -> None:
    chance = random.Random(3)
    fresh = [(chance.getrandbits(64) | 1, 7) for _ in range(250_000)]
    same, other = fingerprints_of(*fresh, *fresh, (0, 0)).repeats()
    assert (same.count, same.lines, same.of) == (250_000, [250_001, 250_002, 250_003, 250_004, 250_005], 1)
    assert other.count == 0


def test_lines_that_are_no_example_repeat_nothing() -> None:
    same, other = fingerprints_of((0, 0), (5, 1), (0, 0), (5, 1)).repeats()
    assert (same.count, same.lines, same.of) == (1, [4], 2)
    assert other.count == 0


def test_a_repeated_contradiction_is_a_duplicate_of_it() -> None:
    same, other = fingerprints_of((5, 1), (5, 2), (5, 2)).repeats()
    assert (same.lines, other.lines) == ([3], [2])


def test_too_many_lines_to_compare_are_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.datasets.findings.fingerprints.MAX_LINES", 3)
    report = check_bytes(jsonl(*(pair(str(i), str(i)) for i in range(2))) + b"{}\n" * 2, chunk=20)
    assert [f.rule for f in report.warnings if f.rule == "not-all-compared"] == ["not-all-compared"]
