"""Who may use a button: the keys of jobs and reports can be read in Slack, so a key alone opens nothing."""

import pytest

from bot.domain.place import Place, Requester
from bot.domain.requests import StartRequest
from bot.errors import Forbidden, Outdated
from bot.tuning.permissions import check_buttons, may_use_buttons
from tests.support.builders import TEAM as STORED_TEAM
from tests.support.builders import job
from tests.support.harness import ADA, FILE, PLACE, TEAM, Harness

BOB = "U2"
OTHER_CHANNEL = "C0OTHER"


@pytest.mark.parametrize(
    ("user", "team", "channel", "works"),
    [
        pytest.param("U0BOB", STORED_TEAM, "C0GENERAL", True, id="anybody in the job's channel"),
        pytest.param("U0ADA", STORED_TEAM, OTHER_CHANNEL, True, id="the owner elsewhere"),
        pytest.param("U0BOB", STORED_TEAM, OTHER_CHANNEL, False, id="somebody elsewhere"),
        pytest.param("U0BOB", STORED_TEAM, "", False, id="somebody in no channel"),
        pytest.param("U0ADA", "T0OTHER", "C0GENERAL", False, id="another workspace"),
    ],
)
def test_a_button_works_in_the_channel_of_its_job_and_for_its_owner(
    user: str, team: str, channel: str, works: bool
) -> None:
    requester = Requester(user, Place(team, channel))
    assert may_use_buttons(requester, job("tb-1")) is works
    if not works:
        with pytest.raises(Forbidden, match="tuning of another channel"):
            check_buttons(requester, job("tb-1"))


async def proposed(harness: Harness) -> str:
    """The id of a report that Ada asked for."""
    checked = await harness.proposals.check(PLACE, ADA, StartRequest("vertex", name="hers", file=FILE))
    assert checked.proposal is not None
    return checked.proposal.id


async def test_the_person_who_presses_start_is_the_one_who_started_it(harness: Harness) -> None:
    started = await harness.tuning.accept(TEAM, await proposed(harness), BOB, PLACE.channel)
    assert started is not None
    stored = await harness.newest(started)
    assert (stored.owner, stored.prepared_by, stored.file_reader) == (BOB, ADA, ADA)
    rows = await harness.database.run(lambda db: list(db.query("SELECT user, action, subject FROM audit")))
    assert rows == [{"user": BOB, "action": "start", "subject": started.key}]


async def test_ones_own_report_was_prepared_by_nobody_else(harness: Harness) -> None:
    started = await harness.tuning.accept(TEAM, await proposed(harness), ADA)
    assert started is not None
    assert (started.owner, started.prepared_by, started.file_reader) == (ADA, "", ADA)


@pytest.mark.parametrize("channel", [OTHER_CHANNEL, ""])
async def test_a_report_of_another_channel_is_started_by_its_owner_alone(harness: Harness, channel: str) -> None:
    report = await proposed(harness)
    with pytest.raises(Forbidden, match="Nothing was started"):
        await harness.tuning.accept(TEAM, report, BOB, channel)
    with pytest.raises(Outdated):
        await harness.tuning.accept("T0OTHER", report, ADA, channel)
    assert await harness.tuning.accept(TEAM, report, ADA, channel) is not None
