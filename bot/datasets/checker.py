"""Checks a training file in one pass: bytes in as they come, one report out.

The memory held does not grow with the file, but for the twelve bytes a line of `fingerprints.py`. Rows as they
should be take one decode and one hash of their texts; all others are explained at leisure.
"""

import hashlib

from bot.datasets.background import Background
from bot.datasets.fingerprints import OUTPUT_MASK, Fingerprints, hash_bytes
from bot.datasets.judge import Judge, Measured
from bot.datasets.lines import PIECE, Block
from bot.datasets.privacy import PersonalData
from bot.datasets.report import DatasetReport
from bot.datasets.source import Source
from bot.datasets.tally import SHOWN_LINES, Tally
from bot.datasets.totals import Totals
from bot.datasets.whole import judge_amount, judge_content, judge_size, judge_validation, task_of
from bot.domain import Dialect, FieldMapping
from bot.profile import DatasetLimits

# Below this length an output may well end as it pleases.
_LONG_OUTPUT = 200
_CUT_ENDS = frozenset(",;:-–—(")


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
        self._tally = Tally()
        self._source = Source(name, self._tally, mapping)
        self._judge = Judge(limits, target, mapping)
        self._background = Background()
        self._sha256 = hashlib.sha256()
        self._size = 0
        self._personal = PersonalData()
        self._prints = Fingerprints()
        self._totals = Totals()

    def feed(self, chunk: bytes) -> None:
        """The next bytes, any number of them."""
        for start in range(0, len(chunk), PIECE):
            piece = chunk[start : start + PIECE]
            self._size += len(piece)
            self._background.run(self._sha256.update, piece)
            for block in self._source.feed(piece):
                self._check(block)

    def finish(self) -> DatasetReport:
        """What was found. The checker is used up."""
        for block in self._source.finish():
            self._check(block)
        self.close()
        tally, totals, prints, judge = self._tally, self._totals, self._prints, self._judge
        self._personal.report(tally)
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
            sha256=self._sha256.hexdigest(),
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

    def close(self) -> None:
        """End the thread beside; `finish` does, too."""
        self._background.finish()

    def _check(self, block: Block) -> None:
        if not len(self._prints):
            self._prints.first = block.first
        if block.problem is not None:
            self._totals.rows += 1
            self._tally.add(block.problem, block.first)
            self._prints.add((0,), (0,))
            return
        self._background.run(self._personal.scan, block.raw, block.first)
        quick = self._judge.quick
        befores: list[int] = []
        outputs: list[int] = []
        input_hashes: list[int] = []
        output_hashes: list[int] = []
        text_bytes = many_turns = 0
        for number, raw in enumerate(block.lines, block.first):
            read = quick(raw) or self._explain(number, raw)
            if read is None:
                input_hashes.append(0)
                output_hashes.append(0)
                continue
            system, texts, before, length = read
            output = texts.pop()
            if len(texts) > 1:
                many_turns += 1
            question, answer = "\0".join((system, *texts)).encode(), output.encode()
            befores.append(before)
            outputs.append(length)
            input_hashes.append(hash_bytes(question) or 1)
            output_hashes.append(hash_bytes(answer) & OUTPUT_MASK)
            text_bytes += len(question) - len(texts) + len(answer)
            if length >= _LONG_OUTPUT:
                self._look_at_end(number, output)
        self._prints.add(input_hashes, output_hashes)
        totals = self._totals
        totals.examples += len(befores)
        totals.rows += len(befores)
        totals.many_turns += many_turns
        totals.inputs.add(befores)
        totals.outputs.add(outputs)
        totals.text_bytes += text_bytes

    def _explain(self, number: int, raw: bytes) -> Measured | None:
        verdict = self._judge.judge(raw)
        for problem in verdict.problems:
            self._tally.add(problem, number)
        example = verdict.example
        if example is None:
            self._totals.rows += not verdict.blank
            return None
        texts = [*example.texts]
        if example.rejected:
            # Two answers are one output: rows that differ in either are not the same.
            texts[-1] += example.rejected
        length = len(texts[-1])
        return example.system, texts, len(example.system) + sum(map(len, texts)) - length, length

    def _look_at_end(self, number: int, output: str) -> None:
        totals = self._totals
        totals.long_outputs += 1
        end = output[-1]
        if end.isalpha() or end in _CUT_ENDS:
            totals.cut_off += 1
            if len(totals.cut_off_lines) < SHOWN_LINES:
                totals.cut_off_lines.append(number)
                totals.cut_off_value = totals.cut_off_value or f"“…{output[-20:]}”"
