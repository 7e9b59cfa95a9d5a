"""Holds out a share of the examples for validation, by a stable hash of their input.

The same example is always on the same side, in any file and order; so are duplicates and rows with the same input.
The share is met on average, not exactly.
"""

from dataclasses import dataclass
from enum import StrEnum

from bot.datasets.findings.fingerprints import hash_input, share_of_hashes


class SplitSide(StrEnum):
    TRAINING = "training"
    VALIDATION = "validation"


@dataclass(frozen=True, slots=True)
class Split:
    """One side of a split; `share` is that of the validation side, over 0 and under 1."""

    share: float
    side: SplitSide

    def has(self, joined_input: str) -> bool:
        """Return whether the example with this input (see Columns) is on this side."""
        held_out = hash_input(joined_input.encode()) < share_of_hashes(self.share)
        return held_out is (self.side is SplitSide.VALIDATION)
