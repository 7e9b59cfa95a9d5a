"""Builds the report on a training file and its start, as a view and as a message, and the views around it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bot.datasets import DatasetReport, Finding, Preview
from bot.domain.backend_profile import BackendProfile
from bot.domain.datasets import Dialect
from bot.domain.jobs import TuningJob
from bot.domain.place import Requester
from bot.domain.requests import Proposal, StartRequest
from bot.errors import BadArgument, BotError
from bot.tuning.dataset_repair import RepairedFiles
from handlers.blocks.datasets.length_chart import build_length_chart, build_length_text
from handlers.blocks.elements import actions, button, context, facts, modal, section
from handlers.blocks.formatting import count, listed, sentence
from handlers.blocks.jobs.wording import NAME, base_model_text, hyperparameters_text, state_text, where
from handlers.blocks.message import Block, Message, code, compose, escape, escape_line
from handlers.blocks.private_metadata import pack_request, pack_requester
from handlers.blocks.replies import error_text
from handlers.blocks.start.cost import build_cost, cost_text

REPORT_VIEW = "start_report"
CHECKING_ID = "checking"
ERROR_ID = "start_error"
AGAIN_ACTION = "form_again"
REPAIR_ACTION = "report_repair"
START_ACTION = "report_start"
_SHOWN_IN_VIEW = 30
_SHOWN_IN_MESSAGE = 5  # of each file, at up to 1,000 characters; a message takes 13,200 over all its blocks
_FINDING = 380
_PREVIEWED = 200

_DIALECTS = {
    Dialect.GEMINI: "Gemini API examples (text_input, output)",
    Dialect.PALM: "PaLM examples (input_text, output_text)",
    Dialect.MESSAGES: "Gemini 1.0 messages (role, content)",
    Dialect.VERTEX: "Gemini on Vertex AI (contents)",
    Dialect.PREFERENCE: "preference pairs (contents, completions)",
    Dialect.OPENAI: "OpenAI chat (messages)",
    Dialect.PROMPT: "prompt and completion",
    Dialect.SHAREGPT: "ShareGPT (conversations)",
    Dialect.ALPACA: "Alpaca (instruction, input, output)",
    Dialect.CLAUDE: "Claude (system, messages)",
    Dialect.TRL: "preference pairs (prompt, chosen, rejected)",
    Dialect.MAPPED: "keys that you named",
}


def build_checking_view(name: str, percent: int = 0) -> dict[str, Any]:
    """Build the view that is shown while the file is checked; closing it stops the check."""
    text = (
        f"I am checking {escape_line(name, NAME)}. For a large file this can take a minute. Nothing starts yet. "
        "If you close this, I stop."
    )
    progress = [context(f"{percent}% read.", "checked")] if percent else []
    return modal(
        CHECKING_ID,
        "Checking the file",
        [section(text, "checking"), *progress],
        close="Stop",
        notify_on_close=True,
    )


def build_stopped_message() -> Message:
    """Build the message to a person who closed the view of a check."""
    text = "I stopped checking your file, because you closed its window. Nothing was started."
    return compose(text, [section(text, "stopped")])


def build_repairing_view(requester: Requester) -> dict[str, Any]:
    """Build the view that is shown while the file is repaired."""
    text = (
        "I am repairing the file. I post both files in the channel: the repaired one, and the rows left out. "
        "You can close this."
    )
    return modal(
        CHECKING_ID, "Repairing the file", [section(text, "repairing")], metadata=pack_requester(requester)
    )


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
    native_chart: bool = True,
) -> dict[str, Any]:
    """Build the view with the findings, and with “Start tuning” where there is a proposal.

    Its private metadata holds whose view it is and the proposal's id. `confirmation` says why the start needs a
    second yes. With a `request`, a button opens the form again, filled in.
    """
    blocks = _blocks(report, profile, proposal, validation, obstacle, confirmation, _SHOWN_IN_VIEW)
    chart = (build_length_chart if native_chart else build_length_text)(report, "lengths")
    blocks += [chart] if chart is not None else []
    blocks += [section(_previews(report.previews), "previews")] if report.previews else []
    blocks += [context(_earlier_words(earlier), "earlier")] if earlier else []
    blocks += _choices(report, request)
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
    obstacle: BotError | None = None,
    confirmation: str = "",
) -> Message:
    """Build the report for a thread; the value of its “Start tuning” button is the proposal's id."""
    blocks = _blocks(report, profile, proposal, validation, obstacle, confirmation, _SHOWN_IN_MESSAGE)
    if proposal is not None:
        start = button("Start tuning", START_ACTION, proposal.id, style="primary")
        blocks.append(actions([start], "report_actions"))
    texts: list[str] = []
    for each in (report, validation):
        if each is not None:
            texts += [_summary(each), *(_finding(one, each.unit) for one in _found(each)[:_SHOWN_IN_MESSAGE])]
    if obstacle is not None:
        texts.append(_obstacle(obstacle))
    if proposal is not None:
        texts.append(_cost(report, profile, proposal))
        if proposal.spec.estimate is not None:
            texts.append(cost_text(proposal.spec.estimate))
    return compose("\n".join(texts), blocks)


