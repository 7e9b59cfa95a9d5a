"""What is added up of tunings, what is never counted as nothing, and what the CSV holds."""

import csv
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.jobs import DataStats, Failure, JobState, TuningJob
from bot.domain.spending import QuestionSum
from bot.errors import BadArgument
from bot.spending.month_report import (
    Basis,
    Total,
    comparison_sentence,
    google_tokens,
    month_of,
    month_report,
    months_back,
    next_month,
    read_month,
    spend_csv,
    spend_of,
)
from tests.support.builders import ESTIMATE, START, job

NOVEMBER = date(2026, 11, 1)


def tuned(key: str = "k1", tokens: int = 0, state: JobState = JobState.SUCCEEDED, **changes: object) -> TuningJob:
    """A job with an estimate of 1,000 tokens a pass, three passes, at $10.10 for a million."""
    made = job(key, state=state)
    stats = DataStats(billable_tokens=tokens) if tokens else None
    spec = replace(made.spec, estimate=ESTIMATE)
    return replace(made, spec=spec, operation="op", data_stats=stats, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("counted", "tokens"),
    [(1_000, 3_000), (1_100, 3_300), (900, 2_700), (3_000, 3_000), (3_300, 3_300), (2_700, 2_700)],
)
def test_a_count_of_one_pass_and_a_count_of_all_are_told_apart_by_the_estimate(counted: int, tokens: int) -> None:
    assert google_tokens(tuned(tokens=counted)) == tokens


def test_without_a_count_or_an_estimate_nothing_is_made_up() -> None:
    assert google_tokens(tuned()) is None
    bare = job("k1", state=JobState.SUCCEEDED)
    assert google_tokens(replace(bare, data_stats=DataStats(billable_tokens=7))) == 7


@pytest.mark.parametrize(
    ("spent", "basis", "amount"),
    [
        (tuned(tokens=3_000), Basis.GOOGLE, "0.0303"),
        (tuned(state=JobState.RUNNING), Basis.ESTIMATE, "0.0303"),
        (tuned(), Basis.ESTIMATE, "0.0303"),
        (tuned(state=JobState.CANCELLED), Basis.UNKNOWN, "0"),
        (tuned(state=JobState.FAILED), Basis.UNKNOWN, "0"),
        (tuned(state=JobState.LOST), Basis.UNKNOWN, "0"),
        (tuned(state=JobState.CANCELLED, tokens=1_500), Basis.GOOGLE, "0.04545"),
        (replace(tuned(state=JobState.FAILED), operation=""), Basis.NOTHING, "0"),
        (
            replace(tuned(state=JobState.FAILED), operation="", create_sent_at=START, deleted_by="U0ADA"),
            Basis.UNKNOWN,
            "0",
        ),
        (job("k1", state=JobState.SUCCEEDED), Basis.UNKNOWN, "0"),
    ],
)
def test_each_end_of_a_tuning_has_its_cost_or_none_that_is_known(
    spent: TuningJob, basis: Basis, amount: str
) -> None:
    found = spend_of(spent)
    assert found.basis is basis
    if spent.state is not JobState.CANCELLED or basis is not Basis.GOOGLE:
        assert found.amount == Decimal(amount)


def test_a_month_is_added_up_by_person_and_base_model_and_earlier_months_follow() -> None:
    bob = replace(tuned("k2", tokens=6_000), owner="U0BOB")
    unknown = replace(job("k3", state=JobState.SUCCEEDED), owner="U0BOB")
    october = replace(tuned("k4"), created_at=START - timedelta(days=30))
    september = replace(tuned("k5"), created_at=START - timedelta(days=60))

    report = month_report([september, october, tuned(state=JobState.RUNNING), bob, unknown], NOVEMBER)

    assert report.total == Total(3, Decimal("0.0606"), Decimal("0.0303"), 1, Decimal("0.0303"))
    assert report.total.amount == Decimal("0.0909")
    assert list(report.by_person) == ["U0BOB", "U0ADA"]
    assert report.by_person["U0BOB"] == Total(2, Decimal("0.0606"), Decimal(0), 1, Decimal("0.0303"))
    assert report.by_model["gemini-3.5-flash"].tunings == 3
    assert list(report.earlier) == [date(2026, 10, 1), date(2026, 9, 1)]


