"""Takes a sample of a file's text for Google to count, so that the token estimate rests on a real count."""

import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import msgspec

from bot.datasets.findings.report import TOKENS_PER_1000_BYTES, DatasetReport, turns_error
from bot.datasets.rewrite.converter import Converter
from bot.domain.datasets import Dialect
from bot.errors import UserError

HEAD_BYTES = 96 * 1024  # of the file, enough for some dozens of rows
# A packed file can unpack to a thousand times its size, so its head is read a little at a time.
_STEP_BYTES = 1024
# A guess: the model that Google counts for and the one that it bills need not have the same tokens.
COUNT_ERROR = 10
_GROUPS = 5
_FEWEST_IN_GROUP = 4


class _Message(msgspec.Struct):
    content: str


class _Row(msgspec.Struct):
    messages: list[_Message]


@dataclass(frozen=True, slots=True)
class Sample:
    """The text of a file's first rows in a few groups, and whether these rows are all of its examples."""

    texts: tuple[str, ...]
    whole: bool


NO_SAMPLE = Sample((), False)


def sample_text(head: bytes, report: DatasetReport) -> Sample:
    """Return the text of the complete rows in a file's first bytes; no groups where none can be read."""
    # A text that is counted holds no picture.
    if report.dialect is None or report.files:
        return NO_SAMPLE
    converter = Converter(report.dialect, Dialect.OPENAI, report.mapping, name=report.name)
    rows: list[bytes] = []
    # A file that was cut may end inside a row or inside a compressed block; what came before is enough.
    with suppress(UserError, zlib.error):
        complete = head if len(head) == report.size else head[: head.rfind(b"\n") + 1] or head
        read = 0
        for start in range(0, len(complete), _STEP_BYTES):
            chunk = converter.feed(complete[start : start + _STEP_BYTES])
            rows += chunk.splitlines()
            read += len(chunk)
            if read >= HEAD_BYTES:
                break
        else:
            rows += converter.finish().splitlines()
    decode = msgspec.json.Decoder(_Row).decode
    size = max(_FEWEST_IN_GROUP, -(-len(rows) // _GROUPS))
    groups = [rows[start : start + size] for start in range(0, len(rows), size)]
    texts = ("\n".join(message.content for row in group for message in decode(row).messages) for group in groups)
    return Sample(tuple(filter(None, texts)), len(rows) == report.examples)


def with_counted_tokens(report: DatasetReport, sample: Sample, counts: Sequence[int]) -> DatasetReport:
    """Return the report with its tokens estimated from Google's count of each group of the sample.

    The error is a guess: how much the group that differs most from all of them differs, but at least a tenth,
    because the rows that were not sampled may differ more. To it comes what Google adds to each turn of a row,
    which a count of the rows' joined texts does not hold.
    """
    sizes = [len(text.encode()) for text in sample.texts]
    size, counted = sum(sizes), sum(counts)
    if sample.whole:
        method = f"Google counted {counted:,} tokens in the texts of all rows, and may add some to each turn"
        error = COUNT_ERROR + turns_error(report.texts, counted)
        return replace(report, tokens=counted, token_method=method, token_error=error)
    differences = (
        abs(-(-100 * group * size // (bytes_of_group * counted)) - 100)
        for group, bytes_of_group in zip(counts, sizes, strict=True)
    )
    tokens = -(-report.tokens * 1000 * counted // (TOKENS_PER_1000_BYTES * size))
    return replace(
        report,
        tokens=tokens,
        token_method=f"estimated from Google's count of {counted:,} tokens in the first rows",
        token_error=max(COUNT_ERROR, *differences) + turns_error(report.texts, tokens),
    )
