"""Describes JSON values in messages about wrong types."""

from typing import Any

from bot.datasets.findings.findings import shorten


def kind_of(value: Any) -> str:
    """Return what a JSON value is, as a sentence names it."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"


def describe(value: Any) -> str:
    """Return the value itself where it is short, otherwise what it is."""
    match value:
        case str():
            return shorten(value)
        case None | bool() | int() | float():
            return f"{kind_of(value)} ({shorten(str(value))})" if value is not None else "null"
        case _:
            return kind_of(value)
