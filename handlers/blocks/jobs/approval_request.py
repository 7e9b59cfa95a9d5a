"""Builds what approvers see of a start that needs their yes: the request, its buttons, and the form to decline."""

from typing import Any

from bot.domain.jobs import JobState, TuningJob
from bot.domain.place import Requester
from bot.spending.estimate_text import certainty_sentence, cost_sentence, moved_sentence
from bot.tuning.approvals import LONGEST_REASON
from handlers.blocks.elements import actions, button, confirm, input_block, modal, section, text_input
from handlers.blocks.formatting import count, moment
from handlers.blocks.jobs.wording import NAME, base_model_text
from handlers.blocks.message import Block, Message, compose, escape_line, mention, shorten
from handlers.blocks.private_metadata import pack_requester

APPROVE_ACTION = "job_approve"
DECLINE_ACTION = "job_decline"
DECLINE_VIEW = "decline_start"
_REASON = "reason"


def build_approval_request(job: TuningJob) -> Message:
    """Build the message to an approver, with the price, or with what became of the start."""
    text = "\n".join([_asked(job), approval_text(job) if _open(job) else _decision(job)])
    blocks = [section(text, "approval_request")]
    if _open(job):
        blocks.append(actions(build_approval_buttons(job), "approval_actions"))
    return compose(text, blocks)


def build_hidden_request(job: TuningJob) -> Message:
    """Build the message for a channel of approvers that people of another company may read: it names nothing."""
    text = "A start that waited for the yes of an approver no longer waits."
    if _open(job):
        text = (
            "A start waits for the yes of an approver. I do not show it here, because I cannot be sure that only "
            "people of this workspace read this channel. Approvers who have the role by name are asked in direct "
            "messages: `/tune roles give approver @PERSON`"
        )
    return compose(text, [section(text, "approval_request")])


def approval_text(job: TuningJob) -> str:
    """Return why the start waits, what it may cost and until when an approver can decide, as mrkdwn."""
    if job.approval is None:
        return ""
    known = job.spec.estimate
    cost = [cost_sentence(known), certainty_sentence(known)] if known else ["Its price is unknown."]
    nobody = [] if job.approval.targets else ["No approver is named: one who reads this can decide here."]
    words = [job.approval.reason, *cost, *nobody]
    asked = " ".join(escape_line(word, 600) for word in words)
    until = moment(job.approval.expires_at)
    return f"It needs the yes of an approver. {asked} Nothing is started before; without a yes it ends {until}."


def approval_end(job: TuningJob) -> str | None:
    """Return how a start ended that was not approved, as mrkdwn; None for any other job."""
    known = job.approval
    if job.state is not JobState.CANCELLED or known is None or job.cancelled_by or not job.unstarted:
        return None
    if known.declined:
        return f"{mention(known.decided_by)} declined it: {escape_line(known.declined, 600)}"
    return "Nobody approved it in time."


def build_approval_buttons(job: TuningJob) -> list[Block]:
    """Build the buttons of an approver; they are refused, in words, for everybody else."""
    name = shorten(job.name, 50)
    ask = confirm("Approve this start?", f"“{name}” then starts by itself and costs money.", "Approve", "Not now")
    return [
        button("Approve", APPROVE_ACTION, job.key, style="primary", label=f"Approve {name}", ask=ask),
        button("Decline", DECLINE_ACTION, job.key, label=f"Decline {name}"),
    ]


def build_decline_view(job: TuningJob, requester: Requester) -> dict[str, Any]:
    """Build the form in which an approver says why the start is declined."""
    blocks = [
        section(_asked(job), "decline_start"),
        input_block(
            _REASON,
            "Why do you decline it?",
            text_input(_REASON, longest=LONGEST_REASON, multiline=True),
            hint="The person who asked reads this.",
        ),
    ]
    metadata = pack_requester(requester, job=job.key)
    return modal(DECLINE_VIEW, "Decline this start", blocks, submit="Decline", metadata=metadata)


def read_decline_view(view: dict[str, Any]) -> str:
    """Return the reason that was typed."""
    value = view.get("state", {}).get("values", {}).get(_REASON, {}).get(_REASON, {}).get("value")
    return str(value or "")


def _asked(job: TuningJob) -> str:
    rows = count(job.spec.training.examples, "row")
    base = base_model_text(job.spec.base_model)
    asked = f"{mention(job.owner)} asks to tune *{escape_line(job.name, NAME)}*: {rows} on {base}."
    moved = escape_line(moved_sentence(job.spec.base_model), 600) if job.spec.moved_from else ""
    return f"{asked} {moved}".rstrip()


def _open(job: TuningJob) -> bool:
    return job.state is JobState.AWAITING_APPROVAL


def _decision(job: TuningJob) -> str:
    if (end := approval_end(job)) is not None:
        return end
    if job.approval is not None and job.approval.decided_by:
        return f"Approved by {mention(job.approval.decided_by)}."
    return f"Cancelled by {mention(job.cancelled_by)}." if job.cancelled_by else "It needs no approval any more."
