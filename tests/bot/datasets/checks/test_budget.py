"""A file causes no more work than its budget allows, and the report says what was not read."""

import pytest

from bot.datasets import CheckBudget, DatasetChecker, DatasetReport, RepairBudget, Repairer
from bot.domain.backend_profile import DatasetLimits
from bot.domain.datasets import Dialect
from bot.errors import TooMuchWork
from tests.support.dataset_builders import jsonl, pair, rows_of, rules

GOOD = jsonl(*(pair(f"question {number}", f"answer {number}") for number in range(20_000)))
PIECE = 256 * 1024
MEGABYTE = 1024 * 1024


def checked(data: bytes, budget: CheckBudget, fewest: int = 1) -> tuple[DatasetReport, int]:
    """The report, and how many bytes were fed until the checker wanted no more."""
    limits = DatasetLimits(min_examples=fewest)
    checker = DatasetChecker("rows.jsonl", limits, Dialect.VERTEX, budget=budget)
    fed = 0
    while fed < len(data) and not checker.stopped:
        checker.feed(data[fed : fed + PIECE])
        fed += PIECE
    return checker.finish(), fed


def repaired(data: bytes, budget: RepairBudget | None) -> tuple[int, bytes, bytes]:
    """The number of rejected rows, the kept rows, the list of rejected rows."""
    repairer = Repairer("rows.jsonl", DatasetLimits(), Dialect.VERTEX, budget=budget)
    parts = [part for start in range(0, len(data), PIECE) for part in repairer.feed(data[start : start + PIECE])]
    parts.extend(repairer.finish())
    kept, rejected = (b"".join(getattr(part, name) for part in parts) for name in ("kept_rows", "rejected_rows"))
    return parts[-1].rejected, kept, rejected


def test_a_check_within_its_budget_is_the_same_as_one_without() -> None:
    within, fed = checked(GOOD, CheckBudget())
    assert within.ok
    assert within.read_in_full
    assert within.examples == 20_000
    assert fed >= len(GOOD)


def test_a_check_out_of_time_stops_and_says_where() -> None:
    report, fed = checked(GOOD, CheckBudget(cpu_seconds=0.0))
    assert fed == PIECE
    assert not report.ok
    assert not report.read_in_full
    assert not report.repairable
    assert rules(report) == [("out-of-time", 1, ())]
    assert f"I did not read what follows line {report.rows:,} (0.3 MB)." in report.errors[0].message


def test_a_file_whose_last_row_uses_the_budget_up_was_read_in_full() -> None:
    report, _ = checked(jsonl(pair("1", "2")).rstrip(), CheckBudget(cpu_seconds=0.0))
    assert report.read_in_full


def test_a_check_stops_after_too_many_bad_rows_and_can_be_repaired() -> None:
    good_first = GOOD[:PIECE] + b"1\n" * 300_000 + GOOD
    report, fed = checked(good_first, CheckBudget(bad_rows=1000))
    assert fed < len(good_first)
    assert not report.read_in_full
    assert report.repairable
    [stop] = [finding for finding in report.errors if finding.rule == "too-many-bad-rows"]
    assert stop.message.startswith("More than 1,000 rows cannot be tuned on, so I stopped there.")
    assert f"what follows line {report.rows:,}" in stop.message


def test_a_file_that_was_not_read_in_full_is_not_called_too_short() -> None:
    report, _ = checked(GOOD, CheckBudget(cpu_seconds=0.0), fewest=1_000_000)
    assert [rule for rule, _, _ in rules(report)] == ["out-of-time"]


@pytest.mark.parametrize(
    "junk",
    [b"x\n", *(pytest.param(junk, marks=pytest.mark.long) for junk in (b"1\n", b"null\n", b'{"a":1}\n'))],
)
def test_a_repair_of_junk_writes_little_more_than_it_reads(junk: bytes) -> None:
    data = junk * (2 * MEGABYTE // len(junk))
    budget = RepairBudget(rejected_share=1.0)
    rejected, kept, listed = repaired(data, budget)
    assert not kept
    assert len(listed) < 2 * len(data)
    rows = rows_of(listed)
    assert sum(row.get("rows", 1) for row in rows[:-1]) < rejected
    assert f"{rejected - sum(row.get('rows', 1) for row in rows[:-1]):,} more rows were left out" in str(rows[-1])


def test_all_rejected_rows_of_a_usual_file_are_listed() -> None:
    data = GOOD + jsonl(*(pair(f"no answer {number}", "") for number in range(500)))
    assert repaired(data, RepairBudget()) == repaired(data, None)


def test_a_list_of_rejected_rows_never_passes_its_limit() -> None:
    _, _, listed = repaired(b"1\n" * MEGABYTE, RepairBudget(rejected_bytes=10_000))
    assert len(listed) < 11_000


def test_a_repair_that_would_write_too_large_a_file_stops_and_says_where() -> None:
    with pytest.raises(TooMuchWork, match=r"would be over 1,000 bytes, so I stopped at line \d"):
        repaired(GOOD, RepairBudget(kept_bytes=1000))


def test_a_repair_that_takes_too_long_stops_and_says_where() -> None:
    with pytest.raises(TooMuchWork, match=r"stopped at line \d[\d,]* after 0 seconds") as raised:
        repaired(GOOD, RepairBudget(cpu_seconds=0.0))
    assert "tunebot repair FILE" in raised.value.hint
