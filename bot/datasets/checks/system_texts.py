"""Finds the system text that most rows have: a model that is tuned with one should be asked with the same one."""

from collections import Counter

from bot.datasets.findings.collector import FindingCollector, Problem
from bot.datasets.rows.columns import Columns

# Different texts that are told apart, and their characters together; further ones are counted without their text.
_MOST_TEXTS = 1_000
_MOST_CHARACTERS = 2_000_000


class SystemTexts:
    """Counts the rows with each system text."""

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()
        self._characters = 0
        self._others = 0

    def add(self, columns: Columns) -> None:
        """Count the rows of a batch."""
        systems = columns.systems()
        # Comparing texts takes a tenth of the time that hashing them takes, and mostly all are the same.
        same = systems and systems.count(systems[0]) == len(systems)
        batch = {systems[0]: len(systems)} if same else Counter(systems)
        for text, rows in batch.items():
            if text not in self._rows:
                self._characters += len(text)
                if len(self._rows) >= _MOST_TEXTS or self._characters > _MOST_CHARACTERS:
                    self._others += rows
                    continue
            self._rows[text] += rows

    def usual(self, examples: int) -> str:
        """Return the text that more than half of the examples have, empty if there is none."""
        for text, rows in self._rows.most_common(1):
            return text if rows * 2 > examples else ""
        return ""

    def report(self, collector: FindingCollector, examples: int) -> None:
        """Report that the examples do not agree on one system text."""
        with_one = sum(self._rows.values()) + self._others
        if not with_one or max(self._rows.values(), default=0) == examples:
            return
        most = max(self._rows.values(), default=0)
        different = len(self._rows) + bool(self._others)
        many = f"{'over ' if self._others else ''}{len(self._rows):,}"
        value = f"{many} different ones" if different > 1 else "the same one"
        found = f"{with_one:,} of {examples:,} rows have {value}"
        usual = "the one that most rows have" if most * 2 > examples else "none, as no text is in most rows"
        collector.add(Problem("system-texts-differ", value=found, detail=usual))
