"""Checks the whole file once all rows were read: its size, its repeated examples, its balance."""

from bot.datasets.checks.totals import LONG_OUTPUT, Totals
from bot.datasets.findings.collector import FindingCollector, Problem
from bot.datasets.findings.fingerprints import MAX_LINES, Fingerprints, Repeats
from bot.datasets.findings.near_repeats import MOST_ROWS
from bot.datasets.findings.report import DatasetReport
from bot.datasets.findings.task_kinds import RECOMMENDED, Task, guess_task
from bot.domain.backend_profile import DatasetLimits

# JSON around one inline example: {"textInput":"","output":""},
_INLINE_FRAME = 32
# Google's limit on a validation file as a share of the training examples binds above this many of those.
_SHARE_BINDS = 1_000
_LOPSIDED_SHARE = 0.8
_LOPSIDED_FROM = 20
# Where more long outputs than this share end without a stop, it is their style.
_CUT_OFF_SHARE = 0.2


def check_size(collector: FindingCollector, totals: Totals, size: int, limits: DatasetLimits) -> None:
    """Report a file that is too small or too large for the target."""
    with_files, most_with_files = totals.rows_with_files, limits.max_examples_with_files
    if most_with_files and with_files > most_with_files:
        collector.add(Problem("too-many-with-files", value=f"{with_files:,}", limit=most_with_files))
    examples = totals.examples
    if not totals.rows and not collector.refuses():
        collector.add(Problem("empty-file"))
    elif examples < limits.min_examples and (examples or not collector.refuses()):
        collector.add(Problem("too-few-examples", value=f"{examples:,}", limit=limits.min_examples))
    if limits.max_examples and examples > limits.max_examples:
        collector.add(Problem("too-many-examples", value=f"{examples:,}", limit=limits.max_examples))
    if limits.file_bytes and size > limits.file_bytes:
        collector.add(Problem("file-too-large", value=f"{size:,}", limit=limits.file_bytes))
    inline = totals.text_bytes + examples * _INLINE_FRAME
    if limits.inline_bytes and inline > limits.inline_bytes:
        collector.add(Problem("inline-too-large", value=f"about {inline:,}", limit=limits.inline_bytes))


def check_content(
    collector: FindingCollector, totals: Totals, fingerprints: Fingerprints, unit: str, training_unit: str
) -> None:
    """Report repeats, contradictions, outputs that look cut off, and outputs that are all the same.

    The units are what numbers of rows count in the file, and in its training file where it validates one.
    """
    same, other = fingerprints.repeats()
    _add_repeats(collector, "duplicate", same)
    _add_repeats(collector, "conflicting-outputs", other)
    near = fingerprints.near
    near.finish()
    compared = f" Only the first {MOST_ROWS:,} rows are compared so." if near.full else ""
    if near.count:
        collector.add(
            Problem("near-duplicate", value=f"{unit} {near.of}", detail=compared),
            count=near.count,
            lines=near.lines,
        )
    if near.shared:
        of_each = "" if near.of_all else f" Of a long file only the first {MOST_ROWS:,} rows are compared so."
        collector.add(
            Problem("near-leakage", value=f"{training_unit} {near.shared_of}", detail=of_each),
            count=near.shared,
            lines=near.shared_lines,
        )
    if fingerprints.full:
        collector.add(Problem("not-all-compared", limit=MAX_LINES))
    if totals.cut_off and totals.cut_off <= totals.outputs.at_least(LONG_OUTPUT) * _CUT_OFF_SHARE:
        collector.add(
            Problem("cut-off-output", "output", totals.cut_off_value),
            count=totals.cut_off,
            lines=totals.cut_off_lines,
        )
    if totals.examples >= _LOPSIDED_FROM:
        count, line = fingerprints.commonest_output()
        share = count / totals.examples
        if share >= _LOPSIDED_SHARE:
            collector.add(
                Problem("lopsided-outputs", "output", f"{share:.0%}", int(_LOPSIDED_SHARE * 100)), lines=(line,)
            )


def task_of(totals: Totals, fingerprints: Fingerprints) -> Task | None:
    """Guess from the shape of the examples what they teach."""
    if not totals.examples:
        return None
    return guess_task(
        many_turns_share=totals.many_turns / totals.examples,
        distinct_share=fingerprints.distinct_share(),
        longest_output=totals.outputs.longest,
        mean_input=totals.inputs.total / totals.examples,
        mean_output=totals.outputs.total / totals.examples,
    )


def check_amount(collector: FindingCollector, totals: Totals, task: Task | None, limits: DatasetLimits) -> None:
    """Report fewer examples than are recommended by the target, or by Google's table for the task."""
    if task is None:
        return
    if totals.examples < limits.recommended_examples:
        wanted, what = limits.recommended_examples, "this backend"
    else:
        wanted, what = RECOMMENDED[task].examples, task.value
    if totals.examples < wanted:
        collector.add(Problem("few-examples", value=f"{totals.examples:,}", limit=wanted, detail=what))


def validation_limit(limits: DatasetLimits, training_examples: int) -> int:
    """Return the most examples that a validation file may have; 0 where there is no limit."""
    most = limits.validation_examples
    if limits.validation_share and training_examples > _SHARE_BINDS:
        share = int(training_examples * limits.validation_share)
        most = min(most, share) if most else share
    return most


def check_validation(
    collector: FindingCollector, fingerprints: Fingerprints, training: DatasetReport, limits: DatasetLimits
) -> None:
    """Compare a validation file with its training file."""
    most = validation_limit(limits, training.examples)
    if most and fingerprints.examples > most:
        collector.add(Problem("validation-too-large", value=f"{fingerprints.examples:,}", limit=most))
    if training.fingerprints is not None:
        _add_repeats(collector, "leakage", fingerprints.shared_with(training.fingerprints))


def _add_repeats(collector: FindingCollector, rule: str, found: Repeats) -> None:
    if found.count:
        collector.add(Problem(rule, value=f"line {found.of}"), count=found.count, lines=found.lines)
