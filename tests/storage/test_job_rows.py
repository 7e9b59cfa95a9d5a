"""Whatever a job holds comes back as it was, through the real store."""

import asyncio
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.datasets import Dataset, Dialect, FieldMapping
from bot.domain.jobs import DataStats, Failure, Hyperparameters, JobState, OpenJob, Snapshot, TuningJob, TuningSpec
from bot.domain.place import Place
from bot.domain.requests import Proposal
from bot.ports.job_store import Change
from storage.database import Database
from storage.jobs import SqliteJobStore
from tests.support.ready_database import write_ready_database

TEXT = st.text(max_size=30)
COUNT = st.integers(0, 2**63 - 1)
RATE = st.none() | st.floats(allow_nan=False, allow_infinity=False)
TIME = st.datetimes(timezones=st.just(UTC))
MAYBE_COUNT = st.none() | COUNT
MAYBE_TIME = st.none() | TIME

DATASET = st.builds(
    Dataset,
    location=TEXT,
    name=TEXT,
    sha256=TEXT,
    size=COUNT,
    examples=COUNT,
    dialect=st.sampled_from(Dialect),
    characters=COUNT,
    mapping=st.none() | st.builds(FieldMapping, TEXT, TEXT),
)
SPEC = st.builds(
    TuningSpec,
    backend=TEXT,
    base_model=TEXT,
    name=TEXT,
    hyperparameters=st.builds(
        Hyperparameters,
        epochs=MAYBE_COUNT,
        batch_size=MAYBE_COUNT,
        learning_rate=RATE,
        learning_rate_multiplier=RATE,
        adapter_size=MAYBE_COUNT,
    ),
    training=DATASET,
    validation=st.none() | DATASET,
)
PLACE = st.builds(Place, TEXT, TEXT, TEXT)
JOB = st.builds(
    TuningJob,
    key=TEXT,
    place=PLACE,
    owner=TEXT,
    spec=SPEC,
    state=st.sampled_from(JobState),
    created_at=TIME,
    create_sent_at=MAYBE_TIME,
    operation=TEXT,
    google_state=TEXT,
    tuned_model=TEXT,
    endpoint=TEXT,
    total_steps=MAYBE_COUNT,
    completed_steps=MAYBE_COUNT,
    epoch=MAYBE_COUNT,
    started_at=MAYBE_TIME,
    ended_at=MAYBE_TIME,
    checked_at=MAYBE_TIME,
    moved_at=MAYBE_TIME,
    stuck_at=MAYBE_TIME,
    problem=TEXT,
    failure=st.none() | st.builds(Failure, st.integers(0, 16), TEXT, TEXT),
    data_stats=st.none()
    | st.builds(DataStats, COUNT, COUNT, COUNT, COUNT, COUNT, st.lists(TEXT, max_size=3).map(tuple)),
    cancelled_by=TEXT,
    deleted_by=st.just(""),
    card=TEXT,
)
SNAPSHOTS = st.lists(
    st.builds(
        Snapshot,
        step=COUNT,
        mean_loss=st.floats(allow_nan=False),
        epoch=COUNT,
        computed_at=MAYBE_TIME,
        eval_loss=st.none() | st.floats(allow_nan=False),
    ),
    max_size=4,
    unique_by=lambda snapshot: snapshot.step,
)


@given(job=JOB, later=JOB, snapshots=SNAPSHOTS, proposal=st.builds(Proposal, TEXT, PLACE, TEXT, SPEC, TIME))
@settings(max_examples=60)
def test_any_job_proposal_and_loss_comes_back_as_it_was(
    job: TuningJob, later: TuningJob, snapshots: list[Snapshot], proposal: Proposal
) -> None:
    # The same job at another time: everything may change but its key and its workspace.
    changed = TuningJob(
        **{
            **{name: getattr(later, name) for name in TuningJob.__slots__},
            "key": job.key,
            "place": Place(job.place.team, later.place.channel, later.place.thread),
        }
    )

    async def store_and_read() -> None:
        database = Database(write_ready_database(Path(directory) / "tunebot.db"))
        await database.open()
        try:
            jobs = SqliteJobStore(database)
            await jobs.add_proposal(proposal)
            assert await jobs.proposal(proposal.place.team, proposal.id) == proposal
            assert await jobs.submit(job, [])
            assert await jobs.job(job.key) == job
            assert await jobs.with_name(job.place.team, job.name) == [job]
            assert await jobs.jobs(job.place.team) == [job]
            assert await jobs.with_keys([job.key]) == [job]
            seen = OpenJob(job.key, job.backend, job.state, job.create_sent_at or job.created_at)
            assert await jobs.open_jobs() == ([] if job.state.ended else [seen])
            assert await jobs.change(job.key, lambda _: Change(changed, snapshots)) == changed
            assert await jobs.job(job.key) == changed
            assert await jobs.snapshots(job.key) == sorted(snapshots, key=lambda snapshot: snapshot.step)
        finally:
            await database.close()

    with TemporaryDirectory() as directory:
        asyncio.run(store_and_read())
