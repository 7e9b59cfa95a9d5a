"""A character-level network over numpy: what really learns in the sandbox, small enough for a laptop.

A question and its answer are one string of characters for it, read by one recurrent layer (a GRU that applies
its reset gate after the recurrent product, as in https://arxiv.org/abs/1406.1078 and cuDNN). It knows nothing of
jobs, processes or Google, and nothing but the modules that train it may import it: numpy is an extra.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.int64]

# The first characters of every alphabet: nothing, any character not in it, where the answer starts and ends.
PAD, UNKNOWN, ANSWER, END = range(4)
SPECIAL = 4


@dataclass(frozen=True, slots=True)
class Batch:
    """Strings side by side: `characters` and `wanted` are (time, row); `counts` marks what the loss is taken of.

    `wanted` holds the character that follows, `counts` is true where that one belongs to the answer or ends it.
    """

    characters: Integers
    wanted: Integers
    counts: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Measure:
    """Sums over a batch: the loss in nats, the right guesses, and how many characters were guessed."""

    nats: float
    right: int
    guessed: int


class CharacterModel:
    """The network: an alphabet and its weights, by name in `weights`.

    `read` (alphabet, 3H), `recur` (H, 3H), `bias` and `recur_bias` (3H), `write` (H, alphabet), `write_bias`; H is
    the width of the state, and the three parts of 3H are the update gate, the reset gate and the candidate.
    """

    def __init__(self, alphabet: Sequence[str], weights: Mapping[str, Floats]) -> None:
        self.alphabet = tuple(alphabet)
        self.weights = dict(weights)
        self._numbers = {character: SPECIAL + place for place, character in enumerate(self.alphabet)}

    @classmethod
    def fresh(cls, alphabet: Sequence[str], width: int, seed: int, dtype: DTypeLike = np.float32) -> Self:
        """Make a network that knows nothing yet; the same seed makes the same one."""
        random = np.random.default_rng(seed)
        size = SPECIAL + len(alphabet)
        bias = np.zeros(3 * width)
        # A state that changes slowly at first carries the question's start to the answer.
        bias[:width] = 1.0
        weights = {
            "read": random.normal(0, 0.3, (size, 3 * width)),
            "recur": random.normal(0, width**-0.5, (width, 3 * width)),
            "bias": bias,
            "recur_bias": np.zeros(3 * width),
            "write": random.normal(0, width**-0.5, (width, size)),
            "write_bias": np.zeros(size),
        }
        return cls(alphabet, {name: values.astype(dtype) for name, values in weights.items()})

    @property
    def width(self) -> int:
        """How many numbers the state holds."""
        return len(self.weights["recur"])

    def widened(self, alphabet: Sequence[str], seed: int) -> "CharacterModel":
        """Return a copy that also knows these characters; what was learned of the others stays."""
        new = [character for character in alphabet if character not in self._numbers]
        dtype = self.weights["read"].dtype
        fresh = CharacterModel.fresh(new, self.width, seed, dtype).weights
        weights = {name: values.copy() for name, values in self.weights.items()}
        weights["read"] = np.concatenate([weights["read"], fresh["read"][SPECIAL:]])
        weights["write"] = np.concatenate([weights["write"], fresh["write"][:, SPECIAL:]], axis=1)
        weights["write_bias"] = np.concatenate([weights["write_bias"], fresh["write_bias"][SPECIAL:]])
        return CharacterModel([*self.alphabet, *new], weights)

    def batch(self, pairs: Sequence[tuple[str, str]], room: int) -> Batch:
        """Put (question, answer) pairs into arrays; an answer of `room` characters or more loses its end."""
        rows = [self._row(question, answer, room) for question, answer in pairs]
        longest = max(len(characters) for characters, _ in rows)
        characters = np.full((longest, len(rows)), PAD)
        counts = np.zeros((longest, len(rows)), dtype=bool)
        for column, (row, start) in enumerate(rows):
            characters[: len(row), column] = row
            counts[start : len(row) - 1, column] = True
        return Batch(characters[:-1], characters[1:], counts[:-1])

    def measure(self, batch: Batch) -> Measure:
        """Measure the loss on a batch without learning from it."""
        states, _ = self._read(batch.characters)
        return self._guess(states[1:][batch.counts], batch)[0]

    def learn_from(self, batch: Batch) -> tuple[Measure, dict[str, Floats]]:
        """Return the loss on a batch and the gradients of its mean, by the names of the weights."""
        states, gates = self._read(batch.characters)
        seen = states[1:][batch.counts]
        measure, missed = self._guess(seen, batch)
        gradients = {"write": seen.T @ missed, "write_bias": missed.sum(axis=0)}
        wanted = np.zeros_like(states[1:])
        wanted[batch.counts] = missed @ self.weights["write"].T
        return measure, gradients | self._backward(batch.characters, states, gates, wanted)

    def say(self, question: str, room: int, temperature: float, random: np.random.Generator) -> Iterator[str]:
        """Answer character by character, at most `room` of them: the likeliest at temperature 0, else drawn."""
        state = self._read(np.array([[*self._question(question), ANSWER]]).T)[0][-1]
        for place in range(room):
            likely = (state @ self.weights["write"] + self.weights["write_bias"])[0].astype(np.float64)
            # No answer holds these, and none is empty.
            likely[[PAD, UNKNOWN, ANSWER]] = -np.inf
            if place == 0:
                likely[END] = -np.inf
            if temperature > 0:
                likely = likely / temperature + random.gumbel(size=len(likely))
            chosen = int(likely.argmax())
            if chosen == END:
                return
            yield self.alphabet[chosen - SPECIAL]
            state = self._step(state, self.weights["read"][[chosen]] + self.weights["bias"])[0]

    def _question(self, text: str) -> list[int]:
        return [self._numbers.get(character, UNKNOWN) for character in text]

    def _row(self, question: str, answer: str, room: int) -> tuple[list[int], int]:
        asked = self._question(question)
        # Characters outside the alphabet are left out: a network must not learn to say "unknown".
        said = [self._numbers[character] for character in answer[:room] if character in self._numbers]
        return [*asked, ANSWER, *said, *([END] if len(answer) < room else [])], len(asked)

    def _step(self, state: Floats, read: Floats) -> tuple[Floats, Floats]:
        """Return the next state (row, H) and, side by side (row, 4H), gates, candidate and its recurrence."""
        width = self.width
        recurred = state @ self.weights["recur"] + self.weights["recur_bias"]
        # The logistic function by way of tanh, which cannot overflow.
        gates = np.tanh(0.5 * (read[:, : 2 * width] + recurred[:, : 2 * width]))
        gates += 1
        gates *= 0.5
        recurrence = recurred[:, 2 * width :]
        candidate = np.tanh(read[:, 2 * width :] + gates[:, width:] * recurrence)
        after = candidate + gates[:, :width] * (state - candidate)
        return after, np.concatenate([gates, candidate, recurrence], axis=1)

    def _read(self, characters: Integers) -> tuple[Floats, Floats]:
        """Return the states (time + 1, row, H), the first one zero, and what each step kept (time, row, 4H)."""
        time, rows = characters.shape
        read = self.weights["read"][characters] + self.weights["bias"]
        states = np.zeros((time + 1, rows, self.width), dtype=read.dtype)
        kept = np.empty((time, rows, 4 * self.width), dtype=read.dtype)
        for at in range(time):
            states[at + 1], kept[at] = self._step(states[at], read[at])
        return states, kept

    def _guess(self, seen: Floats, batch: Batch) -> tuple[Measure, Floats]:
        """Return the measure of the guesses from these states, and the gradient of the mean loss by their odds."""
        odds = seen @ self.weights["write"] + self.weights["write_bias"]
        odds -= odds.max(axis=1, keepdims=True)
        wanted = batch.wanted[batch.counts]
        every = np.arange(len(wanted))
        right = int((odds.argmax(axis=1) == wanted).sum())
        shares = np.exp(odds)
        totals = shares.sum(axis=1, keepdims=True)
        nats = float((np.log(totals[:, 0]) - odds[every, wanted]).sum())
        missed = shares / totals
        missed[every, wanted] -= 1
        return Measure(nats, right, len(wanted)), missed / max(1, len(wanted))

    def _backward(self, characters: Integers, states: Floats, kept: Floats, wanted: Floats) -> dict[str, Floats]:
        """Carry the gradient by each state (time, row, H) back through time to the recurrent weights."""
        width = self.width
        recur = self.weights["recur"].T.copy()
        update, reset, candidate, recurrence = np.split(kept, 4, axis=2)
        # All that doesn't depend on the gradient carried is worked out for every step at once.
        to_candidate = (1 - update) * (1 - candidate * candidate)
        to_update = (states[:-1] - candidate) * update * (1 - update)
        to_reset = to_candidate * recurrence * reset * (1 - reset)
        to_recurrence = to_candidate * reset
        slopes = np.stack([to_update, to_reset, to_recurrence], axis=2)
        carries = np.empty_like(wanted)
        by_recurred = np.empty((*wanted.shape[:2], 3 * width), dtype=wanted.dtype)
        carried = np.zeros_like(wanted[0])
        for at in range(len(wanted) - 1, -1, -1):
            np.add(carried, wanted[at], out=carries[at])
            np.multiply(carries[at][:, None], slopes[at], out=by_recurred[at].reshape(slopes[at].shape))
            carried = carries[at] * update[at] + by_recurred[at] @ recur
        # What a step reads and what it recurs differ in the candidate alone.
        by_read = by_recurred.copy()
        by_read[:, :, 2 * width :] = carries * to_candidate
        flat = by_read.reshape(-1, 3 * width)
        flat_recurred = by_recurred.reshape(-1, 3 * width)
        read = np.zeros_like(self.weights["read"])
        np.add.at(read, characters.ravel(), flat)
        return {
            "read": read,
            "recur": states[:-1].reshape(-1, width).T @ flat_recurred,
            "bias": flat.sum(axis=0),
            "recur_bias": flat_recurred.sum(axis=0),
        }


def alphabet_of(texts: Sequence[str], most: int) -> list[str]:
    """Return the characters of some texts, at most so many, the commonest ones first."""
    return [character for character, _ in Counter("".join(texts)).most_common(most)]


class Adam:
    """Steps down the gradients, each weight at its own pace (https://arxiv.org/abs/1412.6980), norm-bounded."""

    NORM = 1.0

    def __init__(self, model: CharacterModel, rate: float) -> None:
        self._model = model
        self._rate = rate
        self._taken = 0
        self._means = {name: np.zeros_like(values) for name, values in model.weights.items()}
        self._squares = {name: np.zeros_like(values) for name, values in model.weights.items()}

    def step(self, gradients: Mapping[str, Floats]) -> None:
        """Change the weights in place."""
        self._taken += 1
        norm = math.sqrt(sum(float(np.vdot(one, one)) for one in gradients.values()))
        shrink = min(1.0, self.NORM / norm) if norm else 1.0
        rate = self._rate * math.sqrt(1 - 0.999**self._taken) / (1 - 0.9**self._taken)
        for name, gradient in gradients.items():
            mean, square = self._means[name], self._squares[name]
            mean += 0.1 * (shrink * gradient - mean)
            square += 0.001 * ((shrink * gradient) ** 2 - square)
            self._model.weights[name] -= rate * mean / (np.sqrt(square) + 1e-8)
