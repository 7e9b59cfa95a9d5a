"""Reads Parquet files, Arrow files and Arrow streams with pyarrow, which is an extra of the installation.

A Parquet file begins with its end: it is written to a temporary file and read from there, some rows at a time.
"""

import logging
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from tempfile import TemporaryFile
from typing import IO, Any

from bot.datasets.findings.collector import FindingCollector, Problem
from bot.datasets.formats.column_tables import blocks_of
from bot.datasets.formats.json_lines import Block

logger = logging.getLogger(__name__)

# The files that pyarrow reads, by their first bytes.
ARROW_FILES = ((b"PAR1", "a Parquet file"), (b"ARROW1", "an Arrow file"), (b"\xff\xff\xff\xff", "an Arrow stream"))
# Of the file, and of its rows as JSON: a column of equal values takes next to nothing in the file.
MOST_BYTES = 200 * 1000 * 1000
_ROWS_AT_ONCE = 256


def can_read_arrow() -> bool:
    """Return whether pyarrow is installed."""
    return find_spec("pyarrow") is not None


class ArrowTable:
    """Reads one row from each row of the table; only after the last byte, so memory holds a few rows."""

    unit = "row"

    def __init__(self, collector: FindingCollector) -> None:
        self._collector = collector
        self._file: IO[bytes] = TemporaryFile(prefix="tunebot-table-")  # noqa: SIM115 - `finish` closes it
        self._size = 0
        self._kind = "a table"
        self.refused = False

    def feed(self, data: bytes) -> Iterator[Block]:
        if not self._size:
            self._kind = next((what for magic, what in ARROW_FILES if data.startswith(magic)), self._kind)
        self._size += len(data)
        if self._size > MOST_BYTES:
            self._refuse(Problem("table-too-large", limit=MOST_BYTES))
        elif not self.refused:
            self._file.write(data)
        yield from ()

    def finish(self) -> Iterator[Block]:
        if self.refused:
            return
        import pyarrow

        try:
            first, written = 1, 0
            for rows in self._batches():
                for block in blocks_of(iter([_plain(row) for row in rows]), first):
                    first += block.count
                    written += len(block.raw)
                    if written > MOST_BYTES:
                        self._refuse(Problem("table-too-large", limit=MOST_BYTES))
                        return
                    yield block
        except (pyarrow.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError) as error:
            logger.debug("a table cannot be read: %s", type(error).__name__)
            self._refuse(Problem("broken-table", detail=self._kind))
        finally:
            with suppress(OSError):
                self._file.close()

    def _batches(self) -> Iterator[list[dict[str, Any]]]:
        import pyarrow
        from pyarrow import ipc, parquet

        pyarrow.set_cpu_count(1)
        pyarrow.set_io_thread_count(1)
        self._file.seek(0)
        magic = self._file.read(6)
        self._file.seek(0)
        if magic.startswith(b"PAR1"):
            table = parquet.ParquetFile(self._file)
            if self._has_doubled_column(table.schema_arrow.names):
                return
            for batch in table.iter_batches(batch_size=_ROWS_AT_ONCE, use_threads=False):
                yield from _sliced(batch)
        elif magic == b"ARROW1":
            reader = ipc.open_file(self._file)
            if self._has_doubled_column(reader.schema.names):
                return
            for number in range(reader.num_record_batches):
                yield from _sliced(reader.get_batch(number))
        else:
            stream = ipc.open_stream(self._file)
            if self._has_doubled_column(stream.schema.names):
                return
            for batch in stream:
                yield from _sliced(batch)

    def _has_doubled_column(self, names: Sequence[str]) -> bool:
        """Refuse a table with two columns of one name: nobody can tell which one is meant."""
        doubled = [name for name, times in Counter(names).items() if times > 1]
        if doubled:
            self._refuse(Problem("doubled-column", ", ".join(doubled)))
        return bool(doubled)

    def _refuse(self, problem: Problem) -> None:
        if not self.refused:
            self.refused = True
            self._collector.add(problem)


def _sliced(batch: Any) -> Iterator[list[dict[str, Any]]]:
    # Arrow trusts the places that a file names, and reading a place that is not there ends the process.
    batch.validate(full=True)
    for start in range(0, batch.num_rows, _ROWS_AT_ONCE):
        yield batch.slice(start, _ROWS_AT_ONCE).to_pylist()


def _plain(value: Any) -> Any:
    """Return a value of Arrow as one that JSON has; bytes that are UTF-8, dates and decimals become texts."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case list() | tuple():
            return [_plain(item) for item in value]
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError:
                return {"base64": b64encode(value).decode()}  # no text, and never learned as one
        case _:
            return str(value)