@given(st.lists(st.integers(1, 10**15), max_size=20))
def test_sums_are_exact(counts: list[int]) -> None:
    jobs = [tuned(f"k{index}", tokens=count) for index, count in enumerate(counts)]
    expected = sum((Fraction(google_tokens(each) or 0) for each in jobs), Fraction(0)) * Fraction("10.10") / 10**6
    assert Fraction(month_report(jobs, NOVEMBER).total.amount) == expected


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "2026", "november", "2026-1", "٢٠٢٦-١١", "0000-01", "x" * 99]
)
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(BadArgument, match="is not a month"):
        read_month(text)


def test_a_month_begins_at_midnight_in_utc() -> None:
    assert read_month(" 2026-11 ") == NOVEMBER
    assert month_of(datetime(2026, 12, 1, 1, 0, tzinfo=timezone(timedelta(hours=2)))) == NOVEMBER
    assert month_of(datetime(2026, 12, 1, tzinfo=UTC)) == date(2026, 12, 1)
    assert next_month(date(2026, 12, 1)) == date(2027, 1, 1)
    assert months_back(date(2026, 2, 1), 6) == date(2025, 8, 1)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_the_csv_has_exact_amounts_and_leaves_unknown_ones_empty() -> None:
    counted, unknown = rows(spend_csv([tuned(tokens=3_001), job("k2", state=JobState.SUCCEEDED)]))
    assert counted["google_tokens"] == "3001"
    assert counted["google_usd"] == "0.0303101"
    assert counted["estimated_usd"] == "0.0303"
    assert (counted["usd_per_million"], counted["prices_of"]) == ("10.1", "2026-11-27")
    assert (unknown["google_usd"], unknown["estimated_usd"], unknown["basis"]) == ("", "", "unknown")


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", " =1", "＝1"])
def test_a_name_is_never_a_formula(name: str) -> None:
    hostile = tuned()
    hostile = replace(hostile, spec=replace(hostile.spec, name=name))
    [row] = list(csv.reader(spend_csv([hostile]).split("\r\n", 1)[1:], lineterminator="\r\n"))[:1]
    assert f"'{name}" in spend_csv([hostile])
    assert row


def test_a_name_with_commas_and_quotes_stays_one_cell() -> None:
    odd = tuned()
    odd = replace(odd, spec=replace(odd.spec, name='a,"b",c'))
    assert rows(spend_csv([odd]))[0]["name"] == 'a,"b",c'


def test_the_estimate_is_compared_with_googles_count_after_the_end() -> None:
    assert comparison_sentence(tuned(tokens=3_300)) == (
        "I estimated 3,000 training tokens; Google counted 3,300 (10% more): about $0.03 by both, "
        "by a table of 27 November 2026; Google's price may differ."
    )
    assert "(100% more): about $0.03 became about $0.06, by a table" in comparison_sentence(tuned(tokens=6_000))
    assert comparison_sentence(tuned(tokens=3_300, state=JobState.RUNNING)) == ""
    assert comparison_sentence(tuned()) == ""
    assert comparison_sentence(job("k1", state=JobState.SUCCEEDED)) == ""


def test_a_comparison_without_a_price_names_no_amount() -> None:
    counted = tuned(tokens=2_700)
    counted = replace(counted, spec=replace(counted.spec, estimate=replace(ESTIMATE, training_price=None)))
    assert comparison_sentence(counted) == ("I estimated 3,000 training tokens; Google counted 2,700 (10% fewer).")


def test_where_nobody_knows_the_passes_nothing_is_compared() -> None:
    counted = tuned(tokens=2_700)
    counted = replace(counted, spec=replace(counted.spec, estimate=replace(ESTIMATE, epochs=None)))
    assert comparison_sentence(counted) == ""
    assert "Google counted" in comparison_sentence(replace(counted, epoch=3))


def test_a_failure_that_google_refused_costs_nothing() -> None:
    refused = replace(tuned(state=JobState.FAILED), operation="", create_sent_at=START, failure=Failure(3, "No."))
    assert spend_of(refused).basis is Basis.NOTHING


def test_questions_are_lines_of_their_own_and_an_unknown_price_is_an_empty_cell() -> None:
    known = QuestionSum(date(2026, 11, 1), "T1", "C1", "U1", "gemini-3.5-flash", 3, 1, 20, 5, Decimal("0.000030"))
    unknown = replace(known, unknown=3, usd=Decimal(0))
    first, second = rows(spend_csv([], [known, unknown]))
    assert (first["kind"], first["questions"], first["google_usd"]) == ("questions", "3", "0.00003")
    assert (first["google_tokens"], first["questions_of_unknown_price"]) == ("25", "1")
    assert (second["google_usd"], second["basis"]) == ("", "unknown")
