"""Each line of the README that types `tunebot` does what it says, in a folder like the reader's, beside a bot."""

import asyncio
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support.bot_harness import BotHarness, OpenBot
from tests.support.openai_stand_in import KEY, openai_stand_in

ROOT: Final = Path(__file__).parents[2]
README: Final = (ROOT / "README.md").read_text()
# What runs until it is stopped: each bot of these scenarios is a `tunebot run`; tests/bot/sandbox opens the page.
_RUNS_ON: Final = r"tunebot (?:run|sandbox)\b|^export SLACK_BOT_TOKEN"
TALK: Final = (
    b'{"messages": [{"role": "user", "content": "a?"}, {"role": "assistant", "content": "b"}]}\n' * 5
    + b'{"messages": [{"role": "user", "content": "c?"}, {"role": "assistant", "content": "d"}]}\n' * 5
)

pytestmark = pytest.mark.long


def blocks() -> list[str]:
    """The README's blocks of commands with `tunebot` in them, without what runs on and on."""
    kept = []
    for block in re.findall(r"```sh\n([\s\S]*?)```", README):
        lines = [line for line in block.splitlines() if not re.search(_RUNS_ON, line)]
        if any(".venv/bin/tunebot " in line for line in lines):
            kept.append("\n".join(lines))
    return kept


def prepare(folder: Path, bot: BotHarness) -> None:
    """Lay out the folder of somebody who has installed it from a clone and has filled in the settings."""
    program = folder / ".venv" / "bin" / "tunebot"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m bot "$@"\n')
    program.chmod(0o755)
    (folder / ".github").mkdir()
    shutil.copy(ROOT / ".github" / "examples.jsonl", folder / ".github")
    rows = "".join(json.dumps({"question": f"q{n}", "answer": f"a{n}"}) + "\n" for n in range(20))
    (folder / "my-questions.jsonl").write_text(rows)
    (folder / "downloaded.jsonl").write_bytes(TALK)
    settings = {name: value for name, value in bot.stage.environment().items() if name.isupper()}
    (folder / "tunebot.env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))


async def typed(folder: Path, bot: BotHarness, text: str) -> str:
    """Run a block of commands; returns what it printed. Raises AssertionError where one of them fails."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", text),
        cwd=folder,
        env={**os.environ, **bot.stage.environment()},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, f"{text}\n{out.decode()}\n{bot.stage.log_end()}"
    return out.decode()


async def test_each_block_of_commands_works_as_it_is_written(open_bot: OpenBot, tmp_path: Path) -> None:
    said: dict[str, str] = {}
    async with openai_stand_in() as openai:
        openai.add_job("ftjob-abc123", TALK)
        keys = {"OPENAI_API_KEY": KEY, "TUNEBOT_OPENAI_URL": openai.url}
        async with open_bot(job_seconds=0.0, environment=keys) as bot:
            prepare(tmp_path, bot)
            for block in blocks():
                text = block.replace("U0123456789", bot.ada.id).replace("C0123456789", bot.channel.id)
                if "tunebot restore" in text:
                    await bot.stage.stop()
                said[block] = await typed(tmp_path, bot, text)
    [asked] = [out for block, out in said.items() if "tunebot ask" in block]
    assert asked.rstrip().rpartition("]\n")[2], "an answer after the status, which is JSON"
    everything = "\n".join(said.values())
    for words in (
        "slash_commands",
        "of which 20 can be tuned on",
        "capitals  succeeded",
        "ftjob-abc123",
        "Copied tunebot.db to tunebot-copy.db",
        "tunebot.db is now the copy tunebot-copy.db",
        "are left over",
        "https://tunebot.example.com/slack/events",
        '"action": "start"',
    ):
        assert words in everything, f"{words!r} is not in:\n{everything}"
    for name in (
        "repaired/examples.repaired.jsonl",
        "masked/examples.repaired.jsonl",
        "converted.jsonl",
        "porter/ftjob-abc123.training.vertex.jsonl",
        "downloaded.vertex.jsonl",
        "spend.csv",
        "tunebot-copy.db",
    ):
        assert (tmp_path / name).stat().st_size, name
