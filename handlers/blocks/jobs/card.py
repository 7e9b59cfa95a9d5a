"""Builds the job card: one message that is edited until the job ends."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.backend_profile import BackendProfile
from bot.domain.jobs import BY_CEILING, JobState, Snapshot, TuningJob
from bot.spending.month_report import comparison_sentence
from handlers.blocks.elements import context, facts, header, plain, section
from handlers.blocks.formatting import count, moment
from handlers.blocks.jobs.approval_request import approval_end, approval_text
from handlers.blocks.jobs.card_buttons import build_buttons
from handlers.blocks.jobs.loss_curve import (
    LossCurve,
    build_correct_chart,
    build_correct_text,
    build_loss_chart,
    build_loss_text,
)
from handlers.blocks.jobs.queue_place import RunningTuning, queue_text
from handlers.blocks.jobs.wording import (
    NAME,
    base_model_text,
    canceller,
    data_lines,
    failure_lines,
    hyperparameters_text,
    mark,
    progress_text,
    rows_text,
    shared_text,
    shown_google_state,
    started_by,
    state_text,
    time_text,
    waits_text,
    where,
)
from handlers.blocks.message import CONTAINER, Block, Message, code, compose, escape_line, mention, shorten

_BAR = 20


def build_card(
    job: TuningJob,
    profile: BackendProfile,
    snapshots: Sequence[Snapshot],
    now: datetime,
    *,
    native_chart: bool = True,
    with_buttons: bool = True,
    ahead: int = 0,
    running: Sequence[RunningTuning] = (),
) -> Message:
    """Build the card at the time `now`; `native_chart=False` is for workspaces that refuse charts and containers.

    `ahead` is how many jobs start before one that waits in the bot, `running` are those of its backend that do not
    wait any more. `with_buttons=False` is for a place where the buttons would not work, see `bot.people`.
    """
    epochs = job.spec.hyperparameters.epochs or profile.default_epochs
    curve = LossCurve.of(snapshots, epochs, job.total_steps or 0)
    drawn = [
        (build_loss_chart if native_chart else build_loss_text)(curve, "job_losses"),
        (build_correct_chart if native_chart else build_correct_text)(curve, "job_correct"),
    ]
    outcome = _outcome(job, profile, ahead, running)
    blocks = [
        header(f"{mark(job)} {shorten(job.name, 90)}: {state_text(job)}", "job_title"),
        section(_progress(job, profile, curve, now), "job_standing"),
        *(chart for chart in drawn if chart is not None),
        *([section(outcome, "job_outcome")] if outcome else []),
        *(build_buttons(job, profile) if with_buttons else []),
        _details(job, profile, folded=native_chart),
        context(_footer(job), "job_footer"),
    ]
    return compose(_text(job, profile, curve, outcome, now), blocks)


def _details(job: TuningJob, profile: BackendProfile, *, folded: bool) -> Block:
    """Build what few people need; without `folded` it stands open."""
    shown = facts(_facts(job, profile), "job_facts")
    if not folded:
        return shown
    return {
        "type": CONTAINER,
        "block_id": "job_details",
        "title": plain("Details", 150),
        "child_blocks": [shown],
        "is_collapsible": True,
        "default_collapsed": True,
    }


def _progress(job: TuningJob, profile: BackendProfile, curve: LossCurve, now: datetime) -> str:
    progress = progress_text(job, profile)
    lines = [f"*{_capital(state_text(job))}*" + (f" · {progress}" if progress else "")]
    if job.percent is not None and not job.state.ended:
        done = round(job.percent / 100 * _BAR)
        lines.append(f"`{'█' * done}{'░' * (_BAR - done)}`")
    if word := shown_google_state(job):
        lines.append(f"Google calls this state {code(word, 80)}.")
    lines.append(waits_text(job))
    lines.append(time_text(job, now))
    lines.append(curve.text() or _no_loss_yet(job, profile))
    return "\n".join(line for line in lines if line)


def _no_loss_yet(job: TuningJob, profile: BackendProfile) -> str:
    if job.state is not JobState.RUNNING:
        return ""
    if not profile.shows_losses:
        return f"{where(profile)} shows no losses."
    return "Google has not reported a loss yet."


def _data_facts(job: TuningJob, profile: BackendProfile) -> list[tuple[str, str]]:
    if not job.spec.is_known:
        return [("File", rows_text(job))]
    return [
        ("File", f"{rows_text(job)}, SHA-256 {code(job.spec.training.sha256[:12])}"),
        ("Hyperparameters", hyperparameters_text(job.spec.hyperparameters, profile)),
    ]


def _facts(job: TuningJob, profile: BackendProfile) -> list[tuple[str, str]]:
    pairs = [
        ("Started by", started_by(job)),
        ("Base model", f"{base_model_text(job.spec.base_model)} on {where(profile)}"),
        *_data_facts(job, profile),
    ]
    if job.spec.moved_from:
        pairs.append(("Moved from", base_model_text(job.spec.moved_from)))
    if job.spec.validation is not None:
        checked = job.spec.validation
        pairs.append(("Validation file", f"{count(checked.examples, 'row')} from {escape_line(checked.name, 80)}"))
    if job.operation:
        pairs.append(("At Google", _at_google(job, profile)))
    if job.shared_with:
        pairs.append(("Shared with", shared_text(job)))
    return pairs


def _at_google(job: TuningJob, profile: BackendProfile) -> str:
    """Return a link to the job in Google's console, where it has a page there, and the name of its resource."""
    name = code(job.operation, 300)
    url = profile.console_page(job.operation)
    return f"<{url}|Open it in Google Cloud>\n{name}" if url else name


