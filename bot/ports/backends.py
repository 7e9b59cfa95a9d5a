"""What a Google system must be able to do."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.domain.backend_profile import BackendProfile
from bot.domain.chat import Answer, Turn
from bot.domain.jobs import Operation, TunedModel, TuningJob, TuningSpec
from bot.errors import BotError


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The examples of a start: JSONL in the backend's dialect, as chunks that end anywhere and are read once."""

    training: AsyncIterator[bytes]
    validation: AsyncIterator[bytes] | None = None


class TuningBackend(Protocol):
    """One Google system. Every method raises GoogleError's children; reads are retried inside, creates never."""

    @property
    def profile(self) -> BackendProfile: ...

    async def create(self, key: str, spec: TuningSpec, data: TrainingData) -> Operation:
        """Start the tuning and pay for it. `key` makes the job findable, see `find`.

        Raises OutcomeUnknown when the create was sent and no answer says whether it was carried out; any
        other error means that nothing was started.
        """
        ...

    async def find(self, key: str) -> Operation | None:
        """The job that an earlier `create` with this key made, or None when Google has none."""
        ...

    async def poll(self, jobs: Sequence[TuningJob]) -> Mapping[str, Operation | BotError]:
        """The present state of each job, by job key, in few requests; one job's error never hides the others.

        A job that Google no longer knows maps to NotFoundAtGoogle.
        """
        ...

    async def cancel(self, job: TuningJob) -> None:
        """Ask Google to stop the job; best effort, the outcome shows in `poll`. Asking twice does no harm."""
        ...

    async def models(self) -> Sequence[TunedModel]:
        """Every tuned model that Google lists for these credentials, newest first."""
        ...

    async def delete(self, model: TunedModel) -> None:
        """Delete a tuned model and whatever serves it; one that is already gone is no error."""
        ...

    async def generate(self, endpoint: str, turns: Sequence[Turn]) -> Answer:
        """The model's answer to the last turn; earlier turns go along where the profile takes history."""
        ...

    async def count_tokens(self, base_model: str, text: str) -> int:
        """How many tokens the base model makes of a text of at most some 100,000 characters."""
        ...

    def stream(self, endpoint: str, turns: Sequence[Turn]) -> AsyncIterator[Answer]:
        """The same answer in pieces: each Answer holds the text that is new, the last one how it finished."""
        ...

    async def close(self) -> None: ...
