"""What the stand-in and a worker process say to each other: one line of JSON each, typed on both ends."""

from typing import Annotated

import msgspec

Positive = Annotated[int, msgspec.Meta(ge=1)]


class Weight(msgspec.Struct, frozen=True):
    """One array of a network: 32-bit floats, the last dimension running fastest."""

    shape: tuple[int, ...]
    values: bytes


class Network(msgspec.Struct, frozen=True):
    """A network as it travels."""

    alphabet: list[str]
    weights: dict[str, Weight]


class Work(msgspec.Struct, frozen=True):
    """What a worker is to do: `updates` of `batch` pairs, measured at `points` of them; then it ends.

    `room` is how many characters an answer has at most; after `seconds` the worker leaves the rest undone.
    """

    pairs: list[tuple[str, str]]
    validation: list[tuple[str, str]]
    batch: Positive
    updates: Positive
    points: Positive
    rate: float
    room: int
    seconds: float
    seed: int
    base: Network | None


class Sums(msgspec.Struct, frozen=True):
    """A measure as it adds up: nats of loss, right guesses, guesses."""

    nats: float
    right: int
    guessed: int


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """One point is reached. `validation` is set where it was measured anew."""

    train: Sums
    validation: Sums | None


class Done(msgspec.Struct, frozen=True, tag="done"):
    """Training is over and this came of it; `updates` are fewer than asked for when time ran out."""

    network: Network
    updates: int


class Broken(msgspec.Struct, frozen=True, tag="broken"):
    """Training makes no sense any more, and why."""

    reason: str


Report = Progress | Done | Broken
