"""Renders the report as plain text for the command line; `handlers/blocks` renders it for Slack."""

import shlex

from bot.datasets.findings.findings import Finding
from bot.datasets.findings.report import DatasetReport, Histogram, Preview
from bot.datasets.rows.column_mapping import format_mapping, question_of
from bot.domain.datasets import FieldMapping

_BAR = 30


def report_text(
    report: DatasetReport, command: str = "", *, preferred_only: bool = False, repairs: bool = False
) -> str:
    """Return the report as lines of plain text without colours.

    `command` is the command that checked the file, with all that was said: an advice repeats it. With
    `preferred_only` a person has said already that only the preferred answers are to be learned. With `repairs`
    the repair follows.
    """
    command = command or f"tunebot check {shlex.quote(report.name)}"
    parts = [_head(report)]
    if report.errors:
        parts.append("\n".join(["Errors", *(_finding(f, report.unit) for f in report.errors)]))
    if report.guessed_mapping is not None and report.dialect is None:
        parts.append(_guess(report.guessed_mapping, command))
    if report.asks_for_preferred and not preferred_only:
        parts.append(_preferred(command))
    parts += [
        _encoding(finding.field, command)
        for finding in report.errors
        if finding.rule in ("not-utf8", "utf-16") and finding.field
    ]
    if report.warnings:
        parts.append(warnings_text(report))
    if report.previews:
        parts.append(_previews(report.previews))
    if report.examples:
        parts.append(_histogram("Input characters", report.inputs))
        parts.append(_histogram("Output characters", report.outputs))
    asks = report.asks_for_preferred and not preferred_only
    parts.append(_conclusion(report, "" if repairs else command, asks=asks))
    return "\n\n".join(parts) + "\n"


def warnings_text(report: DatasetReport) -> str:
    """Return the warnings alone; empty where there are none."""
    return "\n".join(["Warnings", *(_finding(f, report.unit) for f in report.warnings)]) if report.warnings else ""


def _head(report: DatasetReport) -> str:
    dialect = report.dialect.value if report.dialect else "unknown"
    if report.mapping:
        dialect += f" ({format_mapping(report.mapping)})"
    facts = [
        ("File", f"{report.name}, {counted(report.size, 'byte')}"),
        ("SHA-256", report.sha256),
        ("Dialect", dialect),
        ("Rows", f"{report.rows:,}, of which {report.examples:,} can be tuned on"),
        ("Text", f"{report.characters:,} characters, about {report.tokens:,} tokens ({report.token_method})"),
    ]
    if report.near_rows:
        facts.append(("Compared", f"the first {report.near_rows:,} rows with each other, for near duplicates"))
    if report.pictures:
        facts.append(("Pictures", f"{report.pictures:,} beside the rows; a start stores them with the rows"))
    if report.task and report.recommended_epochs:
        low, high = report.recommended_epochs
        facts.append(("Looks like", f"{report.task.value}; Google recommends {low} to {high} epochs"))
    return "\n".join(f"{name:<11}{value}" for name, value in facts)


def _finding(finding: Finding, unit: str) -> str:
    where = ""
    if finding.lines:
        more = ", …" if finding.count > len(finding.lines) else ""
        plural = "s" if len(finding.lines) > 1 else ""
        where = f"{unit}{plural} {', '.join(map(str, finding.lines))}{more}: "
    times = f" ({finding.count:,} rows)" if finding.count > 1 else ""
    first = f"  {where}{finding.message}{times}  [{finding.rule}]"
    return f"{first}\n    {finding.advice}" if finding.advice else first


def _guess(mapping: FieldMapping, command: str) -> str:
    keys = f"--input {shlex.quote(mapping.input)} --output {shlex.quote(mapping.output)}"
    return f"{question_of(mapping)}\nThen say so: {command} {keys}"


def _preferred(command: str) -> str:
    question = "Should the model learn the preferred answers, and nothing of the others?"
    return f"{question}\nThen say so: {command} --preferred"


def _encoding(codec: str, command: str) -> str:
    command = f"{command} --encoding {codec} --repair DIRECTORY"
    return f"Is the file written in {codec}?\nThen this writes it as UTF-8, for you to look at: {command}"


def _previews(previews: tuple[Preview, ...]) -> str:
    lines = ["The first rows, as the model will see them"]
    for preview in previews:
        lines += [f"  System:   {preview.system}"] if preview.system else []
        lines += [f"  ({preview.earlier} earlier turns)"] if preview.earlier else []
        lines += [f"  Question: {preview.question}", f"  Answer:   {preview.answer}"]
        lines += [f"  Not learned: {preview.rejected}"] if preview.rejected else []
    return "\n".join(lines)


def _histogram(title: str, histogram: Histogram) -> str:
    buckets = histogram.buckets()
    most = max(count for _, _, count in buckets)
    rows = []
    for low, high, count in buckets:
        bar = "█" * max(1, round(_BAR * count / most)) if count else ""
        rows.append(f"  {f'{low:,}–{high:,}':>19} {count:>9,} {bar}".rstrip())
    return "\n".join([f"{title} (mean {histogram.mean:,.0f}, longest {histogram.longest:,})", *rows])


def _conclusion(report: DatasetReport, command: str, *, asks: bool) -> str:
    if report.ok and asks:
        return "Not yet: answer the question first."
    if report.ok:
        return f"Fine: {counted(report.examples, 'row')} can be tuned on."
    bad = report.rows - report.examples
    if bad and report.examples:
        text = f"Not yet: {bad:,} of {report.rows:,} rows must be put right or taken out."
    else:
        text = "Not yet: put the errors right and check again."
    if not report.repairable or not command:
        return text
    repair = f"{command} --repair DIRECTORY"
    return f"{text}\nThis writes the rows that can be kept, and the others with reasons: {repair}"


def counted(number: int, noun: str) -> str:
    """Return `1 row`, `1,234 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
