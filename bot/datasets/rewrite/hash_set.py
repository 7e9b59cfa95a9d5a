"""A set of 64-bit hashes at under 20 bytes each, where Python's own takes over 60."""

from array import array

_FIRST_SLOTS = 1024
# Slots that may be taken before the table doubles.
_FULL = 0.6


class HashSet:
    """Open addressing in one array; 0 marks a free slot, and stands for 1 when it is added."""

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * _FIRST_SLOTS))
        self._taken = 0

    def __len__(self) -> int:
        return self._taken

    def add(self, value: int) -> bool:
        """Whether it is new."""
        if self._taken >= len(self._slots) * _FULL:
            self._grow()
        if not self._put(value or 1):
            return False
        self._taken += 1
        return True

    def _put(self, value: int) -> bool:
        slots = self._slots
        mask = len(slots) - 1
        at = value & mask
        while held := slots[at]:
            if held == value:
                return False
            at = (at + 1) & mask
        slots[at] = value
        return True

    def _grow(self) -> None:
        old = self._slots
        self._slots = array("Q", bytes(16 * len(old)))
        for value in old:
            if value:
                self._put(value)
