"""Formats numbers, times and sizes, the same in every message. It reads no clock: the caller passes the time."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 row`, `1,234 rows`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """Return the two largest units: `45 seconds`, `1 hour 5 minutes`, `2 days`; seconds only below ten minutes."""
    left = max(0, round(seconds))
    if left >= 600:
        left = round(left / 60) * 60
    parts: list[str] = []
    for name, size in _UNITS:
        amount, left = divmod(left, size)
        if amount:
            parts.append(count(amount, name))
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts) or "0 seconds"


def about(seconds: float) -> str:
    """Return a rounded estimate: whole minutes, and tens of seconds below two minutes."""
    grain = 60 if seconds >= 120 else 10
    return f"about {duration(max(grain, round(seconds / grain) * grain))}"


def size(byte_count: int) -> str:
    """`812 bytes`, `1.5 MB`; decimal units, as Slack and Cloud Storage show them."""
    if byte_count < 1_000:
        return count(byte_count, "byte")
    amount = float(byte_count)
    for unit in ("kB", "MB", "GB"):
        amount /= 1_000
        if amount < 999.95 or unit == "GB":
            break
    return f"{amount:,.1f}".removesuffix(".0") + f" {unit}"


def number(value: float) -> str:
    """Return a value as a person types it into a form: `3`, `0.001`, `0.00002`; never with an exponent."""
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def loss(value: float) -> str:
    """Four significant digits: `3.102`, `0.01734`, `-1.5`."""
    return f"{value:.4g}" if math.isfinite(value) else "not a number"


def percent(value: float) -> str:
    """Return whole per cent, rounded down, so that 100% never shows early."""
    return f"{math.floor(value)}%"


def moment(time: datetime, form: str = "{date_short_pretty} at {time}") -> str:
    """Return a date token, which Slack shows in each reader's time zone, with UTC as its fallback.

    Source: docs.slack.dev/messaging/formatting-message-text#date-formatting.
    """
    return f"<!date^{int(time.timestamp())}^{form}|{utc(time)}>"


def utc(time: datetime) -> str:
    """`21 November 2026, 01:39 UTC`."""
    at = time.astimezone(UTC)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def listed(items: Iterable[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    each = list(items)
    return f" {last} ".join([", ".join(each[:-1]), each[-1]] if len(each) > 1 else each)


def sentence(text: str) -> str:
    """Return the text with a full stop where it ends without a punctuation mark."""
    trimmed = text.strip()
    return trimmed if not trimmed or trimmed[-1] in ".!?…:" else trimmed + "."
