"""A step of the clock makes no limit pass."""

from datetime import timedelta

from bot.runtime.clocks import SteadyTime
from tests.support.clock import NOON, FixedClock

HOUR = timedelta(hours=1)


def test_only_time_that_passed_counts_while_the_clock_is_ahead() -> None:
    clock = FixedClock()
    steady = SteadyTime(clock)
    clock.set_forward(5 * HOUR)
    assert steady.now() == NOON
    clock.advance(HOUR)
    assert steady.now() == NOON + HOUR


def test_a_clock_that_was_ahead_at_the_start_counts_no_longer_once_it_is_right() -> None:
    clock = FixedClock()
    clock.set_forward(5 * HOUR)
    steady = SteadyTime(clock)
    clock.set_forward(-5 * HOUR)
    assert steady.now() == NOON


def test_what_the_process_counts_goes_on_evenly_however_the_clock_is_set() -> None:
    clock = FixedClock()
    steady = SteadyTime(clock)
    for step in (5 * HOUR, -9 * HOUR):
        clock.set_forward(step)
        assert steady.counted() == NOON
    clock.advance(HOUR)
    assert steady.counted() == NOON + HOUR
