"""Describes a job in short texts, shared by the card, the replies under it and the lists."""

from datetime import datetime

from bot.domain.backend_profile import BackendProfile, HyperparameterRule
from bot.domain.jobs import BY_CEILING, DataStats, Failure, Hyperparameters, JobState, TuningJob
from bot.domain.roles import EVERYONE, is_channel, is_person
from handlers.blocks.formatting import about, count, duration, number, percent, sentence
from handlers.blocks.message import code, escape_line, mention, shorten

_SHOWN_CHANNELS = 20
NAME = 128  # Vertex AI's display names, the longest of the three

# Beside the words, never in their place: colour and pictures alone tell some readers nothing.
_MARKS = {
    JobState.AWAITING_APPROVAL: "✋",
    JobState.WAITING: "⏳",
    JobState.SUBMITTING: "⏳",
    JobState.QUEUED: "⏳",
    JobState.RUNNING: "⚙️",
    JobState.SUCCEEDED: "✅",
    JobState.FAILED: "❌",
    JobState.CANCELLED: "⏹️",
    JobState.LOST: "❓",
}
# Google's states that say no more than our text; any other one is shown next to it.
_PLAIN_AT_GOOGLE = {
    JobState.AWAITING_APPROVAL: {""},
    JobState.WAITING: {""},
    JobState.SUBMITTING: {""},
    JobState.QUEUED: {"", "QUEUED", "PENDING"},
    JobState.RUNNING: {"", "RUNNING", "CREATING"},
    JobState.SUCCEEDED: {"", "SUCCEEDED", "ACTIVE"},
    JobState.FAILED: {"", "FAILED"},
    JobState.CANCELLED: {"", "CANCELLED"},
    JobState.LOST: {""},
}
_WAITS = {
    "WAITING_FOR_QUOTA": "It waits for quota: Google runs only so many tunings of this project at a time.",
    "WAITING_FOR_CAPACITY": "It waits for free machines at Google.",
    "PROCESSING_DATASET": "Google reads and prepares the rows.",
    "POST_PROCESSING": "The training is over, and Google prepares the model to answer.",
}
_LABELS = {
    "epochs": "epochs",
    "batch_size": "batch size",
    "learning_rate": "learning rate",
    "learning_rate_multiplier": "learning rate multiplier",
    "adapter_size": "adapter size",
}


def state_text(job: TuningJob) -> str:
    """Return `running`, `waiting in Google's queue`, `deleted`, ...: one phrase without a full stop."""
    if job.deleted_by:
        return "deleted"
    if job.in_doubt:
        return "in doubt"
    if job.cancelled_by and not job.state.ended:
        return "cancellation requested"
    if job.state is JobState.CANCELLED and job.approval is not None and not job.cancelled_by and job.unstarted:
        return "declined" if job.approval.declined else "not approved in time"
    return job.state.words


def mark(job: TuningJob) -> str:
    """Return one sign for what `state_text` says."""
    if job.deleted_by:
        return "🗑️"
    return "❓" if job.in_doubt else _MARKS[job.state]


def cancel_text(job: TuningJob) -> str:
    """Return the answer to a person who cancelled a job, as plain text."""
    if job.state is JobState.CANCELLED and not job.operation:
        # A backup that was restored may be older than the start; the sweep follows and cancels what Google shows.
        return f"“{job.name}” is cancelled: by my records it was not sent to Google, and nothing is billed."
    if job.state is JobState.SUBMITTING and job.unsent:
        return (
            f"I do not send “{job.name}” to Google. I look whether Google has it all the same, and cancel it then."
        )
    if job.state is JobState.SUBMITTING:
        return f"Google has not confirmed the start of “{job.name}” yet. I cancel it as soon as Google shows it."
    return f"I asked Google to cancel “{job.name}”. {job.problem or 'Its card shows when that is done.'}"


def canceller(job: TuningJob) -> str:
    """Return who cancelled the job, as mrkdwn."""
    if job.cancelled_by == BY_CEILING:
        return "the limit that is set for running tunings"
    return mention(job.cancelled_by)


