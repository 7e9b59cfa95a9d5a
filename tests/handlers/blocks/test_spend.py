"""The answer to `/tune spend`."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from bot.domain.spending import QuestionSum
from bot.spending.month_report import MonthReport, Total
from handlers.blocks.spend import build_spend
from tests.support.block_checks import check_message

NOVEMBER = date(2026, 11, 1)
KNOWN = Total(3, Decimal("12.345"), Decimal("1.50"), 1)
REPORT = MonthReport(
    NOVEMBER, KNOWN, {"U1": KNOWN}, {"gemini-3.5-flash": KNOWN}, {date(2026, 10, 1): Total(1, Decimal(3))}
)


def test_a_months_sums_are_shown_with_what_is_not_certain() -> None:
    message = build_spend(REPORT)
    check_message(message, mentions={"U1"})
    shown = [block["text"]["text"] for block in message.blocks if block["type"] == "section"]
    sums = "about $13.85 for 3 tunings (about $1.50 of it only estimated; 1 tuning of unknown cost not counted)."
    assert shown == [
        f"*November 2026*: {sums}",
        f"*By person*\n• <@U1>: {sums}",
        f"*By base model*\n• `gemini-3.5-flash`: {sums}",
        "*Months before*\n• October 2026: about $3.00 for 1 tuning.",
    ]
    assert "Google's bill may differ" in message.text


def test_a_month_without_tunings_says_so() -> None:
    message = build_spend(MonthReport(NOVEMBER, Total(), {}, {}, {}))
    check_message(message)
    assert message.blocks[0]["text"]["text"] == "*November 2026*: no tunings."


def test_many_people_and_odd_models_fit_into_one_message() -> None:
    people = {f"U{number:09}": KNOWN for number in range(400)}
    models = {f"<!channel>{number}" * 40: KNOWN for number in range(400)}
    message = build_spend(replace(REPORT, by_person=people, by_model=models))
    check_message(message, mentions=set(people))
    assert "<!channel>" not in str(message)
    assert "And 385 more." in str(message.blocks)


def test_in_a_thread_nobody_is_named() -> None:
    message = build_spend(REPORT, with_people=False)
    check_message(message)
    assert "U1" not in str(message)
    assert "By base model" in message.text


def test_questions_and_the_estimates_of_what_google_counted_have_lines_of_their_own() -> None:
    asked = QuestionSum(NOVEMBER, "T1", "C1", "U1", "gemini-3.5-flash", 3, 1, 2_000, 5, Decimal("1.20"))
    message = build_spend(replace(REPORT, total=replace(KNOWN, expected=Decimal(10)), questions=(asked, asked)))
    check_message(message, mentions={"U1"})
    assert (
        "Where Google has counted the tokens: about $10.00 was estimated, about $12.35 it became." in message.text
    )
    questions = "*Questions*: about $2.40 for 4 questions; 2 questions of unknown price not counted"
    assert f"{questions} (4,000 tokens sent and 10 written)." in message.text
