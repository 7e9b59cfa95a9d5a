"""What each Google system that tunes models must do for the core."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.domain.backend_profile import BackendProfile
from bot.domain.chat import Answer, Turn
from bot.domain.jobs import Operation, TunedModel, TuningJob, TuningSpec
from bot.errors import BotError


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The examples of a start: JSONL in the backend's dialect, in chunks that may end inside a row, read once."""

    training: AsyncIterator[bytes]
    validation: AsyncIterator[bytes] | None = None


class TuningBackend(Protocol):
    """One Google system. A method retries its reads itself; it never retries a request that creates something."""

    @property
    def profile(self) -> BackendProfile:
        """Return the limits, the base models and the hyperparameters of this system. Never raises."""
        ...

    async def create(self, key: str, spec: TuningSpec, data: TrainingData) -> Operation:
        """Start the tuning, which costs money, and return its operation. `key` is what `find` searches for.

        Raises OutcomeUnknown when the create request was sent and no answer says whether Google carried it out,
        AlreadyExists when a job with this key exists. Any other error (GoogleError, or what `data` raises) means
        that nothing was started.
        """
        ...

    async def find(self, key: str) -> Operation | None:
        """Return the operation that an earlier `create` with this key started, None if there is none.

        Raises GoogleError.
        """
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

    async def generate(self, endpoint: str, turns: Sequence[Turn]) -> Answer:
        """Return the model's answer to the last turn; the profile says whether earlier turns may be sent.

        Raises GoogleError.
        """
        ...

    async def count_tokens(self, base_model: str, text: str) -> int:
        """Return how many tokens the text is for the base model, 0 if Google returned no number.

        The text has at most 100,000 characters. Raises GoogleError.
        """
        ...

    def stream(self, endpoint: str, turns: Sequence[Turn]) -> AsyncIterator[Answer]:
        """Yield the answer of `generate` in pieces: each has the new text, the last one also how it finished.

        Raises GoogleError, also between two pieces.
        """
        ...

    async def close(self) -> None:
        """Close the connections; the backend cannot be used afterwards. Never raises."""
        ...
