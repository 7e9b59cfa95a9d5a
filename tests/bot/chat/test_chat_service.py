"""Which model answers where."""

from dataclasses import replace

import pytest

from bot.domain.place import Place, Requester
from bot.errors import NoSuchJob
from tests.support.harness import ADA, ASKED_BY_ADA, PLACE, TEAM, Harness

THREAD = replace(PLACE, thread="1.1")


async def test_named_before_the_threads_before_the_channels_and_no_other(
    harness: Harness,
) -> None:
    with pytest.raises(NoSuchJob, match="/tune use NAME"):
        await harness.chat.model_for(ASKED_BY_ADA)
    for name in ("named", "threads", "channels", "newest"):
        harness.clock.advance(seconds=1)
        await harness.tuned(name)
    with pytest.raises(NoSuchJob, match="No model was chosen for this channel"):
        await harness.chat.model_for(Requester(ADA, THREAD))
    await harness.chat.use(ASKED_BY_ADA, "channels")
    assert (await harness.chat.model_for(Requester(ADA, THREAD))).name == "channels"
    threads = await harness.chat.named.find(ASKED_BY_ADA, "threads")
    await harness.keep(THREAD, "1", await harness.chat.asking.ask(THREAD, "1", threads))
    assert (await harness.chat.model_for(Requester(ADA, THREAD))).name == "threads"
    assert (await harness.chat.model_for(ASKED_BY_ADA)).name == "channels"
    assert (await harness.chat.model_for(Requester(ADA, THREAD), "named")).name == "named"


async def test_a_model_of_another_channel_is_not_taken_without_being_chosen(harness: Harness) -> None:
    await harness.tuned("elsewhere")
    with pytest.raises(NoSuchJob):
        await harness.chat.model_for(Requester(ADA, Place(TEAM, "C2")))
