"""What is old is erased once a day; a file in the bucket only after its job ended for long enough."""

from dataclasses import replace
from datetime import timedelta

from bot.domain.leftovers import RetentionRules
from bot.domain.place import Place
from bot.domain.requests import StartRequest
from bot.ports.job_store import Change
from bot.ports.stores import BY_BOT
from bot.tuning.retention import Retention
from bot.tuning.tidying import Tidying, record_in
from tests.bot.people.test_forgetting import rows, said, texts
from tests.support.backend_harness import BUCKET
from tests.support.harness import ADA, FILE, PLACE, TEAM, Harness

RULES = RetentionRules(conversation_days=30, report_days=10, training_file_days=20)


def retention(harness: Harness, rules: RetentionRules = RULES) -> Retention:
    tidying = Tidying(harness.backends, harness.jobs, harness.clock, record_in(harness.jobs))
    return Retention(harness.stores.erasure, tidying, harness.clock, rules)


async def ended(harness: Harness) -> None:
    """A job that ended at this time of the tests' clock; Google's stand-in has another."""
    job = await harness.tuned("ended")
    await harness.jobs.change(job.key, lambda seen: Change(replace(seen, ended_at=harness.clock.now())))


def copies(harness: Harness) -> list[str]:
    return [name for name in harness.google.buckets.bucket(BUCKET) if name.startswith("tunebot/")]


async def test_old_conversations_and_reports_are_erased_and_newer_ones_stay(harness: Harness) -> None:
    await said(harness, ADA, "old")
    await harness.proposals.check(PLACE, ADA, StartRequest("vertex", name="old", file=FILE))
    harness.clock.advance(days=29)
    newer = Place(TEAM, "C1", "18.5")
    await said(harness, ADA, "new", newer)
    await retention(harness).run()
    assert (await rows(harness, "reports"), await rows(harness, "proposals")) == (0, 0)
    assert await texts(harness) == ["old", "answer to old"]
    harness.clock.advance(days=2)
    await retention(harness).run()
    assert await harness.chats.conversation(Place(TEAM, "C1", "17.5")) is None
    assert await texts(harness, newer) == ["new", "answer to new"]
    acts = "SELECT team, user, result FROM audit WHERE action = 'erase what is old'"
    erased = await harness.database.run(lambda db: [tuple(row.values()) for row in db.query(acts)])
    assert erased == [(TEAM, BY_BOT, "2"), (TEAM, BY_BOT, "2")]


async def test_a_file_is_deleted_after_its_job_and_never_before(harness: Harness) -> None:
    await ended(harness)
    running = await harness.started("running")
    assert len(copies(harness)) == 2
    harness.clock.advance(days=19)
    await retention(harness).run()
    assert len(copies(harness)) == 2
    harness.clock.advance(days=2)
    await retention(harness).run()
    assert [running.key in name for name in copies(harness)] == [True]


async def test_a_clock_that_steps_ahead_erases_nothing(harness: Harness) -> None:
    await ended(harness)
    await said(harness, ADA, "old")
    process = retention(harness)
    harness.clock.set_forward(timedelta(days=400))
    await process.run()
    assert (len(copies(harness)), await texts(harness)) == (1, ["old", "answer to old"])


async def test_it_runs_once_a_day_and_zero_days_keep_everything(harness: Harness) -> None:
    await ended(harness)
    await said(harness, ADA, "old")
    harness.clock.advance(days=400)
    await retention(harness, RetentionRules(0, 0, 0)).run()
    assert (len(copies(harness)), await texts(harness)) == (1, ["old", "answer to old"])

    process = retention(harness, RetentionRules(500, 0, 0))
    await process.run()
    harness.clock.advance(days=200)
    await process.run()
    assert await texts(harness) == []
    await said(harness, ADA, "again")
    harness.clock.advance(hours=23)
    await process.run()
    assert await texts(harness) == ["again", "answer to again"]


async def test_a_bucket_that_does_not_answer_stops_nothing(harness: Harness) -> None:
    await ended(harness)
    harness.clock.advance(days=60)
    harness.google.faults.fail(403, path=r"/storage/v1/b/", method="GET", times=None)
    await retention(harness).run()
    assert len(copies(harness)) == 1
