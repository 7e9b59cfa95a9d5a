"""The job card: one message that is edited for as long as a job lives."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.backend_profile import BackendProfile
from bot.domain.jobs import JobState, Snapshot, TuningJob
from handlers.blocks.elements import actions, button, confirm, context, facts, header, section
from handlers.blocks.formatting import count, moment
from handlers.blocks.jobs.loss_curve import LossCurve, loss_chart, loss_words
from handlers.blocks.jobs.wording import (
    NAME,
    base_words,
    data_words,
    failure_words,
    google_word,
    hyperparameter_words,
    progress_words,
    rows_words,
    state_words,
    time_words,
    where,
)
from handlers.blocks.message import Block, Message, code, compose, escape_line, mention, shorten

_BAR = 20


def job_card(
    job: TuningJob,
    profile: BackendProfile,
    snapshots: Sequence[Snapshot],
    now: datetime,
    *,
    native_chart: bool = True,
) -> Message:
    """The card as it stands at `now`; where Slack refuses its chart block, `native_chart=False` draws in words."""
    curve = LossCurve.of(snapshots)
    chart = (loss_chart if native_chart else loss_words)(curve, "job_losses")
    outcome = _outcome(job)
    blocks = [
        header(f"{shorten(job.name, 90)}: {state_words(job)}", "job_title"),
        section(_standing(job, profile, curve, now), "job_standing"),
        facts(_facts(job, profile), "job_facts"),
        *([chart] if chart else []),
        *([section(outcome, "job_outcome")] if outcome else []),
        *_buttons(job, profile),
        context(_footer(job), "job_footer"),
    ]
    return compose(_text(job, profile, curve, outcome, now), blocks)


def _standing(job: TuningJob, profile: BackendProfile, curve: LossCurve, now: datetime) -> str:
    progress = progress_words(job, profile)
    lines = [f"*{_capital(state_words(job))}*" + (f" · {progress}" if progress else "")]
    if job.percent is not None and not job.state.ended:
        done = round(job.percent / 100 * _BAR)
        lines.append(f"`{'█' * done}{'░' * (_BAR - done)}`")
    if word := google_word(job):
        lines.append(f"Google calls this state {code(word, 80)}.")
    lines.append(time_words(job, now))
    lines.append(curve.in_words() or _no_loss_yet(job, profile))
    return "\n".join(line for line in lines if line)


def _no_loss_yet(job: TuningJob, profile: BackendProfile) -> str:
    if job.state is not JobState.RUNNING:
        return ""
    if not profile.shows_losses:
        return f"{where(profile)} shows no losses."
    return "Google has not reported a loss yet."


def _facts(job: TuningJob, profile: BackendProfile) -> list[tuple[str, str]]:
    pairs = [
        ("Started by", mention(job.owner)),
        ("Base model", f"{base_words(job.spec.base_model)} on {where(profile)}"),
        ("Training data", f"{rows_words(job)}, SHA-256 {code(job.spec.training.sha256[:12])}"),
        ("Hyperparameters", hyperparameter_words(job.spec.hyperparameters, profile)),
    ]
    if job.spec.validation is not None:
        checked = job.spec.validation
        pairs.append(("Validation data", f"{count(checked.examples, 'row')} from {escape_line(checked.name, 80)}"))
    return pairs


def _outcome(job: TuningJob) -> str:
    lines = []
    if job.deleted_by:
        lines.append(f"Deleted by {mention(job.deleted_by)}. It answers no more.")
    elif job.state is JobState.CANCELLED:
        lines.append(f"Cancelled by {mention(job.cancelled_by)}." if job.cancelled_by else "Cancelled at Google.")
    elif job.cancelled_by and not job.state.ended:
        who = mention(job.cancelled_by)
        lines.append(f"{who} wants it cancelled. I ask Google until it stops, which can take a few minutes.")
    if job.stuck_at and not job.state.ended:
        lines.append(f"It seems stuck: nothing has moved since {moment(job.moved_at or job.created_at)}.")
    if job.failure is not None or job.state in (JobState.FAILED, JobState.LOST):
        lines += failure_words(job.failure)
    if job.data_stats is not None:
        lines += data_words(job.data_stats, job.spec.training.examples)
    return "\n".join(lines)


def cancel_button(job: TuningJob, profile: BackendProfile) -> Block | None:
    """None where there is nothing to cancel, or no way to."""
    under_way = not job.state.ended and job.state is not JobState.SUBMITTING
    if not under_way or not profile.can_cancel or job.cancelled_by:
        return None
    ask = confirm(
        "Cancel this tuning?",
        f"Google stops training {shorten(job.name, NAME)}. What was trained so far is lost, "
        "and Google may still charge for it.",
        "Cancel the tuning",
        "Let it run",
        danger=True,
    )
    label = f"Cancel {shorten(job.name, 50)}"
    return button("Cancel", "job_cancel", job.key, style="danger", label=label, ask=ask)


def _buttons(job: TuningJob, profile: BackendProfile) -> list[Block]:
    if job.deleted_by:
        return []
    name = shorten(job.name, 50)
    elements = []
    if not job.state.ended:
        elements.append(button("Refresh", "job_refresh", job.key, label=f"Refresh {name}"))
        if cancel := cancel_button(job, profile):
            elements.append(cancel)
    if job.can_answer:
        elements.append(button("Ask it", "job_ask", job.key, style="primary", label=f"Ask it: {name}"))
        elements.append(button("Use in this channel", "job_use", job.key, label=f"Use in this channel: {name}"))
    if job.state.ended and job.tuned_model:
        ask = confirm(
            "Delete this model?",
            f"{shorten(job.name, NAME)} is deleted at Google and answers no more. This cannot be undone.",
            "Delete the model",
            "Keep it",
            danger=True,
        )
        elements.append(button("Delete", "job_delete", job.key, style="danger", label=f"Delete {name}", ask=ask))
    return [actions(elements, "job_actions")] if elements else []


def _footer(job: TuningJob) -> str:
    checked = f"Last checked {moment(job.checked_at)}" if job.checked_at else "Not checked yet"
    lines = [f"{checked} · created {moment(job.created_at)}", _trouble(job)]
    return "\n".join(line for line in lines if line)


def _trouble(job: TuningJob) -> str:
    return "" if job.state.ended else escape_line(job.problem, 500)


def _text(job: TuningJob, profile: BackendProfile, curve: LossCurve, outcome: str, now: datetime) -> str:
    progress = progress_words(job, profile)
    parts = [
        f"Tuning {escape_line(job.name, NAME)} ({base_words(job.spec.base_model)} on {where(profile)}): "
        f"{state_words(job)}" + (f", {progress}." if progress else "."),
        f"Google calls this state {code(google_word(job), 80)}." if google_word(job) else "",
        time_words(job, now),
        curve.in_words(),
        outcome.replace("\n", " "),
        f"Started by {mention(job.owner)} on {rows_words(job)}: "
        f"{hyperparameter_words(job.spec.hyperparameters, profile)}.",
        f"Last checked {moment(job.checked_at)}." if job.checked_at else "",
        _trouble(job),
    ]
    return " ".join(part for part in parts if part)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
