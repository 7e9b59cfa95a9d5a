"""A copy is made on time, in a folder or in a bucket; a failure is logged and counted, and tried again soon."""

import asyncio
import logging
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from bot.app import open_backup_target
from bot.errors import GoogleUnavailable
from bot.runtime.clocks import SYSTEM_CLOCK
from bot.runtime.metrics import Metrics
from bot.runtime.scheduled_backups import BackupTarget, ScheduledBackups
from bot.sandbox.google import GoogleStandIn
from storage import open_stores
from storage.backup import copy_database
from tests.support.backend_harness import BUCKET, options
from tests.support.builders import START
from tests.support.clock import FixedClock
from tests.support.waiting import holds, wait_until


async def test_copies_go_to_a_folder_and_to_a_bucket(tmp_path: Path) -> None:
    (tmp_path / "copies").mkdir()

    def copy(target: Path) -> None:
        copy_database(tmp_path / "tunebot.db", target)

    async with GoogleStandIn() as google, open_stores(tmp_path / "tunebot.db", SYSTEM_CLOCK):
        google.create_bucket(BUCKET)
        local, stored = tmp_path / "copies", google.buckets.bucket(BUCKET)
        async with open_backup_target(str(local), options(google)) as target:
            await ScheduledBackups(copy, target, SYSTEM_CLOCK, 1.0).make()
            assert await target.names() == [each.name for each in local.iterdir()]
        async with open_backup_target(f"gs://{BUCKET}/copies/", options(google)) as target:
            watch = asyncio.create_task(ScheduledBackups(copy, target, SYSTEM_CLOCK, 0.01).watch())
            await wait_until(lambda: stored)
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
            assert {f"copies/{name}" for name in await target.names()} == set(stored)
        assert all(name.startswith("copies/tunebot-2") for name in stored)
    [first] = local.glob("*.db")
    with closing(sqlite3.connect(first)) as connection:
        assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (0,)
    assert first.stat().st_mode & 0o077 == 0


async def test_a_failure_is_logged_and_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    async with open_backup_target(str(tmp_path / "absent"), None) as target:  # type: ignore[arg-type]
        backups = ScheduledBackups(lambda path: path.touch(), target, SYSTEM_CLOCK, 1.0, metrics.backup)
        assert not await backups.make()
        assert await backups.until_due() == 1.0
    assert b'tunebot_backups_total{outcome="failed"} 1.0' in metrics.text()
    assert b'tunebot_backups_total{outcome="made"} 0.0' in metrics.text()
    [said] = [record for record in caplog.records if record.getMessage() == "backup.failed"]
    assert said.levelno == logging.ERROR


@pytest.mark.parametrize(
    ("names", "due"),
    [
        ([], 60.0),
        (["notes.txt", "tunebot-2026.db"], 60.0),
        (["tunebot-copy.db", f"{START - timedelta(hours=20):tunebot-%Y%m%dT%H%M%SZ.db}"], 4 * 3600.0),
        ([f"{START - timedelta(hours=h):tunebot-%Y%m%dT%H%M%SZ.db}" for h in (90, 1, 30)], 23 * 3600.0),
        ([f"{START - timedelta(days=3):tunebot-%Y%m%dT%H%M%SZ.db}"], 60.0),
        ([f"{START + timedelta(days=3):tunebot-%Y%m%dT%H%M%SZ.db}"], 24 * 3600.0),
    ],
)
async def test_the_next_copy_is_due_a_day_after_the_newest_one_also_where_the_bot_is_started_each_night(
    names: list[str], due: float
) -> None:
    async def listed() -> list[str]:
        return names

    async def store(_: Path) -> None:
        raise AssertionError("not yet")

    target = BackupTarget(store, listed)
    backups = ScheduledBackups(lambda _: None, target, FixedClock(START), 24 * 3600.0)
    assert await backups.until_due() == pytest.approx(due, abs=1.0), "names have whole seconds"


async def test_a_copy_that_failed_is_tried_again_soon_and_not_a_day_later(tmp_path: Path) -> None:
    tried: list[str] = []

    async def store(path: Path) -> None:
        tried.append(path.name)
        if len(tried) < 3:
            raise GoogleUnavailable("Google is away.")

    async def names() -> list[str]:
        return []

    backups = ScheduledBackups(
        lambda path: path.touch(),
        BackupTarget(store, names),
        SYSTEM_CLOCK,
        24 * 3600.0,
        first_seconds=0.0,
        again_seconds=0.01,
    )
    watch = asyncio.create_task(backups.watch())
    await wait_until(lambda: len(tried) == 3)
    await holds(lambda: len(tried) == 3, 0.1, "after a copy that was made, the next one is due in a day: that")
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
