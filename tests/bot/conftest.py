"""The use cases, wired for a test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bot.house import House, house


@pytest.fixture
async def wired(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as made:
        yield made
