import asyncio
import math
import unicodedata
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlite_utils import Database as Connection

from bot.domain.jobs import DataStats, Failure, JobState, Snapshot, TuningJob
from bot.domain.place import Sight
from bot.errors import BadArgument, StorageError
from bot.ports.job_store import Change
from bot.ports.notifier import NoticeKind
from storage.database import Database
from storage.jobs import SqliteJobStore
from storage.outbox import SqliteOutbox
from tests.support.builders import OTHER_TEAM, START, TEAM, job, proposal

CARD, ENDED = NoticeKind.CARD, NoticeKind.ENDED


async def test_proposal_is_read_as_it_was_added(jobs: SqliteJobStore) -> None:
    await jobs.add_proposal(proposal("P1"))
    assert await jobs.proposal(TEAM, "P1") == proposal("P1")
    assert await jobs.proposal(TEAM, "P2") is None


async def test_proposal_checked_again_replaces_the_earlier_one(jobs: SqliteJobStore) -> None:
    await jobs.add_proposal(proposal("P1", name="first"))
    await jobs.add_proposal(proposal("P1", name="second"))
    assert await jobs.proposal(TEAM, "P1") == proposal("P1", name="second")


async def test_job_is_read_as_it_was_submitted(jobs: SqliteJobStore) -> None:
    full = replace(
        job("k1"),
        operation="projects/1/tuningJobs/2",
        tuned_model="projects/1/models/3",
        endpoint="projects/1/endpoints/4",
        total_steps=19,
        completed_steps=0,
        epoch=1,
        started_at=START + timedelta(microseconds=1),
        failure=Failure(3, "Not enough examples."),
        data_stats=DataStats(examples=15, dropped=2, dropped_reasons=("too long", "empty")),
    )
    assert await jobs.submit(full, [CARD])
    assert await jobs.job("k1") == full
    assert await jobs.job("k2") is None


async def test_second_click_writes_nothing_and_is_no_quarrel_about_the_name(
    jobs: SqliteJobStore, outbox: SqliteOutbox
) -> None:
    assert await jobs.submit(job("k1", "mine"), [CARD])
    assert not await jobs.submit(job("k1", "mine", state=JobState.QUEUED), [CARD, ENDED])
    assert await jobs.job("k1") == job("k1", "mine")
    assert [(notice.kind, notice.version) for notice in await outbox.due(START)] == [(CARD, 0)]


@pytest.mark.parametrize(
    ("taken", "asked"),
    [
        ("mine", "mine"),
        ("Mine", "mINE"),
        ("Straße", "STRASSE"),
        ("ÉCOLE", "école"),
        (unicodedata.normalize("NFC", "Zoë"), unicodedata.normalize("NFD", "zoë")),
    ],
)
async def test_name_is_unique_whatever_its_letter_case(jobs: SqliteJobStore, taken: str, asked: str) -> None:
    await jobs.submit(job("k1", taken), [])
    with pytest.raises(BadArgument) as refused:
        await jobs.submit(job("k2", asked), [CARD])
    assert refused.value.field == "name"
    assert str(refused.value) == (
        f'There is already a model named "{asked}". Choose another name; /tune list shows the '
        "models that you can see."
    )
    assert await jobs.job("k2") is None
    assert [found.key for found in await jobs.with_name(TEAM, asked)] == ["k1"]
    assert await jobs.submit(job("k2", asked), [CARD], hidden={"k1"})


async def test_name_of_a_finished_model_is_taken_until_it_is_deleted(jobs: SqliteJobStore) -> None:
    await jobs.submit(job("k1", "mine", state=JobState.SUCCEEDED), [])
    with pytest.raises(BadArgument, match=r'already a model named "mine"'):
        await jobs.submit(job("k2", "mine"), [])
    await jobs.change("k1", lambda done: Change(replace(done, deleted_by="U0ADA")))
    assert await jobs.submit(job("k2", "mine"), [])


async def test_name_of_a_lost_job_is_taken_until_it_is_deleted_because_google_may_run_it(
    jobs: SqliteJobStore,
) -> None:
    await jobs.submit(job("k1", "mine", state=JobState.LOST), [])
    with pytest.raises(BadArgument, match=r'already a model named "mine"'):
        await jobs.submit(job("k2", "mine"), [])
    await jobs.change("k1", lambda lost: Change(replace(lost, deleted_by="U0ADA")))
    assert await jobs.submit(job("k2", "mine"), [])


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
async def test_name_of_a_job_that_ended_badly_is_free_again(jobs: SqliteJobStore, state: JobState) -> None:
    await jobs.submit(job("k1", "mine", state=state), [])
    assert await jobs.submit(job("k2", "mine", minutes=1), [])
    assert [found.key for found in await jobs.with_name(TEAM, "mine")] == ["k2", "k1"]


async def test_job_that_comes_back_to_life_keeps_its_name_beside_a_newer_one(jobs: SqliteJobStore) -> None:
    await jobs.submit(job("k1", "mine", state=JobState.FAILED), [])
    await jobs.submit(job("k2", "mine", minutes=1), [])
    back = await jobs.change("k1", lambda failed: Change(replace(failed, state=JobState.SUCCEEDED)))
    assert back is not None
    assert back.state is JobState.SUCCEEDED


