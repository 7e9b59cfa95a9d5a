"""When a start is tried again, and how the time is counted after which it is given up."""

from datetime import timedelta

import pytest

from bot.runtime.backoff import Backoff
from bot.tuning.start_retries import StartRetries
from tests.support.clock import FixedClock

LIMIT = timedelta(minutes=15)
KEY = "tb-1"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def retries(clock: FixedClock) -> StartRetries:
    return StartRetries(clock, LIMIT, Backoff(first=2.0, longest=120.0))


def test_a_start_that_never_failed_here_is_due(retries: StartRetries) -> None:
    assert retries.due(KEY)
    assert not retries.tried(KEY)


def test_each_failure_makes_the_next_try_wait_longer_up_to_the_longest_wait(
    clock: FixedClock, retries: StartRetries
) -> None:
    waits = []
    for _ in range(12):
        retries.failed(KEY)
        began = clock.monotonic()
        while not retries.due(KEY):
            clock.advance(seconds=1)
        waits.append(clock.monotonic() - began)
    assert waits[0] <= 2
    assert waits[3] > waits[0]
    assert 60 <= waits[-1] <= 120


def test_google_may_ask_for_a_longer_wait_but_not_for_hours(clock: FixedClock, retries: StartRetries) -> None:
    retries.failed(KEY, at_least=50)
    clock.advance(seconds=49)
    assert not retries.due(KEY)
    clock.advance(seconds=1)
    assert retries.due(KEY)
    retries.failed(KEY, at_least=7200)
    clock.advance(seconds=120)
    assert retries.due(KEY)


def test_a_failure_adds_the_time_since_the_one_before(clock: FixedClock, retries: StartRetries) -> None:
    assert retries.failed(KEY) == 0
    clock.advance(seconds=30)
    assert retries.failed(KEY) == 30


def test_neither_a_pause_nor_a_change_of_the_clock_uses_up_the_limit(
    clock: FixedClock, retries: StartRetries
) -> None:
    retries.failed(KEY)
    clock.set_forward(timedelta(hours=5))
    assert retries.failed(KEY) == 0
    clock.advance(hours=5)
    assert retries.failed(KEY) == LIMIT.total_seconds() / 5


def test_what_is_forgotten_begins_anew(clock: FixedClock, retries: StartRetries) -> None:
    retries.failed(KEY)
    assert retries.tried(KEY)
    retries.forget(KEY)
    assert retries.due(KEY)
    assert not retries.tried(KEY)
