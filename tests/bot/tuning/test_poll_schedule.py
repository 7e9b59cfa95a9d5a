"""Which jobs a round polls: young ones often, old ones once a minute and together."""

from datetime import UTC, datetime, timedelta

from bot.domain.jobs import JobState, OpenJob
from bot.tuning.poll_schedule import PollSchedule, poll_interval


def test_a_job_is_looked_at_less_often_as_it_ages() -> None:
    ages = [timedelta(minutes=minutes) for minutes in (-60, 0, 1, 3, 12, 30, 600)]
    assert [poll_interval(age, 5.0) for age in ages] == [5, 5, 5, 15, 30, 60, 60]
    assert [poll_interval(age, 300.0) for age in ages] == [300] * 7, "never more often than was asked for"


def test_old_jobs_take_their_turns_together_and_new_ones_at_once() -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    old = [OpenJob(f"old{n}", "vertex", JobState.RUNNING, now - timedelta(hours=n + 1)) for n in range(3)]
    young = OpenJob("young", "vertex", JobState.RUNNING, now)
    turns = PollSchedule(5.0)
    rounds = []
    for number in range(25):
        here = old if number < 3 else [*old, young]
        rounds.append([job.key for job in turns.due(here, now, timedelta(seconds=number * 5.2))])
    assert rounds[0] == ["old0", "old1", "old2"], "after a start, everything is looked at"
    assert all("young" in looked for looked in rounds[3:])
    olds = [number for number, looked in enumerate(rounds) if "old0" in looked]
    assert olds == [0, 12, 24]
    assert all({"old1", "old2"} <= set(rounds[number]) for number in olds)
