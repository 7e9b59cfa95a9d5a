"""Training files: bytes -> rows -> findings -> the dialect that a backend wants, streaming.

Knows neither Slack nor Google: bytes come in as chunks and leave as chunks. `check` and `convert` are the async
face; DatasetChecker and Converter do the work, synchronously.
"""

from bot.datasets.checker import DatasetChecker
from bot.datasets.converter import Converter
from bot.datasets.examples import Example, encode
from bot.datasets.findings import Finding, Severity
from bot.datasets.mapping import as_words, guess_mapping
from bot.datasets.repair import Repaired, Repairer
from bot.datasets.report import DatasetReport, Histogram
from bot.datasets.sample import HEAD_BYTES, sample_text, with_count
from bot.datasets.split import Side, Split
from bot.datasets.streams import check, convert, repair
from bot.datasets.tasks import Task
from bot.datasets.text import report_text
from bot.datasets.whole import validation_limit

__all__ = [
    "HEAD_BYTES",
    "Converter",
    "DatasetChecker",
    "DatasetReport",
    "Example",
    "Finding",
    "Histogram",
    "Repaired",
    "Repairer",
    "Severity",
    "Side",
    "Split",
    "Task",
    "as_words",
    "check",
    "convert",
    "encode",
    "guess_mapping",
    "repair",
    "report_text",
    "sample_text",
    "validation_limit",
    "with_count",
]
