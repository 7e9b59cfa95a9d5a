"""Splits a training file into two: the rows that can be trained on, repaired where needed, and the rejected rows.

Both are written to disk row by row, so that a file of any size is repaired in constant memory. The given file is
never changed.
"""

import asyncio
import hashlib
import posixpath
import re
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from bot.datasets import Picture, PicturesTask, ReencodeTask, RepairBudget, RepairTask, pictures, reencode, repair
from bot.domain.backend_profile import BackendProfile
from bot.domain.place import Place
from bot.domain.requests import StartRequest
from bot.ports.files import FileReader, file_reader
from bot.ports.workers import Workers, WorkKind

_LONGEST_STEM: Final = 100
_TEXT_SUFFIXES: Final = frozenset({".jsonl", ".json", ".csv", ".tsv", ".txt", ".ndjson"})


@dataclass(frozen=True, slots=True)
class RepairedFiles:
    """The two files and how many rows went where.

    `name` is the given file's without its suffix; the kept file is called `kept_name`, and is a zip where pictures
    lie beside the rows. `repaired` rows are part of the kept ones, `duplicates` part of the rejected ones;
    `cut_turns` counts turns without a question or an answer that were cut off kept rows, `masked` counts kept rows
    in which private values were replaced. `first_reason` says why the first row was left out where no row was
    kept.
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
    pictures: int = 0
    first_reason: str = ""

    @property
    def kept_name(self) -> str:
        return f"{self.name}.repaired.{'zip' if self.pictures else 'jsonl'}"


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

        Raises FileError, TooMuchWork among them, GoogleError, Outdated for a file that changed meanwhile.
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
                sha256 = hashlib.sha256()
                counts = await repair(worker, _hashed(chunks, sha256), task)
            if counts.pictures and counts.kept:
                # The rows name the pictures by their paths from where they lie themselves.
                rows_name = posixpath.join(posixpath.dirname(counts.data_name), f"{_stem(info.name)}.jsonl")
                packed = Path(directory, "kept.zip")
                async with (
                    self._workers.worker(WorkKind.CHECK, f"{place.team} {user}") as worker,
                    aclosing(reader.read(place, user, request.file)) as chunks,
                ):
                    beside = pictures(worker, chunks, PicturesTask(sha256.hexdigest()))
                    await _pack(packed, kept_file, rows_name, beside)
                kept_file = packed
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
                counts.pictures,
                "" if counts.kept else await asyncio.to_thread(_first_reason, rejected_file),
            )

    @asynccontextmanager
    async def reencoded(
        self, place: Place, user: str, request: StartRequest, profile: BackendProfile
    ) -> AsyncIterator[tuple[Path, str]]:
        """Write the request's file, which is in its encoding, as UTF-8; the file is deleted after the block.

        Return it with a name for it. Raises as `repaired` does, and UserError for a file in another encoding.
        """
        reader = file_reader(self._files, request.file)
        info = await reader.describe(place, user, request.file)
        most = profile.limits.file_bytes
        with TemporaryDirectory(prefix="tunebot-utf8-") as directory:
            written = Path(directory, "written")
            budget = RepairBudget(kept_bytes=most) if most else RepairBudget()
            task = ReencodeTask(request.encoding, str(written), budget)
            async with (
                self._workers.worker(WorkKind.CHECK, f"{place.team} {user}") as worker,
                aclosing(reader.read(place, user, request.file)) as chunks,
            ):
                name = await reencode(worker, chunks, task) or info.name
            # The suffix says how the rows are written.
            suffix = posixpath.splitext(name.removesuffix(".gz"))[1]
            yield written, f"{_stem(name)}.utf8{suffix if suffix in _TEXT_SUFFIXES else '.txt'}"


def _first_reason(rejected: Path) -> str:
    with rejected.open("rb") as rows:
        line = rows.readline()
    return str(msgspec.json.decode(line)["reasons"][0]) if line else ""


async def _hashed(chunks: AsyncIterator[bytes], sha256: "hashlib._Hash") -> AsyncIterator[bytes]:
    async for chunk in chunks:
        sha256.update(chunk)
        yield chunk


async def _pack(target: Path, rows: Path, rows_name: str, beside: AsyncGenerator[Picture, None]) -> None:
    """Write a zip of the rows and the pictures beside them. What is packed already is only stored."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        await asyncio.to_thread(archive.write, rows, rows_name)
        async with aclosing(beside) as found:
            async for picture in found:
                await asyncio.to_thread(archive.writestr, picture.name, picture.content)


def _stem(name: str) -> str:
    """Return a file's name without folders and suffix, safe to build other file names from."""
    last = re.split(r"[/\\]", name)[-1].removesuffix(".gz").rsplit(".", 1)[0]
    shown = "".join(character for character in last if character.isprintable())
    return shown[:_LONGEST_STEM].strip(". ") or "rows"
