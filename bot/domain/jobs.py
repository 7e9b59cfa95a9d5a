"""A tuning, from what it starts with to what comes of it, as we keep it and as Google shows it."""

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from math import ceil

from bot.domain.datasets import Dataset
from bot.domain.place import Place


class JobState(StrEnum):
    """The life of a job: submitting -> queued -> running -> one of the last four."""

    SUBMITTING = "submitting"  # our row is written; whether Google has the job is not yet known
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"  # Google no longer knows a job that it once confirmed

    @property
    def ended(self) -> bool:
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.LOST)


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """What a person set; None leaves the choice to Google. `adapter_size` is LoRA's rank: 1, 2, 4, 8, 16."""

    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    learning_rate_multiplier: float | None = None
    adapter_size: int | None = None

    def given(self) -> dict[str, int | float]:
        """The values that were set, by field name, in the order of the fields."""
        values = ((f.name, getattr(self, f.name)) for f in fields(self))
        return {name: value for name, value in values if value is not None}


@dataclass(frozen=True, slots=True)
class TuningSpec:
    """All that a start needs. `base_model` is a base (`gemini-3.5-flash`) or a tuned model's resource name.

    `validation_share` of the training file is not trained on but validated with: `held_out` examples.
    """

    backend: str
    base_model: str
    name: str
    hyperparameters: Hyperparameters
    training: Dataset
    validation: Dataset | None = None
    validation_share: float = 0.0
    held_out: int = 0

    @property
    def trained_examples(self) -> int:
        """The examples that are trained on in each epoch."""
        return self.training.examples - self.held_out


def total_steps(examples: int, epochs: int, batch_size: int) -> int:
    """Steps of a whole tuning: one per batch, the last one cut short (fits every run in Google's documents)."""
    return ceil(examples * epochs / batch_size)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The loss at one step, as Google computed it. `mean_loss` may be negative; `eval_loss` needs validation."""

    step: int
    mean_loss: float
    epoch: int = 0
    computed_at: datetime | None = None
    eval_loss: float | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why Google ended a job: a google.rpc.Code number, Google's own sentence, and what to do about it."""

    code: int
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class DataStats:
    """What Google says it trained on; rows may have been dropped or cut in silence."""

    examples: int = 0
    billable_tokens: int = 0
    steps: int = 0
    truncated: int = 0
    dropped: int = 0
    dropped_reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One look at a job at Google. None and empty mean that Google did not say.

    `name` is Google's handle for polling; `google_state` its own word, shown when we have none for it;
    `tuned_model` the resource to delete, `endpoint` the resource to query (the same one outside Vertex AI).
    """

    name: str
    state: JobState
    google_state: str = ""
    tuned_model: str = ""
    endpoint: str = ""
    total_steps: int | None = None
    completed_steps: int | None = None
    epoch: int | None = None
    snapshots: tuple[Snapshot, ...] = ()
    started_at: datetime | None = None
    ended_at: datetime | None = None
    failure: Failure | None = None
    data_stats: DataStats | None = None


@dataclass(frozen=True, slots=True)
class TuningJob:
    """Our record of a job. `key` is our own id, carried to Google as `tunedModelId` or as a label.

    `checked_at` is the last look that Google answered; `problem` is whatever does not work now, in words for the
    card: a later look, or a cancellation. `moved_at` is when its state or step last changed, `stuck_at` when it
    was called stuck since. `cancelled_by` is who wants it cancelled, from the moment on at which that is promised.
    `card` is the `ts` of the job card; `place` moves to the owner's direct messages where the channel refuses us.
    """

    key: str
    place: Place
    owner: str
    spec: TuningSpec
    state: JobState
    created_at: datetime
    operation: str = ""
    google_state: str = ""
    tuned_model: str = ""
    endpoint: str = ""
    total_steps: int | None = None
    completed_steps: int | None = None
    epoch: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    checked_at: datetime | None = None
    moved_at: datetime | None = None
    stuck_at: datetime | None = None
    failure: Failure | None = None
    data_stats: DataStats | None = None
    problem: str = ""
    cancelled_by: str = ""
    deleted_by: str = ""
    card: str = ""

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def backend(self) -> str:
        return self.spec.backend

    @property
    def can_answer(self) -> bool:
        """Whether a question can be sent to it."""
        return self.state is JobState.SUCCEEDED and bool(self.endpoint) and not self.deleted_by

    @property
    def percent(self) -> float | None:
        """Steps done, 0 to 100; None where Google tells no steps."""
        if self.state is JobState.SUCCEEDED:
            return 100.0
        if not self.total_steps or self.completed_steps is None:
            return None
        return min(100.0, 100.0 * self.completed_steps / self.total_steps)


@dataclass(frozen=True, slots=True)
class OpenJob:
    """As much of a job that has not ended as tells whether to look at it now."""

    key: str
    backend: str
    state: JobState
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TunedModel:
    """A tuned model that Google lists, made here or elsewhere. `endpoint` is what questions are sent to."""

    backend: str
    resource: str
    endpoint: str
    display_name: str
    base_model: str = ""
    state: str = ""
    created_at: datetime | None = None
