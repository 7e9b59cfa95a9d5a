"""Groups findings as rows go by, so that a million bad rows cost no more memory than one."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bot.datasets.findings import Finding, Severity, shorten
from bot.datasets.rules import RULES

SHOWN_LINES = 5
# Field names come from the file, so a hostile file could make a group of each row.
MOST_GROUPS = 100

_PLACE = re.compile(r"\[\d+\]")


class Problem(NamedTuple):
    """One rule that one row breaks, before rows are grouped."""

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


def refuses(problems: Sequence[Problem]) -> bool:
    """Whether any of them keeps the row from being tuned on."""
    return any(problem.severity is Severity.ERROR for problem in problems)


class _Group:
    __slots__ = ("count", "first", "last", "lines")

    def __init__(self, first: Problem) -> None:
        self.first = first
        self.count = 0
        self.last = 0
        self.lines: list[int] = []


class Tally:
    """One entry per rule and field, with a count and the first few lines."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], _Group] = {}

    def add(self, problem: Problem, line: int = 0, *, count: int = 1, lines: Iterable[int] = ()) -> None:
        """`line` 0 means the whole file. `lines` with a `count` add a group that was found elsewhere."""
        # The third turn of one row and the fifth of another break the same rule.
        key = (problem.rule, _PLACE.sub("[]", problem.field))
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= MOST_GROUPS:
                key = (problem.rule, "")
            group = self._groups.setdefault(key, _Group(problem))
        if line and line == group.last:
            return  # rows are counted, not places in them
        group.last = line
        group.count += count
        for number in (line, *lines):
            if number and len(group.lines) < SHOWN_LINES and number not in group.lines:
                group.lines.append(number)

    def rules(self) -> set[str]:
        """The rules that were broken so far."""
        return {rule for rule, _ in self._groups}

    def refuses(self) -> bool:
        """Whether any error was found."""
        return any(RULES[rule].severity is Severity.ERROR for rule in self.rules())

    def findings(self) -> tuple[Finding, ...]:
        """Errors first, then warnings; each by the first line it was met on, the whole file's before all."""
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
