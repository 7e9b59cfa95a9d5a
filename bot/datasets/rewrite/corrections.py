"""Writes people's corrections as training rows, and puts them in the place of the rows that they correct."""

from collections.abc import Iterator, Sequence

import msgspec

from bot.datasets.rewrite.row_writer import encode
from bot.datasets.rows.examples import Example
from bot.domain.datasets import Dialect, FieldMapping
from bot.domain.feedback import Correction

_text = msgspec.json.Decoder(str)


def correction_rows(
    corrections: Sequence[Correction], dialect: Dialect, mapping: FieldMapping | None = None
) -> list[bytes]:
    """Return a row for each correction, without line ends. Raises UserError if the dialect cannot hold it."""
    return [encode(_example(each), dialect, mapping) for each in corrections]


class CorrectedRows:
    """JSONL of one dialect in, the same with the corrections out; bytes may be cut anywhere.

    A row that is nothing but a corrected question and an answer is left out, so that the model does not learn two
    answers to one question. Longer conversations stay.
    """

    def __init__(self, corrections: Sequence[Correction], dialect: Dialect) -> None:
        self._rows = correction_rows(corrections, dialect)
        self._around = {_around(each, dialect) for each in corrections}
        self._prefixes = tuple(before for before, _ in self._around)
        self._rest = b""
        self.replaced = 0

    def feed(self, chunk: bytes) -> bytes:
        """Return the next rows that stay."""
        whole, newline, self._rest = (self._rest + chunk).rpartition(b"\n")
        return b"".join(self._kept(whole + newline))

    def finish(self) -> bytes:
        """Return the last rows that stay, and the corrections."""
        last = b"".join(self._kept(self._rest + b"\n")) if self._rest.strip() else b""
        return last + b"".join(row + b"\n" for row in self._rows)

    def _kept(self, lines: bytes) -> Iterator[bytes]:
        for line in lines.splitlines(keepends=True):
            if line.startswith(self._prefixes) and self._is_corrected(line.rstrip(b"\r\n")):
                self.replaced += 1
            else:
                yield line

    def _is_corrected(self, line: bytes) -> bool:
        for before, after in self._around:
            if line.startswith(before) and line.endswith(after):
                try:
                    _text.decode(line[len(before) : len(line) - len(after)])
                except msgspec.DecodeError:
                    continue
                return True
        return False


def _example(correction: Correction) -> Example:
    texts = correction.question, correction.text
    return Example(correction.answer.system_instruction, texts, rejected=correction.answer.text)


def _around(correction: Correction, dialect: Dialect) -> tuple[bytes, bytes]:
    """Return what stands before and after the answer in a row with this question."""
    row = encode(Example(correction.answer.system_instruction, (correction.question, "")), dialect)
    before, _, after = row.rpartition(b'""')
    return before, after
