"""Takes a sample of a file's text for Google to count, so that the token estimate rests on a real count."""

import zlib
from contextlib import suppress
from dataclasses import replace

import msgspec

from bot.datasets.findings.report import BYTES_PER_TOKEN, DatasetReport
from bot.datasets.rewrite.converter import Converter
from bot.domain.datasets import Dialect
from bot.errors import UserError

HEAD_BYTES = 96 * 1024  # of the file, enough for some dozens of rows
# A packed file can unpack to a thousand times its size, so its head is read a little at a time.
_STEP_BYTES = 1024


class _Message(msgspec.Struct):
    content: str


class _Row(msgspec.Struct):
    messages: list[_Message]


def sample_text(head: bytes, report: DatasetReport) -> str:
    """Return all text of the complete rows in a file's first bytes; empty where none can be read."""
    if report.dialect is None:
        return ""
    converter = Converter(report.dialect, Dialect.OPENAI, report.mapping, name=report.name)
    rows = b""
    # A file that was cut may end inside a row or inside a compressed block; what came before is enough.
    with suppress(UserError, zlib.error):
        for start in range(0, len(head), _STEP_BYTES):
            rows += converter.feed(head[start : start + _STEP_BYTES])
            if len(rows) >= HEAD_BYTES:
                break
    decode = msgspec.json.Decoder(_Row).decode
    return "\n".join(message.content for row in rows.splitlines() for message in decode(row).messages)


def with_counted_tokens(report: DatasetReport, sample: str, tokens: int) -> DatasetReport:
    """Return the report with its tokens estimated from Google's count of a sample of its text."""
    guessed = max(1, len(sample.encode()) // BYTES_PER_TOKEN)
    method = f"estimated from Google's count of {tokens:,} tokens in the first rows"
    return replace(report, tokens=round(report.tokens * tokens / guessed), token_method=method)
