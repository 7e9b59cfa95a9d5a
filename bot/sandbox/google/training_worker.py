"""The worker process: reads its work from standard input, trains, writes reports to standard output.

It lives no longer than its parent: when standard input ends, whatever the reason, so does the process. Start it
with `python -m bot.sandbox.google.training_worker`.
"""

import math
import os
import random
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import msgspec
import numpy as np

from bot.sandbox.google.character_model import Adam, CharacterModel, Measure, alphabet_of
from bot.sandbox.google.training_wire import Broken, Done, Network, Progress, Report, Sums, Weight, Work

WIDTH = 128
CHARACTERS = 300
# How often the validation pairs are measured: always at the first point and at the last.
VALIDATIONS = 10


def train(work: Work) -> Iterator[Report]:
    """Train as told; the same work gives the same reports on one machine, unless time runs out."""
    started = time.monotonic()
    model = _model(work)
    optimizer = Adam(model, work.rate)
    batches = _batches(work)
    judged = model.batch(work.validation, work.room) if work.validation else None
    done = 0
    for point in range(1, work.points + 1):
        measures = []
        for _ in range(work.updates * point // work.points - done):
            if done and time.monotonic() - started > work.seconds:
                break
            measure, gradients = model.learn_from(model.batch(next(batches), work.room))
            if not math.isfinite(measure.nats):
                yield Broken(f"The loss is no number any more after {done} updates: lower the learning rate.")
                return
            optimizer.step(gradients)
            measures.append(measure)
            done += 1
        if not measures:
            break
        due = point in (1, work.points) or point * VALIDATIONS % work.points < VALIDATIONS
        yield Progress(_sums(measures), _sums([model.measure(judged)]) if judged is not None and due else None)
    yield Done(pack(model), done)


def pack(model: CharacterModel) -> Network:
    """Make a network ready to travel."""
    weights = {
        name: Weight(values.shape, values.astype("<f4").tobytes()) for name, values in model.weights.items()
    }
    return Network(list(model.alphabet), weights)


def unpack(network: Network) -> CharacterModel:
    """Return the network that travelled."""
    weights = {
        name: np.frombuffer(weight.values, "<f4").reshape(weight.shape).copy()
        for name, weight in network.weights.items()
    }
    return CharacterModel(network.alphabet, weights)


def _model(work: Work) -> CharacterModel:
    alphabet = alphabet_of([text for pair in work.pairs for text in pair], CHARACTERS)
    if work.base is None:
        return CharacterModel.fresh(alphabet, WIDTH, work.seed)
    return unpack(work.base).widened(alphabet, work.seed)


def _batches(work: Work) -> Iterator[Sequence[tuple[str, str]]]:
    """Return batches without end: all pairs in one random order, then in another."""
    chance = random.Random(work.seed)  # noqa: S311  An order of rows, not a secret.
    waiting: list[tuple[str, str]] = []
    while True:
        while len(waiting) < work.batch:
            waiting += chance.sample(work.pairs, len(work.pairs))
        yield waiting[: work.batch]
        del waiting[: work.batch]


def _sums(measures: Sequence[Measure]) -> Sums:
    return Sums(
        sum(one.nats for one in measures),
        sum(one.right for one in measures),
        sum(one.guessed for one in measures),
    )


def _leave_with(parent: BinaryIO) -> None:
    """End the process as soon as the parent's end of the pipe is closed, even by a kill."""
    parent.read()
    # Nothing is left to say to anybody, so nothing needs to be flushed or unwound.
    os._exit(1)


def main() -> None:
    """Do the work that standard input holds."""
    if hasattr(os, "nice"):
        os.nice(10)
    work = msgspec.json.decode(sys.stdin.buffer.readline(), type=Work)
    threading.Thread(target=_leave_with, args=(sys.stdin.buffer,), daemon=True).start()
    for report in train(work):
        sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
        sys.stdout.buffer.flush()
    # The thread holds standard input's lock, which an orderly end would wait for and then complain about.
    sys.stdout.buffer.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
