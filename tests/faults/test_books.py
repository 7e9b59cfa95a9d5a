"""Books that do not balance say so."""

from decimal import Decimal

from tests.faults.books import Entry, Tuning, over_budget, wrong_money, wrong_turns

ONE, TWO = Entry("k1", "spend-1", "gemini"), Entry("k2", "spend-2", "gemini", waits_since=5)
FIRST, SECOND = Tuning("k1", "gemini", 1.0, 2.0), Tuning("k2", "gemini", 3.0, None)


def turns(*tunings: Tuning, entries: tuple[Entry, ...] = (ONE, TWO), excused: tuple[str, ...] = ()) -> list[str]:
    return list(wrong_turns(entries, tunings, {"gemini": 1}, excused))


def test_more_at_once_or_in_another_order_than_may_be_is_reported() -> None:
    assert turns(FIRST, SECOND) == []
    beside = Tuning("k2", "gemini", 1.5, 3.0)
    assert turns(FIRST, beside)
    assert turns(FIRST, beside, excused=("k1",)) == []
    assert turns(Tuning("k2", "gemini", 1.0, 2.0), Tuning("k1", "gemini", 3.0, 4.0)) == [], "k1 did not wait"
    waited = Entry("k1", "spend-1", "gemini", waits_since=4)
    assert turns(Tuning("k2", "gemini", 1.0, 2.0), Tuning("k1", "gemini", 3.0, 4.0), entries=(waited, TWO))


def test_money_that_is_missing_or_too_much_is_reported() -> None:
    price, budgets = Decimal("0.001"), {"C1": Decimal("0.50")}
    done = Entry("k1", "spend-1", "vertex", channel="C1", highest=Decimal(1), price=price, billed=210)
    at_google = Tuning("k1", "vertex", 1.0, 2.0, passes=3)
    assert list(wrong_money([done], [at_google], 70, budgets, ())) == []
    assert list(wrong_money([done], [Tuning("k1", "vertex", 1.0, 2.0, passes=4)], 70, budgets, ()))
    assert list(wrong_money([done], [at_google], 70, {"C1": Decimal("0.20")}, ()))
    assert list(wrong_money([done], [at_google], 70, {"C1": Decimal("0.20")}, ("k1",))) == []
    assert list(over_budget([done], budgets, ())) == []
    running = Entry("k2", "spend-2", "vertex", "running", channel="C1", highest=Decimal("0.30"))
    assert list(over_budget([done, running], budgets, ()))
    unsent = Entry("k2", "spend-2", "vertex", "failed", channel="C1", operation="", highest=Decimal(1))
    assert list(over_budget([done, unsent], budgets, ())) == []
