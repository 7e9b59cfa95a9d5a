"""Asks before a typed command cancels or deletes something; the buttons of a card ask with a dialog of Slack's."""

from bot.domain.jobs import TuningJob
from handlers.blocks.elements import actions, button, section
from handlers.blocks.jobs.card_buttons import CANCEL_ACTION, DELETE_ACTION
from handlers.blocks.jobs.wording import cancel_loss, delete_loss
from handlers.blocks.message import Message, compose, escape, mention

CONFIRM_BLOCK = "confirm_deed"  # the answer to its button takes the place of the question


def build_cancel_question(job: TuningJob) -> Message:
    """Build the question whether to cancel the job, with what is lost."""
    return _question(job, "Cancel this tuning?", cancel_loss(job), "Cancel the tuning", CANCEL_ACTION)


def build_delete_question(job: TuningJob) -> Message:
    """Build the question whether to delete the job's model, with what is lost."""
    yes = "Delete the model" if job.tuned_model else "Remove it"
    return _question(
        job,
        "Delete this model?" if job.tuned_model else "Remove this tuning?",
        delete_loss(job),
        yes,
        DELETE_ACTION,
    )


def _question(job: TuningJob, title: str, loss: str, yes: str, action_id: str) -> Message:
    # Two tunings that the person sees may have one name.
    text = f"*{title}* {escape(loss)} Started by {mention(job.owner)}."
    return compose(
        text,
        [
            section(text, "confirm_loss"),
            actions([button(yes, action_id, job.key, style="danger")], CONFIRM_BLOCK),
        ],
    )
