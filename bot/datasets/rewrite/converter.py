"""Writes a checked file's examples in another dialect while the file's bytes are read."""

import hashlib
from collections.abc import Iterator, Mapping
from itertools import compress, count

import msgspec

from bot.datasets.checks.row_source import RowSource
from bot.datasets.findings.collector import FindingCollector, Problem
from bot.datasets.findings.findings import Severity
from bot.datasets.formats.json_lines import Block
from bot.datasets.formats.pictures import find_picture
from bot.datasets.rewrite.row_writer import encode, encode_columns
from bot.datasets.rewrite.validation_split import Split
from bot.datasets.rows.block_reader import BlockReader
from bot.datasets.rows.columns import Columns, columns_of
from bot.datasets.rows.examples import Example
from bot.datasets.rows.row_checker import RowChecker
from bot.datasets.rows.tool_rows import with_addresses
from bot.domain.backend_profile import DatasetLimits
from bot.domain.datasets import Dialect, FieldMapping
from bot.errors import Outdated, UserError


class Converter:
    """Bytes of a file in `dialect` in, JSONL in `target` out; one file and one thread at a time.

    With a `split` only the rows of its side are written. With `sha256`, any difference from the checked bytes is
    Outdated; without, a bad row is a UserError. `pictures` are the address and the kind of each picture beside the
    rows, by its path; rows then name the addresses.
    """

    def __init__(
        self,
        dialect: Dialect,
        target: Dialect,
        mapping: FieldMapping | None = None,
        sha256: str = "",
        split: Split | None = None,
        *,
        name: str = "",
        pictures: Mapping[str, tuple[str, str]] | None = None,
    ) -> None:
        self._target = target
        self._pictures = pictures
        self._mapping = mapping
        self._expected = sha256
        self._split = split
        self._sha256 = hashlib.sha256()
        self._collector = FindingCollector()
        self._source = RowSource(name, self._collector, mapping)
        row_checker = RowChecker(DatasetLimits(takes_tools=target is Dialect.VERTEX), None, mapping)
        row_checker.require(dialect)
        self._reader = BlockReader(row_checker)

    def feed(self, chunk: bytes) -> bytes:
        """Return the next rows in the target dialect. Raises Outdated, UserError."""
        self._sha256.update(chunk)
        return b"".join(self._convert(block) for block in self._source.feed(chunk))

    def finish(self) -> bytes:
        """Return the last rows. Raises Outdated, UserError."""
        rest = b"".join(self._convert(block) for block in self._source.finish())
        if self._expected and self._sha256.hexdigest() != self._expected:
            raise _outdated()
        if self._collector.refuses():
            finding = self._collector.findings()[0]
            raise UserError(finding.message, finding.advice)
        return rest

    def _convert(self, block: Block) -> bytes:
        return b"".join(self._rows(block))

    def _rows(self, block: Block) -> Iterator[bytes]:
        for _, number, found in self._reader.read(block):
            if isinstance(found, Columns):
                yield self._written(number, found)
            elif found.example is not None:
                if self._split is None or self._split.has(columns_of(found.example).inputs[0]):
                    yield self._written_alone(number, self._with_addresses(found.example))
            elif not found.blank:
                raise self._refused(number, next(p for p in found.problems if p.severity is Severity.ERROR))

    def _written(self, first: int, columns: Columns) -> bytes:
        """Return the rows of this side among rows that follow each other."""
        taken = None if self._split is None else list(map(self._split.has, columns.inputs))
        rows = columns if taken is None else columns.where(taken)
        try:
            return encode_columns(rows, self._target, self._mapping)
        except UserError:
            # Row by row, to name the one that the target cannot hold.
            numbers = count(first) if taken is None else compress(count(first), taken)
            return b"".join(map(self._written_alone, numbers, rows.examples()))

    def _written_alone(self, number: int, example: Example) -> bytes:
        try:
            return encode(example, self._target, self._mapping) + b"\n"
        except UserError as error:
            where = f"{self._source.unit} {number}".capitalize()
            raise UserError(f"{where}: {error.message}", error.hint) from None

    def _with_addresses(self, example: Example) -> Example:
        if not example.pictures or self._pictures is None:
            return example
        known, rows = self._pictures, self._source.data_name

        def find(name: str) -> tuple[str, str]:
            path = find_picture(name, rows, known)
            # The check refuses a row whose picture is missing, so the file is another one.
            if not path:
                raise _outdated()
            return known[path]

        return msgspec.structs.replace(example, whole=with_addresses(example.whole, find))

    def _refused(self, number: int, problem: Problem) -> UserError:
        if self._expected:
            return _outdated()
        return UserError(f"{self._source.unit.capitalize()} {number}: {problem.message()}", problem.advice())


def _outdated() -> Outdated:
    return Outdated("The file has changed since it was checked.", "Check it again, then start anew.")
