"""What each Google system that tunes models must do for the core, and how one is found by its name."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bot.domain.backend_profile import BackendProfile
from bot.domain.chat import Answer, Turn
from bot.domain.generation_settings import NO_SETTINGS, GenerationSettings
from bot.domain.jobs import TuningJob, TuningSpec
from bot.domain.leftovers import StoredFile
from bot.domain.operations import Operation, Origin, StartedJob, TunedModel
from bot.errors import BadArgument, BotError
from bot.ports.diagnosis import Check


@dataclass(frozen=True, slots=True)
class PictureToStore:
    """A picture that rows show; `mime` is its kind, such as `image/png`."""

    sha256: str
    mime: str
    content: bytes


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The examples of a start: JSONL in the backend's dialect, in chunks that may end inside a row, read once.

    `pictures`, where there are any, lie beside the rows. They are read before the rows, and the backend writes
    into `addresses` where it stored each one, by its `sha256`: the rows name these addresses.
    """

    training: AsyncIterator[bytes]
    validation: AsyncIterator[bytes] | None = None
    pictures: AsyncGenerator[PictureToStore, None] | None = None
    addresses: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked: the turns, the last of which is the question, and how it is to answer.

    An empty `base_model`, on which the model was tuned, is one that nobody knows.
    """

    turns: Sequence[Turn]
    settings: GenerationSettings = NO_SETTINGS
    base_model: str = ""


# Stores that the create request is about to be sent. What it raises ends the start before anything is sent.
RecordSent = Callable[[], Awaitable[None]]


class TuningBackend(Protocol):
    """One Google system. A method retries its reads itself; it never retries a request that creates something."""

    @property
    def profile(self) -> BackendProfile:
        """Return the limits, the base models and the hyperparameters of this system. Never raises."""
        ...

    async def create(
        self, key: str, spec: TuningSpec, data: TrainingData, origin: Origin, record_sent: RecordSent
    ) -> Operation:
        """Start the tuning, which costs money, and return its operation. `key` is what `find` searches for.

        `origin` is stored with the job at Google, where `started_jobs` reads it. Awaits `record_sent` after the
        files are stored, right before the one request that costs money.
        Raises OutcomeUnknown when the create request was sent and no answer of Google's own says whether Google
        carried it out, AlreadyExists when a job with this key exists, also one that another process started. Any
        other error (GoogleError, or what `data` or `record_sent` raises) means that nothing was started.
        """
        ...

    async def check_start(self) -> None:
        """Check what a start needs beside its file: credentials, the project, the bucket. It costs nothing.

        Raises GoogleError with what to do; one that is not `passing` means that every start would fail.
        """
        ...

    def start_checks(self) -> Sequence[Check]:
        """Return the checks of all that a start needs or uses, for `tunebot doctor`; none costs anything.

        They need a check named `google.credentials` before them. Never raises.
        """
        ...

    async def tuned_model(self, resource: str) -> TunedModel | None:
        """Return the tuned model with this resource name if it can be tuned again, None if there is none.

        Raises BadArgument for what is not the name of a tuned model of this system, or one elsewhere, GoogleError.
        """
        ...

    async def find(self, key: str, *, thorough: bool = True) -> Operation | None:
        """Return the operation that an earlier `create` with this key started, None if Google shows none.

        A thorough search asks in two ways, and reads whole lists: its None is Google's own word that no such job
        exists. Without it, None means only that the cheapest search finds none. Raises GoogleError if nothing is
        known, also where a list is longer than one search reads; the next search continues there.
        """
        ...

    async def started_jobs(self) -> Sequence[StartedJob]:
        """Return the jobs with a key of a Tunebot that Google lists, at most as many as one search reads.

        Raises GoogleError.
        """
        ...

    def where_to_look(self, key: str) -> str:
        """Return a sentence that says where a person finds the job with this key at Google. Never raises."""
        ...

    async def poll(self, jobs: Sequence[TuningJob]) -> Mapping[str, Operation | BotError]:
        """Return each job's operation or its error by job key, with as few requests as the API allows.

        The result has every job; one that Google does not know has NotFoundAtGoogle. Raises GoogleError if Google
        answered for none of them.
        """
        ...

    async def cancel(self, job: TuningJob) -> None:
        """Ask Google to cancel the job. A second request is no error; the outcome comes with `poll`.

        Cancelling is best effort: google/cloud/aiplatform/v1/genai_tuning_service.proto, `CancelTuningJob`.
        Raises GoogleError.
        """
        ...

    async def models(self) -> Sequence[TunedModel]:
        """Return every tuned model that Google lists for these credentials, newest first. Raises GoogleError."""
        ...

    async def delete(self, model: TunedModel) -> None:
        """Delete a tuned model and the endpoint that serves it; one that does not exist is no error.

        Raises GoogleError.
        """
        ...

    async def generate(self, endpoint: str, prompt: Prompt) -> Answer:
        """Return the model's answer to the last turn; the profile says whether earlier turns may be sent.

        Settings that the profile or the base model does not take are not sent, but a system instruction for which
        there is no field is put in front of the question. Raises BadArgument where the last turn has no text,
        GoogleError.
        """
        ...

    def base_endpoint(self, base_model: str, endpoint: str) -> str:
        """Return what `generate` takes to ask a base model, beside the model at `endpoint` that was tuned on it.

        Raises BadArgument for an endpoint that is not one of this system.
        """
        ...

    async def count_tokens(self, base_model: str, text: str) -> int:
        """Return how many tokens the text is for the base model, 0 if Google returned no number.

        The text has at most 100,000 characters. Raises GoogleError.
        """
        ...

    def stream(self, endpoint: str, prompt: Prompt) -> AsyncGenerator[Answer, None]:
        """Yield the answer of `generate` in pieces: each has the new text, the last one also how it finished.

        Raises as `generate` does, also between two pieces.
        """
        ...

    async def stored_files(self) -> Sequence[StoredFile]:
        """Return the copies of training files that this system stored in the bucket. Raises GoogleError."""
        ...

    async def delete_stored_file(self, name: str) -> None:
        """Delete one of `stored_files`; a missing one is no error. Raises BadArgument for others, GoogleError."""
        ...

    async def open_to(self, model: str, account: str) -> None:
        """Let a Google account, named by its e-mail address, read and ask the model; again changes nothing.

        Raises BadArgument where the profile does not say `shares_with_accounts`, GoogleError.
        """
        ...

    async def close_to(self, model: str, account: str) -> bool:
        """Take that back; returns false if the account had no such right. Raises as `open_to` does."""
        ...

    async def is_served(self, endpoint: str) -> bool:
        """Return whether this endpoint exists, beside the model that it serves. Raises GoogleError."""
        ...

    async def close(self) -> None:
        """Close the connections; the backend cannot be used afterwards. Never raises."""
        ...


def offered_backend(backends: Mapping[str, TuningBackend], name: str) -> TuningBackend:
    """Return the backend of that name, the first one for an empty name. Raises BadArgument."""
    if not name:
        return next(iter(backends.values()))
    if (backend := backends.get(name)) is None:
        raise BadArgument(
            f"{name!r} is not offered here.",
            f"Choose one of: {', '.join(backends)}. An operator can offer more in TUNEBOT_BACKENDS.",
            field="backend",
        )
    return backend
