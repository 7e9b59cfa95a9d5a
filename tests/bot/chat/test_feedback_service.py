"""Votes and corrections are asked for only where they can be given."""

import pytest

from bot.domain.place import Requester
from bot.errors import NoSuchJob
from tests.support.harness import ADA, PLACE, Harness


@pytest.mark.parametrize(("on", "said"), [(False, "Feedback is off. "), (True, "Press the thumb down ")])
async def test_nobody_is_told_to_press_a_thumb_that_no_answer_has(harness: Harness, on: bool, said: str) -> None:
    await harness.answering("counter")
    feedback = harness.use_cases.feedback
    await harness.stores.feedback.set_switch(PLACE.team, ADA, on=on)
    with pytest.raises(NoSuchJob) as refused:
        await feedback.export(Requester(ADA, PLACE), "counter")
    assert refused.value.message == "Nobody has corrected an answer of “counter” yet."
    assert refused.value.hint.startswith(said)
