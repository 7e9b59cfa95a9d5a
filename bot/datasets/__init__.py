"""Training files: bytes -> rows -> findings -> the dialect that a backend wants, streaming.

Knows neither Slack nor Google: bytes come in as chunks and leave as chunks.
"""

from bot.datasets.findings import Finding, Severity
from bot.datasets.report import DatasetReport, Histogram

__all__ = ["DatasetReport", "Finding", "Histogram", "Severity"]
