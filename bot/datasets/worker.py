"""The process that reads one file after another for the bot: `python -m bot.datasets.worker`.

It has no network, no database and no token. It gives way to the bot where both want a processor, and is ended
first where memory runs out. What it writes to its error output goes into the bot's log, so it never writes there
what a file holds.
"""

import hashlib
import os
import resource
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from bot.datasets.checks.checker import DatasetChecker
from bot.datasets.formats.encodings import Reencoder
from bot.datasets.formats.pictures import PictureFolder
from bot.datasets.formats.unpacker import Unpacker
from bot.datasets.rewrite.converter import Converter
from bot.datasets.rewrite.file_repair import Repaired, Repairer
from bot.datasets.rewrite.sample import HEAD_BYTES, NO_SAMPLE, sample_text
from bot.datasets.worker_tasks import (
    END,
    ERROR,
    NEXT,
    OUTPUT,
    RESULT,
    CheckResult,
    CheckTask,
    ConvertTask,
    PicturesTask,
    ReencodeTask,
    RepairResult,
    RepairTask,
    Task,
    TaskFailure,
    decode_task,
    encode,
    failure_of,
)
from bot.errors import BotError, Outdated, TooMuchWork

NICENESS: Final = 10
# A hostile row of two megabytes can create objects of thirty times its size, and hashes take 48 MB.
MEMORY_BYTES: Final = 1024 * 1024 * 1024
# The CPU time after which the kernel ends the process, if it does not stop by itself when its budget is used up.
CPU_GRACE_SECONDS: Final = 60
CONVERSION_CPU_SECONDS: Final = 3600
# A packed file can unpack to a thousand times its size, so little of it is given to a converter at once.
PACKED_STEP: Final = 4096
_PACKED: Final = (b"\x1f\x8b", b"PK")
_LENGTH_BYTES: Final = 4


@contextmanager
def _saying_what_failed() -> Iterator[None]:
    """Let a file that cannot be written, such as on a full disk, be an error that a person sees."""
    try:
        yield
    except OSError as error:
        raise TooMuchWork(
            f"The repaired files cannot be written: {error.strerror}.", "Tell the person who runs me."
        ) from error


class Reading(Protocol):
    """The work on one file."""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Read the next piece and yield outputs."""

    @property
    def done(self) -> bool:
        """Whether the rest of the file is not wanted."""

    def finish(self) -> Iterator[bytes]:
        """Yield outputs, and then the result."""


class Checking:
    """Checks a file and keeps its head, from which Google counts a sample."""

    def __init__(self, task: CheckTask) -> None:
        self._task = task
        self._head = bytearray()
        self._checker = DatasetChecker(
            task.name, task.limits, task.target, task.mapping, task.training, task.budget
        )

    def feed(self, piece: bytes) -> Iterator[bytes]:
        self._head += piece[: HEAD_BYTES - len(self._head)]
        self._checker.feed(piece)
        yield from ()

    @property
    def done(self) -> bool:
        return self._checker.stopped

    def finish(self) -> Iterator[bytes]:
        report = self._checker.finish()
        sample = NO_SAMPLE if self._checker.stopped else sample_text(bytes(self._head), report)
        if not self._task.fingerprints:
            report = report.without_fingerprints()
        yield RESULT + encode(CheckResult(report, sample))


class Repairing:
    """Repairs a file into two local files."""

    done = False

    def __init__(self, task: RepairTask, kept: BinaryIO, rejected: BinaryIO) -> None:
        self._kept = kept
        self._rejected = rejected
        self._repairer = Repairer(task.name, task.limits, task.target, task.mapping, task.budget, mask=task.mask)
        self._steps = _Steps()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        for step in self._steps.of(piece):
            for part in self._repairer.feed(step):
                self._write(part)
        yield from ()

    def finish(self) -> Iterator[bytes]:
        for last in self._repairer.finish():
            self._write(last)
        self._kept.flush()
        self._rejected.flush()
        counts = RepairResult(
            last.kept,
            last.repaired,
            last.rejected,
            last.duplicates,
            last.cut_turns,
            last.masked,
            self._repairer.data_name,
            self._repairer.pictures,
        )
        yield RESULT + encode(counts)

    def _write(self, repaired: Repaired) -> None:
        with _saying_what_failed():
            self._kept.write(repaired.kept_rows)
            self._rejected.write(repaired.rejected_rows)


class Reencoding:
    """Writes a file as UTF-8."""

    done = False

    def __init__(self, task: ReencodeTask, written: BinaryIO) -> None:
        self._written = written
        self._most = task.budget.kept_bytes
        self._reencoder = Reencoder(task.encoding)
        self._steps = _Steps()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        for step in self._steps.of(piece):
            self._write(self._reencoder.feed(step))
        yield from ()

    def finish(self) -> Iterator[bytes]:
        self._write(self._reencoder.finish())
        self._written.flush()
        yield RESULT + self._reencoder.name.encode()

    def _write(self, texts: Iterator[bytes]) -> None:
        for text in texts:
            with _saying_what_failed():
                self._written.write(text)
            if self._written.tell() > self._most:
                raise TooMuchWork(
                    f"The file would be over {self._most:,} bytes as UTF-8, so I stopped.",
                    "Split the file and use its parts.",
                )


class Converting:
    """Converts a file; its output is the file in another dialect."""

    done = False

    def __init__(self, task: ConvertTask) -> None:
        self._converter = Converter(
            task.dialect,
            task.target,
            task.mapping,
            task.sha256,
            task.split,
            name=task.name,
            pictures=task.pictures,
        )
        self._steps = _Steps()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        for step in self._steps.of(piece):
            yield OUTPUT + self._converter.feed(step)

    def finish(self) -> Iterator[bytes]:
        yield OUTPUT + self._converter.finish()
        yield RESULT


class TakingPictures:
    """Takes the pictures out of a zip."""

    done = False

    def __init__(self, task: PicturesTask) -> None:
        self._unpacker = Unpacker(PictureFolder(keep=True))
        self._expected = task.sha256
        self._sha256 = hashlib.sha256()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        self._sha256.update(piece)
        for start in range(0, len(piece), PACKED_STEP):
            for _ in self._unpacker.feed(piece[start : start + PACKED_STEP]):
                pass
            for picture in self._unpacker.folder.take():
                yield OUTPUT + encode(picture)

    def finish(self) -> Iterator[bytes]:
        if self._sha256.hexdigest() != self._expected:
            raise Outdated("The file has changed since it was checked.", "Check it again, then start anew.")
        yield RESULT


class _Steps:
    """Cuts the pieces of a packed file smaller."""

    def __init__(self) -> None:
        self._packed: bool | None = None

    def of(self, piece: bytes) -> Iterator[bytes]:
        if self._packed is None:
            self._packed = piece.startswith(_PACKED)
        step = PACKED_STEP if self._packed else len(piece)
        for start in range(0, len(piece), step):
            yield piece[start : start + step]


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Do one task after another until the source ends."""
    while message := _read(source):
        with ExitStack() as files:
            _work(decode_task(message[1:]), files, source, partial(_write, sink))


