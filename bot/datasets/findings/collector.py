"""Groups findings while rows are read, so that a million bad rows cost no more memory than one."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from operator import itemgetter

import msgspec

from bot.datasets.findings.findings import Finding, Severity, shorten
from bot.datasets.findings.rules import RULES

SHOWN_LINES = 5
# Field names come from the file, so a hostile file could make a group of each row.
MAX_GROUPS = 100
MAX_ROW_PROBLEMS = 50

_NOT_UTF8, _COMMON_ENCODING = "not-utf8", "cp1252"
# The share of rows that must look like another encoding than the most common one.
_OTHER_SHARE = 0.2
_PLACE = re.compile(r"\[\d+\]")


# A rule of a bad row is looked up often; an attribute of an enum's class takes ten times as long.
_ERRORS = frozenset(name for name, rule in RULES.items() if rule.severity is Severity.ERROR)


class Problem(msgspec.Struct, frozen=True):
    """One rule that one row breaks. It is a Struct because rows can have millions of them."""

    rule: str
    field: str = ""
    value: str = ""
    limit: int | None = None
    detail: str = ""

    @property
    def severity(self) -> Severity:
        return RULES[self.rule].severity

    def message(self) -> str:
        return RULES[self.rule].message.format(
            field=shorten(self.field), value=shorten(self.value), limit=self.limit, detail=self.detail
        )

    def advice(self) -> str:
        return RULES[self.rule].advice.format(detail=self.detail)


class Problems:
    """Collects what is wrong with one row: each problem once, and no more than a person would read.

    A hostile row can break a rule in a million places.
    """

    __slots__ = ("_found", "enough", "refused")

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}
        self.refused = False  # whether any is an error
        self.enough = False  # whether reading the rest of the row could only find more of the same

    def add(self, problem: Problem) -> None:
        error = problem.rule in _ERRORS
        if len(self._found) < MAX_ROW_PROBLEMS or (error and not self.refused):
            self._found[problem] = None
        self.refused = self.refused or error
        self.enough = self.refused and len(self._found) >= MAX_ROW_PROBLEMS

    def replace(self, problem: Problem) -> None:
        """Replace all problems by this one, which explains them."""
        self._found.clear()
        self.refused = self.enough = False
        self.add(problem)

    def rename(self, place_of: Callable[[str], str]) -> None:
        """Name the fields of all problems as the file does."""
        self._found = {msgspec.structs.replace(p, field=place_of(p.field)): None for p in self._found}

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


@lru_cache(1_000)
def _without_place(field: str) -> str:
    return _PLACE.sub("[]", field)


class _Group:
    __slots__ = ("count", "first", "last", "lines")

    def __init__(self, first: Problem) -> None:
        self.first = first
        self.count = 0
        self.last = 0
        self.lines: list[int] = []


class FindingCollector:
    """Collects one finding for each rule and field, with a count and the first few lines."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], _Group] = {}
        # What rows that are not UTF-8 look like: how often, and the first of each kind.
        self._encodings: dict[str, tuple[int, Problem]] = {}

    def add(self, problem: Problem, *, lines: Sequence[int] = (), count: int = 1) -> None:
        """Count a problem. `lines` are the first few of `count` rows; none where the whole file is meant."""
        group = self._group(problem, count)
        if lines and lines[0] == group.last:
            return  # rows are counted, not places in them
        group.last = lines[0] if lines else 0
        group.count += count
        group.lines.extend(lines[: SHOWN_LINES - len(group.lines)])

    def add_rows(self, problem: Problem, first: int, rows: int = 1) -> None:
        """Count a problem of rows that follow each other."""
        group = self._group(problem, rows)
        if group.last == first:
            return
        group.last = first
        group.count += rows
        if (missing := SHOWN_LINES - len(group.lines)) > 0:
            group.lines.extend(range(first, first + min(rows, missing)))

    def _group(self, problem: Problem, rows: int) -> _Group:
        # The third turn of one row and the fifth of another break the same rule.
        key = (problem.rule, _without_place(problem.field) if "[" in problem.field else problem.field)
        if problem.rule == _NOT_UTF8:
            # A file has one encoding, and a short row may look like several.
            key = (_NOT_UTF8, "")
            times, first = self._encodings.get(problem.field, (0, problem))
            self._encodings[problem.field] = times + rows, first
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= MAX_GROUPS:
                key = (problem.rule, "")
            group = self._groups.setdefault(key, _Group(problem))
        return group

    def _likely_encoding(self) -> Problem:
        """Return the one of most rows; Windows-1252, in which letters of others look right, needs nearly all."""
        rows = sum(times for times, _ in self._encodings.values())
        others = [found for codec, found in self._encodings.items() if codec not in ("", _COMMON_ENCODING)]
        if others and (likely := max(others, key=itemgetter(0)))[0] >= rows * _OTHER_SHARE:
            return likely[1]
        return max(self._encodings.values(), key=itemgetter(0))[1]

    def rules(self) -> set[str]:
        """Return the rules that were broken so far."""
        return {rule for rule, _ in self._groups}

    def count(self, rule: str) -> int:
        """Return how often a rule was broken so far."""
        return sum(group.count for (name, _), group in self._groups.items() if name == rule)

    def refuses(self) -> bool:
        """Return whether any error was found."""
        return not _ERRORS.isdisjoint(self.rules())

    def findings(self) -> tuple[Finding, ...]:
        """Return errors, then warnings, each ordered by the first line; those about the whole file come first."""
        if (not_utf8 := self._groups.get((_NOT_UTF8, ""))) is not None:
            not_utf8.first = self._likely_encoding()
        found = [
            Finding(
                severity=group.first.severity,
                rule=group.first.rule,
                message=group.first.message(),
                advice=group.first.advice(),
                count=group.count,
                lines=tuple(sorted(group.lines)),
                field=shorten(group.first.field),
                value=shorten(group.first.value),
                limit=group.first.limit,
            )
            for group in self._groups.values()
        ]
        return tuple(sorted(found, key=lambda f: (f.severity is not Severity.ERROR, f.lines[:1])))
