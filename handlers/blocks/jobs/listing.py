"""Builds the lists of jobs and of tuned models, within the length of one message."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.jobs import TuningJob
from bot.domain.names import quoted, written_name
from bot.domain.operations import TunedModel
from handlers.blocks.elements import button, context, section
from handlers.blocks.formatting import count, moment, sentence
from handlers.blocks.jobs.card_buttons import ASK_ACTION
from handlers.blocks.jobs.wording import (
    NAME,
    base_model_text,
    mark,
    progress_text,
    shown_google_state,
    state_text,
    time_text,
)
from handlers.blocks.message import COMMAND_LINE, Block, Message, code, compose, escape_line, shorten

_LONGEST_ASK = 350
SHOWN = 15  # each up to 700 characters; a message takes 13,200


def build_job_list(
    jobs: Sequence[TuningJob], now: datetime, total: int = 0, *, under_way: bool = False
) -> Message:
    """Build the list of jobs in the given order, each with its state and, where it can answer, a button to ask it.

    `total` also counts the jobs that are not in `jobs`; `under_way` says that only open ones were asked for.
    Owners are not named: a list in a thread would notify each of them.
    """
    if not jobs:
        text = "Nothing here yet. Tune a model with `/tune`."
        if under_way:
            text = "No tuning that you can see is under way. See those that have ended with `/tune list`."
        return compose(text, [section(text, "jobs_none")])
    lines = [_job(job, now) for job in jobs[:SHOWN]]
    blocks = [
        section(line, f"job_{index}", accessory=_ask(job))
        for index, (job, line) in enumerate(zip(jobs, lines, strict=False))
    ]
    total = max(total, len(jobs))
    return _bounded(count(total, "tuning"), lines, blocks, total, [])


def build_model_list(
    models: Sequence[TunedModel], jobs: Sequence[TuningJob], problems: Sequence[str] = ()
) -> Message:
    """Build the list of models as Google returns them, and mark those that were tuned in this workspace."""
    notes = [sentence(escape_line(problem, 300)) for problem in problems[:3]]
    if not models:
        text = "Google lists no tuned models." if not problems else "I could not list all tuned models."
        return compose("\n".join([text, *notes]), [section("\n".join([text, *notes]), "models_none")])
    made = {resource: job for job in jobs for resource in (job.tuned_model, job.endpoint) if resource}
    lines = [_model(model, made.get(model.resource) or made.get(model.endpoint)) for model in models[:SHOWN]]
    blocks = [section(line, f"model_{index}") for index, line in enumerate(lines)]
    return _bounded(count(len(models), "tuned model"), lines, blocks, len(models), notes)


def _bounded(what: str, lines: list[str], blocks: list[Block], total: int, notes: list[str]) -> Message:
    if total > len(lines):
        notes = [f"And {total - len(lines):,} more.", *notes]
    closing = [context("\n".join(notes), "list_notes")] if notes else []
    text = "\n".join([f"{what}:", *lines, *notes])
    return compose(text, [*blocks, *closing])


def _job(job: TuningJob, now: datetime) -> str:
    progress = progress_text(job) if not job.state.ended else ""
    state = state_text(job) + (f" ({code(shown_google_state(job), 40)})" if shown_google_state(job) else "")
    first = f"{mark(job)} *{escape_line(job.name, NAME)}* · {state}" + (f" · {progress}" if progress else "")
    rows = f"{count(job.spec.training.examples, 'row')} · " if job.spec.is_known else ""
    second = f"{base_model_text(job.spec.base_model)} · {rows}{moment(job.created_at)}"
    spent = time_text(job, now)
    return f"{first}\n{second}" + (f" · {spent}" if spent else "")


def _ask(job: TuningJob) -> Block | None:
    if not job.can_answer:
        return None
    return button("Ask it", ASK_ACTION, job.key, label=f"Ask it: {shorten(job.name, 60)}")


def _model(model: TunedModel, job: TuningJob | None) -> str:
    name = model.display_name if written_name(model.display_name) else model.resource
    parts = [f"*{escape_line(name, NAME)}*", escape_line(model.backend, 40)]
    if model.state:
        parts.append(code(model.state, 40))
    if model.base_model:
        parts.append(f"from {base_model_text(model.base_model)}")
    if model.created_at is not None:
        parts.append(moment(model.created_at))
    if job is not None:
        parts.append("tuned in this workspace")
        name = job.name
    # A name of which each character is escaped would take the room of other models.
    lines = (code(f"/ask model={quoted(each)} your question", COMMAND_LINE) for each in (name, model.resource))
    ask = next((line for line in lines if len(line) <= _LONGEST_ASK), "")
    return " · ".join(parts) + f"\n{ask}".rstrip()
