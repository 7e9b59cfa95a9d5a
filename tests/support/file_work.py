"""Checks, repairs and converts streams in a pool of real processes, as the bot does."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

from bot.datasets import (
    CheckTask,
    ConvertTask,
    DatasetReport,
    RepairBudget,
    RepairResult,
    RepairTask,
    check,
    convert,
    repair,
)
from bot.domain.backend_profile import DatasetLimits
from bot.domain.datasets import Dialect
from bot.ports.workers import WorkKind
from bot.runtime.worker_pool import WorkerPool

ADA = "T1 U1"


class FileWork:
    """What one person asks the pool for."""

    def __init__(self, pool: WorkerPool) -> None:
        self.pool = pool

    async def checked(
        self, chunks: AsyncIterator[bytes], task: CheckTask, progress: Callable[[int], None] | None = None
    ) -> DatasetReport:
        """The report on a stream."""
        async with self.pool.worker(WorkKind.CHECK, ADA) as worker:
            return (await check(worker, chunks, task, progress)).report

    async def conversion(self, chunks: AsyncIterator[bytes], task: ConvertTask) -> AsyncIterator[bytes]:
        """The chunks of a conversion, as they come."""
        async with (
            self.pool.worker(WorkKind.CONVERSION, ADA) as worker,
            aclosing(convert(worker, chunks, task)) as written,
        ):
            async for chunk in written:
                yield chunk

    async def converted(self, chunks: AsyncIterator[bytes], task: ConvertTask) -> bytes:
        """All chunks of a conversion."""
        return b"".join([chunk async for chunk in self.conversion(chunks, task)])

    async def repaired(
        self,
        chunks: AsyncIterator[bytes],
        limits: DatasetLimits,
        directory: Path,
        budget: RepairBudget | None = None,
    ) -> tuple[RepairResult, bytes, bytes]:
        """The counts of a repair, the kept rows and the rejected ones."""
        kept, rejected = directory / "kept.jsonl", directory / "rejected.jsonl"
        task = RepairTask(
            "rows.jsonl",
            limits,
            str(kept),
            str(rejected),
            Dialect.VERTEX,
            budget=budget or RepairBudget(),
        )
        async with self.pool.worker(WorkKind.CHECK, ADA) as worker:
            counts = await repair(worker, chunks, task)
        return counts, kept.read_bytes(), rejected.read_bytes()
