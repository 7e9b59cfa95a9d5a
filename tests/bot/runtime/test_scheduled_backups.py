"""A copy is made on time, in a folder or in a bucket; a failure is logged, and the next turn tries again."""

import asyncio
import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.app import open_backup_target
from bot.runtime.clocks import SYSTEM_CLOCK
from bot.runtime.scheduled_backups import ScheduledBackups
from bot.sandbox.google import GoogleStandIn
from storage import open_stores
from storage.backup import copy_database
from tests.support.backend_harness import BUCKET, options
from tests.support.waiting import wait_until


async def test_copies_go_to_a_folder_and_to_a_bucket(tmp_path: Path) -> None:
    (tmp_path / "copies").mkdir()

    def copy(target: Path) -> None:
        copy_database(tmp_path / "tunebot.db", target)

    async with GoogleStandIn() as google, open_stores(tmp_path / "tunebot.db", SYSTEM_CLOCK):
        google.create_bucket(BUCKET)
        local, stored = tmp_path / "copies", google.buckets.bucket(BUCKET)
        async with open_backup_target(str(local), options(google)) as store:
            await ScheduledBackups(copy, store, SYSTEM_CLOCK, 1.0).make()
        async with open_backup_target(f"gs://{BUCKET}/copies/", options(google)) as store:
            watch = asyncio.create_task(ScheduledBackups(copy, store, SYSTEM_CLOCK, 0.01).watch())
            await wait_until(lambda: stored)
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        assert all(name.startswith("copies/tunebot-2") for name in stored)
    [first] = local.glob("*.db")
    with closing(sqlite3.connect(first)) as connection:
        assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (0,)
    assert first.stat().st_mode & 0o077 == 0


async def test_a_failure_is_logged_and_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with open_backup_target(str(tmp_path / "absent"), None) as store:  # type: ignore[arg-type]
        await ScheduledBackups(lambda path: path.touch(), store, SYSTEM_CLOCK, 1.0).make()
    [said] = [record for record in caplog.records if record.getMessage() == "backup.failed"]
    assert said.levelno == logging.ERROR
