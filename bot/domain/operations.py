"""What Google returns about a job or a tuned model, in the words of the bot."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.generation_settings import NO_SETTINGS, GenerationSettings
from bot.domain.jobs import DataStats, Failure, JobState, Snapshot


@dataclass(frozen=True, slots=True)
class Operation:
    """What Google returned about a job. None and empty mean that the response had no value.

    `name` is the resource to poll, `google_state` Google's word for the state, `tuned_model` the resource to
    delete, `endpoint` the resource to query, which is the same one outside Vertex AI. `waits_for` is Google's word
    for what the job waits for or does, for example WAITING_FOR_QUOTA.
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
    waits_for: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who started a job, as it is kept at Google with the job. `installation` is the id of the bot's database."""

    installation: str
    team: str
    channel: str
    owner: str


@dataclass(frozen=True, slots=True)
class StartedJob:
    """A job that Google lists and that carries the key of a Tunebot, of this installation or of another one."""

    key: str
    operation: Operation
    name: str
    base_model: str
    origin: Origin | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TunedModel:
    """A tuned model that Google lists, from this bot or not. `endpoint` is the resource that answers questions.

    `defaults` are the settings that Google keeps with the model for questions that set none. `origin` is known
    where a Tunebot started the tuning and the system keeps labels, also if this database knows no such job.
    """

    backend: str
    resource: str
    endpoint: str
    display_name: str
    base_model: str = ""
    state: str = ""
    created_at: datetime | None = None
    defaults: GenerationSettings = NO_SETTINGS
    origin: Origin | None = None
