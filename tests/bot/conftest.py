"""The use cases, and a pool of processes that read files, each for a test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.app import open_workers
from tests.support.file_work import FileWork
from tests.support.harness import Harness, open_harness


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    async with open_harness(tmp_path) as made:
        yield made


@pytest.fixture
async def file_work() -> AsyncIterator[FileWork]:
    async with open_workers() as pool:
        yield FileWork(pool)
