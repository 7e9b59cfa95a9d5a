"""For how long the bot keeps what people wrote and uploaded, and what no job needs any more at Google."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A copy of a training file in the bot's folder of the bucket; `key` is the job's, empty for another file."""

    name: str
    key: str
    size: int
    stored_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file or an endpoint at Google. `kept` says why it stays, and is empty for what may be deleted."""

    kind: str
    name: str
    job: str = ""
    size: int = 0
    kept: str = ""


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """For how many days each kind is kept; 0 keeps it for ever."""

    conversation_days: int = 365
    report_days: int = 90
    training_file_days: int = 90
