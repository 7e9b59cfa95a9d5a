"""What a job means for the toy network: bounds on work, samples, passes, and the words for them."""

import pytest

from bot.sandbox.google import Example, TrainingTask
from bot.sandbox.google.training_plan import TOY, Bounds, Plan, pairs_of, plan_of

BOUNDS = Bounds()


def training_task(rows: int, epochs: int, batch: int, length: int = 10, **more: float) -> TrainingTask:
    """Return a training task of made rows, each of `length` characters in question and answer."""
    examples = [Example((("user", f"{row:0{length}}"), ("model", f"{row + 1:0{length}}"))) for row in range(rows)]
    steps = -(-rows * epochs // batch)
    return TrainingTask(examples, rows, (), epochs, batch, steps, **more)  # type: ignore[arg-type]


def plan(rows: int, epochs: int, batch: int, length: int = 10, **more: float) -> Plan:
    """Return the plan of such a training task."""
    return plan_of(training_task(rows, epochs, batch, length, **more), BOUNDS, seed=0)


@pytest.mark.parametrize(
    ("epochs", "batch", "updates", "steps"), [(10, 16, 400, 10), (5, 4, 750, 19), (3, 8, 225, 6), (3, 2, 900, 23)]
)
def test_fifteen_rows_are_repeated_forty_times_an_epoch(epochs: int, batch: int, updates: int, steps: int) -> None:
    made = plan(15, epochs, batch)
    assert (made.passes, made.updates, made.steps, len(made.pairs)) == (40, updates, steps, 15)
    assert f"each epoch of the job is 40 passes over them, {updates} updates of" in made.account


def test_more_epochs_are_more_updates() -> None:
    assert [plan(15, epochs, 4).updates for epochs in (1, 2, 10)] == [150, 300, 1500]


@pytest.mark.parametrize("length", [1, 10, 100, 5000])
@pytest.mark.parametrize("rows", [1, 15, 600, 7000])
@pytest.mark.parametrize(("epochs", "batch"), [(1, 1), (5, 4), (100, 1), (100, 16), (3, 10**9)])
def test_no_job_costs_more_than_its_bounds(rows: int, length: int, epochs: int, batch: int) -> None:
    made = plan(rows, epochs, batch, min(length, 900 if rows > 1000 else length))
    longest = max(len(question) + len(answer) + 2 for question, answer in made.pairs)
    assert longest <= BOUNDS.question + BOUNDS.answer + 2
    assert made.updates <= BOUNDS.updates
    assert made.updates * (longest * (made.batch + 6) + 100) <= BOUNDS.work * 1.2
    assert 1 <= made.batch <= min(len(made.pairs), BOUNDS.batch)
    # Each pair is seen as often as the job's epochs say, as long as there is an update for each epoch at all.
    seen = made.updates * made.batch / len(made.pairs)
    assert seen == pytest.approx(made.epochs * made.passes, rel=0.05, abs=1)


def test_seven_thousand_rows_are_sampled_and_the_job_says_so() -> None:
    made = plan(7473, 5, 4, 250)
    assert made.steps == 9342
    assert made.updates < 600
    assert 200 < len(made.pairs) < 600
    assert made.account.startswith(TOY)
    assert f"{len(made.pairs)} of 7,473 question-answer pairs (a sample, to spare your machine)" in made.account
    assert f"Its {made.updates} updates are shown as the job's 9,342 steps." in made.account


def test_batches_that_leave_no_update_for_an_epoch_are_made_smaller_and_the_job_says_so() -> None:
    made = plan_of(training_task(7473, 100, 64, 250), Bounds(work=500_000), 0)
    assert made.updates >= 100
    assert made.batch == 4
    assert "The job's batches of 64 are too large for the toy." in made.account
    # A file shorter than one batch is no reason to say anything.
    assert "too large" not in plan(15, 10, 16).account


def test_sample_is_chosen_by_the_seed() -> None:
    one, same, other = (plan_of(training_task(7000, 5, 4, 200), BOUNDS, seed).pairs for seed in (1, 1, 2))
    assert one == same != other


def test_rows_that_were_not_kept_are_counted() -> None:
    given = training_task(10, 1, 1)
    cut = TrainingTask(given.examples, 1000, (), 1, 1, 1000)
    assert "10 of 1,000 question-answer pairs (a sample" in plan_of(cut, BOUNDS, 0).account


@pytest.mark.parametrize(
    ("rows", "epochs", "batch"), [(15, 5, 4), (15, 3, 8), (7000, 5, 4), (1, 1, 1), (40, 7, 3)]
)
def test_every_step_has_a_point_and_the_last_point_ends_the_job(rows: int, epochs: int, batch: int) -> None:
    made = plan(rows, epochs, batch, 200)
    points = [made.point(step) for step in range(1, made.steps + 1)]
    assert points == sorted(points)
    assert (points[0], points[-1], len(set(points))) == (1, made.points, made.points)
    assert made.steps_at(made.points) == made.steps
    # A step is completed when its own point is reached, not before.
    for step in range(1, made.steps + 1):
        assert made.steps_at(made.point(step) - 1) < step <= made.steps_at(made.point(step))


def test_rates_are_the_jobs_own_or_the_multiple_of_a_good_one() -> None:
    assert plan(15, 1, 1, learning_rate=0.02).rate == 0.02
    assert plan(15, 1, 1, learning_rate_multiplier=2.0).rate == 2 * BOUNDS.rate
    assert plan(15, 1, 1).rate == BOUNDS.rate


def test_chats_become_each_answer_with_what_was_said_last_before_it() -> None:
    turns = (
        ("user", "a"),
        ("user", "  Hello\n  THERE "),
        ("model", "Hi "),
        ("user", "x" * 500),
        ("model", "y" * 500),
    )
    assert pairs_of([Example(turns, "Be kind.")], BOUNDS) == [("hello there", "Hi "), ("x" * 160, "y" * 200)]


def test_training_task_without_an_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to learn from"):
        plan_of(TrainingTask([Example((("user", "hi"),))], 1, (), 1, 1, 1), BOUNDS, 0)
