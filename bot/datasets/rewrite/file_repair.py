"""Makes two files of one: the rows that can be tuned on, mended where needed, and the others with reasons."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import xxhash

from bot.datasets.checks.row_source import RowSource
from bot.datasets.findings.collector import MOST_OF_A_ROW, FindingCollector, Problem
from bot.datasets.findings.findings import Severity
from bot.datasets.formats.json_lines import Block
from bot.datasets.rewrite.hash_set import HashSet
from bot.datasets.rewrite.row_repair import mend
from bot.datasets.rows.examples import encode
from bot.datasets.rows.fast_reader import Columns, columns_of
from bot.datasets.rows.row_checker import Batch, RowChecker, RowResult
from bot.datasets.rows.slow_reader import explain
from bot.domain.backend_profile import DatasetLimits
from bot.domain.datasets import Dialect, FieldMapping
from bot.errors import UserError

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Repaired:
    """Some output of a repair: JSONL of both files, and how many rows went where so far.

    `mended` rows are among the `kept` ones, `duplicates` among the `rejected` ones. A line of the rejected file
    is {"line", "rules", "reasons", "row"}: items of an array count as lines, and a row that is no JSON is text.
    """

    kept_rows: bytes = b""
    rejected_rows: bytes = b""
    kept: int = 0
    mended: int = 0
    rejected: int = 0
    duplicates: int = 0


class Repairer:
    """Feed it a file's bytes in any chunks, then `finish`; one file and one thread at a time.

    The repaired file is JSONL in the file's own dialect; good rows keep their bytes. Rows are judged by `limits`
    and `target` like in a check, so that the repaired file passes it, unless too few rows are left.
    """

    def __init__(
        self,
        name: str,
        limits: DatasetLimits,
        target: Dialect | None = None,
        mapping: FieldMapping | None = None,
    ) -> None:
        self._mapping = mapping
        self._source = RowSource(name, FindingCollector(), mapping)
        self._judge = RowChecker(limits, target, mapping)
        self._seen = HashSet()
        self._kept_rows = self._mended = self._rejected_rows = self._duplicates = 0
        self._kept: list[bytes] = []
        self._rejected: list[bytes] = []

    def feed(self, chunk: bytes) -> Repaired:
        """What the next bytes give."""
        for block in self._source.feed(chunk):
            self._repair(block)
        return self._hand_out()

    def finish(self) -> Repaired:
        """What is left."""
        for block in self._source.finish():
            self._repair(block)
        return self._hand_out()

    def _repair(self, block: Block) -> None:
        for number, found in self._judge.read(block):
            start = number - block.first
            if isinstance(found, Batch):
                lines = block.lines[start : start + len(found.before)]
                self._keep(number, lines, found.columns)
            elif found.example is not None:
                self._keep(number, block.lines[start : start + 1], columns_of(found.example))
            elif not found.blank:
                self._mend(number, block.lines[start] if block.lines else b"", found)

    def _mend(self, number: int, line: bytes, verdict: RowResult) -> None:
        if len(verdict.problems) >= MOST_OF_A_ROW:
            self._reject(number, line, verdict.problems)
            return
        row = explain(line, self._judge.dialect, self._mapping).row if line else None
        if row is None:
            self._reject(number, line, verdict.problems, is_json=False)
            return
        mended = self._in_own_dialect(line) or _encode(mend(row, self._judge.dialect, self._mapping))
        again = self._judge.judge(mended)
        if again.example is None:
            self._reject(number, line, verdict.problems)
        elif self._keep(number, (mended,), columns_of(again.example)):
            self._mended += 1

    def _in_own_dialect(self, line: bytes) -> bytes:
        """A row that is right but for its dialect, written as the others are; empty where it is not."""
        reading = explain(line, None, self._mapping)
        own = self._judge.dialect
        if reading.example is None or own is None or reading.dialect is own:
            return b""
        try:
            return encode(reading.example, own, self._mapping)
        except UserError:
            return b""

    def _keep(self, first: int, lines: Sequence[bytes], columns: Columns) -> bool:
        """Whether all of them are new."""
        before = self._kept_rows
        for i, (line, question, answer) in enumerate(zip(lines, columns.inputs, columns.outputs, strict=True)):
            if self._seen.add(xxhash.xxh3_64_intdigest(f"{question}\0\0{answer}".encode())):
                self._kept.append(line.strip())
                self._kept_rows += 1
            else:
                self._duplicates += 1
                self._reject(first + i, line, (Problem("duplicate"),))
        return self._kept_rows - before == len(lines)

    def _reject(self, number: int, line: bytes, problems: Sequence[Problem], *, is_json: bool = True) -> None:
        reasons = [problem for problem in problems if problem.severity is Severity.ERROR] or list(problems)
        row = {
            "line": number,
            "rules": [problem.rule for problem in reasons],
            "reasons": [f"{problem.message()} {problem.advice()}" for problem in reasons],
            "row": msgspec.Raw(line.strip()) if is_json else line.decode("utf-8", "backslashreplace").strip(),
        }
        self._rejected.append(_encode(row))
        self._rejected_rows += 1

    def _hand_out(self) -> Repaired:
        kept, self._kept = self._kept, []
        rejected, self._rejected = self._rejected, []
        return Repaired(
            kept_rows=_jsonl(kept),
            rejected_rows=_jsonl(rejected),
            kept=self._kept_rows,
            mended=self._mended,
            rejected=self._rejected_rows,
            duplicates=self._duplicates,
        )


def _jsonl(lines: Sequence[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)
