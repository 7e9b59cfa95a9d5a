"""A tuning that was made at another provider, as far as it can be repeated here."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class FineTuningJob:
    """A fine-tuning job at OpenAI. The files are locations, see Dataset; an empty one means that there is none.

    `epochs` is None where OpenAI chose the number itself and does not say it.
    """

    id: str
    base_model: str
    status: str
    training_file: str
    validation_file: str = ""
    suffix: str = ""
    tuned_model: str = ""
    epochs: int | None = None
    created_at: datetime | None = None
