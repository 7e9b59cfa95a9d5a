"""How much work one file may cause, beside how many bytes it may have."""

from dataclasses import dataclass
from typing import Final

MEGABYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class CheckBudget:
    """The most work that a check may do: seconds of CPU time, and rows that are no examples."""

    cpu_seconds: float = 300.0
    bad_rows: int = 100_000


@dataclass(frozen=True, slots=True)
class RepairBudget:
    """The most work that a repair may do: seconds of CPU time, and bytes that it writes.

    Rejected rows are listed up to a megabyte and `rejected_share` of what was read, and up to `rejected_bytes`.
    """

    cpu_seconds: float = 600.0
    kept_bytes: int = 2048 * MEGABYTE
    rejected_share: float = 2.0
    rejected_bytes: int = 50 * MEGABYTE

    def may_list(self, read: int) -> int:
        """Return how many bytes of rejected rows may be listed after so many bytes were read."""
        return min(self.rejected_bytes, MEGABYTE + round(self.rejected_share * read))
