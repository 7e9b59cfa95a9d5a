"""Knows which bad rows are alike, so that a check explains one of them and counts the others.

Rows are alike that differ in numbers only: an identifier, an amount, the number in `question 17`. Numbers of one
digit stay as they are, because 0 and 1 say false and true; so do exponents, escapes and very long numbers. Numbers
that are equal in one row are equal in the other one, too, because the readers compare turns and answers.
"""

import re
from typing import TypeAlias

from bot.datasets.formats.json_lines import NUL
from bot.datasets.rows.row_checker import RowResult

# Only rows with at most so many bytes and numbers are looked at.
_LONGEST, _MOST_NUMBERS = 256, 4
# Numbers of two digits and more, and exponents so large that any number with them is out of range.
_NUMBER = re.compile(rb"((?:(?<![0-9.eE+\-])[1-9]|(?<=[0-9][eE])[1-9][0-9]{2})[0-9]{1,14}(?![0-9]))")
_ESCAPE = b"\\u"
# In the name of a field: the number of a turn stands in brackets, and is the same in rows that are alike.
_NUMBER_IN_NAME = re.compile(r"(?<![\[0-9])[0-9]{2}")
# Rules that depend neither on the value of a number of two or more digits nor on the length of a text.
_RULES = frozenset(
    {
        *("unknown-keys", "other-export", "other-keys", "other-name", "mixed-dialects", "not-an-object"),
        *("not-json", "almost-json", "number-out-of-range", "not-a-number", "nested-too-deep", "nul-character"),
        *("missing-field", "empty-field", "wrong-type", "wrong-role", "role-order", "same-role-twice"),
        *("no-user-turn", "no-answer-at-end", "completions", "no-preference", "history-not-read"),
        # Warnings of rows that are refused for one of these reasons.
        *("keys-left-out", "json-in-text", "row-in-wrapper", "answer-beside", "preferred-only", "turns-merged"),
        *("system-moved", "context-is-system", "thoughts-left-out", "number-left-out", "odd-spaces"),
    }
)

Shape: TypeAlias = tuple[bytes | int, ...]


def shape_of(line: bytes) -> Shape | None:
    """Return what rows that are like this one have in common, or None where nothing is known about them."""
    if len(line) > _LONGEST or (_ESCAPE in line and line.count(_ESCAPE) != line.count(NUL)):
        return None
    pieces = _NUMBER.split(line)
    if len(pieces) == 3:
        return pieces[0], pieces[2]
    if not 1 < len(pieces) <= 2 * _MOST_NUMBERS + 1:
        return None
    numbers = pieces[1::2]
    return (*pieces[::2], *map(numbers.index, numbers))


def stands_for_others(result: RowResult) -> bool:
    """Return whether rows of the same shape have the same problems, each counted in the same place."""
    return result.example is None and all(
        problem.rule in _RULES and _NUMBER_IN_NAME.search(problem.field) is None for problem in result.problems
    )
