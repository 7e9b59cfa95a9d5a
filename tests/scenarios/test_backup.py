"""`tunebot backup`: a whole copy, made by another process while the bot writes."""

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bot.sandbox.stage import Stage
from tests.support.bot_harness import OpenBot
from tests.support.waiting import wait_until

pytestmark = pytest.mark.long

QUICK = {"TUNEBOT_POLL_SECONDS": "0.05"}


async def backup(stage: Stage, target: Path, **environment: str) -> tuple[int, str]:
    """Run the command with nothing but the database's name set; its exit code and all it said."""
    kept = {name: stage.environment()[name] for name in ("PATH", "TUNEBOT_DB")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "backup", str(target),
        env={**kept, **environment}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


@pytest.mark.long
async def test_copies_made_while_the_bot_writes_are_whole_and_can_take_the_databases_place(
    open_bot: OpenBot,
) -> None:
    async with open_bot(job_seconds=None, environment=QUICK) as bot:
        bot.google.limits.concurrent_vertex_jobs = 10
        jobs = [(await bot.started(f"job {number}", "backend=gemini"))[1] for number in range(4)]
        over = asyncio.Event()

        async def move() -> None:
            while not over.is_set():
                for job in jobs:
                    if job.steps < job.total_steps - 1:
                        job.advance(1)
                seen = len(bot.google.requests)
                await wait_until(lambda: len(bot.google.requests) > seen, "a poll")  # noqa: B023

        moving = asyncio.create_task(move())
        copies = [bot.stage.directory / f"copy-{number}.db" for number in range(3)]
        for copy in copies:
            code, said = await backup(bot.stage, copy)
            assert code == 0, said
            assert f"to {copy}" in said
        over.set()
        await moving
        for copy in copies:
            assert rows(copy, "PRAGMA integrity_check") == [("ok",)]
            assert rows(copy, "SELECT count(*) FROM jobs") == [(4,)]
            # A job and its last loss are written together, so a copy holds both or neither.
            last = "(SELECT max(step) FROM snapshots WHERE job = key)"
            assert rows(copy, f"SELECT key FROM jobs WHERE completed_steps <> {last}") == []
        assert copies[0].stat().st_mode & 0o077 == 0

        await bot.stage.stop()
        (bot.stage.directory / "tunebot.db").unlink()
        for side in ("-wal", "-shm"):
            (bot.stage.directory / f"tunebot.db{side}").unlink(missing_ok=True)
        copies[-1].rename(bot.stage.directory / "tunebot.db")
        await bot.stage.start()
        for job in jobs:
            job.finish()
        await wait_until(lambda: len(bot.messages("is ready")) == 4, "the ends")


async def test_what_is_wrong_is_said_in_two_lines_and_nothing_is_overwritten(open_bot: OpenBot) -> None:
    async with open_bot(environment=QUICK) as bot:
        taken = bot.stage.directory / "taken.db"
        taken.write_text("mine")
        code, said = await backup(bot.stage, taken)
        assert code == 1
        assert said == f"{taken} already exists.\nName a new file, so that you keep the older copy.\n"
        assert taken.read_text() == "mine"

        code, said = await backup(bot.stage, bot.stage.directory / "missing" / "copy.db")
        assert code == 1
        assert "cannot be written: No such file or directory" in said

        code, said = await backup(bot.stage, bot.stage.directory / "copy.db", TUNEBOT_DB="/nowhere/tunebot.db")
        assert code == 1
        assert "There is no database at /nowhere/tunebot.db" in said
        assert "TUNEBOT_DB" in said
        assert "Traceback" not in said
