"""A start that needs the yes of an approver: why, who is asked, until when, and what became of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class ApprovalRules:
    """When a start needs an approval, and who is asked.

    `usd` is the highest estimated cost of a start that needs none, None where no cost needs one. `channel` is
    where approvers are asked beside their direct messages, empty for nowhere.
    """

    usd: Decimal | None = None
    expires_after: timedelta = timedelta(hours=72)
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """The approval that a start needs. `targets` are the people and channels that are asked.

    `decided_by` is empty until an approver decides; `declined` is why they declined. A job with an approval that
    ended undecided was cancelled, or nobody decided in time.
    """

    reason: str
    expires_at: datetime
    targets: tuple[str, ...] = ()
    decided_by: str = ""
    decided_at: datetime | None = None
    declined: str = ""
