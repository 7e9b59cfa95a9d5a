"""Builds the report on a training file and its start, as a view and as a message.

What a person can do next stands on top, then what was found, then what a start would cost.
"""

from collections.abc import Sequence
from typing import Any

from bot.datasets import DatasetReport
from bot.domain.backend_profile import BackendProfile
from bot.domain.jobs import TuningJob
from bot.domain.place import Requester
from bot.domain.requests import Proposal, StartRequest
from bot.errors import BadArgument, BotError
from handlers.blocks.datasets.check_views import build_question, build_way_out
from handlers.blocks.datasets.finding_list import build_findings, findings_text, previews_text, summary_text
from handlers.blocks.datasets.length_chart import build_length_chart, build_length_text
from handlers.blocks.elements import actions, button, context, facts, modal, section
from handlers.blocks.formatting import count, listed, sentence
from handlers.blocks.jobs.wording import NAME, base_model_text, hyperparameters_text, state_text, where
from handlers.blocks.message import Block, Message, compose, escape, escape_line
from handlers.blocks.private_metadata import pack_requester
from handlers.blocks.replies import error_text
from handlers.blocks.start.cost import build_cost, cost_text

REPORT_VIEW = "start_report"
START_ACTION = "report_start"
_VALIDATES = "To validate with: "


def build_report_view(
    report: DatasetReport,
    profile: BackendProfile,
    requester: Requester,
    proposal: Proposal | None,
    *,
    validation: DatasetReport | None = None,
    request: StartRequest | None = None,
    earlier: Sequence[TuningJob] = (),
    obstacle: BotError | None = None,
    confirmation: str = "",
    notes: str = "",
    native_chart: bool = True,
) -> dict[str, Any]:
    """Build the view with the findings, and with “Start tuning” where there is a proposal.

    Its private metadata holds whose view it is and the proposal's id. `confirmation` says why the start needs a
    second yes, `notes` what to know of approvals and budgets. With a `request`, buttons on top say what to do.
    """
    blocks = _files(report, validation, build_way_out(report, request), details=True)
    blocks += _start_or_not(report, profile, proposal, validation, obstacle, confirmation, notes, request)
    chart = (build_length_chart if native_chart else build_length_text)(report, "lengths")
    blocks += [chart] if chart is not None else []
    blocks += [section(previews_text(report.previews), "previews")] if report.previews else []
    blocks += [context(_earlier_words(earlier), "earlier")] if earlier else []
    if proposal is None:
        return modal(REPORT_VIEW, "Not ready to start", blocks, metadata=pack_requester(requester))
    return modal(
        REPORT_VIEW,
        "Ready to start",
        blocks,
        submit="Start tuning",
        close="Not now",
        metadata=pack_requester(requester, proposal=proposal.id),
    )


def build_report_message(
    report: DatasetReport,
    profile: BackendProfile,
    proposal: Proposal | None = None,
    *,
    validation: DatasetReport | None = None,
    request: StartRequest | None = None,
    obstacle: BotError | None = None,
    confirmation: str = "",
    notes: str = "",
) -> Message:
    """Build the report for a thread; the value of its “Start tuning” button is the proposal's id."""
    blocks = _files(report, validation, _question(report, request), details=False)
    blocks += _start_or_not(report, profile, proposal, validation, obstacle, confirmation, notes, request)
    if proposal is not None:
        start = button("Start tuning", START_ACTION, proposal.id, style="primary")
        blocks.append(actions([start], "report_actions"))
    texts: list[str] = []
    for each in (report, validation):
        if each is not None:
            summary = summary_text(each) if each is report else f"{_VALIDATES}{summary_text(each)}"
            texts += filter(None, [summary, findings_text(each)])
    if obstacle is not None:
        texts.append(_obstacle(obstacle))
    if proposal is not None:
        texts.append(_cost(report, profile, proposal))
        if proposal.spec.estimate is not None:
            texts.append(cost_text(proposal.spec.estimate))
    return compose("\n".join(texts), blocks)


def _files(
    report: DatasetReport, validation: DatasetReport | None, way_out: Sequence[Block], *, details: bool
) -> list[Block]:
    blocks = [section(summary_text(report), "training_summary"), *way_out]
    blocks += build_findings(report, "training", details=details)
    if validation is not None:
        blocks.append(section(f"{_VALIDATES}{summary_text(validation)}", "validation_summary"))
        blocks += build_findings(validation, "validation", details=details)
    return blocks


