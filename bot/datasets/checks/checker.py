"""Checks a training file in one pass: bytes in as they come, one report out.

Memory does not grow with the file, except for twelve bytes a line in `fingerprints.py`. Correct rows cost one
decode and one hash of their texts; `slow_reader.py` reads the others one by one.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from time import process_time

from bot.datasets.checks.background_scan import BackgroundScan
from bot.datasets.checks.budget import CheckBudget
from bot.datasets.checks.named_pictures import NamedPictures
from bot.datasets.checks.row_source import RowSource
from bot.datasets.checks.system_texts import SystemTexts
from bot.datasets.checks.totals import CUT_END, LONG_OUTPUT, Totals
from bot.datasets.checks.whole_file import check_amount, check_content, check_size, check_validation, task_of
from bot.datasets.findings.collector import FindingCollector, Problem
from bot.datasets.findings.findings import shorten
from bot.datasets.findings.fingerprints import Fingerprints, hash_all, hash_input, hash_output
from bot.datasets.findings.near_repeats import MOST_ROWS, NearRepeats
from bot.datasets.findings.report import OUT_OF_TIME, TOO_MANY_BAD_ROWS, DatasetReport, Preview
from bot.datasets.formats.json_lines import PIECE_BYTES, Block
from bot.datasets.formats.pictures import PictureFile
from bot.datasets.rows.block_reader import BlockReader, Found
from bot.datasets.rows.columns import Columns, columns_of, joined
from bot.datasets.rows.examples import Example
from bot.datasets.rows.row_checker import RowChecker, RowResult
from bot.domain.backend_profile import DatasetLimits
from bot.domain.datasets import Dialect, FieldMapping

# Examples that are shown, and the characters of each of their texts.
_PREVIEWS = 2
_PREVIEWED = 200
# What pandas, Python, R, Excel and JavaScript write where a cell is empty.
_BLANK_WORDS = frozenset({"nan", "none", "null", "<na>", "#n/a", "undefined", "nat"}) | {
    f"#{error}" for error in ("value!", "ref!", "name?", "div/0!", "num!", "null!")
}
_LONGEST_BLANK = 9
_last_character = itemgetter(-1)


class DatasetChecker:
    """Checks the bytes of one file: call `feed` with any chunks, then `finish`; not thread-safe.

    `training` is the report of the training file where this file is its validation file; `pictures` are what lies
    beside a file that is no zip.
    """

    def __init__(
        self,
        name: str,
        limits: DatasetLimits,
        target: Dialect | None = None,
        mapping: FieldMapping | None = None,
        training: DatasetReport | None = None,
        budget: CheckBudget | None = None,
        pictures: Mapping[str, PictureFile] | None = None,
    ) -> None:
        self._name = name
        self._limits = limits
        self._training = training
        self._collector = FindingCollector()
        self._row_checker = RowChecker(limits, target, mapping)
        self._reader = BlockReader(self._row_checker, counts_only=target is not Dialect.PREFERENCE)
        self._source = RowSource(name, self._collector, mapping, self._row_checker.survey)
        self._size = 0
        self._background = BackgroundScan()
        self._fingerprints = Fingerprints()
        if training is not None and training.fingerprints is not None:
            self._fingerprints.near = NearRepeats(training.fingerprints.near)
        self._totals = Totals()
        self._systems = SystemTexts()
        self._named_pictures = NamedPictures()
        self._pictures = pictures
        self._previews: list[Preview] = []
        self._budget = budget
        self._began = process_time()
        self._bad_rows = 0
        self._last_row = 0
        self._stop: Problem | None = None

    @property
    def stopped(self) -> bool:
        """Whether the budget is used up: what is fed from now on is not read."""
        return self._stop is not None

    def feed(self, chunk: bytes) -> None:
        """Check the next bytes, any number of them."""
        for start in range(0, len(chunk), PIECE_BYTES):
            if self.stopped:
                return
            piece = chunk[start : start + PIECE_BYTES]
            self._size += len(piece)
            self._background.hash(piece)
            self._check_all(self._source.feed(piece))

    def finish(self) -> DatasetReport:
        """Return what was found. The checker cannot be used again."""
        if not self.stopped:
            # Less than one row of the longest size is left; it is no reason to call the file unread.
            rest = self._source.finish()
            if self._source.reads_at_end:
                self._check_all(rest)
            else:
                for block in rest:
                    self._check(block)
        collector, totals, fingerprints, row_checker = (
            self._collector,
            self._totals,
            self._fingerprints,
            self._row_checker,
        )
        sha256 = self._background.finish()
        self._background.personal.report(collector)
        pictures = 0
        if not self.stopped:
            beside = self._source.pictures
            if not beside and self._pictures is not None:
                beside = self._pictures
            pictures = self._named_pictures.report(collector, beside, self._source.data_name)
            check_size(collector, totals, self._source.unpacked, self._limits)
        unit = self._source.unit
        check_content(collector, totals, fingerprints, unit, self._training.unit if self._training else unit)
        if self._training is None and self._limits.takes_system:
            self._systems.report(collector, totals.examples)
        task = task_of(totals, fingerprints)
        if self._stop is not None:
            collector.add(self._stop)
        elif self._training is None:
            check_amount(collector, totals, task, self._limits)
        else:
            check_validation(collector, fingerprints, self._training, self._limits)
        return DatasetReport(
            name=self._name,
            size=self._size,
            sha256=sha256,
            rows=totals.rows,
            examples=totals.examples,
            dialect=row_checker.dialect,
            mapping=row_checker.mapping if row_checker.dialect is Dialect.MAPPED else None,
            guessed_mapping=row_checker.guessed_mapping,
            keys=row_checker.keys,
            findings=collector.findings(),
            characters=totals.inputs.total + totals.outputs.total,
            tokens=totals.tokens,
            token_method=totals.token_method,
            token_error=totals.token_error(totals.inputs.total + totals.outputs.total),
            texts=totals.texts,
            files=totals.files,
            pictures=pictures,
            near_rows=MOST_ROWS if fingerprints.near.full else 0,
            inputs=totals.inputs.histogram(),
            outputs=totals.outputs.histogram(),
            unit=unit,
            task=task,
            system_instruction=self._systems.usual(totals.examples),
            previews=tuple(self._previews),
            fingerprints=fingerprints,
        )

    def _check_all(self, blocks: Iterator[Block]) -> None:
        for block in blocks:
            self._check(block)
            self._last_row = block.first + max(1, block.count) - 1
            self._stop = self._over_budget()
            if self.stopped:
                return

    def _over_budget(self) -> Problem | None:
        budget = self._budget
        if budget is None:
            return None
        read = f"{self._source.unit} {self._last_row:,} ({self._size / 1e6:,.1f} MB)"
        if self._bad_rows > budget.bad_rows:
            return Problem(TOO_MANY_BAD_ROWS, limit=budget.bad_rows, detail=read)
        if process_time() - self._began > budget.cpu_seconds:
            return Problem(OUT_OF_TIME, limit=round(budget.cpu_seconds), detail=read)
        return None

    def _check(self, block: Block) -> None:
        if not len(self._fingerprints):
            self._fingerprints.first = block.first
        self._background.scan(block)
        good: list[tuple[int, Columns]] = []
        for number, found, rows in _together(self._reader.read(block)):
            problems = found.warnings if isinstance(found, Columns) else found.problems
            for problem in problems:
                self._collector.add_rows(problem, number, rows)
            columns = found if isinstance(found, Columns) else self._columns_of(number, found)
            if columns is not None:
                good.append((number, columns))
                continue
            assert isinstance(found, RowResult)
            bad_rows = 0 if found.blank else rows
            self._totals.rows += bad_rows
            self._bad_rows += bad_rows
        if good:
            # The block's good rows are counted together: numbers over many rows cost far less.
            self._count(good, joined([columns for _, columns in good]))
        self._fingerprints.skip_to(block.first + max(1, block.count))

    def _columns_of(self, number: int, found: RowResult) -> Columns | None:
        """Return a row that was read alone, or None where it is no example."""
        example = found.example
        if example is None:
            return None
        if example.files:
            self._totals.files += example.files
            self._totals.rows_with_files += 1
            self._named_pictures.add(number, example.pictures)
        return columns_of(example)

    def _count(self, parts: Sequence[tuple[int, Columns]], columns: Columns) -> None:
        """Count good rows: the columns of all, and of the parts that follow each other, with their first row."""
        if len(self._previews) < _PREVIEWS:
            self._previews += map(_preview, islice(columns.examples(), _PREVIEWS - len(self._previews)))
        self._systems.add(columns)
        inputs, input_bytes = hash_all(hash_input, columns.inputs)
        outputs, output_bytes = hash_all(hash_output, columns.outputs)
        compared = hash_all(hash_output, columns.compared_outputs())[0] if columns.rejected else outputs
        numbers: list[int] = []
        for first, part in parts:
            begin = len(numbers)
            numbers += range(first, first + len(part))
            self._fingerprints.skip_to(first)
            self._fingerprints.add(inputs[begin : len(numbers)], compared[begin : len(numbers)])
        self._fingerprints.near.add(numbers, columns.inputs, columns.outputs)
        separators = len(columns.texts) - 2 * len(columns)
        self._totals.add(columns, input_bytes + output_bytes - separators)
        self._note_blank_words(numbers, columns)
        for found in CUT_END.finditer("".join(map(_last_character, columns.outputs))):
            i = found.start()
            if columns.after[i] >= LONG_OUTPUT:
                self._totals.add_cut_off(numbers[i], columns.outputs[i])

    def _note_blank_words(self, numbers: Sequence[int], columns: Columns) -> None:
        """Warn of outputs that are a program's word for nothing, such as `nan`."""
        if min(columns.after) > _LONGEST_BLANK:
            return
        for i, length in enumerate(columns.after):
            if length <= _LONGEST_BLANK and (word := columns.outputs[i]).strip().lower() in _BLANK_WORDS:
                self._collector.add(Problem("only-a-blank-word", "output", word), lines=(numbers[i],))


def _together(results: Iterator[Found]) -> Iterator[tuple[int, Columns | RowResult, int]]:
    """Yield each result with its first number and its number of rows; equal bad rows in sequence give one."""
    held: RowResult | None = None
    first = rows = 0
    for _, number, found in results:
        if held is not None:
            if found is held:
                rows += held.count
                continue
            yield first, held, rows
            held = None
        if isinstance(found, Columns):
            yield number, found, len(found)
        elif found.example is not None or found.blank:
            yield number, found, found.count
        else:
            held, first, rows = found, number, found.count
    if held is not None:
        yield first, held, rows


def _preview(example: Example) -> Preview:
    *before, question, answer = example.texts
    rejected = _shown(example.rejected)
    return Preview(
        _shown(question), _shown(answer), _shown(example.system), earlier=len(before), rejected=rejected
    )


def _shown(text: str) -> str:
    return shorten(text, _PREVIEWED)
