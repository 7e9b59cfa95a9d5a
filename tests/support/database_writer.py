"""A process of its own that uses a database: `python -m tests.support.database_writer PATH MODE ...`.

It prints the key of every job that the database acknowledged, and the words of a refusal on stderr.
"""

import asyncio
import os
import resource
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path

from bot.domain.jobs import JobState, Snapshot
from bot.errors import StorageError
from bot.ports.job_store import Change
from bot.ports.notifier import NoticeKind
from storage.database import Database
from storage.jobs import SqliteJobStore
from tests.support.builders import job

REFUSED = 3


def acknowledge(key: str) -> None:
    sys.stdout.write(f"{key}\n")
    sys.stdout.flush()


async def start_and_end(jobs: SqliteJobStore, key: str) -> None:
    """One job's life in two transactions."""
    await jobs.submit(job(key, state=JobState.SUBMITTING), [NoticeKind.CARD])
    await jobs.change(
        key,
        lambda found: Change(
            replace(found, state=JobState.SUCCEEDED),
            [Snapshot(step, 1.0) for step in range(20)],
            [NoticeKind.ENDED],
        ),
    )


async def write_for_ever(database: Database, prefix: str) -> None:
    jobs = SqliteJobStore(database)
    for number in count():
        await start_and_end(jobs, f"{prefix}{number}")
        acknowledge(f"{prefix}{number}")


async def write_until_full(database: Database, limit: str) -> None:
    """Give the process files of at most `limit` bytes; once refused, read, get more room and go on."""
    jobs = SqliteJobStore(database)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
    for number in count():
        try:
            await start_and_end(jobs, f"k{number}")
        except StorageError as refusal:
            sys.stderr.write(f"{refusal}\n")
            break
        acknowledge(f"k{number}")
    assert await jobs.job("k0") is not None
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await start_and_end(jobs, "afterwards")
    acknowledge("afterwards")


async def main(path: str, mode: str, *arguments: str) -> int:
    if mode == "as-nobody":
        # Root may write anywhere, and tests are often run by root.
        os.setuid(65534)
    database = Database(Path(path))
    try:
        await database.open()
    except StorageError as refusal:
        sys.stderr.write(f"{refusal}\n")
        return REFUSED
    try:
        if mode == "for-ever":
            await write_for_ever(database, *arguments)
        elif mode == "until-full":
            await write_until_full(database, *arguments)
    finally:
        await database.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main(*sys.argv[1:])))