def _question(report: DatasetReport, request: StartRequest | None) -> list[Block]:
    try:
        return build_question(report, request) if request is not None else []
    except BadArgument:
        return []


def _start_or_not(
    report: DatasetReport,
    profile: BackendProfile,
    proposal: Proposal | None,
    validation: DatasetReport | None,
    obstacle: BotError | None,
    confirmation: str,
    notes: str,
    request: StartRequest | None,
) -> list[Block]:
    blocks = [section(_obstacle(obstacle), "report_obstacle")] if obstacle is not None else []
    if proposal is not None:
        return [*blocks, *_start(report, profile, proposal, confirmation, notes)]
    if _question(report, request):
        text = "Nothing was started. Answer the question on top first."
    elif report.ok and (validation is None or validation.ok):
        text = "Nothing was started. When that is put right, check the file again."
    elif report.rows:
        text = "Nothing was started. Put the rows right and check the file again."
    else:
        text = "Nothing was started. Check another file, or this one when that is put right."
    return [*blocks, context(f"{text}{_recommendation(report)}", "report_next")]


def _recommendation(report: DatasetReport) -> str:
    """Return the recommended passes where no price says them."""
    if report.task is None or report.recommended_epochs is None:
        return ""
    fewest, most = report.recommended_epochs
    return f" The file looks like {report.task.value}, for which Google recommends {fewest} to {most} passes."


def _obstacle(obstacle: BotError) -> str:
    """Return why a start would fail whatever the file, or why that could not be checked."""
    kind = "Not checked" if obstacle.passing else "Error"
    return f"*{kind}, not about the file:* {error_text(obstacle)}"


def _start(
    report: DatasetReport, profile: BackendProfile, proposal: Proposal, confirmation: str, notes: str
) -> list[Block]:
    spec = proposal.spec
    pairs = [
        ("Name", escape_line(spec.name, NAME)),
        ("Base model", f"{base_model_text(spec.base_model)} on {where(profile)}"),
        ("Hyperparameters", hyperparameters_text(spec.hyperparameters, profile)),
    ]
    if spec.held_out:
        held_out = f"{count(spec.held_out, 'row')} held out, {spec.trained_examples:,} trained on"
        pairs.append(("Validation", held_out))
    blocks = [facts(pairs, "start_facts"), section(_cost(report, profile, proposal), "start_cost")]
    if spec.estimate is not None:
        blocks += build_cost(spec.estimate, confirmation)
    if notes:
        blocks.append(section(escape_line(notes, 1_500), "start_notes"))
    if profile.notice and not profile.trains_today:
        blocks.append(section(f"*Please note:* {sentence(escape(profile.notice))}", "notice"))
    after = "When you start, Google begins to train and to charge for it. A card in the channel shows how it goes."
    return [*blocks, context(after, "report_next")]


def _cost(report: DatasetReport, profile: BackendProfile, proposal: Proposal) -> str:
    """Return the steps of a start, and its tokens where no price says them."""
    chosen, spec = proposal.spec.hyperparameters, proposal.spec
    steps = profile.steps(spec.trained_examples, chosen)
    parts = [f"{count(steps, 'step')} in all." if steps is not None else "Google chooses the number of steps."]
    if spec.estimate is not None:
        return " ".join(parts)
    epochs = chosen.epochs or profile.default_epochs
    method = escape_line(report.token_method, 120)
    # Rows that are held out are not trained on.
    tokens = -(-report.tokens * spec.trained_examples // report.examples) if report.examples else 0
    if tokens and epochs:
        each = f"{tokens:,} in one pass, {count(epochs, 'pass', 'passes')}; {method}"
        parts.append(f"About {tokens * epochs:,} tokens to train on ({each}).")
    elif tokens:
        parts.append(f"About {tokens:,} tokens in one pass ({method}).")
    return " ".join(parts)


def _earlier_words(jobs: Sequence[TuningJob]) -> str:
    """Return the sentence on jobs that were trained on the same bytes."""
    named = [f"*{escape_line(job.name, NAME)}* ({state_text(job)})" for job in jobs[:3]]
    more = [f"{len(jobs) - 3:,} more"] if len(jobs) > 3 else []
    return f"You tuned on this very file before: {listed([*named, *more])}."
