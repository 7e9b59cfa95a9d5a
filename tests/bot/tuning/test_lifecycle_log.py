"""Each step in the life of a job is one line in the log, with ids and without texts."""

import logging

import pytest

from bot.runtime.logs import RedactingFormatter
from tests.support.harness import ADA, PLACE, TEAM, Harness


@pytest.fixture(autouse=True)
def lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="bot.tuning.lifecycle_log")


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The names of the events, in order."""
    return [record.getMessage() for record in caplog.records if record.name == "bot.tuning.lifecycle_log"]


async def test_life_of_a_job_that_succeeds_and_is_deleted(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    job = await harness.tuned("secret name")
    await harness.tuning.delete(TEAM, job.key, ADA)
    assert events(caplog) == ["job.accepted", "job.sent", "job.started", "job.succeeded", "job.deleted"]
    for record in caplog.records:
        if record.name == "bot.tuning.lifecycle_log":
            line = RedactingFormatter(()).format(record)
            assert f" job={job.key} team={TEAM} channel={PLACE.channel} backend=vertex state=" in line
            assert "secret" not in line
            assert ADA not in line


async def test_start_that_google_refuses_is_a_failure_with_its_code(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.google.faults.fail(400, "Base model X is not supported.", path="/tuningJobs$", method="POST")
    job = await harness.accepted("refused")
    await harness.tuning.starts.submit(job)
    assert events(caplog) == ["job.accepted", "job.sent", "job.failed"]
    said = RedactingFormatter(()).format(caplog.records[-1])
    assert said.endswith("state=failed code=0")
    assert "Base model" not in said


async def test_cancellation_is_logged_when_it_is_asked_and_when_the_job_ends(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    job = await harness.started("cancelled")
    await harness.tuning.cancel(TEAM, job.key, ADA)
    harness.at_google(job).cancel()
    await harness.refresher.poll("vertex", [job])
    assert events(caplog)[-2:] == ["job.cancel_asked", "job.cancelled"]


async def test_poll_without_news_logs_nothing(harness: Harness, caplog: pytest.LogCaptureFixture) -> None:
    job = await harness.started("quiet")
    seen = events(caplog)
    harness.at_google(job).advance()
    await harness.refresher.poll("vertex", [job])
    await harness.refresher.poll("vertex", [job])
    assert events(caplog) == seen, "a new step is no step in the life of a job"