def cancel_loss(job: TuningJob) -> str:
    """Return what a person loses who cancels the job, as plain text."""
    if job.state.in_bot:
        name = shorten(job.name, NAME)
        return f"By my records “{name}” was not sent to Google: nothing is lost, and nothing is billed."
    return (
        f"Google stops training “{shorten(job.name, NAME)}”. What was trained so far is lost, "
        "and Google may still charge for it."
    )


def delete_loss(job: TuningJob) -> str:
    """Return what a person loses who deletes the job, as plain text."""
    name = f"“{shorten(job.name, NAME)}”"
    if job.in_doubt or job.state is JobState.LOST:
        return (
            f"{name} is removed here and its name is free. If Google does run it, Google charges for it; it comes "
            "back here as soon as Google shows it."
        )
    if not job.tuned_model:
        return f"{name} is removed from the lists. It has no model at Google."
    return f"{name} is deleted at Google and no longer answers. This cannot be undone."


def shown_google_state(job: TuningJob) -> str:
    """Return Google's state where it says more than our text, else an empty text."""
    bare = job.google_state.removeprefix("JOB_STATE_").removeprefix("STATE_").upper()
    return "" if bare in _PLAIN_AT_GOOGLE[job.state] else job.google_state


def waits_text(job: TuningJob) -> str:
    """Return what the job waits for at Google, or what Google does before and after the training; else empty.

    Source: TuningJobState in the discovery document aiplatform v1beta1.
    """
    if job.state not in (JobState.QUEUED, JobState.RUNNING):
        return ""
    return _WAITS.get(job.waits_for, "")


def progress_text(job: TuningJob, profile: BackendProfile | None = None) -> str:
    """Return `step 9 of 23, epoch 2 of 3, 39%`; empty where Google reports nothing."""
    parts = []
    if job.completed_steps is not None:
        of = f" of {job.total_steps:,}" if job.total_steps else ""
        parts.append(f"step {job.completed_steps:,}{of}")
    elif job.total_steps:
        parts.append(f"{count(job.total_steps, 'step')} in all")
    if job.epoch:
        wanted = job.spec.hyperparameters.epochs or (profile.default_epochs if profile else 0)
        parts.append(f"epoch {job.epoch:,}" + (f" of {wanted:,}" if wanted else ""))
    if job.percent is not None:
        parts.append(percent(job.percent))
    return ", ".join(parts)


def elapsed(job: TuningJob, now: datetime) -> float:
    """Return the seconds from the start at Google, or from ours where Google gave none, to the end or to now."""
    return max(0.0, ((job.ended_at or now) - (job.started_at or job.created_at)).total_seconds())


def remaining(job: TuningJob, now: datetime) -> float | None:
    """Return the estimated seconds to the end, from the steps done so far; None before the first step."""
    if job.state is not JobState.RUNNING or not job.total_steps or not job.completed_steps:
        return None
    left = job.total_steps - job.completed_steps
    spent = elapsed(job, job.checked_at or now)
    if left < 0 or spent <= 0:
        return None
    since = max(0.0, (now - (job.checked_at or now)).total_seconds())
    return max(0.0, spent / job.completed_steps * left - since)


def time_text(job: TuningJob, now: datetime) -> str:
    """Return `5 minutes so far, about 8 minutes left.`, `Took 13 minutes.` or `Waiting for 2 minutes.`."""
    spent = duration(elapsed(job, now))
    if job.state.ended:
        return f"Took {spent}." if job.ended_at else ""
    if job.state is not JobState.RUNNING:
        return f"Waiting for {spent}."
    left = remaining(job, now)
    if left is None:
        return f"{spent} so far."
    return f"{spent} so far, " + (f"{about(left)} left." if left >= 1 else "nearly done.")


