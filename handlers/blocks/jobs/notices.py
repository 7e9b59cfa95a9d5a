"""The replies under a job card that mention the job's owner: the job ended, or it makes no progress."""

from datetime import UTC, datetime
from typing import assert_never

from bot.domain.backend_profile import BackendProfile
from bot.domain.jobs import JobState, TuningJob
from bot.domain.names import quoted
from bot.spending.retirement import Retirement
from handlers.blocks.elements import actions, button, section
from handlers.blocks.formatting import count, duration, sentence
from handlers.blocks.jobs.approval_request import approval_end
from handlers.blocks.jobs.card_buttons import (
    ASK_ACTION,
    USE_ACTION,
    build_again_button,
    build_cancel_button,
    build_forget_button,
    build_move_button,
    build_successor_button,
)
from handlers.blocks.jobs.wording import (
    NAME,
    canceller,
    data_lines,
    elapsed,
    failure_lines,
    rows_text,
    shared_text,
    where,
)
from handlers.blocks.message import COMMAND_LINE, Block, Message, code, compose, escape_line, mention

_AGAIN = "You can start again with `/tune`."


def build_ended(job: TuningJob, profile: BackendProfile) -> Message:
    """Build the reply with the job's result and the next step. Raises ValueError for a job that has not ended."""
    text = f"{mention(job.owner)} " + "\n".join(_result(job, profile))
    return compose(text, [section(text, "ended"), *_buttons(job)])


def build_deleted(job: TuningJob) -> Message:
    """Build the reply that tells the owner who deleted the model."""
    name, who = f"*{escape_line(job.name, NAME)}*", mention(job.deleted_by)
    if job.operation:
        text = f"{mention(job.owner)} {who} deleted {name}. It no longer answers."
    else:
        text = f"{mention(job.owner)} {who} removed {name} here. If Google shows it later, it comes back."
    return compose(text, [section(text, "deleted")])


def build_approved(job: TuningJob) -> Message:
    """Build the reply that tells the owner who approved the start."""
    by = mention(job.approval.decided_by) if job.approval is not None else "An approver"
    text = f"{mention(job.owner)} {by} approved *{escape_line(job.name, NAME)}*. It starts by itself in its turn."
    return compose(text, [section(text, "approved")])


def build_shared(job: TuningJob) -> Message:
    """Build the reply that tells the owner who changed with whom the job is shared."""
    name, who = f"*{escape_line(job.name, NAME)}*", mention(job.shared_by)
    now = f"It is shared with {shared_text(job)} now." if job.shared_with else "It is shared with nobody now."
    text = f"{mention(job.owner)} {who} changed with whom {name} is shared. {now} Undo it with the button Share."
    return compose(text, [section(text, "shared")])


def build_stuck(job: TuningJob, profile: BackendProfile, now: datetime) -> Message:
    """Build the reply for a job that makes no progress: since when, and what the owner can do."""
    text = f"{mention(job.owner)} " + "\n".join(_standstill(job, profile, now))
    buttons = [each for each in (build_cancel_button(job, profile),) if each is not None]
    if job.in_doubt:
        buttons.append(build_forget_button(job))
    return compose(text, [section(text, "stuck"), *([actions(buttons, "stuck_actions")] if buttons else [])])


def build_retires(
    job: TuningJob, retirement: Retirement, successor: str, now: datetime, *, moves: bool = False
) -> Message:
    """Build the reply that the model's base retires; `successor` is a base model to tune on, empty for none.

    `moves` says that Google can be asked to move the model there.
    """
    today = now.astimezone(UTC).date()
    left = (retirement.retires - today).days
    when = f"in {count(left, 'day')}" if left > 0 else "now"
    name = f"*{escape_line(job.name, NAME)}*"
    parts = [
        f"{mention(job.owner)} Google retires the base model of {name} {when}; then {name} no longer answers.",
        sentence(escape_line(retirement.sentence(today), 400)),
    ]
    if not successor:
        parts.append("I know no other base model on which it could be tuned now.")
        return compose(" ".join(parts), [section(" ".join(parts), "retires")])
    parts.append(f"You can tune the same file on {code(successor, 120)}: the button opens the form, filled in.")
    if moves:
        parts.append("You can also have Google move the model there; nothing starts before you have seen a price.")
    buttons = [build_successor_button(job), *([build_move_button(job)] if moves else [])]
    blocks = [section(" ".join(parts), "retires"), actions(buttons, "retires_actions")]
    return compose(" ".join(parts), blocks)


