"""How much a workspace, a channel or a person may spend in a month, in UTC."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

WORKSPACE: Final = "workspace"


class Purpose(StrEnum):
    """What money is spent on."""

    TUNING = "tuning"
    QUESTIONS = "questions"


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget for each month. `subject` is WORKSPACE or the id of a channel or of a person."""

    subject: str
    purpose: Purpose
    usd: Decimal
    set_by: str
    set_at: datetime

    @property
    def is_personal(self) -> bool:
        """Whether it is of one person: its amounts are shown to them and to who may set it, and to no channel."""
        return self.subject.startswith(("U", "W"))
