"""Slack's date tokens and the times beside messages, in the time zone of this machine.

The browser of a sandbox runs on the same machine, so its zone is the reader's.
"""

import re
from datetime import date, datetime, timedelta
from typing import Final

_TOKEN: Final = re.compile(r"\{(\w+)\}")


def local(seconds: float) -> datetime:
    """A moment in the local time zone."""
    return datetime.fromtimestamp(seconds).astimezone()


def clock(ts: str) -> str:
    """`14:05`, of a message's ts."""
    return f"{local(float(ts)):%H:%M}"


def full(ts: str) -> str:
    """`Saturday, 21 November 2026 at 14:05:09`, of a message's ts."""
    at = local(float(ts))
    return f"{at:%A}, {at.day} {at:%B %Y} at {at:%H:%M:%S}"


def day(at: date, today: date) -> str:
    """`Today`, `Yesterday`, or the date with the name of its month."""
    if at == today:
        return "Today"
    if at == today - timedelta(days=1):
        return "Yesterday"
    return f"{at:%A}, {at.day} {at:%B %Y}"


def formatted(seconds: float, form: str, now: datetime) -> str:
    """What a date token says, as docs.slack.dev/messaging/formatting-message-text has it; unknown parts stay."""
    at = local(seconds)

    def part(match: re.Match[str]) -> str:
        return _part(match[1], at, now) or match[0]

    return _TOKEN.sub(part, form)


def _part(name: str, at: datetime, now: datetime) -> str:
    near = day(at.date(), now.date())
    pretty = near.lower() if near in ("Today", "Yesterday") else ""
    match name:
        case "date_num":
            return f"{at:%Y-%m-%d}"
        case "date" | "date_long":
            weekday = f"{at:%A}, " if name == "date_long" else ""
            return f"{weekday}{at:%B} {at.day}, {at.year}"
        case "date_short":
            return f"{at:%b} {at.day}, {at.year}"
        case "date_pretty":
            return pretty or f"{at:%B} {at.day}, {at.year}"
        case "date_long_pretty":
            return pretty or f"{at:%A}, {at:%B} {at.day}, {at.year}"
        case "date_short_pretty":
            return pretty or f"{at:%b} {at.day}, {at.year}"
        case "time":
            return f"{at:%H:%M}"
        case "time_secs":
            return f"{at:%H:%M:%S}"
        case "ago":
            return _ago((now - at).total_seconds())
    return ""


def _ago(seconds: float) -> str:
    for name, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            amount = int(seconds // size)
            return f"{amount} {name}{'s' if amount > 1 else ''} ago"
    return "just now"
