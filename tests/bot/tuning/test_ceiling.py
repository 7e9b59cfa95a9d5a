"""The limit of a running tuning: hours, and money where it can be known."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.jobs import BY_CEILING, JobState
from bot.domain.operations import Operation
from bot.errors import BotError
from bot.spending.price_table import read_price_table
from bot.tuning.ceiling import NO_CEILING, Ceiling
from handlers.blocks.jobs.card import build_card
from handlers.blocks.jobs.notices import build_ended
from tests.support.builders import ESTIMATE, SPEC, START, job
from tests.support.harness import Harness, open_harness

HOUR = timedelta(hours=1)
# 1,000 tokens a pass at $1,000 for a million: $1.00 a pass.
COSTLY = replace(job("k1"), spec=replace(SPEC, estimate=replace(ESTIMATE, training_price=Decimal(1000))))


@pytest.mark.parametrize(
    ("ceiling", "seen", "expected"),
    [
        (NO_CEILING, Operation("o", JobState.RUNNING, epoch=40, started_at=START), False),
        (Ceiling(HOUR), Operation("o", JobState.RUNNING, started_at=START), True),
        (Ceiling(HOUR), Operation("o", JobState.RUNNING, started_at=START + timedelta(seconds=1)), False),
        (Ceiling(HOUR), Operation("o", JobState.QUEUED, started_at=START), False),
        (Ceiling(HOUR), Operation("o", JobState.RUNNING), False),
        (Ceiling(usd=Decimal(5)), Operation("o", JobState.RUNNING, epoch=5), True),
        (Ceiling(usd=Decimal("5.01")), Operation("o", JobState.RUNNING, epoch=5), False),
        (Ceiling(usd=Decimal(1)), Operation("o", JobState.RUNNING), False),
    ],
)
def test_a_limit_is_reached_only_by_what_is_known(ceiling: Ceiling, seen: Operation, expected: bool) -> None:
    assert ceiling.reached(COSTLY, seen, START + HOUR) is expected


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    async with open_harness(tmp_path, ("vertex",)) as opened:
        yield opened


async def test_a_tuning_that_runs_too_long_is_cancelled_once_and_its_card_and_owner_are_told(
    harness: Harness,
) -> None:
    process = harness.process(ceiling=Ceiling(HOUR), prices=read_price_table())
    began = await harness.started("long")
    await process.refresher.poll("vertex", [began])
    running = await harness.newest(began)
    assert running.cancelled_by == ""
    assert running.started_at is not None
    step = running.started_at + 2 * HOUR - harness.clock.now()
    harness.clock.set_forward(step)
    await process.refresher.poll("vertex", [running])
    assert (await harness.newest(began)).cancelled_by == "", "a clock that steps ahead cancels nothing"
    harness.clock.set_forward(-step)
    harness.clock.advance(step)
    for _ in range(3):
        await process.refresher.poll("vertex", [await harness.newest(began)])
    cancelled = await harness.newest(began)
    assert cancelled.cancelled_by == BY_CEILING
    assert len(harness.google.requests.matching(":cancel$", "POST")) == 1
    asked = replace(running, cancelled_by=BY_CEILING)
    profile = process.jobs.profile(asked)
    now = harness.clock.now()
    assert "It has reached the limit that is set for running tunings." in build_card(asked, profile, [], now).text
    ended = replace(asked, state=JobState.CANCELLED, ended_at=now)
    assert "was cancelled by the limit that is set for running tunings" in build_ended(ended, profile).text
    assert "Cancelled by the limit that is set for running tunings." in build_card(ended, profile, [], now).text


async def test_a_limit_that_was_reached_while_the_bot_was_down_is_carried_out_by_the_next_process(
    harness: Harness,
) -> None:
    began = await harness.started("long")
    await harness.refresher.poll("vertex", [began])
    running = await harness.newest(began)
    assert running.started_at is not None
    harness.clock.advance(running.started_at + 2 * HOUR - harness.clock.now())
    process = harness.process(ceiling=Ceiling(HOUR), prices=read_price_table())
    harness.google.faults.fail(503, "no", path=":cancel", method="POST")
    for _ in range(3):
        await process.refresher.poll("vertex", [await harness.newest(began)])
        harness.clock.advance(minutes=2)
    assert (await harness.newest(began)).cancelled_by == BY_CEILING
    answers = [sent.status for sent in harness.google.requests.matching(":cancel$", "POST")]
    assert answers[-1] == 200
    acts = "SELECT user, action, subject FROM audit WHERE action = 'cancel'"
    assert await harness.database.run(lambda db: [tuple(row.values()) for row in db.query(acts)]) == [
        (BY_CEILING, "cancel", began.key)
    ]


async def test_a_limit_that_is_reached_while_google_does_not_answer_is_carried_out_when_it_does(
    harness: Harness,
) -> None:
    process = harness.process(ceiling=Ceiling(HOUR), prices=read_price_table())
    began = await harness.started("long")
    await process.refresher.poll("vertex", [began])
    harness.google.faults.fail(503, "no", method="GET", times=None)
    running = await harness.newest(began)
    assert running.started_at is not None
    harness.clock.advance(running.started_at + HOUR - harness.clock.now())
    for _ in range(3):
        with suppress(BotError):
            await process.refresher.poll("vertex", [running])
        assert (await harness.newest(began)).cancelled_by == "", "it may have ended"
    harness.google.faults.clear()
    await process.refresher.poll("vertex", [await harness.newest(began)])
    assert (await harness.newest(began)).cancelled_by == BY_CEILING
    assert len(harness.google.requests.matching(":cancel$", "POST")) == 1
