"""Checks, repairs and converts training files as streams of bytes.

It knows neither Slack nor the network. `check`, `convert`, `reencode` and `repair` take async streams and work in
a process of their own; DatasetChecker, Converter and Repairer do the work where they are called.
"""

from bot.datasets.checks.budget import CheckBudget, RepairBudget
from bot.datasets.checks.checker import DatasetChecker
from bot.datasets.checks.whole_file import validation_limit
from bot.datasets.findings.findings import Finding, Severity
from bot.datasets.findings.report import OUT_OF_TIME, DatasetReport, Histogram, Preview
from bot.datasets.findings.report_text import counted, report_text, warnings_text
from bot.datasets.findings.task_kinds import Task
from bot.datasets.formats.encodings import shown_encoding
from bot.datasets.formats.pictures import PICTURE_NAMES, Picture
from bot.datasets.formats.zip_unpacker import stored_header
from bot.datasets.rewrite.converter import Converter
from bot.datasets.rewrite.corrections import CorrectedRows, correction_rows
from bot.datasets.rewrite.file_repair import Repaired, Repairer
from bot.datasets.rewrite.row_writer import encode
from bot.datasets.rewrite.sample import with_counted_tokens
from bot.datasets.rewrite.validation_split import Split, SplitSide
from bot.datasets.rows.column_mapping import format_mapping, guess_mapping
from bot.datasets.rows.examples import Example
from bot.datasets.streams import WORKER_MODULE, check, convert, pictures, reencode, repair
from bot.datasets.worker_tasks import (
    CheckResult,
    CheckTask,
    ConvertTask,
    PicturesTask,
    ReencodeTask,
    RepairResult,
    RepairTask,
)

__all__ = [
    "OUT_OF_TIME",
    "PICTURE_NAMES",
    "WORKER_MODULE",
    "CheckBudget",
    "CheckResult",
    "CheckTask",
    "ConvertTask",
    "Converter",
    "CorrectedRows",
    "DatasetChecker",
    "DatasetReport",
    "Example",
    "Finding",
    "Histogram",
    "Picture",
    "PicturesTask",
    "Preview",
    "ReencodeTask",
    "RepairBudget",
    "RepairResult",
    "RepairTask",
    "Repaired",
    "Repairer",
    "Severity",
    "Split",
    "SplitSide",
    "Task",
    "check",
    "convert",
    "correction_rows",
    "counted",
    "encode",
    "format_mapping",
    "guess_mapping",
    "pictures",
    "reencode",
    "repair",
    "report_text",
    "shown_encoding",
    "stored_header",
    "validation_limit",
    "warnings_text",
    "with_counted_tokens",
]
