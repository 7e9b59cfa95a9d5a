"""Finds rows that are nearly the same as another one, in one pass and in bounded memory.

Rows are compared by sketches: a text's distinct words are hashed, and the eight smallest and the eight largest
hashes stay. Two texts of which four fifths of the words are the same share most of them. Words that many rows
have say nothing about a row, so a template does not make all rows alike. Texts of few other words are left out:
two short questions may differ in one word and mean different things.

The first rows are compared as they come. The next ones wait with their texts until the file ends, and are compared
only if it is not much longer, so that a long file takes no longer than a check may.
"""

from array import array
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, Self, TypeAlias

import xxhash

# Rows of a long file that are compared: a sketch takes ten times as long as the decoding of its row.
MOST_ROWS: Final = 2_500
# The rows and the characters of a file of which all rows are compared.
MOST_ROWS_OF_ALL: Final = 10_000
MOST_CHARACTERS_OF_ALL: Final = 6_000_000
# Rows by which it is decided which words are common, and the share of them that makes a word common.
_SURVEYED: Final = 200
_COMMON_SHARE: Final = 0.2
_FEWEST_WORDS: Final = 12
_LONGEST: Final = 1_200  # characters of a row that are looked at
_LONGEST_WORDS: Final = 20  # characters of a word, on average, above which a text has no spaces between words
_MARKS: Final = ".,;:!?\"'()[]{}<>*_`~/\\|-–—…“”‘’«»。、，；：！？（）「」"
_END: Final = 8
_KEY: Final = 3  # hashes at an end that must be equal for two rows to be compared at all
_SHARED: Final = 11  # of 16, about as many as two texts have that share five sixths of their words
_SHOWN: Final = 5
PackedSketches: TypeAlias = tuple[bytes, bytes, bytes, list[int], bool]


class _Words(dict[str, int]):
    """The hash of each word, whatever its case and the marks around it, which is computed once.

    Few words are new, and `lower` is slow.
    """

    def __missing__(self, word: str) -> int:
        if len(self) > 50_000:
            self.clear()
        found = self[word] = xxhash.xxh32_intdigest((word.strip(_MARKS) or word).lower().encode())
        return found


