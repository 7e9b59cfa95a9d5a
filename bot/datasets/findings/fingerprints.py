"""Finds equal examples, and equal inputs with different outputs, without storing any text.

Twelve bytes a line: 64 bits for the input and 32 for the output. XXH3 is stable over processes and machines, so
that a comparison with another file gives the same answer everywhere. At two million examples the chance that any
two inputs are taken for one another is one in nine million.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

import xxhash

from bot.datasets.findings.near_repeats import NearRepeats, PackedSketches

# Lines that are stored (48 MB); the report says so where a file has more.
MAX_LINES = 4_000_000
# Hashes that are held as Python ints at one time (about 20 MB, or twice that for a moment).
_AT_ONCE = 200_000
_SAMPLE = 5_000
_SHOWN = 5

hash_input = xxhash.xxh3_64_intdigest
hash_output = xxhash.xxh32_intdigest
# Texts that are encoded together: they are hashed while they are in the processor's cache.
_ENCODED = 64


def hash_all(hash_of: Callable[[bytes], int], texts: Sequence[str]) -> tuple[list[int], int]:
    """Return the hash of each text, and the bytes of all of them together."""
    hashes: list[int] = []
    size = 0
    for start in range(0, len(texts), _ENCODED):
        encoded = list(map(str.encode, texts[start : start + _ENCODED]))
        hashes += map(hash_of, encoded)
        size += sum(map(len, encoded))
    return hashes, size


def share_of_hashes(share: float) -> int:
    """The bound below which this share of all 64-bit hashes lies."""
    return int(share * (1 << 64))


@dataclass(slots=True)
class Repeats:
    """Lines that repeat earlier ones: how many, the first few, and the line that the first of them repeats."""

    count: int = 0
    lines: list[int] = field(default_factory=list)
    of: int = 0


class Fingerprints:
    """The hashes of a file's good examples, one entry a line; 0 stands for a line that is no example.

    `first` is the number of the first line (a table's first row is the second one).
    """

    def __init__(self) -> None:
        self.first = 1
        self.examples = 0
        self.full = False
        self.near = NearRepeats()
        self._inputs = array("Q")
        self._outputs = array("I")

    def add(self, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """Add the next lines. Lines beyond the bound are left out, see `full`."""
        if len(self._inputs) + len(inputs) > MAX_LINES:
            self.full = True
            return
        # An array takes another array over as a whole, and any other sequence number after number.
        self._inputs.extend(array("Q", inputs))
        self._outputs.extend(array("I", outputs))
        self.examples += len(inputs) - inputs.count(0)

    def skip(self, lines: int) -> None:
        """Note that the next lines are no examples."""
        if len(self._inputs) + lines > MAX_LINES:
            self.full = True
            return
        self._inputs.frombytes(bytes(8 * lines))
        self._outputs.frombytes(bytes(4 * lines))

    def skip_to(self, line: int) -> None:
        """Note that the lines before this one, as far as they are not noted, are no examples."""
        if (lines := line - self.first - len(self._inputs)) > 0:
            self.skip(lines)

    def packed(self) -> tuple[int, int, bool, bytes, bytes, PackedSketches]:
        """Return what `unpacked` takes, to send them to another process of this machine."""
        inputs, outputs = self._inputs.tobytes(), self._outputs.tobytes()
        return self.first, self.examples, self.full, inputs, outputs, self.near.packed()

    @classmethod
    def unpacked(
        cls, first: int, examples: int, full: bool, inputs: bytes, outputs: bytes, near: PackedSketches
    ) -> Self:
        """Return the fingerprints of which these are the packed values."""
        made = cls()
        made.near = NearRepeats.unpacked(*near)
        made.first, made.examples, made.full = first, examples, full
        made._inputs.frombytes(inputs)
        made._outputs.frombytes(outputs)
        return made

    def __len__(self) -> int:
        """Lines, examples or not."""
        return len(self._inputs)

    def repeats(self) -> tuple[Repeats, Repeats]:
        """Lines that equal an earlier one, and lines with an earlier one's input but another output."""
        same, other = Repeats(), Repeats()
        suspects = self._suspects()
        if suspects is None:
            # So much repeats that even its hashes must be taken a part at a time.
            parts = 1 << (self.examples // _AT_ONCE).bit_length()
            for part in range(parts):
                mine = ((i, h) for i, h in enumerate(self._inputs) if h and h & (parts - 1) == part)
                self._find_repeats(mine, same, other)
        elif suspects:
            mine = ((i, h) for i, h in enumerate(self._inputs) if h in suspects)
            self._find_repeats(mine, same, other)
        for found in (same, other):
            found.lines = sorted(found.lines)[:_SHOWN]
        return same, other

    def held_out(self, share: float) -> int:
        """How many examples a split would put on the validation side."""
        bound = share_of_hashes(share)
        return sum(0 < h < bound for h in self._inputs)

    def shared_with(self, training: "Fingerprints") -> Repeats:
        """Lines whose input is also in another file."""
        mine = {h for h in self._inputs[:_AT_ONCE] if h}
        common = {h for h in training._inputs if h in mine}
        found = Repeats()
        if common:
            for index, h in enumerate(self._inputs):
                if h in common:
                    self._note(found, index, 0)
            first = self._inputs[found.lines[0] - self.first]
            found.of = training.first + training._inputs.index(first)
        return found

    def commonest_output(self) -> tuple[int, int]:
        """How many lines have the output that most have (found by a sample), and the first such line."""
        sample = Counter(h for i, h in self._sampled() if i)
        if not sample:
            return 0, 0
        output, _ = sample.most_common(1)[0]
        return self._outputs.count(output), self.first + self._outputs.index(output)

    def distinct_share(self) -> float:
        """Different outputs for each example, in a sample spread over the file."""
        outputs = [output for h, output in self._sampled() if h]
        return len(set(outputs)) / len(outputs) if outputs else 0.0

    def _sampled(self) -> Iterable[tuple[int, int]]:
        step = len(self._inputs) // _SAMPLE or 1
        return zip(self._inputs[::step], self._outputs[::step], strict=True)

    def _suspects(self) -> set[int] | None:
        """Hashes that may be in there twice, with some that are not; None where they are too many to hold."""
        if self.examples <= _AT_ONCE:
            if len(set(self._inputs)) - (len(self._inputs) > self.examples) == self.examples:
                return set()
            counts = Counter(self._inputs)
            return {h for h, count in counts.items() if h and count > 1}
        # One bit for each of 16 times as many hashes: few fresh ones meet a bit that is set.
        bits = 16 << self.examples.bit_length()
        seen, mask, suspects = bytearray(bits // 8), bits - 1, set()
        for h in self._inputs:
            place = (h & mask) >> 3
            bit = 1 << (h & 7)
            if not seen[place] & bit:
                seen[place] |= bit
            elif h:
                suspects.add(h)
                if len(suspects) > 2 * _AT_ONCE:
                    return None
        return suspects

    def _find_repeats(self, lines: Iterable[tuple[int, int]], same: Repeats, other: Repeats) -> None:
        """`lines` are (index, hash of the input), ascending."""
        outputs = self._outputs
        firsts: dict[int, int] = {}
        more: set[tuple[int, int]] = set()
        shown = len(same.lines), len(other.lines)
        for index, h in lines:
            first = firsts.setdefault(h, index)
            if first == index:
                continue
            pair = (h, outputs[index])
            if pair[1] == outputs[first] or pair in more:
                self._note(same, index, first, since=shown[0])
            else:
                self._note(other, index, first, since=shown[1])
                # One input with millions of outputs must not fill the memory.
                if len(more) < _AT_ONCE:
                    more.add(pair)

    def _note(self, found: Repeats, index: int, of: int, *, since: int = 0) -> None:
        found.count += 1
        if len(found.lines) - since < _SHOWN:
            line = index + self.first
            if not found.lines or line < min(found.lines):
                found.of = of + self.first
            found.lines.append(line)