async def test_list_is_newest_first_without_deleted_jobs_and_bounded(jobs: SqliteJobStore) -> None:
    for number in (2, 0, 3, 1):
        await jobs.submit(job(f"k{number}", minutes=number), [])
    await jobs.change("k2", lambda found: Change(replace(found, deleted_by="U0ADA")))
    assert [found.key for found in await jobs.jobs(TEAM)] == ["k3", "k1", "k0"]
    assert [found.key for found in await jobs.jobs(TEAM, limit=2)] == ["k3", "k1"]


async def test_open_jobs_are_those_of_every_team_that_have_not_ended_oldest_first(jobs: SqliteJobStore) -> None:
    for number, state in enumerate(JobState):
        await jobs.submit(job(state.value, state=state, minutes=-number), [])
    await jobs.submit(job("theirs", team=OTHER_TEAM, minutes=5), [])
    assert [found.key for found in await jobs.open_jobs()] == [
        "running",
        "queued",
        "submitting",
        "waiting",
        "awaiting approval",
        "theirs",
    ]


async def test_change_writes_job_losses_and_news_together(jobs: SqliteJobStore, outbox: SqliteOutbox) -> None:
    await jobs.submit(job("k1"), [])
    moved = await jobs.change(
        "k1",
        lambda found: Change(
            replace(found, completed_steps=2),
            [Snapshot(2, 1.25, 1, START, 1.5, 0.5, 64, 0.25, 9), Snapshot(1, 2.5)],
            [CARD],
        ),
    )
    assert moved == replace(job("k1"), completed_steps=2) == await jobs.job("k1")
    assert await jobs.snapshots("k1") == [Snapshot(1, 2.5), Snapshot(2, 1.25, 1, START, 1.5, 0.5, 64, 0.25, 9)]
    assert [notice.job for notice in await outbox.due(START)] == ["k1"]


async def test_polling_twice_keeps_one_loss_a_step_and_takes_the_newer(jobs: SqliteJobStore) -> None:
    await jobs.submit(job("k1"), [])
    await jobs.change("k1", lambda found: Change(found, [Snapshot(1, 2.5), Snapshot(2, 2.0)]))
    await jobs.change("k1", lambda found: Change(found, [Snapshot(1, 2.5), Snapshot(2, 1.75)]))
    assert await jobs.snapshots("k1") == [Snapshot(1, 2.5), Snapshot(2, 1.75)]


async def test_losses_of_a_tuning_that_diverged_are_kept(jobs: SqliteJobStore) -> None:
    await jobs.submit(job("k1"), [])
    await jobs.change("k1", lambda found: Change(found, [Snapshot(1, math.inf), Snapshot(2, math.nan)]))
    first, second = await jobs.snapshots("k1")
    assert first.mean_loss == math.inf
    assert math.isnan(second.mean_loss)


async def test_change_that_declines_or_finds_no_job_leaves_everything_as_it_is(jobs: SqliteJobStore) -> None:
    await jobs.submit(job("k1"), [])
    assert await jobs.change("k1", lambda found: None) == job("k1")
    assert await jobs.change("k2", lambda found: Change(found, notices=[CARD])) is None


async def test_step_that_raises_undoes_nothing_but_its_own_change(jobs: SqliteJobStore) -> None:
    await jobs.submit(job("k1"), [])

    def refuse(_: object) -> Change:
        raise BadArgument("Not like this.")

    with pytest.raises(BadArgument, match="Not like this"):
        await jobs.change("k1", refuse)
    assert await jobs.job("k1") == job("k1")
    assert await jobs.submit(job("k2"), [])


async def test_change_may_not_move_a_job_to_another_workspace(jobs: SqliteJobStore) -> None:
    await jobs.submit(job("k1"), [])
    with pytest.raises(ValueError, match="workspace"):
        await jobs.change("k1", lambda found: Change(job("k1", team=OTHER_TEAM)))
    assert await jobs.job("k1") == job("k1")


async def test_two_hundred_tasks_that_change_one_job_at_once_lose_nothing(jobs: SqliteJobStore) -> None:
    await jobs.submit(replace(job("k1"), completed_steps=0), [])

    async def step(number: int) -> None:
        await jobs.change(
            "k1",
            lambda found: Change(
                replace(found, completed_steps=(found.completed_steps or 0) + 1), [Snapshot(number, 1.0)], [CARD]
            ),
        )

    await asyncio.gather(*map(step, range(200)))
    found = await jobs.job("k1")
    assert found is not None
    assert found.completed_steps == 200
    assert [snapshot.step for snapshot in await jobs.snapshots("k1")] == list(range(200))


async def test_of_many_clicks_at_once_one_starts_the_job(jobs: SqliteJobStore) -> None:
    started = await asyncio.gather(*(jobs.submit(job("k1"), [CARD]) for _ in range(20)))
    assert [each is not None for each in started].count(True) == 1