def _outcome(job: TuningJob, profile: BackendProfile, ahead: int, running: Sequence[RunningTuning]) -> str:
    lines = []
    if job.state is JobState.AWAITING_APPROVAL:
        lines.append(approval_text(job))
    if job.state is JobState.WAITING:
        lines.append(queue_text(profile, ahead, running))
    if job.deleted_by:
        lines.append(_deleted(job))
    elif job.state is JobState.CANCELLED:
        lines.append(approval_end(job) or _cancelled(job))
    elif job.cancelled_by and not job.state.ended:
        what = "I ask Google until it stops, which can take a few minutes."
        if job.state is JobState.SUBMITTING:
            what = "I cancel it as soon as Google shows it."
        if job.cancelled_by == BY_CEILING:
            lines.append(f"It has reached {canceller(job)}. {what}")
        else:
            lines.append(f"{mention(job.cancelled_by)} wants it cancelled. {what}")
    if job.state is JobState.SUBMITTING:
        lines += _unconfirmed(job)
    elif job.stuck_at and not job.state.ended:
        lines.append(f"It seems stuck: nothing has moved since {moment(job.moved_at or job.created_at)}.")
    if job.failure is not None or job.state in (JobState.FAILED, JobState.LOST):
        lines += failure_lines(job.failure)
    if job.data_stats is not None:
        lines += data_lines(job.data_stats, job.spec.training.examples)
    if compared := comparison_sentence(job):
        lines.append(escape_line(compared))
    return "\n".join(lines)


def _deleted(job: TuningJob) -> str:
    if job.operation:
        return f"Deleted by {mention(job.deleted_by)}. It no longer answers."
    return f"Removed by {mention(job.deleted_by)}. If Google shows it later, it comes back here."


def _cancelled(job: TuningJob) -> str:
    if not job.cancelled_by:
        return "Cancelled at Google."
    unsent = "" if not job.unstarted else " By my records it was not sent to Google."
    return f"Cancelled by {canceller(job)}.{unsent}"


def _unconfirmed(job: TuningJob) -> list[str]:
    if job.in_doubt:
        return [
            "I do not know whether Google started it, because I cannot look. I keep trying. Its name stays taken, "
            "so that it is not paid twice. If you see that Google does not have it, you can forget it here."
        ]
    if job.search is not None and job.create_sent_at is not None:
        return ["I do not know yet whether Google started it. I keep looking; please do not start it again."]
    return []


def _footer(job: TuningJob) -> str:
    checked = f"Last checked {moment(job.checked_at)}" if job.checked_at else "Not checked yet"
    lines = [f"{checked} · created {moment(job.created_at)}", _trouble(job)]
    return "\n".join(line for line in lines if line)


def _trouble(job: TuningJob) -> str:
    return "" if job.state.ended else escape_line(job.problem, 500)


def _text(job: TuningJob, profile: BackendProfile, curve: LossCurve, outcome: str, now: datetime) -> str:
    progress = progress_text(job, profile)
    parts = [
        f"Tuning {escape_line(job.name, NAME)} ({base_model_text(job.spec.base_model)} on {where(profile)}): "
        f"{state_text(job)}" + (f", {progress}." if progress else "."),
        f"Google calls this state {code(shown_google_state(job), 80)}." if shown_google_state(job) else "",
        waits_text(job),
        time_text(job, now),
        curve.text(),
        outcome.replace("\n", " "),
        f"Started by {started_by(job)} on {rows_text(job)}{_settings_text(job, profile)}.",
        f"Last checked {moment(job.checked_at)}." if job.checked_at else "",
        _trouble(job),
    ]
    return " ".join(part for part in parts if part)


def _settings_text(job: TuningJob, profile: BackendProfile) -> str:
    return f": {hyperparameters_text(job.spec.hyperparameters, profile)}" if job.spec.is_known else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
