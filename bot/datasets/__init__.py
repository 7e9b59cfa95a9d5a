"""Checks, repairs and converts training files as streams of bytes.

It knows neither Slack nor the network. `check`, `convert` and `repair` take async streams; DatasetChecker,
Converter and Repairer do the work synchronously.
"""

from bot.datasets.checks.checker import DatasetChecker
from bot.datasets.checks.whole_file import validation_limit
from bot.datasets.findings.findings import Finding, Severity
from bot.datasets.findings.report import DatasetReport, Histogram
from bot.datasets.findings.report_text import report_text, warnings_text
from bot.datasets.findings.task_kinds import Task
from bot.datasets.rewrite.converter import Converter
from bot.datasets.rewrite.file_repair import Repaired, Repairer
from bot.datasets.rewrite.sample import HEAD_BYTES, sample_text, with_counted_tokens
from bot.datasets.rewrite.validation_split import Side, Split
from bot.datasets.rows.column_mapping import format_mapping, guess_mapping
from bot.datasets.rows.examples import Example, encode
from bot.datasets.streams import check, convert, repair

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
    "check",
    "convert",
    "encode",
    "format_mapping",
    "guess_mapping",
    "repair",
    "report_text",
    "sample_text",
    "validation_limit",
    "warnings_text",
    "with_counted_tokens",
]