class NearRepeats:
    """The sketches of a file's examples; `others` are those of its training file, if it validates one.

    A file is `full` where it has too many of them, and only the first MOST_ROWS are compared.
    """

    def __init__(self, others: "NearRepeats | None" = None) -> None:
        self.count = 0
        self.lines: list[int] = []
        self.of = 0
        self.full = False
        self.shared = 0
        self.shared_lines: list[int] = []
        self.shared_of = 0
        self._others = others
        self._common: frozenset[int] | None = others._common if others is not None else None
        self._hash = _Words()
        self._waiting: list[tuple[int, int, set[int]]] = []
        self._rows = array("Q")
        self._texts = array("I")
        self._sketches = array("I")
        self._buckets: dict[tuple[int, ...], int] = {}
        self._seen = self._characters = 0
        self._later: list[tuple[Sequence[int], Sequence[str], Sequence[str]]] = []

    def add(self, numbers: Sequence[int], inputs: Sequence[str], outputs: Sequence[str]) -> None:
        """Add rows, which have these numbers."""
        if self.full:
            return
        seen, self._seen = self._seen, self._seen + len(inputs)
        self._characters += sum(map(len, inputs)) + sum(map(len, outputs))
        at_once = max(0, min(MOST_ROWS - seen, len(inputs)))
        self._compare_texts(numbers[:at_once], inputs[:at_once], outputs[:at_once])
        if at_once == len(inputs):
            return
        self._later.append((numbers[at_once:], inputs[at_once:], outputs[at_once:]))
        if self._seen > MOST_ROWS_OF_ALL or self._characters > MOST_CHARACTERS_OF_ALL:
            self.full = True
            self._later.clear()

    def _compare_texts(self, numbers: Sequence[int], inputs: Sequence[str], outputs: Sequence[str]) -> None:
        hash_of = self._hash.__getitem__
        for i in range(len(inputs)):
            text = f"{inputs[i][-_LONGEST:]} {outputs[i][:_LONGEST]}"
            words = set(map(hash_of, text.split()))
            if len(words) * _LONGEST_WORDS < len(text):
                # Chinese, Japanese and Thai have no spaces: their pairs of characters take the place of words.
                words = set(map(hash_of, map("".join, pairwise(text))))
            if len(words) < _FEWEST_WORDS:
                continue
            whole = xxhash.xxh32_intdigest(f"{inputs[i]} {outputs[i]}".encode())
            if self._common is None:
                self._waiting.append((numbers[i], whole, words))
                if len(self._waiting) >= _SURVEYED:
                    self._decide_common()
            else:
                self._compare(numbers[i], whole, words)

    @property
    def of_all(self) -> bool:
        """Whether all rows of this file were compared with all of its training file, if it validates one."""
        return not (self.full or (self._others is not None and self._others.full))

    def finish(self) -> None:
        """Compare the rows that still wait."""
        for later in self._later:
            self._compare_texts(*later)
        self._later.clear()
        if self._common is None:
            self._decide_common()

    def packed(self) -> PackedSketches:
        """Return what `unpacked` takes, to send the sketches to another process of this machine."""
        return (
            self._rows.tobytes(),
            self._texts.tobytes(),
            self._sketches.tobytes(),
            sorted(self._common or ()),
            self.full,
        )

    @classmethod
    def unpacked(cls, rows: bytes, texts: bytes, sketches: bytes, common: Sequence[int], full: bool) -> Self:
        """Return the sketches of which these are the packed values."""
        made = cls()
        made.full = full
        made._common = frozenset(common)
        made._rows.frombytes(rows)
        made._texts.frombytes(texts)
        made._sketches.frombytes(sketches)
        for place in range(len(made._rows)):
            made._index(place, made._sketches[2 * _END * place : 2 * _END * (place + 1)].tolist())
        return made

    def _decide_common(self) -> None:
        waiting, self._waiting = self._waiting, []
        counts = Counter(word for _, _, words in waiting for word in words)
        most = max(2, len(waiting) * _COMMON_SHARE)
        self._common = frozenset(word for word, count in counts.items() if count > most)
        for line, whole, words in waiting:
            self._compare(line, whole, words)

    def _compare(self, line: int, whole: int, words: set[int]) -> None:
        assert self._common is not None
        words = words - self._common
        if len(words) < _FEWEST_WORDS:
            return
        ordered = sorted(words)
        sketch = ordered[:_END] + ordered[-_END:]
        if (found := self._near(whole, sketch)) is not None:
            self.count += 1
            if len(self.lines) < _SHOWN:
                self.lines.append(line)
                self.of = self.of or self._rows[found]
        others = self._others
        if others is not None and (found := others._near(whole, sketch)) is not None:
            self.shared += 1
            if len(self.shared_lines) < _SHOWN:
                self.shared_lines.append(line)
                self.shared_of = self.shared_of or others._rows[found]
        self._rows.append(line)
        self._texts.append(whole)
        self._sketches.extend(sketch)
        self._index(len(self._rows) - 1, sketch)

    def _index(self, place: int, sketch: Sequence[int]) -> None:
        self._buckets.setdefault(tuple(sketch[:_KEY]), place)
        self._buckets.setdefault(tuple(sketch[-_KEY:]), place)

    def _near(self, whole: int, sketch: Sequence[int]) -> int | None:
        """Return the place of a row that is nearly the same, or None; an equal row is not nearly the same."""
        for key in (tuple(sketch[:_KEY]), tuple(sketch[-_KEY:])):
            place = self._buckets.get(key)
            if place is None:
                continue
            other = self._sketches[2 * _END * place : 2 * _END * (place + 1)].tolist()
            if self._texts[place] != whole and len(set(other) & set(sketch)) >= _SHARED:
                return place
        return None
