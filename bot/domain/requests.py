"""What people ask for before a job starts: requests, proposals, and the work that they watch in a modal."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.domain.datasets import FieldMapping
from bot.domain.jobs import Hyperparameters, TuningSpec
from bot.domain.place import Place, Requester


class Quality(StrEnum):
    """How long to train, where no number of epochs was given: it depends on the file."""

    QUICK = "quick"
    RECOMMENDED = "recommended"
    THOROUGH = "thorough"

    def epochs(self, fewest: int, suggested: int, most: int) -> int:
        """Return the number of epochs, from those that are recommended for a file."""
        match self:
            case Quality.QUICK:
                return fewest
            case Quality.RECOMMENDED:
                return suggested
            case Quality.THOROUGH:
                return most


@dataclass(frozen=True, slots=True)
class StartRequest:
    """A start as a person asked for it, before any value was checked; empty means the default.

    `file` and `validation` are locations, see Dataset; `validation_share` holds out a share of the training file
    instead of a validation file. `preferred_only` is a person's yes to learning only the preferred answers of a
    file that has two for each question; `mask` asks a repair to replace private values; `encoding` is the one that
    a person says the file is in, to have it written as UTF-8. `quality` sets the epochs where no number of them is
    given; without both, Google chooses. `moved_from` is as in TuningSpec.
    """

    backend: str = ""
    base_model: str = ""
    name: str = ""
    hyperparameters: Hyperparameters = field(default_factory=Hyperparameters)
    file: str = ""
    validation: str = ""
    validation_share: float = 0.0
    mapping: FieldMapping | None = None
    preferred_only: bool = False
    mask: bool = False
    encoding: str = ""
    quality: Quality | None = None
    moved_from: str = ""

    @classmethod
    def of(cls, spec: TuningSpec) -> "StartRequest":
        """Return the request that leads to the same start."""
        return cls(
            backend=spec.backend,
            base_model=spec.base_model,
            name=spec.name,
            hyperparameters=spec.hyperparameters,
            file=spec.training.location,
            validation=spec.validation.location if spec.validation is not None else "",
            validation_share=spec.validation_share,
            mapping=spec.training.mapping,
            moved_from=spec.moved_from,
        )


class ModalWork(StrEnum):
    CHECK = "check"
    REPAIR = "repair"
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class PendingModal:
    """Work whose result a modal will show; `view` is the modal's id.

    `attempts` counts the processes that ended before the work did.
    """

    kind: ModalWork
    view: str
    place: Place
    user: str
    request: StartRequest
    attempts: int = 0

    @property
    def requester(self) -> Requester:
        return Requester(self.user, self.place, present=False)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A checked start that waits for a person's click; its id becomes the job's key, so a start happens once."""

    id: str
    place: Place
    owner: str
    spec: TuningSpec
    created_at: datetime
