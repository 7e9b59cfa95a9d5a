"""Tuning jobs: what a start needs, and our record of a job."""

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from math import ceil
from typing import Final

from bot.domain.approval import Approval
from bot.domain.datasets import Dataset
from bot.domain.place import Place
from bot.domain.spending import TuningEstimate

# In place of the person who cancelled a job: the limit that is set for every running tuning.
BY_CEILING: Final = "limit"


class JobState(StrEnum):
    """The states of a job, in their order; the last four are ends.

    A job begins as submitting where it need not wait for anything. A job that was called lost, or of which it was
    said that it never started, is open again once Google shows it.
    """

    AWAITING_APPROVAL = "awaiting approval"  # an approver must say yes before Google is asked for anything
    WAITING = "waiting"  # it waits in the bot until Google may be asked to run it
    SUBMITTING = "submitting"  # our row is written; Google has not confirmed the job
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"  # Google no longer knows a job that it had confirmed

    @property
    def words(self) -> str:
        """The words for this state in every text that people read: `being sent to Google`, without a full stop."""
        return _WORDS[self]

    @property
    def ended(self) -> bool:
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.LOST)

    @property
    def in_bot(self) -> bool:
        """Whether the job waits in the bot, before Google is asked for anything."""
        return self in (JobState.AWAITING_APPROVAL, JobState.WAITING)


_WORDS: Final = {
    JobState.AWAITING_APPROVAL: "awaiting approval",
    JobState.WAITING: "waiting for its turn",
    JobState.SUBMITTING: "being sent to Google",
    JobState.QUEUED: "waiting in Google's queue",
    JobState.RUNNING: "running",
    JobState.SUCCEEDED: "done",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
    JobState.LOST: "lost",
}


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """The values that a person set; None leaves the choice to Google. `adapter_size` is LoRA's rank."""

    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    learning_rate_multiplier: float | None = None
    adapter_size: int | None = None

    def given(self) -> dict[str, int | float]:
        """Return the values that were set, by field name, in the order of the fields."""
        values = ((f.name, getattr(self, f.name)) for f in fields(self))
        return {name: value for name, value in values if value is not None}


@dataclass(frozen=True, slots=True)
class TuningSpec:
    """Everything that a start needs. `base_model` is an id (`gemini-3.5-flash`) or a tuned model's resource name.

    `validation_share` of the training file, which is `held_out` examples, is used for validation only. `estimate`
    is what the check said about the cost; None for a start that was checked before there were estimates.
    `system_instruction` is the one that most examples have: the model is asked with it, too, in a field of
    its own or in front of the question, as the rows were sent.
    `moved_from` is the resource name of a tuned model that Google is asked to move to `base_model`; empty for a
    start that only trains.
    """

    backend: str
    base_model: str
    name: str
    hyperparameters: Hyperparameters
    training: Dataset
    validation: Dataset | None = None
    validation_share: float = 0.0
    held_out: int = 0
    estimate: TuningEstimate | None = None
    system_instruction: str = ""
    moved_from: str = ""

    @property
    def sources(self) -> tuple[str, ...]:
        """What this start is made from: each is a name of Google's base models, or of a tuned model."""
        return tuple(filter(None, (self.base_model, self.moved_from)))

    @property
    def is_known(self) -> bool:
        """Whether the file and the hyperparameters are known, which they are not of a job found at Google."""
        return bool(self.training.sha256)

    @property
    def trained_examples(self) -> int:
        """The number of examples that each epoch trains on."""
        return self.training.examples - self.held_out


def total_steps(examples: int, epochs: int, batch_size: int) -> int:
    """Return the steps of a whole tuning: one for each batch, the last of which may be smaller."""
    return ceil(examples * epochs / batch_size)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What Google computed at one step: the mean loss, which may be negative, and on Vertex AI also the fraction
    of correct next step predictions, from 0 to 1, and the number of predictions.

    The `eval_` values are of the validation file. A value that Google did not compute at this step is None.
    """

    step: int
    mean_loss: float
    epoch: int = 0
    computed_at: datetime | None = None
    eval_loss: float | None = None
    correct: float | None = None
    predictions: int | None = None
    eval_correct: float | None = None
    eval_predictions: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed: a number of google/rpc/code.proto, 0 for a reason of ours, and what to do next.

    `passing` is true where the same start may succeed when it is tried again.
    """

    code: int
    message: str
    hint: str = ""
    passing: bool = False


