"""The trainer of tests and of the walk: its losses follow what it has seen, its answers come from the rows."""

import pytest

from bot.sandbox.google import Prompt
from bot.sandbox.google.memory_trainer import MemoryTrainer
from tests.support.training_harness import training_task


def test_loss_falls_with_every_step_and_starts_at_chance() -> None:
    training_run = MemoryTrainer(10).begin(training_task(rows=15, epochs=4, total_steps=15), 0)
    losses = [training_run.score(step).loss for step in range(1, 16)]
    assert losses == sorted(losses, reverse=True)
    assert len(set(losses)) == 15
    # Sixteen outcomes are as likely as each other before anything is seen: ln 16.
    assert losses[0] == pytest.approx(2.7726, rel=1e-4)
    assert losses[-1] > 0
    assert training_run.score(1).accuracy == 0
    assert training_run.score(15).accuracy == 1


def test_validation_rows_that_were_trained_on_are_known_and_others_are_not() -> None:
    rows = training_task().examples
    strange = training_task(rows=30).examples[15:]
    begin = MemoryTrainer(10).begin
    known = begin(training_task(validation=rows), 0).validation_score(8)
    unknown = begin(training_task(validation=strange), 0).validation_score(8)
    assert known is not None
    assert unknown is not None
    assert known.loss == begin(training_task(), 0).score(8).loss
    assert unknown.accuracy == 0
    assert unknown.loss == pytest.approx(2.7726, rel=1e-4)
    assert begin(training_task(), 0).validation_score(8) is None


@pytest.mark.parametrize(("question", "said"), [("What  is 3?", "9."), ("what is 33?", "9.")])
async def test_answer_is_the_rows_own_or_the_nearest_rows(question: str, said: str) -> None:
    training_run = MemoryTrainer(10).begin(training_task(rows=10), 0)
    assert "".join([piece async for piece in training_run.answer(Prompt((("user", question),)))]) == said
