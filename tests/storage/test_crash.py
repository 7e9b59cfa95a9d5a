"""What a process leaves behind that is killed, has no room, or is not alone."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.domain.jobs import JobState
from storage.database import Database
from storage.jobs import SqliteJobStore
from storage.outbox import SqliteOutbox
from tests.support.builders import START, job
from tests.support.clock import FixedClock
from tests.support.database_writer import REFUSED

ROOT = Path(__file__).parents[2]


def command(path: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "tests.support.database_writer", str(path), *arguments]


def run(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(path, *arguments), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def killed_after(path: Path, lines: int, prefix: str) -> list[str]:
    """Let a process write until it acknowledged so many jobs, kill it, and return all that it acknowledged."""
    with subprocess.Popen(
        command(path, "for-ever", prefix), cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        acknowledged += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    # The last line may have been cut off by the kill; what was cut off was not acknowledged.
    return [line.strip() for line in acknowledged if line.endswith("\n")]


async def check_database(path: Path, acknowledged: list[str], kills: int) -> None:
    """Every acknowledged job is there as it ended, and no job is without its notices and losses."""
    database = Database(path)
    await database.open()
    try:
        jobs, outbox = SqliteJobStore(database), SqliteOutbox(database, FixedClock(START))
        check = await database.run(lambda connection: connection.execute("PRAGMA integrity_check").fetchone()[0])
        assert check == "ok"
        stored = {found.key: found for found in await jobs.jobs(job("any").place.team, limit=1_000_000)}
        assert set(acknowledged) <= set(stored)
        assert {stored[key].state for key in acknowledged} == {JobState.SUCCEEDED}
        # A kill leaves at most one job whose transaction was not acknowledged yet.
        assert len(stored) - len(acknowledged) <= kills
        assert {notice.job for notice in await outbox.due(START)} == set(stored)
        for key, found in stored.items():
            steps = len(await jobs.snapshots(key))
            assert steps == (20 if found.state is JobState.SUCCEEDED else 0)
    finally:
        await database.close()


async def test_process_killed_while_writing_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "tunebot.db"
    acknowledged: list[str] = []
    for number, lines in enumerate((1, 7, 40)):
        # This also shows that the killed process no longer owns the file.
        acknowledged += killed_after(path, lines, f"kill-{number}-")
        await check_database(path, acknowledged, number + 1)
    assert len(acknowledged) >= 48


async def test_process_whose_disk_is_full_refuses_loses_nothing_and_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    path = tmp_path / "tunebot.db"
    result = run(path, "until-full", str(3 * 1024 * 1024))
    assert result.returncode == 0, result.stderr
    assert re.search(r"The disk could not read or save the database|There is no room left", result.stderr)
    assert "Everything that was saved before is still there." in result.stderr
    acknowledged = result.stdout.split()
    assert len(acknowledged) > 10
    assert acknowledged[-1] == "afterwards"
    await check_database(path, acknowledged, 1)


async def test_second_process_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "tunebot.db"
    database = Database(path)
    await database.open()
    try:
        second = run(path, "open")
        assert second.returncode == REFUSED
        assert second.stderr == (
            f"Another Tunebot is already using the database {path}. "
            "Stop that one first, or set TUNEBOT_DB to another file.\n"
        )
        assert await SqliteJobStore(database).submit(job("k1"), [])
    finally:
        await database.close()
    assert run(path, "open").returncode == 0


@pytest.fixture
def read_only_folder() -> Iterator[Path]:
    # Not tmp_path: another user must be able to reach it for the refusal to be about writing.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)


def test_folder_that_cannot_be_written_is_a_clear_refusal(read_only_folder: Path) -> None:
    path = read_only_folder / "tunebot.db"
    result = run(path, "as-nobody" if os.geteuid() == 0 else "open")
    assert result.returncode == REFUSED
    assert result.stderr == (
        f"The database {path} cannot be opened: Permission denied. "
        "Check that the folder exists and that the user that runs Tunebot may write to it.\n"
    )
