"""What the tests of datasets share: limits like those of the backends, and one call that checks bytes."""

import gzip
import io
import json
import zipfile
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from bot.datasets import DatasetChecker, DatasetReport, Finding, Repaired, Repairer
from bot.domain.backend_profile import DatasetLimits
from bot.domain.datasets import Dialect, FieldMapping

GEMINI_API = DatasetLimits(
    recommended_examples=20,
    input_characters=40_000,
    output_characters=5_000,
    inline_bytes=4 * 1024 * 1024,
    takes_system=False,
    takes_many_turns=False,
)
VERTEX = DatasetLimits(
    recommended_examples=100,
    max_examples=10_000_000,
    tokens_per_example=131_072,
    file_bytes=1024**3,
    validation_examples=5_000,
    validation_share=0.3,
)


# The first bytes of pictures, which say what they are.
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
JPEG = b"\xff\xd8\xff\xe0" + bytes(60)


# Kinds of files that hold the same rows, which are JSON.
KINDS_OF_FILES: dict[str, Callable[[list[bytes]], bytes]] = {
    "lines": lambda rows: b"\n".join(rows) + b"\n",
    "windows lines": lambda rows: b"\r\n".join(rows),
    "array": lambda rows: b"[" + b",\n ".join(rows) + b"]",
    "array on one line": lambda rows: b"[" + b",".join(rows) + b"]",
    "pretty array": lambda rows: json.dumps([json.loads(row) for row in rows], indent=1).encode(),
    "wrapper": lambda rows: b'{"version": "1", "data": [' + b",".join(rows) + b'], "total": 3}',
    "gzip": lambda rows: gzip.compress(b"\n".join(rows)),
}


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def check_bytes(
    data: bytes,
    limits: DatasetLimits = VERTEX,
    target: Dialect | None = Dialect.VERTEX,
    mapping: FieldMapping | None = None,
    *,
    name: str = "rows.jsonl",
    training: DatasetReport | None = None,
    chunk: int = 65_536,
) -> DatasetReport:
    checker = DatasetChecker(name, limits, target, mapping, training)
    for start in range(0, len(data), chunk):
        checker.feed(data[start : start + chunk])
    return checker.finish()


def books_of(
    data: bytes,
    name: str,
    chunk: int = 65_536,
    limits: DatasetLimits = VERTEX,
    mapping: FieldMapping | None = None,
) -> tuple[DatasetReport, Repaired, bytes]:
    """Return the report, and the counts and the kept rows of the repair, whose own books were compared."""
    repairer = Repairer(name, limits, Dialect.VERTEX, mapping)
    parts = [part for at in range(0, len(data), chunk) for part in repairer.feed(data[at : at + chunk])]
    parts += repairer.finish()
    counts, kept = parts[-1], b"".join(part.kept_rows for part in parts)
    rejected = rows_of(b"".join(part.rejected_rows for part in parts))
    assert sum(row.get("rows", 1) for row in rejected) == counts.rejected
    assert kept.count(b"\n") == counts.kept
    report = check_bytes(data, limits, mapping=mapping, name=name, chunk=chunk)
    assert counts.kept + counts.rejected == report.rows
    return report, counts, kept


def jsonl(*rows: Any) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def pair(question: Any, answer: Any, **more: Any) -> dict[str, Any]:
    return {"text_input": question, "output": answer, **more}


def chat(*turns: str) -> dict[str, Any]:
    """`chat("user: hi", "assistant: hello")`."""
    messages = []
    for turn in turns:
        role, _, content = turn.partition(": ")
        messages.append({"role": role, "content": content})
    return {"messages": messages}


def contents(*turns: str, system: str = "") -> dict[str, Any]:
    row: dict[str, Any] = {"systemInstruction": {"parts": [{"text": system}]}} if system else {}
    row["contents"] = []
    for turn in turns:
        role, _, text = turn.partition(": ")
        row["contents"].append({"role": role, "parts": [{"text": text}]})
    return row


async def chunks(data: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def joined(parts: AsyncIterator[bytes]) -> bytes:
    return b"".join([part async for part in parts])


def rows_of(data: bytes) -> list[Any]:
    return [json.loads(line) for line in data.splitlines()]


def rules(
    report: DatasetReport, *, without: Iterable[str] = ("few-examples",)
) -> list[tuple[str, int, tuple[int, ...]]]:
    """(rule, count, first lines) of each finding; small files always have too few examples to advise."""
    return [(f.rule, f.count, f.lines) for f in report.findings if f.rule not in without]


def finding(report: DatasetReport, rule: str) -> Finding:
    """The report's one finding of this rule."""
    [found] = [each for each in report.findings if each.rule == rule]
    return found
