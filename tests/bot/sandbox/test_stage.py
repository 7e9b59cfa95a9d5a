"""The bot as a process of its own: what stays behind where it cannot start."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.sandbox.google import GoogleStandIn
from bot.sandbox.slack import SlackStandIn
from bot.sandbox.stage import Stage
from handlers.transport.manifest import manifest


@pytest.fixture
async def stand_ins() -> AsyncIterator[tuple[SlackStandIn, GoogleStandIn]]:
    async with GoogleStandIn() as google, SlackStandIn(manifest=manifest()) as slack:
        yield slack, google


async def test_a_bot_that_ends_at_once_is_reported_with_its_log(
    stand_ins: tuple[SlackStandIn, GoogleStandIn], tmp_path: Path
) -> None:
    stage = Stage(*stand_ins, tmp_path, command=("-c", "print('no settings'); raise SystemExit(3)"))
    with pytest.raises(RuntimeError, match="ended at once, with 3:\nno settings"):
        await stage.start()
    with pytest.raises(RuntimeError, match="does not run"):
        _ = stage.process_id


async def test_a_bot_that_never_connects_is_killed_and_its_log_is_closed(
    stand_ins: tuple[SlackStandIn, GoogleStandIn], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.sandbox.stage.START_SECONDS", 0.3)
    # A log that stays open raises a ResourceWarning, which fails the test.
    with pytest.raises(RuntimeError, match="not ready in time"):
        await Stage(*stand_ins, tmp_path, command=("-c", "import time; time.sleep(600)")).start()
