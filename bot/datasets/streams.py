"""Checks, converts and repairs async streams of bytes in a process of their own, never in the bot's."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import aclosing
from typing import Final

from bot.datasets.formats.json_lines import PIECE_BYTES
from bot.datasets.formats.pictures import Picture
from bot.datasets.worker_tasks import (
    END,
    ERROR,
    NEXT,
    OUTPUT,
    PIECE,
    RESULT,
    TASK,
    CheckResult,
    CheckTask,
    ConvertTask,
    PicturesTask,
    ReencodeTask,
    RepairResult,
    RepairTask,
    Task,
    decode_check,
    decode_failure,
    decode_picture,
    decode_repair,
    encode,
)
from bot.ports.workers import Worker

# The module that a pool of workers runs.
WORKER_MODULE: Final = "bot.datasets.worker"


async def check(
    worker: Worker,
    chunks: AsyncIterable[bytes],
    task: CheckTask,
    progress: Callable[[int], None] | None = None,
) -> CheckResult:
    """Check a stream. `progress` is called with the bytes read so far. Raises TooMuchWork.

    Where the budget is used up, the rest of the stream is not read, and the report says so.
    """
    session = _Session(worker)
    async for _ in session.run(task, chunks, progress):
        pass
    return decode_check(session.result)


async def convert(worker: Worker, chunks: AsyncIterable[bytes], task: ConvertTask) -> AsyncGenerator[bytes, None]:
    """Yield JSONL chunks in the target dialect; with a `split`, the rows of its side only. Raises TooMuchWork.

    With `sha256`, bytes that differ from the checked ones raise Outdated before the last chunk is yielded, so
    an upload of them is never completed. Without, a bad row raises UserError.
    """
    session = _Session(worker)
    last = b""
    async with aclosing(session.run(task, chunks)) as outputs:
        async for written in outputs:
            if last:
                yield last
            last = written
    if last:
        yield last


async def pictures(
    worker: Worker, chunks: AsyncIterable[bytes], task: PicturesTask
) -> AsyncGenerator[Picture, None]:
    """Yield the pictures of a zip, each whole. Raises TooMuchWork, and Outdated at the end for other bytes."""
    async with aclosing(_Session(worker).run(task, chunks)) as outputs:
        async for output in outputs:
            yield decode_picture(output)


async def repair(worker: Worker, chunks: AsyncIterable[bytes], task: RepairTask) -> RepairResult:
    """Repair a stream into the two files of the task, and return the counts. Raises TooMuchWork."""
    session = _Session(worker)
    async for _ in session.run(task, chunks):
        pass
    return decode_repair(session.result)


async def reencode(worker: Worker, chunks: AsyncIterable[bytes], task: ReencodeTask) -> str:
    """Write a stream as UTF-8 into the task's file, and return the name of the file in a zip, which may be empty.

    Raises TooMuchWork, and UserError where the bytes are in another encoding.
    """
    session = _Session(worker)
    async for _ in session.run(task, chunks):
        pass
    return session.result.decode()


class _Session:
    """One task of a worker."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._ended = False
        self.result = b""

    async def run(
        self, task: Task, chunks: AsyncIterable[bytes], progress: Callable[[int], None] | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Yield the outputs that are not empty; afterwards `result` holds the encoded result.

        Raises the error that the process sends, TooMuchWork if it ended.
        """
        await self._worker.send(TASK, encode(task))
        read = 0
        async for piece in _pieces(chunks):
            await self._worker.send(PIECE, piece)
            async for output in self._answers():
                yield output
            read += len(piece)
            if progress is not None:
                progress(read)
            if self._ended:
                return
        await self._worker.send(END)
        async for output in self._answers():
            yield output

    async def _answers(self) -> AsyncIterator[bytes]:
        """Yield outputs until the process wants the next piece or has ended the task."""
        while True:
            message = await self._worker.receive()
            kind, content = message[:1], message[1:]
            if kind == OUTPUT:
                if content:
                    yield content
            elif kind == NEXT:
                return
            elif kind == RESULT:
                self.result, self._ended = content, True
                return
            else:
                assert kind == ERROR
                raise decode_failure(content).error()


async def _pieces(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Yield the same bytes in pieces that are large enough to be worth a message."""
    held: list[bytes] = []
    size = 0
    async for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if size >= PIECE_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)