def hyperparameters_text(chosen: Hyperparameters, profile: BackendProfile | None) -> str:
    """Return `epochs 3, batch size 4 (default), learning rate chosen by Google`."""
    rules = {rule.name: rule for rule in profile.hyperparameters} if profile else {}
    given = chosen.given()
    left_out = {rule.excludes for name, rule in rules.items() if name in given}
    names = [*(name for name in rules if name not in left_out), *(name for name in given if name not in rules)]
    return ", ".join(_hyperparameter(name, given, rules.get(name)) for name in names) or "all chosen by Google"


def _hyperparameter(name: str, given: dict[str, int | float], rule: HyperparameterRule | None) -> str:
    label = _LABELS[name]
    if name in given:
        return f"{label} {number(given[name])}"
    if rule is None or rule.default is None:
        return f"{label} chosen by Google"
    return f"{label} {number(rule.default)} (default)"


def rows_text(job: TuningJob) -> str:
    """Return `15 rows from next_number.jsonl`, as mrkdwn; only the name where the rows are not known."""
    data = job.spec.training
    if not job.spec.is_known:
        return escape_line(data.name, 80)
    held_out = f", {job.spec.held_out:,} of them held out for validation" if job.spec.held_out else ""
    return f"{count(data.examples, 'row')} from {escape_line(data.name, 80)}{held_out}"


def failure_lines(failure: Failure | None) -> list[str]:
    """Return why the job failed and what to do about it, as mrkdwn lines."""
    if failure is None:
        hint = "Try it again. If it fails again, an administrator can open the job in the Google Cloud console."
        return ["Google gave no reason.", f"What to do: {hint}"]
    reason = sentence(escape_line(failure.message, 1_200)) or "none was given."
    # Code 0 is google.rpc.Code's OK: the reason is ours, and the job never reached Google.
    lines = [f"Google's reason: {reason}" if failure.code else f"Reason: {reason}"]
    hint = sentence(escape_line(failure.hint, 600))
    return [*lines, f"What to do: {hint}"] if hint else lines


def data_lines(stats: DataStats, rows: int) -> list[str]:
    """Return what Google says that it trained on, a sentence each, dropped and cut rows first."""
    lines = []
    if stats.dropped:
        why = "; ".join(escape_line(reason, 200) for reason in stats.dropped_reasons[:3])
        whole = count(max(rows, stats.dropped), "row")
        left_out = f"{stats.dropped:,} of {whole}" if rows else count(stats.dropped, "row")
        lines.append(sentence(f"Google left out {left_out}" + (f": {why}" if why else "")))
    if stats.truncated:
        verb = "was" if stats.truncated == 1 else "were"
        lines.append(f"{count(stats.truncated, 'row')} {verb} too long, and Google cut the end off.")
    counted = []
    if stats.examples:
        counted.append(count(stats.examples, "row"))
    if stats.billable_tokens:
        counted.append(count(stats.billable_tokens, "billable token"))
    if stats.steps:
        counted.append(count(stats.steps, "step"))
    if counted:
        lines.append(f"Google trained on {', '.join(counted)}.")
    return lines


def where(profile: BackendProfile) -> str:
    return escape_line(profile.title, 60)


def base_model_text(base_model: str) -> str:
    """A base model, or the last part of a tuned model's resource name, as inline code."""
    return code(base_model.rsplit("/", 1)[-1] if base_model.startswith("projects/") else base_model, 120)


def shared_text(job: TuningJob) -> str:
    """Return with whom the job is shared. People are counted and not named, since each name would notify them."""
    people = sum(is_person(target) for target in job.shared_with)
    parts = ["everyone"] if EVERYONE in job.shared_with else []
    parts += [f"<#{target}>" for target in job.shared_with if is_channel(target)][:_SHOWN_CHANNELS]
    if people:
        parts.append("one person" if people == 1 else f"{people:,} people")
    return ", ".join(parts)


def started_by(job: TuningJob) -> str:
    """Return who started the job, and who checked its file where that was another person."""
    prepared = f", on the report of {mention(job.prepared_by)}" if job.prepared_by else ""
    return mention(job.owner) + prepared