async def test_of_many_jobs_that_ask_for_one_name_at_once_one_gets_it(jobs: SqliteJobStore) -> None:
    starts = (jobs.submit(job(f"k{number}", "mine"), []) for number in range(20))
    results = await asyncio.gather(*starts, return_exceptions=True)
    assert sum(isinstance(result, TuningJob) for result in results) == 1
    assert sum(isinstance(result, BadArgument) for result in results) == 19


async def test_row_of_a_newer_version_with_unknown_fields_is_still_read(
    jobs: SqliteJobStore, database: Database
) -> None:
    await jobs.submit(job("k1"), [])

    def add_and_drop_fields(connection: Connection) -> None:
        connection.execute(
            """
            UPDATE jobs SET spec = json_remove(
              json_set(spec, '$.priority', 'high', '$.training.language', 'de'), '$.training.characters'
            )
            """
        )

    await database.write(add_and_drop_fields)
    found = await jobs.job("k1")
    assert found is not None
    assert found.spec == replace(job("k1").spec, training=replace(job("k1").spec.training, characters=0))


async def test_row_that_was_damaged_by_hand_is_a_storage_error(jobs: SqliteJobStore, database: Database) -> None:
    await jobs.submit(job("k1"), [])
    await database.write(lambda connection: connection.table("jobs").update("k1", {"spec": "{oops"}))
    with pytest.raises(StorageError, match="A stored row cannot be read"):
        await jobs.job("k1")


async def test_poll_without_news_changes_checked_at_without_a_write(
    jobs: SqliteJobStore, database: Database
) -> None:
    await jobs.submit(job("k1"), [])
    changes = await database.run(lambda connection: connection.conn.total_changes)
    jobs.mark_checked("k1", START)
    found = await jobs.job("k1")
    assert found is not None
    assert found.checked_at == START
    assert [one.checked_at for one in await jobs.jobs(TEAM)] == [START]
    assert await database.run(lambda connection: connection.conn.total_changes) == changes


async def test_time_of_the_last_poll_is_written_with_the_next_change(
    jobs: SqliteJobStore, database: Database
) -> None:
    await jobs.submit(job("k1"), [])
    jobs.mark_checked("k1", START)
    await jobs.change("k1", lambda found: Change(replace(found, completed_steps=1)))
    found = await SqliteJobStore(database).job("k1")
    assert found is not None
    assert found.checked_at == START


async def test_several_jobs_are_read_oldest_first_however_many(jobs: SqliteJobStore) -> None:
    keys = [f"k{number:03}" for number in range(120)]
    for number, key in enumerate(keys):
        await jobs.submit(job(key, minutes=number), [])
    assert [found.key for found in await jobs.with_keys([*keys, "unknown"])] == keys
    assert await jobs.with_keys([]) == []


async def test_those_under_way_are_found_however_many_ended_later(jobs: SqliteJobStore) -> None:
    await jobs.submit(job("tb-old", name="old", state=JobState.RUNNING), [])
    for number in range(60):
        await jobs.submit(job(f"tb-{number}", name=f"job {number}", state=JobState.FAILED), [])

    assert [found.name for found in await jobs.jobs(TEAM, under_way=True)] == ["old"]
    assert await jobs.count_jobs(TEAM, under_way=True) == 1
    assert await jobs.count_jobs(TEAM) == 61
    assert await jobs.count_jobs(OTHER_TEAM) == 0


async def test_what_a_command_or_a_question_looks_up_is_found_by_an_index(
    jobs: SqliteJobStore, database: Database
) -> None:
    """However many jobs have ended: tests/benchmarks/growth.py measures it."""
    asked: list[str] = []
    await database.run(lambda db: db.conn.set_trace_callback(asked.append))
    await jobs.jobs(TEAM, limit=50)
    await jobs.count_jobs(TEAM)
    await jobs.with_name(TEAM, "a name")
    await jobs.with_resources(["projects/p/locations/us/endpoints/1", "tunedModels/tb-1"])
    await jobs.with_keys(["tb-1"])
    await jobs.open_jobs()
    stranger = Sight("U0STRANGER", frozenset({"C0OTHER"}))
    await jobs.jobs(TEAM, under_way=True, sight=stranger)
    await jobs.jobs(TEAM, sight=stranger)
    await jobs.count_jobs(TEAM, sight=stranger)
    await jobs.channels(TEAM)
    await jobs.started(TEAM, START, START)
    await database.run(lambda db: db.conn.set_trace_callback(None))
    queries = [text for text in asked if text.lstrip().startswith(("SELECT", "WITH"))]
    assert len(queries) == 11
    for text in queries:
        plan = await database.run(lambda db, text=text: db.execute(f"EXPLAIN QUERY PLAN {text}").fetchall())  # type: ignore[misc]
        assert not [step for *_, step in plan if step == "SCAN jobs"], text
        # Of jobs that ended, a person who sees none of them must not cost a read of each row.
        if "U0STRANGER" in text:
            index = "jobs_open" if "state IN" in text else "jobs_seen"
            assert [step for *_, step in plan if step.endswith(f"INDEX {index}") or f"INDEX {index} (" in step], (
                plan
            )
