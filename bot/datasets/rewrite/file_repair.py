"""Splits a file into two: the rows that can be tuned on, repaired where needed, and the others with reasons."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import process_time

import msgspec
import xxhash

from bot.datasets.checks.budget import RepairBudget
from bot.datasets.checks.row_source import RowSource
from bot.datasets.findings.collector import MAX_ROW_PROBLEMS, FindingCollector, Problem
from bot.datasets.findings.findings import Severity
from bot.datasets.formats.json_lines import Block
from bot.datasets.rewrite.masking import Masker
from bot.datasets.rewrite.row_repair import repair_row
from bot.datasets.rewrite.row_writer import encode
from bot.datasets.rows.almost_json import repair_json
from bot.datasets.rows.block_reader import BlockReader
from bot.datasets.rows.columns import Columns, columns_of
from bot.datasets.rows.row_checker import RowChecker, RowResult
from bot.datasets.rows.slow_reader import ParsedRow, parse_row
from bot.domain.backend_profile import DatasetLimits
from bot.domain.datasets import Dialect, FieldMapping
from bot.errors import TooMuchWork, UserError

_encode = msgspec.json.Encoder().encode
_DUPLICATE = RowResult(None, (Problem("duplicate"),), parsed=ParsedRow(row={}))
# Bytes of output that are held at most: a row of a few bytes gives a reason of hundreds.
_MOST_HELD = 1024 * 1024
_FIRST_SLOTS = 1024
# The share of used slots above which the table doubles.
_FULL = 0.6


@dataclass(frozen=True, slots=True)
class Repaired:
    """A part of a repair's output: JSONL of both files, and the counts of rows so far.

    `repaired` rows are among the `kept` ones, `duplicates` among the `rejected` ones;
    `cut_turns` counts turns without a question or an answer that were cut off kept rows, `masked` kept rows in
    which private values were replaced. A line of the rejected file
    is {"line", "rules", "reasons", "row"}: items of an array count as lines, and a row that is no JSON is text;
    "rows" says how many rows stand together where a file is so bad that they were not read one by one.
    """

    kept_rows: bytes = b""
    rejected_rows: bytes = b""
    kept: int = 0
    repaired: int = 0
    rejected: int = 0
    duplicates: int = 0
    cut_turns: int = 0
    masked: int = 0


class Repairer:
    """Repairs one file: call `feed` with its bytes in any chunks, then `finish`; not thread-safe.

    Both are generators, so that the output of one chunk, which can be long, is never held as a whole. The last
    part that `finish` yields has the counts of the file. The repaired file is JSONL in the file's own dialect;
    good rows keep their bytes. Rows are checked with `limits` and `target` as in a check, so the repaired file
    passes it, unless too few rows are left. With `mask`, private values become placeholders, see Masker.
    """

    def __init__(
        self,
        name: str,
        limits: DatasetLimits,
        target: Dialect | None = None,
        mapping: FieldMapping | None = None,
        budget: RepairBudget | None = None,
        *,
        mask: bool = False,
    ) -> None:
        self._mapping = mapping
        self._masker = Masker() if mask else None
        self._masked_rows = 0
        self._budget = budget
        self._began = process_time()
        self._kept_bytes = self._rejected_bytes = self._held = 0
        self._first_unlisted = self._unlisted = 0
        self._row_checker = RowChecker(limits, target, mapping)
        self._reader = BlockReader(self._row_checker)
        self._source = RowSource(name, FindingCollector(), mapping, self._row_checker.survey)
        self._seen = HashSet()
        self._kept_rows = self._repaired = self._cut_turns = self._rejected_rows = self._duplicates = 0
        self._kept: list[bytes] = []
        self._rejected: list[bytes] = []

    @property
    def data_name(self) -> str:
        """The path of the rows in a zip; empty for a file that is no zip."""
        return self._source.data_name

    @property
    def pictures(self) -> int:
        """The number of pictures that were read beside the rows so far."""
        return len(self._source.pictures)

    def feed(self, chunk: bytes) -> Iterator[Repaired]:
        """Repair the next bytes. Raises TooMuchWork where the budget is used up."""
        yield from self._repair_all(self._source.feed(chunk))

    def finish(self) -> Iterator[Repaired]:
        """Repair the rest of the file. Raises TooMuchWork where the budget is used up."""
        yield from self._repair_all(self._source.finish())
        if self._unlisted:
            self._rejected.append(_encode(self._unlisted_rows()))
        yield self._output()

    def _repair_all(self, blocks: Iterator[Block]) -> Iterator[Repaired]:
        for block in blocks:
            written = self._kept_bytes + self._rejected_bytes
            self._repair(block)
            self._held += self._kept_bytes + self._rejected_bytes - written
            if self._budget is not None:
                self._hold_to(self._budget, block)
            if self._held > _MOST_HELD:
                yield self._output()

    def _hold_to(self, budget: RepairBudget, block: Block) -> None:
        where = f"{self._source.unit} {block.first + max(1, block.count) - 1:,}"
        if process_time() - self._began > budget.cpu_seconds:
            raise TooMuchWork(
                f"The repair takes too long, so I stopped at {where} after {budget.cpu_seconds:,.0f} seconds of "
                "work.",
                "Split the file and repair its parts, or repair it on your own computer with: tunebot repair FILE",
            )
        if self._kept_bytes > budget.kept_bytes:
            raise TooMuchWork(
                f"The repaired file would be over {budget.kept_bytes:,} bytes, so I stopped at {where}.",
                "Split the file and repair its parts.",
            )

    def _unlisted_rows(self) -> dict[str, object]:
        unit = self._source.unit
        return {
            "line": self._first_unlisted,
            "rules": [],
            "reasons": [
                f"From this {unit} on, {self._unlisted:,} more rows were left out. They are not listed here, "
                "because this file would be too long; the file that you gave still has them."
            ],
            "row": "",
        }

    def _repair(self, block: Block) -> None:
        for rows, number, found in self._reader.read(block):
            start = number - rows.first
            if isinstance(found, Columns):
                lines = rows.lines[start : start + len(found)]
                self._keep(number, lines, found)
            elif found.example is not None:
                line = found.parsed.line if found.parsed else b""
                lines = [line] if line else rows.lines[start : start + 1]
                self._keep(number, lines, columns_of(found.example))
            elif found.count > 1 and not found.blank:
                self._reject(number, b"\n".join(rows.lines[start : start + found.count]), found, rows=found.count)
            elif found.parsed is None and not found.blank:
                self._reject(number, rows.lines[start] if rows.lines else b"", found)
            elif not found.blank:
                self._repair_row(number, rows.lines[start], found)

    def _repair_row(self, number: int, line: bytes, result: RowResult) -> None:
        parsed, as_json = result.parsed, line
        assert parsed is not None
        rules = {problem.rule for problem in result.problems}
        if "almost-json" in rules and (fixed := repair_json(line)) is not None:
            again = self._row_checker.check_row(fixed)
            if again.example is not None:
                self._repaired += self._keep(number, (fixed,), columns_of(again.example))
                return
            assert again.parsed is not None
            parsed, as_json = again.parsed, fixed
        if parsed.row is None or len(result.problems) >= MAX_ROW_PROBLEMS:
            self._reject(number, line, result)
            return
        repaired, cut = b"", 0
        if "mixed-dialects" in rules:
            repaired = self._in_own_dialect(parsed)
        if not repaired:
            row, cut = repair_row(parsed.row, self._row_checker.dialect or parsed.dialect, self._mapping)
            if row == parsed.row and as_json is line:
                self._reject(number, line, result)  # There is nothing to repair.
                return
            repaired = _encode(row)
        again = self._row_checker.check_row(repaired)
        if again.example is None:
            self._reject(number, line, result)
        elif self._keep(number, (repaired,), columns_of(again.example)):
            self._repaired += 1
            self._cut_turns += cut

    def _in_own_dialect(self, parsed: ParsedRow) -> bytes:
        """Return a correct row of another dialect that the file has many of in its own; empty where it is none."""
        own = self._row_checker.dialect
        if own is None or not self._row_checker.rewrites(parsed.dialect):
            return b""
        foreign = parse_row(parsed.line or _encode(parsed.row), None, self._mapping)
        try:
            return encode(foreign.example, own, self._mapping) if foreign.example is not None else b""
        except UserError:
            return b""

    def _keep(self, first: int, lines: Sequence[bytes], columns: Columns) -> bool:
        """Keep the rows that are new; return whether all of them are."""
        before = self._kept_rows
        outputs = columns.compared_outputs()
        for i, (line, question, answer) in enumerate(zip(lines, columns.inputs, outputs, strict=True)):
            if self._seen.add(xxhash.xxh3_64_intdigest(f"{question}\0\0{answer}".encode())):
                self._kept.append(self._masked(line.strip()))
                self._kept_rows += 1
                self._kept_bytes += len(line) + 1
            else:
                self._duplicates += 1
                self._reject(first + i, line, _DUPLICATE)
        return self._kept_rows - before == len(lines)

    def _masked(self, line: bytes) -> bytes:
        if self._masker is None:
            return line
        masked = self._masker.mask_row(line)
        self._masked_rows += masked is not line
        return masked

    def _reject(self, number: int, line: bytes, result: RowResult, *, rows: int = 1) -> None:
        self._rejected_rows += rows
        if self._unlisted or (
            self._budget is not None and self._rejected_bytes > self._budget.may_list(self._source.unpacked)
        ):
            self._first_unlisted = self._first_unlisted or number
            self._unlisted += rows
            return
        reasons = [p for p in result.problems if p.severity is Severity.ERROR] or list(result.problems)
        is_json = result.parsed is not None and result.parsed.row is not None and not result.parsed.line
        record = {
            "line": number,
            "rules": [problem.rule for problem in reasons],
            "reasons": [f"{problem.message()} {problem.advice()}" for problem in reasons],
            "row": msgspec.Raw(line.strip()) if is_json else line.decode("utf-8", "backslashreplace").strip(),
        }
        listed = _encode({"rows": rows} | record if rows > 1 else record)
        self._rejected.append(listed)
        self._rejected_bytes += len(listed) + 1

    def _output(self) -> Repaired:
        self._held = 0
        kept, self._kept = self._kept, []
        rejected, self._rejected = self._rejected, []
        return Repaired(
            kept_rows=_jsonl(kept),
            rejected_rows=_jsonl(rejected),
            kept=self._kept_rows,
            repaired=self._repaired,
            rejected=self._rejected_rows,
            duplicates=self._duplicates,
            cut_turns=self._cut_turns,
            masked=self._masked_rows,
        )


def _jsonl(lines: Sequence[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


class HashSet:
    """A set of 64-bit hashes at under 20 bytes each, where a Python set takes over 60.

    It uses open addressing in one array; 0 marks a free slot, so 0 is stored as 1.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * _FIRST_SLOTS))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, value: int) -> bool:
        """Add a hash; return whether it is new."""
        if self._count >= len(self._slots) * _FULL:
            self._grow()
        if not self._put(value or 1):
            return False
        self._count += 1
        return True

    def _put(self, value: int) -> bool:
        slots = self._slots
        mask = len(slots) - 1
        at = value & mask
        while held := slots[at]:
            if held == value:
                return False
            at = (at + 1) & mask
        slots[at] = value
        return True

    def _grow(self) -> None:
        old = self._slots
        self._slots = array("Q", bytes(16 * len(old)))
        for value in old:
            if value:
                self._put(value)
