"""Builds what a check found: a summary, a line for each kind of finding, and all of them in their own view."""

from collections.abc import Sequence
from typing import Any

from bot.datasets import DatasetReport, Finding, Preview
from bot.domain.datasets import Dialect
from handlers.blocks.elements import button, context, modal, section
from handlers.blocks.formatting import count, listed, sentence
from handlers.blocks.message import Block, code, escape_line

DETAILS_ACTION = "report_details"
DETAILS_ID = "report_details"
_SHOWN_KINDS = 8  # of errors, and of warnings
_SHOWN_IN_DETAILS = 45  # of each file
_KIND = 230
_FINDING = 380
_PREVIEWED = 200

_DIALECTS = {
    Dialect.GEMINI: "Gemini API rows (text_input, output)",
    Dialect.PALM: "PaLM rows (input_text, output_text)",
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


def summary_text(report: DatasetReport) -> str:
    """Return what the file is and how many of its rows can be tuned on, as mrkdwn."""
    name = f"*{escape_line(report.name, 100)}*"
    if report.dialect is None:
        keys = listed(code(key, 40) for key in report.keys[:8])
        rows = f"{name}: {count(report.rows, 'row')}, in no form that I know."
        return f"{rows} The {'key is' if len(report.keys) == 1 else 'keys are'} {keys}." if keys else rows
    usable = "all" if report.examples == report.rows else f"{report.examples:,} of them"
    form = _DIALECTS[report.dialect]
    if report.mapping is not None:
        form = f"input {code(report.mapping.input, 60)}, output {code(report.mapping.output, 60)}"
    beside = f" Beside the rows: {count(report.pictures, 'picture')} that they show." if report.pictures else ""
    near = f" Near duplicates: looked for in the first {report.near_rows:,} rows." if report.near_rows else ""
    return f"{name}: {count(report.rows, 'row')}, {usable} fit to tune on. Form: {form}.{beside}{near}"


def build_findings(report: DatasetReport, prefix: str, *, details: bool) -> list[Block]:
    """Build one line for each kind of finding, errors first; with `details` a button shows them all.

    Without, each line says what to do, since nothing else does; with them, the line of an error in all rows does.
    """
    blocks: list[Block] = []
    titles = {"errors": "To put right", "warnings": "Good to know"}
    for key, found in (("errors", report.errors), ("warnings", report.warnings)):
        kinds = _kinds(found)
        if not kinds:
            continue
        lines = [
            _kind_line(kind, report.unit, advice=not details or (key == "errors" and kind[0].count == report.rows))
            for kind in kinds[:_SHOWN_KINDS]
        ]
        if len(kinds) > _SHOWN_KINDS:
            lines.append(f"• and {count(len(kinds) - _SHOWN_KINDS, 'more kind')}")
        see_all = button("Details", DETAILS_ACTION, prefix) if details and not blocks else None
        text = "\n".join([f"*{titles[key]}*", *lines])
        blocks.append(section(text, f"{prefix}_{key}", accessory=see_all))
    return blocks


def findings_text(report: DatasetReport) -> str:
    """Return the same for a message's text."""
    kinds = _kinds((*report.errors, *report.warnings))
    return "\n".join(_kind_line(kind, report.unit, advice=True) for kind in kinds[:_SHOWN_KINDS])


def build_details_view(reports: Sequence[DatasetReport]) -> dict[str, Any]:
    """Build the view with each finding: its lines, its value and what to do."""
    blocks: list[Block] = []
    for number, report in enumerate(reports):
        found = (*report.errors, *report.warnings)
        blocks.append(section(summary_text(report), f"summary_{number}"))
        blocks += [
            section(_finding(each, report.unit), f"finding_{number}_{index}")
            for index, each in enumerate(found[:_SHOWN_IN_DETAILS])
        ]
        if len(found) > _SHOWN_IN_DETAILS:
            blocks.append(
                context(f"And {count(len(found) - _SHOWN_IN_DETAILS, 'more finding')}.", f"more_{number}")
            )
    return modal(DETAILS_ID, "What I found", blocks)


def build_no_details_view() -> dict[str, Any]:
    """Build the view for a report that is no longer known."""
    text = "I no longer have the details of this report. Check the file again to see them."
    return modal(DETAILS_ID, "What I found", [section(text, "no_details")])


def previews_text(previews: Sequence[Preview]) -> str:
    """Return the first examples as the model will see them; only the view shows them, and no channel."""
    lines = ["*The first rows, as the model will see them:*"]
    for preview in previews:
        before = f" (after {count(preview.earlier, 'earlier turn')})" if preview.earlier else ""
        lines += [f"*System:* {escape_line(preview.system, _PREVIEWED)}"] if preview.system else []
        lines.append(f"*Question{before}:* {escape_line(preview.question, _PREVIEWED)}")
        lines.append(f"*Answer:* {escape_line(preview.answer, _PREVIEWED)}")
        if preview.rejected:
            lines.append(f"*Not learned:* {escape_line(preview.rejected, _PREVIEWED)}")
    return "\n".join(lines)


def _kinds(found: Sequence[Finding]) -> list[list[Finding]]:
    """Return the findings of each rule together, in the order of their first one."""
    kinds: dict[str, list[Finding]] = {}
    for finding in found:
        kinds.setdefault(finding.rule, []).append(finding)
    return list(kinds.values())


def _kind_line(kind: Sequence[Finding], unit: str, *, advice: bool) -> str:
    first, *others = kind
    text = sentence(escape_line(first.message, _KIND))
    if others:
        text += f" And {len(others):,} more of this kind."
    # What is wrong with the file as a whole has no other lines to look at.
    if first.advice and (advice or not first.lines):
        text += f" {sentence(escape_line(first.advice, _KIND))}"
    known = {line for finding in kind for line in finding.lines}
    lines = sorted(known)[:3]
    if not lines:
        return f"• {text}"
    # Findings of one kind may be in the same rows, so their numbers are no sum.
    if all(finding.count == len(finding.lines) for finding in kind):
        rows = len(known)
    else:
        rows = max(first.count, len(lines)) if not others else 0
    shown = ", ".join(f"{line:,}" for line in lines)
    if rows == 1:
        return f"• {unit.capitalize()} {shown}: {text}"
    more = ", …" if rows > len(lines) or not rows else ""
    many = f"*{count(rows, 'row')}*, {unit}s" if rows else unit.capitalize() + "s"
    return f"• {many} {shown}{more}: {text}"


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
