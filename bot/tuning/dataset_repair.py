"""Splits a training file into two: the rows that can be trained on, repaired where needed, and the rejected rows.

Both are written to disk row by row, so that a file of any size is repaired in constant memory. The given file is
never changed.
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bot.datasets import RepairBudget, RepairTask, repair
from bot.domain.backend_profile import BackendProfile
from bot.domain.place import Place
from bot.domain.requests import StartRequest
from bot.ports.files import FileReader, file_reader
from bot.ports.workers import Workers, WorkKind

_LONGEST_STEM: Final = 100


@dataclass(frozen=True, slots=True)
class RepairedFiles:
    """The two files and how many rows went where.

    `name` is the given file's without its suffix. `repaired` rows are part of the kept ones, `duplicates` part of
    the rejected ones; `cut_turns` counts turns without an answer that were cut off kept rows, `masked` counts kept
    rows in which private values were replaced.
    """

    name: str
    kept_file: Path
    rejected_file: Path
    kept: int
    repaired: int
    rejected: int
    duplicates: int
    cut_turns: int
    masked: int = 0


class DatasetRepair:
    """Repairs files from Slack or from Cloud Storage."""

    def __init__(self, files: Mapping[str, FileReader], workers: Workers) -> None:
        self._files = files
        self._workers = workers

    @asynccontextmanager
    async def repaired(
        self, place: Place, user: str, request: StartRequest, profile: BackendProfile
    ) -> AsyncIterator[RepairedFiles]:
        """Repair the request's file for this backend; both files are deleted after the block.

        Raises FileError, TooMuchWork among them, GoogleError.
        """
        reader = file_reader(self._files, request.file)
        info = await reader.describe(place, user, request.file)
        with TemporaryDirectory(prefix="tunebot-repair-") as directory:
            # Never the given name: it could contain a path out of the directory.
            kept_file, rejected_file = Path(directory, "kept.jsonl"), Path(directory, "rejected.jsonl")
            most = profile.limits.file_bytes
            task = RepairTask(
                info.name,
                profile.limits,
                str(kept_file),
                str(rejected_file),
                profile.dialect,
                request.mapping,
                RepairBudget(kept_bytes=most) if most else RepairBudget(),
                mask=request.mask,
            )
            async with (
                self._workers.worker(WorkKind.CHECK, f"{place.team} {user}") as worker,
                aclosing(reader.read(place, user, request.file)) as chunks,
            ):
                counts = await repair(worker, chunks, task)
            yield RepairedFiles(
                _stem(info.name),
                kept_file,
                rejected_file,
                counts.kept,
                counts.repaired,
                counts.rejected,
                counts.duplicates,
                counts.cut_turns,
                counts.masked,
            )


def _stem(name: str) -> str:
    """Return a file's name without folders and suffix, safe to build other file names from."""
    last = re.split(r"[/\\]", name)[-1].removesuffix(".gz").rsplit(".", 1)[0]
    shown = "".join(character for character in last if character.isprintable())
    return shown[:_LONGEST_STEM].strip(". ") or "rows"
