"""Builds the buttons of a job, on its card and under its end."""

from bot.domain.backend_profile import BackendProfile
from bot.domain.jobs import JobState, TuningJob
from handlers.blocks.elements import actions, button, confirm
from handlers.blocks.jobs.approval_request import build_approval_buttons
from handlers.blocks.jobs.wording import cancel_loss, delete_loss
from handlers.blocks.message import Block, shorten

CANCEL_ACTION = "job_cancel"
REFRESH_ACTION = "job_refresh"
BUTTONS_BLOCK = "job_actions"
ASK_ACTION = "job_ask"
USE_ACTION = "job_use"
SUCCESSOR_ACTION = "job_successor"
MOVE_ACTION = "job_move"
SHARE_ACTION = "job_share"
DELETE_ACTION = "job_delete"
AGAIN_ACTION = "job_again"
TUNE_AGAIN_ACTION = "job_tune_again"


def build_cancel_button(job: TuningJob, profile: BackendProfile) -> Block | None:
    """Build the button, or return None where the job or its backend cannot be cancelled."""
    if job.state.ended or not profile.can_cancel or job.cancelled_by:
        return None
    ask = confirm(
        "Cancel this tuning?",
        cancel_loss(job),
        "Cancel the tuning",
        "Let it run",
        danger=True,
    )
    label = f"Cancel {shorten(job.name, 50)}"
    return button("Cancel", CANCEL_ACTION, job.key, style="danger", label=label, ask=ask)


def build_forget_button(job: TuningJob) -> Block:
    """Build the button that removes a job here of which nobody knows whether Google runs it."""
    ask = confirm(
        "Forget this tuning?",
        delete_loss(job),
        "Forget it",
        "Keep looking",
        danger=True,
    )
    return button("Forget it", DELETE_ACTION, job.key, label=f"Forget {shorten(job.name, 50)}", ask=ask)


def build_again_button(job: TuningJob) -> Block | None:
    """Build the button that checks the same start again; None unless the job failed or was cancelled.

    Where Google did not move a model, the button offers to train on the same file instead.
    """
    if job.state not in (JobState.FAILED, JobState.CANCELLED) or job.deleted_by:
        return None
    passing = job.failure is not None and job.failure.passing
    if job.spec.moved_from and job.state is JobState.FAILED and not passing:
        label = f"Tune the file instead: {shorten(job.name, 50)}"
        return button("Tune the file instead", TUNE_AGAIN_ACTION, job.key, style="primary", label=label)
    label = f"Try again: {shorten(job.name, 50)}"
    return button("Try again", AGAIN_ACTION, job.key, style="primary" if passing else "", label=label)


def build_tune_again_button(job: TuningJob) -> Block:
    """Build the button that opens the form with the same file and settings."""
    return button("Tune again", TUNE_AGAIN_ACTION, job.key, label=f"Tune again: {shorten(job.name, 50)}")


def build_successor_button(job: TuningJob) -> Block:
    """Build the button that opens the form with the same file on another base model."""
    label = f"Tune on a successor: {shorten(job.name, 50)}"
    return button("Tune on a successor", SUCCESSOR_ACTION, job.key, label=label)


def build_move_button(job: TuningJob) -> Block:
    """Build the button that opens the form to have Google move the model to another base model."""
    return button(
        "Move to a successor", MOVE_ACTION, job.key, label=f"Move to a successor: {shorten(job.name, 50)}"
    )


def build_buttons(job: TuningJob, profile: BackendProfile) -> list[Block]:
    """Build the row of buttons on the card, or nothing where there is nothing to do."""
    if job.deleted_by:
        return []
    name = shorten(job.name, 50)
    elements = []
    if job.state is JobState.AWAITING_APPROVAL:
        elements += build_approval_buttons(job)
    if not job.state.ended:
        elements.append(button("Refresh", REFRESH_ACTION, job.key, label=f"Refresh {name}"))
        if cancel := build_cancel_button(job, profile):
            elements.append(cancel)
    if again := build_again_button(job):
        elements.append(again)
    if job.can_answer:
        elements.append(button("Ask it", ASK_ACTION, job.key, style="primary", label=f"Ask it: {name}"))
        elements.append(button("Use in this channel", USE_ACTION, job.key, label=f"Use in this channel: {name}"))
        elements.append(button("Share", SHARE_ACTION, job.key, label=f"Share {name}"))
        successor = job.retirement_told is not None
        if successor and profile.moves_tuned_models and job.tuned_model:
            elements.append(build_move_button(job))
        if successor:
            elements.append(build_successor_button(job))
    offered = {element["action_id"] for element in elements}
    if job.state.ended and job.state is not JobState.LOST and not offered & {SUCCESSOR_ACTION, TUNE_AGAIN_ACTION}:
        elements.append(build_tune_again_button(job))
    if job.in_doubt or job.state is JobState.LOST:
        elements.append(build_forget_button(job))
    elif job.state.ended and job.tuned_model:
        ask = confirm(
            "Delete this model?",
            delete_loss(job),
            "Delete the model",
            "Keep it",
            danger=True,
        )
        elements.append(button("Delete", DELETE_ACTION, job.key, style="danger", label=f"Delete {name}", ask=ask))
    return [actions(elements, BUTTONS_BLOCK)] if elements else []
