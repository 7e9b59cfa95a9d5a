"""What Slack does, from a terminal beside the bot: through the same use cases and with the same rights."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.bot_harness import NEXT_NUMBER, BotHarness


async def tunebot(bot: BotHarness, *words: str, person: str = "", channel: str = "") -> tuple[int, str, str]:
    """Type a command as the bot's own user; returns the exit status, the output and the error output."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *words),
        *("--as", person or bot.ada.id, "--channel", channel or bot.channel.id),
        env=bot.stage.environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    return process.returncode or 0, out.decode(), errors.decode()


pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.long]


async def test_a_pipeline_tunes_waits_and_asks(bot: BotHarness, tmp_path: Path) -> None:
    (tmp_path / "numbers.jsonl").write_bytes(NEXT_NUMBER)
    status, out, errors = await tunebot(bot, "start", str(tmp_path / "numbers.jsonl"), "name=nightly", "--json")
    assert status == 0, out + errors + bot.stage.log_end()
    started: dict[str, Any] = json.loads(out)
    assert started["job"]["name"] == "nightly"
    card = await bot.card("nightly")
    (await bot.job("nightly")).finish()
    await bot.shows(card, "done, ", "Ask it")
    status, out, _ = await tunebot(bot, "status", "nightly", "--json")
    assert (status, json.loads(out)[0]["state"]) == (0, "succeeded")
    status, out, errors = await tunebot(bot, "ask", "1", "--model", "nightly")
    assert (status, out.strip()) == (0, "2"), errors
    log = bot.stage.log_end(200)
    for event in ("question.accepted question=terminal:", "audit.entry action=ask", "question.answered"):
        assert event in log
    assert not bot.messages("asked `nightly`")
    # The rights are those of Slack.
    secret = bot.slack.add_channel("secret", private=True)
    status, _, errors = await tunebot(bot, "status", channel=secret.id)
    assert status == 1
    assert f"{bot.ada.id} cannot read {secret.id}." in errors
    status, _, errors = await tunebot(bot, "status", person="U0NOBODY00")
    assert status == 1
    assert "is not let in" in errors
    (tmp_path / "bad.jsonl").write_bytes(b"not json")
    status, out, errors = await tunebot(bot, "start", str(tmp_path / "bad.jsonl"), "name=broken")
    assert status == 1
    assert "cannot be tuned on" in errors
    assert "Rows" in out
    # Each file that it posts, also one that starts nothing.
    assert bot.stage.log_end(400).count('audit.entry action="post a file"') == 2
    await bot.stage.stop()
    status, _, errors = await tunebot(bot, "status")
    assert status == 1
    assert "No bot answers" in errors
