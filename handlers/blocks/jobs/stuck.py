"""The reply under a job card when its job stands still: it mentions the owner, once for each standstill."""

from datetime import datetime

from bot.domain.backend_profile import BackendProfile
from bot.domain.jobs import JobState, TuningJob
from handlers.blocks.elements import actions, section
from handlers.blocks.formatting import count, duration
from handlers.blocks.jobs.card import cancel_button
from handlers.blocks.jobs.wording import NAME, where
from handlers.blocks.message import Block, Message, compose, escape_line, mention


def job_stuck(job: TuningJob, profile: BackendProfile, now: datetime) -> Message:
    """What stands still, since when, and what can be done about it."""
    text = f"{mention(job.owner)} " + "\n".join(_sentences(job, profile, now))
    button = cancel_button(job, profile)
    return compose(text, [section(text, "stuck"), *([_row(button)] if button else [])])


def _row(button: Block) -> Block:
    return actions([button], "stuck_actions")


def _sentences(job: TuningJob, profile: BackendProfile, now: datetime) -> list[str]:
    name = f"*{escape_line(job.name, NAME)}*"
    since = duration((now - (job.moved_at or job.created_at)).total_seconds())
    what = "cancel it and start again" if profile.can_cancel else "start again, as this one cannot be cancelled"
    advice = (
        f"Google queues tunings behind others and may take hours. If nothing moves by tomorrow, {what}. "
        "I go on looking, and tell you when it ends."
    )
    if job.state is JobState.QUEUED:
        said = f"{name} seems stuck: it has waited in the queue of {where(profile)} for {since}."
    elif job.completed_steps:
        done = count(job.completed_steps, "step")
        said = f"{name} seems stuck: {where(profile)} has shown no new step for {since}, after {done}."
    else:
        said = f"{name} seems stuck: {where(profile)} says that it runs, but has shown no step for {since}."
    return [said, advice]
