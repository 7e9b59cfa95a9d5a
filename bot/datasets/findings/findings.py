"""Defines what a check reports about a training file.

The rules are listed in `rules.py`. This module knows neither bytes nor JSON.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

SHOWN_VALUE = 60


class Severity(StrEnum):
    """How serious a finding is: an error keeps a row, or the file, from being tuned on; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Rule(NamedTuple):
    """One rule. A `whole_file` rule is about no single row: leaving rows out does not help.

    `message` is a `str.format` template over `field`, `value`, `limit` and `detail` of the first row that breaks
    the rule, `advice` one over `detail` alone.
    """

    severity: Severity
    message: str
    advice: str
    whole_file: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that one or many rows break.

    `lines` are the first few line numbers, 1-based (item numbers of a JSON array), empty where the whole file
    is meant; `field` and `value` are of the first row, the value shortened; `limit` is the number that was
    passed, where the rule has one.
    """

    severity: Severity
    rule: str
    message: str
    advice: str = ""
    count: int = 1
    lines: tuple[int, ...] = ()
    field: str = ""
    value: str = ""
    limit: int | None = None


def shorten(text: str, width: int = SHOWN_VALUE) -> str:
    """Return one printable line of at most `width` characters; a longer text is cut at its end."""
    if len(text) <= width and text.isprintable():
        return text
    head = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:width])
    return head if len(text) <= width and len(head) <= width else head[: width - 1] + "…"
