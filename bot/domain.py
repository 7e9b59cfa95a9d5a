"""The nouns of Tunebot: what is tuned, how it goes, what comes of it, and what is said about it.

Plain frozen values, free of Slack's and Google's wire shapes, so that every room can share them. No I/O, no
clock and no imports of ours. Times are aware UTC datetimes; durations are seconds.
"""

from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from math import ceil


class Dialect(StrEnum):
    """How a training row is written. The names are those in the README and in `tunebot convert --to`."""

    GEMINI = "gemini"  # {"text_input", "output"}: the Gemini API's and the PaLM API's inline examples
    PALM = "palm"  # {"input_text", "output_text"}: PaLM on Vertex AI
    MESSAGES = "messages"  # {"messages": [{role: system|user|model, content}]}: gemini-1.0-pro-002
    VERTEX = "vertex"  # {"systemInstruction", "contents"}: Gemini on Vertex AI today
    PREFERENCE = "preference"  # {"contents", "completions"}: Vertex AI preference tuning
    OPENAI = "openai"  # {"messages": [{role: system|user|assistant|tool, content}]}
    PROMPT = "prompt"  # {"prompt", "completion"}
    MAPPED = "mapped"  # any other keys, named by the user (`input=question output=answer`)


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
class FieldMapping:
    """Which keys of a row hold its input and its output, for rows in no known dialect."""

    input: str
    output: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A checked file: where it lies and what was found in it.

    `location` is `slack:FILE_ID` or a `gs://` URI; `sha256` is of the file's bytes as they were checked, so that
    a file that changed afterwards is never trained on; `characters` counts all text of all examples.
    """

    location: str
    name: str
    sha256: str
    size: int
    examples: int
    dialect: Dialect
    characters: int = 0
    mapping: FieldMapping | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where in Slack something belongs: a workspace, a channel of it, and a thread where there is one."""

    team: str
    channel: str
    thread: str = ""


@dataclass(frozen=True, slots=True)
class StartRequest:
    """A start as a person asked for it, before any of it was looked up; empty means the default.

    `file` and `validation` are locations, see Dataset; `validation_share` holds out a share of the training file
    instead of a validation file.
    """

    backend: str = ""
    base_model: str = ""
    name: str = ""
    hyperparameters: Hyperparameters = Hyperparameters()
    file: str = ""
    validation: str = ""
    validation_share: float = 0.0
    mapping: FieldMapping | None = None


class ErrandKind(StrEnum):
    CHECK = "check"
    REPAIR = "repair"


@dataclass(frozen=True, slots=True)
class Errand:
    """Work that a person watches in a modal; `view` is the modal's id.

    `attempts` counts the processes that died or were stopped over it.
    """

    kind: ErrandKind
    view: str
    place: Place
    user: str
    request: StartRequest
    attempts: int = 0


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
class Proposal:
    """A checked start that waits for a person's click; its id becomes the job's key, so a start happens once."""

    id: str
    place: Place
    owner: str
    spec: TuningSpec
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TuningJob:
    """Our record of a job. `key` is our own id, carried to Google as `tunedModelId` or as a label.

    `checked_at` is the last look that Google answered; `trouble` is whatever does not work now, in words for the
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
    trouble: str = ""
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


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model that can be asked: which backend serves it, its endpoint there, and what people call it."""

    backend: str
    endpoint: str
    name: str


class Role(StrEnum):
    USER = "user"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Turn:
    role: Role
    text: str


class Finish(StrEnum):
    """Why an answer ended."""

    COMPLETE = "complete"
    CUT = "cut"  # the model's output limit
    BLOCKED = "blocked"  # Google's filters, on the question or on the answer
    EMPTY = "empty"  # nothing came, and Google gave no reason of the kinds above


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said. `reason` is Google's own word (`SAFETY`, `MAX_TOKENS`, ...), empty when complete."""

    text: str
    finish: Finish = Finish.COMPLETE
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What a person asks a model. `key` is Slack's own for the delivery that brought it, so it is asked once.

    `model` is set where a form chose it; else `named` is what the person wrote, empty for the place's own model.
    The answer quotes the question where no message of the person's shows it.
    """

    key: str
    place: Place
    user: str
    text: str
    named: str = ""
    model: ModelRef | None = None
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, who gave it, and whether earlier turns were left out because the backend takes none."""

    model: ModelRef
    answer: Answer
    history_dropped: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """A thread in which a model answers, with its turns so far, oldest first."""

    place: Place
    model: ModelRef
    turns: tuple[Turn, ...] = field(default=())