def build_error_view(error: BotError, requester: Requester, request: StartRequest | None = None) -> dict[str, Any]:
    """Build the view that replaces a failed one; with a `request`, a button opens the form again, filled in."""
    blocks = [section(error_text(error), "error"), *_choices(None, request)]
    return modal(ERROR_ID, "That did not work", blocks, metadata=pack_requester(requester))


def build_message_view(message: Message) -> dict[str, Any]:
    """Build a view that shows a message."""
    return modal(ERROR_ID, "That did not work", list(message.blocks))


def build_repaired_message(repaired: RepairedFiles) -> Message:
    """Build the message above both files of a repair: how many rows were kept, repaired and left out."""
    kept = f"*{escape_line(repaired.name, 100)}* repaired: {count(repaired.kept, 'row')} kept"
    if repaired.repaired:
        kept += f", {repaired.repaired:,} of them repaired"
    if repaired.rejected:
        left_out = f" {count(repaired.rejected, 'row')} left out"
    else:
        left_out = " No row left out" if repaired.cut_turns else " Nothing left out"
    if repaired.duplicates:
        left_out += f", {count(repaired.duplicates, 'duplicate')} among them"
    if repaired.cut_turns:
        left_out += f". {count(repaired.cut_turns, 'turn')} without an answer cut off"
    text = f"{kept}.{left_out}. Both files are in this thread; each row that was left out says why."
    return compose(text, [section(text, "repaired")])


def nothing_kept(repaired: RepairedFiles) -> str:
    """Return the sentence for a file in which no row can be kept."""
    return f"No row of {repaired.name} can be tuned on as it is, so there is nothing to repair it to."


def _blocks(
    report: DatasetReport,
    profile: BackendProfile,
    proposal: Proposal | None,
    validation: DatasetReport | None,
    obstacle: BotError | None,
    confirmation: str,
    most: int,
) -> list[Block]:
    blocks = _report(report, "training", most)
    if validation is not None:
        blocks += _report(validation, "validation", most)
    if obstacle is not None:
        blocks.append(section(_obstacle(obstacle), "report_obstacle"))
    if proposal is not None:
        blocks += _start(report, profile, proposal, confirmation)
    elif report.ok and (validation is None or validation.ok):
        text = "Nothing was started. When that is put right, check the file again."
        blocks.append(context(text, "report_next"))
    else:
        blocks.append(context("Nothing was started. Put the rows right and check the file again.", "report_next"))
    return blocks


def _obstacle(obstacle: BotError) -> str:
    """Return why a start would fail whatever the file, or why that could not be checked."""
    kind = "Not checked" if obstacle.passing else "Error"
    return f"*{kind}, not about the file:* {error_text(obstacle)}"


def _found(report: DatasetReport) -> list[Finding]:
    """Return the errors, which prevent a start, before the warnings."""
    return [*report.errors, *report.warnings]


def _report(report: DatasetReport, prefix: str, most: int) -> list[Block]:
    found = _found(report)
    shown = found[:most]
    blocks = [section(_summary(report), f"{prefix}_summary")]
    blocks += [
        section(_finding(each, report.unit), f"{prefix}_finding_{index}") for index, each in enumerate(shown)
    ]
    if len(found) > len(shown):
        more = count(len(found) - len(shown), "more finding")
        blocks.append(context(f"And {more}.", f"{prefix}_more"))
    return blocks


def _summary(report: DatasetReport) -> str:
    name = f"*{escape_line(report.name, 100)}*"
    if report.dialect is None:
        keys = listed(code(key, 40) for key in report.keys[:8])
        rows = f"{name}: {count(report.rows, 'row')}, in no form that I know."
        if keys:
            rows += f" The keys are {keys}."
        if report.guessed_mapping is not None:
            guess = report.guessed_mapping
            rows += f" My guess: input {code(guess.input, 60)}, output {code(guess.output, 60)}."
        return rows
    usable = "all" if report.examples == report.rows else f"{report.examples:,} of them"
    form = _DIALECTS[report.dialect]
    if report.mapping is not None:
        form = f"input {code(report.mapping.input, 60)}, output {code(report.mapping.output, 60)}"
    return f"{name}: {count(report.rows, 'row')}, {usable} fit to tune on. Form: {form}."