@dataclass(frozen=True, slots=True)
class DataStats:
    """What Google says it trained on; Google drops or truncates rows without an error."""

    examples: int = 0
    billable_tokens: int = 0
    steps: int = 0
    truncated: int = 0
    dropped: int = 0
    dropped_reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Search:
    """For how long the bot has searched Google for a job, in seconds in which it really looked.

    `absent` counts the time in which Google itself said that it has no such job, `unanswered` the time in which no
    answer said anything. The time between two processes counts as neither. `refused` counts the time in which the
    start was tried and Google certainly did not carry it out.
    """

    absent: float = 0.0
    unanswered: float = 0.0
    refused: float = 0.0


@dataclass(frozen=True, slots=True)
class TuningJob:
    """Our record of a job. `owner` is the person who pressed Start; `prepared_by` is the person whose files were
    checked, empty if that is the owner. `key` is our own id, sent to Google as `tunedModelId` or as a label.

    `waits_for` is as in Operation.
    `checked_at` is when Google last answered; `problem` is a sentence for the card on what fails now, polling or
    the cancellation. `moved_at` is when the state or the step last changed, `stuck_at` when the job was marked as
    stuck after that. `cancelled_by` is the person who cancelled it, or BY_CEILING, also before Google has
    confirmed that. `card` is the `ts` of the job card; `place` becomes the owner's direct messages if the channel
    refuses posts.

    `create_sent_at` is written before the create request is sent: without it, Google was never asked to start this
    job. `waits_since` is when the job joined the bot's queue, which gives its place there. `resumes` counts how
    often a later process began the start again. `search` is set while Google shows no such job, or does not start
    it. A job in state `submitting` with `stuck_at` is in doubt: the searches have failed for long.
    `retirement_told` is the last notice that its base model retires, in days before that. `approval` is None for a
    start that needed none.

    `shared_with` are the ids of the people and channels to which the job is shown beside those of its own channel,
    or EVERYONE; `shared_by` is the person who changed them last.
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
    waits_for: str = ""
    problem: str = ""
    cancelled_by: str = ""
    deleted_by: str = ""
    card: str = ""
    prepared_by: str = ""
    create_sent_at: datetime | None = None
    resumes: int = 0
    search: Search | None = None
    retirement_told: int | None = None
    shared_with: tuple[str, ...] = ()
    shared_by: str = ""
    waits_since: datetime | None = None
    approval: Approval | None = None

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def backend(self) -> str:
        return self.spec.backend

    @property
    def resources(self) -> frozenset[str]:
        """The names under which Google shows its model, or will show it on the Gemini API."""
        return frozenset(filter(None, (self.tuned_model, self.endpoint, f"tunedModels/{self.key}")))

    @property
    def file_reader(self) -> str:
        """The person for whom the files are read, as at the check."""
        return self.prepared_by or self.owner

    @property
    def unsent(self) -> bool:
        """Whether it is open and Google was not asked to start it, so that it ends without a word to Google."""
        if self.state is JobState.SUBMITTING:
            return self.create_sent_at is None
        return self.state.in_bot

    @property
    def unstarted(self) -> bool:
        """Whether Google has not been asked to start it, or has certainly not started it."""
        return self.create_sent_at is None and not self.operation

    @property
    def in_doubt(self) -> bool:
        """Whether nobody knows if Google started it, and a person was told so."""
        return self.state is JobState.SUBMITTING and self.stuck_at is not None

    @property
    def may_reopen(self) -> bool:
        """Whether it ended without Google having said how, so that Google may still show it."""
        return self.state is JobState.LOST or (self.state.ended and not self.operation)

    @property
    def can_answer(self) -> bool:
        """Whether a question can be sent to its model."""
        return self.state is JobState.SUCCEEDED and bool(self.endpoint) and not self.deleted_by

    @property
    def holds_name(self) -> bool:
        """Whether a new job of somebody who sees this one needs another name: Google may still run a lost one."""
        return not self.deleted_by and self.state not in (JobState.FAILED, JobState.CANCELLED)

    @property
    def percent(self) -> float | None:
        """The completed share of the steps, 0 to 100; None if Google returns no steps."""
        if self.state is JobState.SUCCEEDED:
            return 100.0
        if not self.total_steps or self.completed_steps is None:
            return None
        return min(100.0, 100.0 * self.completed_steps / self.total_steps)


@dataclass(frozen=True, slots=True)
class OpenJob:
    """The part of an open job that decides whether it is polled now.

    `since` is when its start was sent to Google, and before that when a person asked for it.
    """

    key: str
    backend: str
    state: JobState
    since: datetime
