"""How a file's tokens are estimated from Google's count of its first rows."""

from dataclasses import replace

import pytest

from bot.datasets import with_counted_tokens
from bot.datasets.rewrite.sample import COUNT_ERROR, Sample, sample_text
from tests.support.dataset_builders import check_bytes, jsonl, pair

FILE = jsonl(*(pair(f"question {number}", f"answer {number}") for number in range(20)))


def test_the_whole_of_a_small_file_is_the_sample() -> None:
    report = check_bytes(FILE)
    sample = sample_text(FILE, report)
    assert sample.whole
    assert len(sample.texts) == 5
    assert "question 0" in sample.texts[0]
    assert "answer 19" in sample.texts[-1]


def test_a_last_row_without_a_line_end_is_part_of_the_sample() -> None:
    report = check_bytes(FILE.rstrip())
    assert sample_text(FILE.rstrip(), report).whole


def test_the_complete_rows_of_a_head_are_its_sample() -> None:
    report = check_bytes(FILE)
    sample = sample_text(FILE[: len(FILE) // 2], report)
    assert sample.texts
    assert not sample.whole


def test_a_count_of_all_rows_is_the_number_of_tokens_and_lacks_what_google_adds_to_each_turn() -> None:
    report = replace(check_bytes(FILE), texts=40)
    counted = with_counted_tokens(report, Sample(("a" * 5000, "b" * 5000), True), [1300, 1400])
    assert (counted.tokens, counted.token_error) == (2700, COUNT_ERROR + 8)
    assert "2,700 tokens in the texts of all rows, and may add some to each turn" in counted.token_method


def test_a_count_of_the_first_rows_is_scaled_to_the_file() -> None:
    report = replace(check_bytes(FILE), tokens=2360, texts=0)  # 10,000 bytes
    counted = with_counted_tokens(report, Sample(("a" * 50, "b" * 50), False), [10, 10])
    assert (counted.tokens, counted.token_error) == (2000, COUNT_ERROR)


@pytest.mark.parametrize(("counts", "error"), [([10, 10], COUNT_ERROR), ([5, 15], 50), ([19, 1], 90)])
def test_groups_that_differ_make_the_estimate_less_certain(counts: list[int], error: int) -> None:
    sample = Sample(("a" * 50, "b" * 50), False)
    report = replace(check_bytes(FILE), texts=0)
    assert with_counted_tokens(report, sample, counts).token_error == error


def test_another_script_digits_and_short_texts_make_the_estimate_less_certain() -> None:
    question, answer = "Why does the rain fall? " * 20, "Because the water in the air gets cold. " * 20
    english, numbers, short, japanese = (
        check_bytes(jsonl(*(pair(f"{start}{n}", end) for n in range(20))))
        for start, end in (
            (question, answer),
            (question, "1 2 3 4 5 " * 80),
            ("Why", "So"),
            ("なぜ雨が降りますか。" * 20, "空気の中の水が冷えるからです。" * 20),
        )
    )
    assert english.token_error < 40
    assert numbers.token_error > 100
    assert short.token_error > 300
    assert 60 <= japanese.token_error < 70
    assert japanese.tokens > 0.5 * japanese.characters