def _previews(previews: Sequence[Preview]) -> str:
    """Return the first examples as the model will see them; only the view shows them, and no channel."""
    lines = ["*The first examples, as the model will see them:*"]
    for preview in previews:
        before = f" (after {count(preview.earlier, 'earlier turn')})" if preview.earlier else ""
        lines += [f"*System:* {escape_line(preview.system, _PREVIEWED)}"] if preview.system else []
        lines.append(f"*Question{before}:* {escape_line(preview.question, _PREVIEWED)}")
        lines.append(f"*Answer:* {escape_line(preview.answer, _PREVIEWED)}")
    return "\n".join(lines)


def _finding(finding: Finding, unit: str) -> str:
    """Return one finding; one without lines is about the whole file."""
    kind = finding.severity.value.capitalize()
    if finding.lines:
        lines = [f"{line:,}" for line in finding.lines[:5]]
        more = finding.count - len(lines)
        if more > 0:
            lines.append(f"{more:,} more")
        place = f" in {unit if finding.count == 1 else unit + 's'} {listed(lines)}"
    else:
        place = ""
    parts = [f"*{kind}{place}:* {sentence(escape_line(finding.message, _FINDING))}"]
    if finding.value:
        parts.append(f"Found: {code(finding.value, 80)}.")
    if finding.advice:
        parts.append(sentence(escape_line(finding.advice, _FINDING)))
    return " ".join(parts)


def _start(report: DatasetReport, profile: BackendProfile, proposal: Proposal, confirmation: str) -> list[Block]:
    spec = proposal.spec
    pairs = [
        ("Name", escape_line(spec.name, NAME)),
        ("Base model", f"{base_model_text(spec.base_model)} on {where(profile)}"),
        ("Hyperparameters", hyperparameters_text(spec.hyperparameters, profile)),
    ]
    if spec.held_out:
        held_out = f"{count(spec.held_out, 'example')} held out, {spec.trained_examples:,} trained on"
        pairs.append(("Validation", held_out))
    blocks = [facts(pairs, "start_facts"), section(_cost(report, profile, proposal), "start_cost")]
    if spec.estimate is not None:
        blocks += build_cost(spec.estimate, confirmation)
    if profile.notice and not profile.trains_today:
        blocks.append(section(f"*Please note:* {sentence(escape(profile.notice))}", "notice"))
    after = "When you start, Google begins to train and to charge for it. A card in the channel shows how it goes."
    return [*blocks, context(after, "report_next")]


def _cost(report: DatasetReport, profile: BackendProfile, proposal: Proposal) -> str:
    chosen = proposal.spec.hyperparameters
    steps = profile.steps(proposal.spec.trained_examples, chosen)
    parts = [f"{count(steps, 'step')} in all." if steps is not None else "Google chooses the number of steps."]
    if proposal.spec.estimate is not None:
        return " ".join(parts)
    epochs = chosen.epochs or profile.default_epochs
    method = escape_line(report.token_method, 120)
    if report.tokens and epochs:
        each = f"{report.tokens:,} in the file, {count(epochs, 'epoch')}; {method}"
        parts.append(f"About {report.tokens * epochs:,} tokens to train on ({each}).")
    elif report.tokens:
        parts.append(f"About {report.tokens:,} tokens an epoch ({method}).")
    return " ".join(parts)


def _earlier_words(jobs: Sequence[TuningJob]) -> str:
    """Return the sentence on jobs that were trained on the same bytes."""
    named = [f"*{escape_line(job.name, NAME)}* ({state_text(job)})" for job in jobs[:3]]
    more = [f"{len(jobs) - 3:,} more"] if len(jobs) > 3 else []
    return f"You tuned on this very file before: {listed([*named, *more])}."


def _choices(report: DatasetReport | None, request: StartRequest | None) -> list[Block]:
    """Build the buttons that open the form again, with the guessed keys filled in, and that repair the file."""
    if request is None:
        return []
    guess = report.guessed_mapping if report is not None and report.dialect is None else None
    try:
        again = pack_request(replace(request, mapping=guess) if guess is not None else request)
        repair = pack_request(request)
    except BadArgument:
        # Too long for a button: the person opens the form with the command instead.
        return []
    text = f"Fill in {guess.input} and {guess.output}" if guess is not None else "Change something"
    buttons = [button(text, AGAIN_ACTION, again)]
    if report is not None and report.repairable:
        buttons.append(button("Repair the file", REPAIR_ACTION, repair))
    return [actions(buttons, "report_choices")]
