"""Decides who may use a button that belongs to a job or to a report: its key alone opens nothing.

A key can be read in Slack's messages and payloads. So a button works in the channel of its job, where everybody
sees the card, and for the job's owner elsewhere. What each role may do in the workspace is not decided here.
"""

from bot.domain.jobs import TuningJob
from bot.domain.place import Requester
from bot.domain.requests import Proposal
from bot.errors import Forbidden


def may_use_buttons(requester: Requester, job: TuningJob) -> bool:
    """Return whether the buttons of the job's card work for this person in this channel."""
    if requester.team != job.place.team:
        return False
    return requester.place.channel == job.place.channel or requester.user in (job.owner, job.prepared_by)


def check_buttons(requester: Requester, job: TuningJob) -> None:
    """Raises Forbidden if the buttons of the job's card do not work for this person in this channel."""
    if not may_use_buttons(requester, job):
        raise Forbidden(
            "This button belongs to a tuning of another channel.",
            "Use the card in the channel where the tuning was started; /tune list shows all of them.",
        )


def check_start(proposal: Proposal, user: str, channel: str) -> None:
    """Raises Forbidden if this person may not start what the report proposes.

    The person whose report it is may start it anywhere, others only in the channel where the report is.
    """
    if user != proposal.owner and channel != proposal.place.channel:
        raise Forbidden(
            "This report belongs to somebody else, in another channel. Nothing was started.",
            "Check the file yourself with /tune.",
        )
