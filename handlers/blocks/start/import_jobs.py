"""Builds the list of fine-tuning jobs at OpenAI, and the view that waits for one of them."""

from collections.abc import Sequence
from typing import Any

from bot.domain.fine_tuning_job import FineTuningJob
from bot.domain.place import Requester
from handlers.blocks.elements import button, context, modal, section
from handlers.blocks.formatting import count, moment
from handlers.blocks.message import Block, Message, code, compose, escape_line, shorten
from handlers.blocks.private_metadata import pack_requester

IMPORT_ACTION = "import_job"
IMPORTING_ID = "importing"
_NO_KEY = (
    "I have no key for OpenAI: the person who runs me sets it as `OPENAI_API_KEY`. Without it, download the "
    "training file at OpenAI and attach it here: `/tune` reads it as it is."
)
_CLOSING = (
    "OpenAI says that it takes its last new fine-tuning job on 6 January 2027 and switches its tuned models off "
    "on 14 January 2027."
)


def build_import_list(jobs: Sequence[FineTuningJob]) -> Message:
    """Build the list, with a button for each job that has a training file."""
    if not jobs:
        text = "OpenAI has no fine-tuning job for my key."
        return compose(text, [section(text, "no_imports")])
    title = f"*{count(len(jobs), 'fine-tuning job')} at OpenAI*, newest first:"
    blocks: list[Block] = [section(title, "imports")]
    lines = []
    for index, job in enumerate(jobs):
        line = _line(job)
        lines.append(line)
        label = f"Import {shorten(job.suffix or job.id, 60)}"
        action = button("Import", IMPORT_ACTION, job.id, label=label) if job.training_file and job.id else None
        blocks.append(section(line, f"import_{index}", accessory=action))
    blocks.append(context(_CLOSING, "imports_closing"))
    return compose("\n".join([title, *lines, _CLOSING]), blocks)


def build_import_offer(job: FineTuningJob) -> Message:
    """Build the answer to a mention, which can open no form: one job with its button."""
    return build_import_list([job])


def build_no_key() -> Message:
    """Build the answer where the operator set no key."""
    return compose(_NO_KEY, [section(_NO_KEY, "no_key")])


def build_importing_view(requester: Requester) -> dict[str, Any]:
    """Build the view that is shown while OpenAI is asked for a job."""
    text = "I am asking OpenAI for this job. Nothing starts yet."
    return modal(IMPORTING_ID, "Importing", [section(text, "importing")], metadata=pack_requester(requester))


def _line(job: FineTuningJob) -> str:
    parts = [f"*{escape_line(job.suffix or job.id, 80)}*", code(job.base_model or "an unknown model", 60)]
    parts.append(escape_line(job.status or "in an unknown state", 40))
    if job.epochs is not None:
        parts.append(count(job.epochs, "epoch"))
    parts.append("with a validation file" if job.validation_file else "no validation file")
    if job.created_at is not None:
        parts.append(moment(job.created_at))
    return " · ".join(parts) + f"\n{code(job.id, 120)}"