def build_missing(job: TuningJob, successor: str) -> Message:
    """Build the reply that Google does not find the model; `successor` is as in `build_retires`."""
    text = (
        f"{mention(job.owner)} Google answered 404 to a question to *{escape_line(job.name, NAME)}*: it does not "
        "find the model. Perhaps somebody deleted it at Google, or its base model is retired. I say this once."
    )
    blocks: list[Block] = [section(text, "missing")]
    if successor:
        blocks.append(actions([build_successor_button(job)], "missing_actions"))
    return compose(text, blocks)


def _result(job: TuningJob, profile: BackendProfile) -> list[str]:
    name = f"*{escape_line(job.name, NAME)}*"
    match job.state:
        case JobState.SUCCEEDED:
            late = ["It ended before Google could cancel it."] if job.cancelled_by else []
            return [_ready(job, name), *late, *_trained_on(job), *_next(job)]
        case JobState.FAILED:
            lines = [f"{name} failed on {where(profile)}.", *failure_lines(job.failure)]
            return lines if job.failure is not None and job.failure.hint else [*lines, _AGAIN]
        case JobState.CANCELLED if (end := approval_end(job)) is not None:
            return [f"{name} was not started. {end}", _AGAIN]
        case JobState.CANCELLED:
            by = f"by {canceller(job)}" if job.cancelled_by else "at Google, not by me"
            return [f"{name} was cancelled {by}.", _AGAIN]
        case JobState.LOST:
            hint = escape_line(job.failure.hint, 600) if job.failure is not None else ""
            return [
                f"{name} is lost: {where(profile)} no longer knows the tuning.",
                sentence(hint) or "Look for it in Google's console.",
                f"Its name stays taken until it is deleted: {_typed('/tune delete ' + quoted(job.name))}",
            ]
        case (
            JobState.AWAITING_APPROVAL
            | JobState.WAITING
            | JobState.SUBMITTING
            | JobState.QUEUED
            | JobState.RUNNING
        ):
            raise ValueError(f"{job.key} has not ended: {job.state}")
        case _:
            assert_never(job.state)


def _ready(job: TuningJob, name: str) -> str:
    took = f", after {duration(elapsed(job, job.ended_at))}" if job.ended_at else ""
    return f"{name} is ready: tuned on {rows_text(job)}{took}."


def _trained_on(job: TuningJob) -> list[str]:
    return data_lines(job.data_stats, job.spec.training.examples) if job.data_stats is not None else []


def _next(job: TuningJob) -> list[str]:
    if not job.can_answer:
        return ["Google gave it no address to send questions to; look for it in Google's console."]
    return [f"Ask it: {_typed('/ask model=' + quoted(job.name) + ' your question')}"]


def _typed(line: str) -> str:
    """Return a whole line to type: one that was cut would not work."""
    return code(line, COMMAND_LINE)


def _buttons(job: TuningJob) -> list[Block]:
    passing = job.failure is not None and job.failure.passing
    not_moved = bool(job.spec.moved_from) and job.state is JobState.FAILED
    if (passing or not_moved) and (again := build_again_button(job)):
        return [actions([again], "ended_actions")]
    if not job.can_answer:
        return []
    elements = [
        button("Ask it", ASK_ACTION, job.key, style="primary"),
        button("Use in this channel", USE_ACTION, job.key),
    ]
    return [actions(elements, "ended_actions")]


def _standstill(job: TuningJob, profile: BackendProfile, now: datetime) -> list[str]:
    name = f"*{escape_line(job.name, NAME)}*"
    if job.in_doubt:
        return [
            f"{name} is in doubt: I do not know whether {where(profile)} started it, and I cannot look.",
            escape_line(job.problem, 600),
            "I keep trying, and follow it when Google shows it. If you see that Google does not have it, "
            "forget it: then you can start it again.",
        ]
    since = duration((now - (job.moved_at or job.created_at)).total_seconds())
    step = "cancel it and start again" if profile.can_cancel else "start again, as this one cannot be cancelled"
    advice = (
        f"Google queues tunings behind others and may take hours. If nothing moves by tomorrow, {step}. "
        "I keep checking, and tell you when it ends."
    )
    if job.state is JobState.QUEUED:
        found = f"{name} seems stuck: it has waited in the queue of {where(profile)} for {since}."
    elif job.completed_steps:
        done = count(job.completed_steps, "step")
        found = f"{name} seems stuck: {where(profile)} has shown no new step for {since}, after {done}."
    else:
        found = f"{name} seems stuck: {where(profile)} says that it runs, but has shown no step for {since}."
    return [found, advice]
