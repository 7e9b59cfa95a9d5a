"""Every tuning job ever started here, whichever API started it, and how each moves with the clock.

Nothing runs in the background: a job's state is computed when a request asks for it, from the time and its run.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.google.json_bodies import single
from bot.sandbox.google.service_limits import Limits
from bot.sandbox.google.trainer import Score, Trainer, TrainingRun, TrainingTask

CANCELLED = 1
UNKNOWN = 2


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One step as it is shown: `at` in seconds of the clock, `epoch` the passes over the data completed."""

    step: int
    epoch: int
    train: Score
    validation: Score | None
    at: float

    @property
    def loss(self) -> float:
        """The mean loss on the training examples, as a 32-bit field shows it."""
        return single(self.train.loss)


@dataclass(eq=False)
class Job:
    """One tuning job: `system` is palm, gemini or vertex; `key` the client's own id (tunedModelId), if any.

    Times are seconds of the stand-in's clock. `state` shown instead of the true one when a test sets it.
    """

    registry: "Jobs" = field(repr=False)
    number: int
    system: str
    name: str
    display_name: str
    base_model: str
    key: str | None
    labels: dict[str, str]
    training_task: TrainingTask = field(repr=False)
    request: dict[str, Any] = field(repr=False)
    created: float
    # Why the data cannot be trained on, found when the job was made and told once it prepares.
    flaw: str | None = None
    started: float | None = None
    ended: float | None = None
    outcome: str | None = None
    error: tuple[int, str] | None = None
    shown_state: str | None = None
    training_run: TrainingRun | None = None
    _pushes: list[tuple[int, float]] = field(default_factory=list)
    _frozen: int | None = None

    @property
    def total_steps(self) -> int:
        """How many steps the job takes."""
        return self.training_task.total_steps

    @property
    def steps(self) -> int:
        """How many steps are completed now."""
        return self._steps(self.registry.now())

    @property
    def phase(self) -> str:
        """`queued`, `pending`, `running`, or how it ended: `succeeded`, `failed`, `cancelled`."""
        if self.started is None:
            self.registry.settle()
        else:
            self.update(self.registry.now())
        if self.outcome is not None:
            return self.outcome
        if self.started is None:
            return "queued"
        return "pending" if self.training_run is None else "running"

    @property
    def snapshots(self) -> list[Snapshot]:
        """The steps completed, at most `limits.snapshots` of them, evenly thinned, the last one always shown."""
        done = self.steps
        most = self.registry.limits.snapshots
        shown = range(1, done + 1) if done <= most else [-(-done * i // most) for i in range(1, most + 1)]
        return [self._snapshot(step) for step in shown]

    def advance(self, steps: int = 1) -> None:
        """Complete further steps now; a job that still waits is started first."""
        if self.phase in ("succeeded", "failed", "cancelled"):
            return
        now = self.registry.now()
        self.registry.start(self, now)
        self._pushes.append((min(self.total_steps, self._steps(now) + steps), now))
        if self._frozen is not None:
            self._frozen = self._pushes[-1][0]
        self.update(now)

    def finish(self) -> None:
        """Complete all steps now: the job succeeds, unless its data is bad."""
        self._frozen = None
        self.advance(self.total_steps)

    def fail(self, code: int = 13, message: str = "Internal error encountered.") -> None:
        """End the job as failed, with a gRPC code (3 is INVALID_ARGUMENT, 8 RESOURCE_EXHAUSTED, 13 INTERNAL)."""
        self.end("failed", self.registry.now(), (code, message))

    def cancel(self) -> None:
        """End the job as cancelled; one that has ended stays as it is."""
        self.end("cancelled", self.registry.now(), (CANCELLED, "The operation was cancelled."))

    def pause(self) -> None:
        """Hold the job at its present step: it stays running and nothing comes."""
        self._frozen = self.steps

    def resume(self) -> None:
        """Let a paused job go on, with the steps that the clock has made meanwhile."""
        self._frozen = None

    def set_state(self, state: str | None) -> None:
        """Show this state on the wire instead of the true one, also an unknown one; None ends that."""
        self.shown_state = state

    def end(self, outcome: str, at: float, error: tuple[int, str] | None = None) -> None:
        """Close the job; the first end counts."""
        if self.outcome is not None:
            return
        self._frozen = self._steps(at)
        self.outcome, self.ended, self.error = outcome, at, error
        if self.training_run is not None and outcome != "succeeded":
            self.training_run.stop()
        self.registry.leave(self)

    def update(self, now: float) -> None:
        """Bring a started job to where it is at `now`."""
        if self.started is None or self.outcome is not None:
            return
        prepared = self.started + self.registry.pending_seconds
        if self.training_run is None and (now >= prepared or self._pushes):
            if self.flaw is not None:
                self.end("failed", min(now, prepared), (3, self.flaw))
                return
            self.training_run = self.registry.trainer.begin(self.training_task, min(now, prepared))
        if self.training_run is None:
            return
        failure = self.training_run.failure(now)
        if failure is not None:
            self.end("failed", now, (UNKNOWN, failure))
        elif self._steps(now) >= self.total_steps:
            self.end("succeeded", min(now, self._moment(self.total_steps)))

    def _steps(self, now: float) -> int:
        if self._frozen is not None:
            return self._frozen
        pushed = max((steps for steps, at in self._pushes if at <= now), default=0)
        return max(pushed, self.training_run.step(now) if self.training_run is not None else 0)

    def _moment(self, step: int) -> float:
        paced = self.training_run.moment(step) if self.training_run is not None else math.inf
        return min([paced, *(at for steps, at in self._pushes if steps >= step)])

    def _snapshot(self, step: int) -> Snapshot:
        if self.training_run is None:
            raise ValueError(f"{self.name} has no steps yet")
        passes = step * self.training_task.batch_size // max(1, self.training_task.example_count)
        return Snapshot(
            step=step,
            # Google counts the passes completed by then, and so shows no epoch at first.
            epoch=min(self.training_task.epochs, passes),
            train=self.training_run.score(step),
            validation=self.training_run.validation_score(step),
            at=min(self._moment(step), self.registry.now()),
        )


@dataclass(eq=False)
class Jobs:
    """The register of jobs. `pending_seconds` is how long a started job prepares before its first step."""

    trainer: Trainer
    limits: Limits
    now: Callable[[], float]
    pending_seconds: float = 0.0
    all: list[Job] = field(default_factory=list)
    # Vertex jobs in the quota's queue, those in its places, and when the latest places came free.
    _waiting: list[Job] = field(default_factory=list)
    _placed: list[Job] = field(default_factory=list)
    _freed: list[float] = field(default_factory=list)

    def add(self, **facts: Any) -> Job:
        """Register a job as just created; all but Vertex jobs start at once."""
        job = Job(registry=self, number=len(self.all) + 1, created=self.now(), **facts)
        self.all.append(job)
        if job.system == "vertex":
            self._waiting.append(job)
            self.settle()
        else:
            job.started = job.created
        return job

    def find(self, name: str) -> Job:
        """Return the job by its resource name, the end of it, its display name or the client's key."""
        for job in reversed(self.all):
            if name in (job.name, job.key, job.display_name) or job.name.endswith(f"/{name}"):
                return job
        raise KeyError(name)

    @property
    def latest(self) -> Job:
        """The job created last."""
        return self.all[-1]

    def books(self) -> list[dict[str, Any]]:
        """One row for every job ever created, in order: what a test counts against its own rows."""
        return [
            {
                "number": job.number,
                "system": job.system,
                "name": job.name,
                "key": job.key,
                "labels": dict(job.labels),
                "display_name": job.display_name,
                "base_model": job.base_model,
                "phase": job.phase,
                "steps": job.steps,
                "total_steps": job.total_steps,
            }
            for job in self.all
        ]

    def start(self, job: Job, at: float) -> None:
        """Take a job out of the queue, whether or not a place is free."""
        if job.started is None:
            job.started = at
            self._waiting.remove(job)
            self._placed.append(job)

    def leave(self, job: Job) -> None:
        """Note that a job ended, which frees its place for one that waits."""
        if job in self._waiting:
            self._waiting.remove(job)
        elif job in self._placed:
            self._placed.remove(job)
            self._freed = sorted([*self._freed, job.ended or self.now()])[-1000:]

    def settle(self) -> None:
        """Start waiting jobs at the moments at which their places came free."""
        now = self.now()
        while self._waiting:
            for job in list(self._placed):
                job.update(now)
            free = self.limits.concurrent_vertex_jobs - len(self._placed)
            if free < 1:
                return
            job = self._waiting[0]
            freed = self._freed[-free] if len(self._freed) >= free else job.created
            self.start(job, max(job.created, freed))