def _work(task: Task, files: ExitStack, source: BinaryIO, answer: Callable[[bytes], None]) -> None:
    _limit_cpu(task)
    try:
        reading = _reading(task, files)
        while not reading.done and (message := _read(source)):
            if message.startswith(END):
                break
            for output in reading.feed(message[1:]):
                answer(output)
            if not reading.done:
                answer(NEXT)
        for output in reading.finish():
            answer(output)
    except BotError as error:
        answer(ERROR + encode(failure_of(error)))
    except MemoryError:
        # The interpreter is not in a state to go on with the next file.
        answer(ERROR + encode(_out_of_memory()))
        raise SystemExit(1) from None


def _reading(task: Task, files: ExitStack) -> Reading:
    match task:
        case CheckTask():
            return Checking(task)
        case RepairTask():
            # "x": a file that exists is not ours.
            kept, rejected = (
                files.enter_context(path.open("xb")) for path in map(Path, (task.kept_file, task.rejected_file))
            )
            return Repairing(task, kept, rejected)
        case ReencodeTask():
            return Reencoding(task, files.enter_context(Path(task.written_file).open("xb")))
        case ConvertTask():
            return Converting(task)
        case PicturesTask():
            return TakingPictures(task)


def _out_of_memory() -> TaskFailure:
    return TaskFailure(
        TooMuchWork.__name__,
        "This file needs too much memory to be read. Nothing was started.",
        "Split the file, or shorten its longest rows.",
    )


def _limit_cpu(task: Task) -> None:
    """Let the kernel end the process where one row alone takes longer than a whole file may."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    budget = CONVERSION_CPU_SECONDS if isinstance(task, ConvertTask | PicturesTask) else task.budget.cpu_seconds
    most = int(used.ru_utime + used.ru_stime + budget) + CPU_GRACE_SECONDS
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _read(source: BinaryIO) -> bytes:
    """Return the next message; empty where the bot has ended."""
    length = int.from_bytes(source.read(_LENGTH_BYTES), "big")
    return source.read(length)


def _write(sink: BinaryIO, message: bytes) -> None:
    sink.write(len(message).to_bytes(_LENGTH_BYTES, "big"))
    sink.write(message)
    sink.flush()


def _give_way() -> None:
    """Rank below the bot for processors, and above it where the kernel must end a process to free memory."""
    os.nice(NICENESS)
    with suppress(OSError):
        # A system without /proc, or one that does not allow it, is served all the same.
        Path("/proc/self/oom_score_adj").write_text("1000")
    with suppress(ValueError, OSError):
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, hard))


def main() -> None:
    """Serve the bot over the standard input and output."""
    _give_way()
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    except (BrokenPipeError, KeyboardInterrupt):
        pass  # The bot has ended.
    except Exception as error:  # noqa: BLE001 - the process ends, and the bot says so
        # Neither the message of the exception nor a local variable is written: both may hold a row.
        frames = traceback.extract_tb(error.__traceback__)
        where = "\n".join(f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)
        print(f"a process that reads files failed with {type(error).__name__}:\n{where}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
