"""The worker process: reads its work from standard input, trains, writes reports to standard output, all pickled.

It lives no longer than its parent: when standard input ends, for any reason, so does the process. Start it with
`python -m bot.sandbox.google.training_worker`.
"""

import math
import os
import pickle
import random
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from bot.sandbox.google.character_model import Adam, CharacterModel, Measure, alphabet_of
from bot.sandbox.google.training_plan import Broken, Done, Plan, Progress, Report, Work

WIDTH = 128
CHARACTERS = 300
# How often the validation pairs are measured: always at the first point and at the last.
VALIDATIONS = 10


def train(work: Work) -> Iterator[Report]:
    """Train as the plan says; the same work gives the same reports on one machine, unless time runs out."""
    # The time of this process alone: a machine that is busy with other things trains no worse a model.
    started = time.process_time()
    plan, room = work.plan, work.plan.bounds.answer
    alphabet = alphabet_of([text for pair in plan.pairs for text in pair], CHARACTERS)
    model = (
        CharacterModel.fresh(alphabet, WIDTH, work.seed)
        if work.base is None
        else work.base.widened(alphabet, work.seed)
    )
    optimizer = Adam(model, plan.rate)
    batches = _batches(plan, work.seed)
    judged = model.batch(plan.validation, room) if plan.validation else None
    done = 0
    for point in range(1, plan.points + 1):
        measures = []
        for _ in range(plan.updates * point // plan.points - done):
            if done and time.process_time() - started > plan.bounds.seconds:
                break
            measure, gradients = model.learn_from(model.batch(next(batches), room))
            if not math.isfinite(measure.nats):
                yield Broken(f"The loss is no number any more after {done} updates: lower the learning rate.")
                return
            optimizer.step(gradients)
            measures.append(measure)
            done += 1
        if not measures:
            break
        due = point in (1, plan.points) or point * VALIDATIONS % plan.points < VALIDATIONS
        yield Progress(_sum(measures), model.measure(judged) if judged is not None and due else None)
    yield Done(model, done)


def _batches(plan: Plan, seed: int) -> Iterator[Sequence[tuple[str, str]]]:
    """Return batches without end: all pairs in one random order, then in another."""
    chance = random.Random(seed)  # noqa: S311  An order of rows, not a secret.
    waiting: list[tuple[str, str]] = []
    while True:
        while len(waiting) < plan.batch:
            waiting += chance.sample(plan.pairs, len(plan.pairs))
        yield waiting[: plan.batch]
        del waiting[: plan.batch]


def _sum(measures: Sequence[Measure]) -> Measure:
    return Measure(
        sum(one.nats for one in measures),
        sum(one.right for one in measures),
        sum(one.guessed for one in measures),
    )


def _end_with(parent: BinaryIO) -> None:
    """End the process as soon as the parent's end of the pipe is closed, even by a kill."""
    parent.read()
    # Nobody reads reports any more, so nothing needs to be flushed or cleaned up.
    os._exit(1)


def main() -> None:
    """Do the work that standard input holds."""
    if hasattr(os, "nice"):
        os.nice(10)
    work = pickle.load(sys.stdin.buffer)  # noqa: S301  It comes from the process that started this one.
    threading.Thread(target=_end_with, args=(sys.stdin.buffer,), daemon=True).start()
    for report in train(work):
        pickle.dump(report, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    # The thread holds the lock of standard input, for which a usual end would wait.
    os._exit(0)


if __name__ == "__main__":
    main()
