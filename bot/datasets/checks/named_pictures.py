"""Compares the pictures that rows name by a path with those that lie beside the rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bot.datasets.findings.collector import SHOWN_LINES, FindingCollector, Problem
from bot.datasets.formats.pictures import MOST_BYTES, MOST_PICTURES, PictureFile, find_picture

_SHOWN_NAMES = 3


@dataclass(slots=True)
class _Rows:
    """The rows that show one picture."""

    count: int = 0
    lines: list[int] = field(default_factory=list)


class NamedPictures:
    """Collects the paths of pictures row by row. Of a file that names too many, only the first are compared."""

    def __init__(self) -> None:
        self._rows: dict[str, _Rows] = {}

    def add(self, line: int, names: Sequence[str]) -> None:
        """Note the pictures that a row shows."""
        for name in names:
            if len(self._rows) <= 2 * MOST_PICTURES:
                rows = self._rows.setdefault(name, _Rows())
                rows.count += 1
                if len(rows.lines) < SHOWN_LINES:
                    rows.lines.append(line)

    def report(self, collector: FindingCollector, beside: Mapping[str, PictureFile], data_name: str) -> int:
        """Add what is missing, no picture, too large, or shown by no row; return how many rows name are there."""
        found = {name: find_picture(name, data_name, beside) for name in self._rows}

        def add(rule: str, wrong: Callable[[str], bool], limit: int | None = None) -> None:
            names = [name for name, path in found.items() if wrong(path)]
            if names:
                rows = [self._rows[name] for name in names]
                lines = sorted({line for each in rows for line in each.lines})[:SHOWN_LINES]
                collector.add(
                    Problem(rule, value=_listed(names), limit=limit), lines=lines, count=sum(r.count for r in rows)
                )

        add("picture-missing", lambda path: not path)
        add("picture-kind", lambda path: bool(path) and not beside[path].mime)
        add("picture-too-large", lambda path: bool(path) and beside[path].size > MOST_BYTES, MOST_BYTES)
        used = {path for path in found.values() if path}
        unused = [path for path in beside if path not in used]
        # Where the target takes no pictures, every row that shows one was refused already.
        if unused and (self._rows or not collector.refuses()):
            collector.add(Problem("unused-pictures", value=_listed(unused)))
        return len(used)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN_NAMES
    return ", ".join(names[:_SHOWN_NAMES]) + (f" and {more:,} more" if more > 0 else "")
