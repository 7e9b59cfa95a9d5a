"""A job that waits says for which tunings it waits, without the names of those that its readers do not see."""

from dataclasses import replace

import pytest

from bot.domain.jobs import JobState, TuningJob
from handlers.blocks.jobs.queue_place import RunningTuning, queue_text
from tests.support.block_samples import NOW, VERTEX, a_job

RUNS = replace(a_job(state=JobState.RUNNING), spec=replace(a_job().spec, name="<!channel> first"))
STUCK = replace(RUNS, stuck_at=NOW)
DOUBT = replace(STUCK, state=JobState.SUBMITTING)
ONE_AT_ONCE = replace(VERTEX, tunings_at_once=1)
NAME = "*&lt;!channel&gt; first*"


@pytest.mark.parametrize(
    ("running", "named", "words"),
    [
        (RUNS, True, f"It is next. {NAME} runs now. Nothing"),
        (RUNS, False, "It is next. Another tuning runs now. Nothing"),
        (STUCK, True, f"{NAME} runs now and seems stuck. Cancel {NAME} if it need not go on. Nothing"),
        (STUCK, False, "Another tuning runs now and seems stuck. Nothing"),
        (DOUBT, True, f"Nobody knows whether Google runs {NAME}. Delete {NAME} if it does not. Nothing"),
        (DOUBT, False, "Nobody knows whether Google runs another tuning. Nothing"),
    ],
)
def test_what_holds_the_place_is_named_only_where_it_is_seen(running: TuningJob, named: bool, words: str) -> None:
    text = queue_text(ONE_AT_ONCE, 0, [RunningTuning(running, named)])
    assert words in text
    assert named or "first" not in text


def test_those_that_need_a_person_come_first_and_hidden_ones_are_said_once() -> None:
    running = [RunningTuning(each, named=False) for each in (RUNS, RUNS, RUNS, STUCK)]
    text = queue_text(replace(VERTEX, tunings_at_once=4), 0, running)
    assert "Another tuning runs now and seems stuck. Another tuning runs now. Nothing" in text
