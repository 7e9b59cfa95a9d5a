"""The reply under a job card when its job has ended: the one message about a job that notifies its owner."""

from typing import assert_never

from bot.domain.backend_profile import BackendProfile
from bot.domain.jobs import JobState, TuningJob
from handlers.blocks.elements import actions, button, section
from handlers.blocks.formatting import duration, sentence
from handlers.blocks.jobs.wording import NAME, data_words, elapsed, failure_words, rows_words, where
from handlers.blocks.message import Block, Message, code, compose, escape_line, mention
from handlers.syntax.commands import quoted

_AGAIN = "You can start again with `/tune`."


def job_ended(job: TuningJob, profile: BackendProfile) -> Message:
    """What came of the job and what to do next. Raises ValueError for a job that has not ended."""
    text = f"{mention(job.owner)} " + "\n".join(_sentences(job, profile))
    return compose(text, [section(text, "ended"), *_buttons(job)])


def _sentences(job: TuningJob, profile: BackendProfile) -> list[str]:
    name = f"*{escape_line(job.name, NAME)}*"
    match job.state:
        case JobState.SUCCEEDED:
            late = ["It ended before Google could cancel it."] if job.cancelled_by else []
            return [_ready(job, name), *late, *_trained_on(job), *_next(job)]
        case JobState.FAILED:
            said = [f"{name} failed on {where(profile)}.", *failure_words(job.failure)]
            return said if job.failure is not None and job.failure.hint else [*said, _AGAIN]
        case JobState.CANCELLED:
            by = f"by {mention(job.cancelled_by)}" if job.cancelled_by else "at Google, not by me"
            return [f"{name} was cancelled {by}.", _AGAIN]
        case JobState.LOST:
            said = [f"{name} is lost: {where(profile)} no longer knows the job."]
            hint = escape_line(job.failure.hint, 600) if job.failure is not None else ""
            return [*said, sentence(hint) or "Look for it in Google's console.", _AGAIN]
        case JobState.SUBMITTING | JobState.QUEUED | JobState.RUNNING:
            raise ValueError(f"{job.key} has not ended: {job.state}")
        case _:
            assert_never(job.state)


def _ready(job: TuningJob, name: str) -> str:
    took = f", after {duration(elapsed(job, job.ended_at))}" if job.ended_at else ""
    return f"{name} is ready: tuned on {rows_words(job)}{took}."


def _trained_on(job: TuningJob) -> list[str]:
    return data_words(job.data_stats, job.spec.training.examples) if job.data_stats is not None else []


def _next(job: TuningJob) -> list[str]:
    if not job.can_answer:
        return ["Google gave it no address to send questions to; look for it in Google's console."]
    return [f"Ask it: {code('/ask model=' + quoted(job.name) + ' your question')}"]


def _buttons(job: TuningJob) -> list[Block]:
    if not job.can_answer:
        return []
    elements = [
        button("Ask it", "job_ask", job.key, style="primary"),
        button("Use in this channel", "job_use", job.key),
    ]
    return [actions(elements, "ended_actions")]
