"""The trainer that really trains: each training run is a small network taught by a worker process of its own.

Only what uses this trainer may import it, because it needs numpy (the extra `sandbox`). A thread per run
listens to the worker and notes what it reports; the event loop only looks at the notes.
"""

import asyncio
import contextlib
import itertools
import math
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np

from bot.sandbox.google.character_model import CharacterModel, Measure
from bot.sandbox.google.trainer import Prompt, Score, TrainingTask
from bot.sandbox.google.training_plan import Bounds, Broken, Done, Plan, Progress, Report, Work, plain, plan_of

WORKER = "bot.sandbox.google.training_worker"
ROOT = Path(__file__).parents[3]
# The libraries below numpy would otherwise take every core for a network this small.
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# Characters of a streamed answer sent together.
PIECE = 6
NOTHING = Score(0.0, 0.0, 0)


class CharacterTrainer:
    """Trains small character-level networks, as many at once as `workers`; further runs wait for their turn.

    `clock` must be the stand-in's. The same `seed` and the same training task make the same model on one machine.
    `spread_seconds` may be changed at any time: over so many seconds the reports of a run are spread, for
    people to watch; with 0 they come as they are made.
    """

    name = "toy-character-model"
    spread_seconds = 0.0

    def __init__(
        self,
        *,
        seed: int = 0,
        clock: Callable[[], float] = time.time,
        workers: int | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self.seed = seed
        self.clock = clock
        self.bounds = bounds or Bounds()
        # One core stays free for the bot.
        self.turns = threading.Semaphore(workers or max(1, (os.cpu_count() or 1) - 1))
        self._runs: list[CharacterRun] = []

    def begin(self, training_task: TrainingTask, now: float) -> "CharacterRun":
        """Start a training run and return at once; its worker starts when it's its turn."""
        training_run = CharacterRun(self, training_task)
        self._runs.append(training_run)
        return training_run

    @property
    def processes(self) -> list[int]:
        """The ids of the worker processes that live."""
        return [training_run.process_id for training_run in self._runs if training_run.process_id is not None]


class CharacterRun:
    """A run of the character trainer: what its worker reported so far, and the network that it trained."""

    def __init__(self, trainer: CharacterTrainer, training_task: TrainingTask) -> None:
        self._trainer = trainer
        self._training_task = training_task
        self._plan: Plan | None = None
        # One entry a point: when it was reached, what was measured of it; validation as last measured by then.
        self._moments: list[float] = []
        self._scores: list[Score] = []
        self._validations: list[Score | None] = []
        self._model: CharacterModel | None = None
        self._done: float | None = None
        self._short = ""
        self._failure: str | None = None
        self._asked = itertools.count()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        # A daemon, so that a program that forgets to close the stand-in still ends, and the worker with it.
        self._thread = threading.Thread(target=self._follow, name="training", daemon=True)
        self._thread.start()

    @property
    def account(self) -> str:
        """How the toy takes the job, once that is known."""
        return "" if self._plan is None else f"{self._plan.account}{self._short}"

    @property
    def process_id(self) -> int | None:
        """The worker's process id while it lives."""
        process = self._process
        return None if process is None else process.pid

    def step(self, now: float) -> int:
        """Return the steps that the worker has reported; the last one is done when the network has arrived."""
        if self._done is not None:
            return self._training_task.total_steps
        if self._plan is None:
            return 0
        return min(self._plan.steps_at(len(self._moments)), self._training_task.total_steps - 1)

    def moment(self, step: int) -> float:
        """Return when a step was reported; what is to come is not known."""
        if self._plan is not None and step < self._training_task.total_steps:
            point = self._plan.point(step)
            if point <= len(self._moments):
                return self._moments[point - 1]
        return math.inf if self._done is None else self._done

    def score(self, step: int) -> Score:
        """Return the mean loss in nats a character, measured before each update of the step.

        A step that a test pushed past the worker has the last measure made.
        """
        known = self._known(step)
        return self._scores[known - 1] if known else NOTHING

    def validation_score(self, step: int) -> Score | None:
        """Return the validation pairs' measure of this step or, between measures, of one before."""
        known = self._known(step)
        return self._validations[known - 1] if known else None

    def failure(self, now: float) -> str | None:
        """Return why the worker broke off."""
        return self._failure

    async def answer(self, prompt: Prompt) -> AsyncIterator[str]:
        """Decode piece by piece, the likeliest character each time unless a temperature asks for chance.

        Waits for the network when a test finished the job before the worker did.
        """
        await asyncio.to_thread(self._thread.join)
        if self._model is None:
            yield "This toy model has learned nothing: its training was broken off."
            return
        bounds = self._trainer.bounds
        room = bounds.answer
        if prompt.max_output_tokens is not None:
            # One character more than asked for shows the stand-in that the answer was cut.
            room = min(room, prompt.max_output_tokens * 4 + 1)
        chance = np.random.default_rng((self._trainer.seed, next(self._asked)))
        said = self._model.say(plain(prompt.text, bounds), room, prompt.temperature or 0.0, chance)
        while piece := await asyncio.to_thread("".join, itertools.islice(said, PIECE)):
            yield piece

    def stop(self) -> None:
        """Kill the worker, or give up its turn."""
        with self._lock:
            self._stopped.set()
            if self._process is not None:
                self._process.kill()

    def _known(self, step: int) -> int:
        """Return the point of a step, or the last one reached before it; 0 before the first."""
        return 0 if self._plan is None else min(self._plan.point(step), len(self._moments))

    def _follow(self) -> None:
        """Plan the work, wait for a turn, start the worker, and note its reports until it ends."""
        try:
            plan = self._plan = plan_of(self._training_task, self._trainer.bounds, self._trainer.seed)
        except ValueError as error:
            self._failure = str(error)
            return
        with self._trainer.turns:
            process = self._start()
            if process is None:
                return
            reported, complaint = False, ""
            # A worker killed at once breaks the pipe that its work goes through.
            with contextlib.suppress(BrokenPipeError), process:
                reported = self._converse(process, plan)
                assert process.stderr is not None
                complaint = process.stderr.read().decode(errors="replace").strip()
            self._process = None
        if not reported and not self._stopped.is_set():
            last = complaint.splitlines()[-1] if complaint else f"exit code {process.returncode}"
            self._failure = f"The worker process of the toy model ended early: {last}"

    def _start(self) -> subprocess.Popen[bytes] | None:
        """Start the worker, unless the training run was stopped while it waited.

        A fresh interpreter, not a fork: the event loop's threads and sockets must not be copied. Ctrl-C in the
        terminal reaches only the parent, which ends the worker by itself.
        """
        with self._lock:
            if self._stopped.is_set():
                return None
            paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
            self._process = subprocess.Popen(  # noqa: S603  Our own module, by our own interpreter.
                [sys.executable, "-m", WORKER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
                process_group=0 if os.name == "posix" else None,
            )
            return self._process

    def _converse(self, process: subprocess.Popen[bytes], plan: Plan) -> bool:
        """Send the work and note every report; return whether the worker came to an end of its own."""
        assert process.stdin is not None
        assert process.stdout is not None
        base = self._training_task.base
        known = base._model if isinstance(base, CharacterRun) else None
        pickle.dump(Work(plan, self._trainer.seed, known), process.stdin)
        process.stdin.flush()
        # A kill can cut the last report short.
        with contextlib.suppress(EOFError, pickle.UnpicklingError):
            while not self._note(pickle.load(process.stdout), plan):  # noqa: S301  Our own process wrote it.
                pass
            return True
        return False

    def _note(self, report: Report, plan: Plan) -> bool:
        """Keep what a report tells; return whether it is the last."""
        if isinstance(report, Progress) and self._trainer.spread_seconds:
            self._stopped.wait(self._trainer.spread_seconds / plan.points)
        now = self._trainer.clock()
        match report:
            case Progress():
                fresh = None if report.validation is None else _score(report.validation)
                self._validations.append(fresh or (self._validations[-1] if self._validations else None))
                self._scores.append(_score(report.train))
                self._moments.append(now)
                return False
            case Done():
                if report.updates < plan.updates:
                    self._short = (
                        f" Its {plan.bounds.seconds:g} seconds of one core were over after {report.updates:,} of "
                        f"{plan.updates:,} updates; the steps after that show the last loss measured."
                    )
                self._model = report.model
                self._done = now
            case Broken():
                self._failure = report.reason
        return True


def _score(measure: Measure) -> Score:
    guessed = max(1, measure.guessed)
    return Score(measure.nats / guessed, measure.right / guessed, measure.guessed)
