"""Thousands of jobs under way at Google's stand-in, in a process of its own, and their rows in a bot's database.

    .venv/bin/python -m tests.benchmarks.many_jobs DIRECTORY --jobs 1000 --backend vertex

Starting each through Slack would take hours. The command serves until it is ended; what a bot is told and what
the jobs are called is written to DIRECTORY/google.json.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from bot.domain.datasets import Dataset, Dialect
from bot.domain.jobs import Hyperparameters, JobState, TuningJob, TuningSpec
from bot.domain.place import Place
from bot.sandbox.google import GoogleStandIn
from bot.sandbox.google.vertex_jobs import project_number
from storage.database import Database
from storage.job_rows import job_row
from tests.benchmarks.light_slack import CHANNEL, TEAM, USER

BUCKET = "benchmark"
BASES = {
    "vertex": "gemini-3.5-flash",
    "gemini": "models/gemini-1.5-flash-001-tuning",
    "palm": "models/text-bison-001",
}
_EXAMPLES = [{"textInput": str(number), "output": str(number + 1)} for number in range(20)]
_ROWS = "".join(
    json.dumps(
        {
            "contents": [
                {"role": "user", "parts": [{"text": row["textInput"]}]},
                {"role": "model", "parts": [{"text": row["output"]}]},
            ]
        }
    )
    + "\n"
    for row in _EXAMPLES
).encode()


@asynccontextmanager
async def google_with(jobs: int, backend: str, directory: Path) -> AsyncIterator[dict[str, str]]:
    """Start it in a process of its own and write the rows; gives what the bot is to be told."""
    facts = directory / "google.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.many_jobs", str(directory)),
        *("--jobs", str(jobs), "--backend", backend),
    )
    try:
        while not facts.exists():
            if process.returncode is not None:
                raise click.ClickException("Google's stand-in did not start")
            await asyncio.sleep(0.05)
        found = json.loads(facts.read_text())
        database = directory / "tunebot.db"
        await _write_rows(database, backend, found["jobs"])
        yield {
            **found["environment"],
            "TUNEBOT_DB": str(database),
            "TUNEBOT_BUCKET": BUCKET,
            "TUNEBOT_BACKENDS": backend,
        }
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _write_rows(path: Path, backend: str, names: dict[str, str]) -> None:
    now = datetime.now(UTC)
    rows = [
        job_row(_job(backend, key, operation, now + timedelta(microseconds=count)))
        for count, (key, operation) in enumerate(names.items())
    ]
    database = Database(path)
    await database.open()
    await database.write(lambda connection: connection.table("jobs").insert_all(rows))
    await database.close()


def _job(backend: str, key: str, operation: str, created: datetime) -> TuningJob:
    data = Dataset("slack:F0BENCH", "numbers.jsonl", "ab" * 32, len(_ROWS), len(_EXAMPLES), Dialect.GEMINI, 60)
    return TuningJob(
        key=key,
        place=Place(TEAM, CHANNEL),
        owner=USER,
        spec=TuningSpec(backend, BASES[backend], f"numbers {key[-5:]}", Hyperparameters(), training=data),
        state=JobState.RUNNING,
        created_at=created,
        operation=operation,
        moved_at=created,
        card="1.000001",
    )


async def _serve(directory: Path, jobs: int, backend: str) -> None:
    # An hour a job: a step comes now and then, as in earnest.
    async with GoogleStandIn(job_seconds=3600.0, seed=1) as google:
        google.create_bucket(BUCKET)
        google.buckets.put(BUCKET, "numbers.jsonl", _ROWS)
        names = await _started(google, jobs, backend)
        google.requests.clear()
        written = directory / "google.part"
        written.write_text(json.dumps({"environment": google.environment(), "jobs": names}))
        written.rename(directory / "google.json")
        while True:
            # The journal keeps every request; a benchmark makes many.
            await asyncio.sleep(5.0)
            google.requests.clear()


async def _started(google: GoogleStandIn, jobs: int, backend: str) -> dict[str, str]:
    """The operations by our keys."""
    # No place in the queue while they come in, so that each new one is not weighed against all others.
    google.limits.concurrent_vertex_jobs = 0
    parent = f"projects/{project_number(google.project)}/locations/us-central1"
    names: dict[str, str] = {}
    for count in range(jobs):
        key = f"bench-{count:05}"
        if backend == "vertex":
            body = {
                "baseModel": BASES["vertex"],
                "supervisedTuningSpec": {"trainingDatasetUri": f"gs://{BUCKET}/numbers.jsonl"},
                "tunedModelDisplayName": key,
                "labels": {"tunebot-job": key},
            }
            made = await google.tuning_jobs.create(parent, body, beta=False)
            google.jobs.start(made.job, made.job.created)
            names[key] = made.job.name
        else:
            data = {"examples": {"examples": _EXAMPLES}}
            task = {"trainingData": data, "hyperparameters": {"epochCount": 5}}
            model = google.tuned_models.create(
                backend, {"displayName": key, "baseModel": BASES[backend], "tuningTask": task}, key
            )
            names[key] = model.operation
    google.limits.concurrent_vertex_jobs = jobs + 1
    return names


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--jobs", default=1000)
@click.option("--backend", type=click.Choice(list(BASES)), default="vertex")
def main(directory: Path, jobs: int, backend: str) -> None:
    """Serve."""
    asyncio.run(_serve(directory, jobs, backend))


if __name__ == "__main__":
    main()
