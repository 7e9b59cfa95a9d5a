"""Checks a training file in one pass: bytes in as they come, one report out.

The memory held does not grow with the file, but for the twelve bytes a line of `fingerprints.py`. Rows as they
should be take one decode and one hash of their texts; all others are explained at leisure.
"""

from bot.datasets.checks.background_scan import BackgroundScan
from bot.datasets.checks.row_source import RowSource
from bot.datasets.checks.totals import CUT_ENDS, LONG_OUTPUT, Totals
from bot.datasets.checks.whole_file import judge_amount, judge_content, judge_size, judge_validation, task_of
from bot.datasets.findings.collector import SHOWN_LINES, FindingCollector
from bot.datasets.findings.fingerprints import Fingerprints, hash_input, hash_output
from bot.datasets.findings.report import DatasetReport
from bot.datasets.formats.json_lines import PIECE, Block
from bot.datasets.rows.fast_reader import columns_of
from bot.datasets.rows.row_checker import Batch, RowChecker, measure
from bot.domain.backend_profile import DatasetLimits
from bot.domain.datasets import Dialect, FieldMapping


class DatasetChecker:
    """Feed it a file's bytes in any chunks, then `finish`; one file and one thread at a time.

    `training` is the report of the training file where this one is to be its validation file.
    """

    def __init__(
        self,
        name: str,
        limits: DatasetLimits,
        target: Dialect | None = None,
        mapping: FieldMapping | None = None,
        training: DatasetReport | None = None,
    ) -> None:
        self._name = name
        self._limits = limits
        self._training = training
        self._tally = FindingCollector()
        self._source = RowSource(name, self._tally, mapping)
        self._judge = RowChecker(limits, target, mapping)
        self._size = 0
        self._beside = BackgroundScan()
        self._prints = Fingerprints()
        self._totals = Totals()

    def feed(self, chunk: bytes) -> None:
        """The next bytes, any number of them."""
        for start in range(0, len(chunk), PIECE):
            piece = chunk[start : start + PIECE]
            self._size += len(piece)
            self._beside.hash(piece)
            for block in self._source.feed(piece):
                self._check(block)

    def finish(self) -> DatasetReport:
        """What was found. The checker is used up."""
        for block in self._source.finish():
            self._check(block)
        tally, totals, prints, judge = self._tally, self._totals, self._prints, self._judge
        sha256 = self._beside.finish()
        self._beside.personal.report(tally)
        judge_size(tally, totals, self._source.unpacked, self._limits)
        judge_content(tally, totals, prints)
        task = task_of(totals, prints)
        if self._training is None:
            judge_amount(tally, totals, task, self._limits)
        else:
            judge_validation(tally, prints, self._training, self._limits)
        return DatasetReport(
            name=self._name,
            size=self._size,
            sha256=sha256,
            rows=totals.rows,
            examples=totals.examples,
            dialect=judge.dialect,
            mapping=judge.mapping if judge.dialect is Dialect.MAPPED else None,
            guessed_mapping=judge.guessed_mapping,
            keys=judge.keys,
            findings=tally.findings(),
            characters=totals.inputs.total + totals.outputs.total,
            tokens=totals.tokens,
            inputs=totals.inputs.histogram(),
            outputs=totals.outputs.histogram(),
            unit=self._source.unit,
            task=task,
            fingerprints=prints,
        )

    def _check(self, block: Block) -> None:
        if not len(self._prints):
            self._prints.first = block.first
        self._beside.scan(block)
        for number, found in self._judge.read(block):
            if isinstance(found, Batch):
                self._take(number, found)
                continue
            rows = found.blank or 1
            for problem in found.problems:
                self._tally.add(problem, count=rows, lines=range(number, number + min(rows, SHOWN_LINES)))
            if found.example is not None:
                self._take(number, measure(columns_of(found.example)))
            else:
                self._totals.rows += not found.blank
                self._prints.add((0,) * rows, (0,) * rows)

    def _take(self, first: int, batch: Batch) -> None:
        inputs = list(map(str.encode, batch.columns.inputs))
        outputs = list(map(str.encode, batch.columns.outputs))
        self._prints.add(list(map(hash_input, inputs)), list(map(hash_output, outputs)))
        text_bytes = sum(map(len, inputs)) + sum(map(len, outputs)) - sum(batch.columns.counts) + 2 * len(inputs)
        self._totals.add(batch, text_bytes)
        cut_off = [i for i, text in enumerate(batch.columns.outputs) if text[-1] in CUT_ENDS]
        for i in cut_off:
            if batch.after[i] >= LONG_OUTPUT:
                self._totals.add_cut_off(first + i, batch.columns.outputs[i])
