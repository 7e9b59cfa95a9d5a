"""Judges the file as a whole, once all rows were seen: its size, its repeats, its balance."""

from bot.datasets.checks.totals import LONG_OUTPUT, Totals
from bot.datasets.findings.collector import FindingCollector, Problem
from bot.datasets.findings.fingerprints import MOST, Fingerprints, Repeats
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


def judge_size(tally: FindingCollector, totals: Totals, size: int, limits: DatasetLimits) -> None:
    """Too few, too many, too large."""
    examples = totals.examples
    if not totals.rows and not tally.refuses():
        tally.add(Problem("empty-file"))
    elif examples < limits.min_examples and (examples or not tally.refuses()):
        tally.add(Problem("too-few-examples", value=f"{examples:,}", limit=limits.min_examples))
    if limits.max_examples and examples > limits.max_examples:
        tally.add(Problem("too-many-examples", value=f"{examples:,}", limit=limits.max_examples))
    if limits.file_bytes and size > limits.file_bytes:
        tally.add(Problem("file-too-large", value=f"{size:,}", limit=limits.file_bytes))
    inline = totals.text_bytes + examples * _INLINE_FRAME
    if limits.inline_bytes and inline > limits.inline_bytes:
        tally.add(Problem("inline-too-large", value=f"about {inline:,}", limit=limits.inline_bytes))


def judge_content(tally: FindingCollector, totals: Totals, prints: Fingerprints) -> None:
    """Repeats, contradictions, outputs that look cut off, outputs that are all the same."""
    same, other = prints.repeats()
    _add_repeats(tally, "duplicate", same)
    _add_repeats(tally, "conflicting-outputs", other)
    if prints.full:
        tally.add(Problem("not-all-compared", limit=MOST))
    if totals.cut_off and totals.cut_off <= totals.outputs.at_least(LONG_OUTPUT) * _CUT_OFF_SHARE:
        tally.add(
            Problem("cut-off-output", "output", totals.cut_off_value),
            count=totals.cut_off,
            lines=totals.cut_off_lines,
        )
    if totals.examples >= _LOPSIDED_FROM:
        count, line = prints.commonest_output()
        share = count / totals.examples
        if share >= _LOPSIDED_SHARE:
            tally.add(
                Problem("lopsided-outputs", "output", f"{share:.0%}", int(_LOPSIDED_SHARE * 100)), lines=(line,)
            )


def task_of(totals: Totals, prints: Fingerprints) -> Task | None:
    """What the examples teach, as far as their shape tells."""
    if not totals.examples:
        return None
    return guess_task(
        many_turns_share=totals.many_turns / totals.examples,
        distinct_share=prints.distinct_share(),
        longest_output=totals.outputs.longest,
        mean_input=totals.inputs.total / totals.examples,
        mean_output=totals.outputs.total / totals.examples,
    )


def judge_amount(tally: FindingCollector, totals: Totals, task: Task | None, limits: DatasetLimits) -> None:
    """Fewer examples than are advised: by the target, or by Google's table for the task."""
    if task is None:
        return
    if totals.examples < limits.recommended_examples:
        wanted, what = limits.recommended_examples, "this backend"
    else:
        wanted, what = RECOMMENDED[task].examples, task.value
    if totals.examples < wanted:
        tally.add(Problem("few-examples", value=f"{totals.examples:,}", limit=wanted, detail=what))


def validation_limit(limits: DatasetLimits, training_examples: int) -> int:
    """The most examples that a validation file may have; 0 where there is no limit."""
    most = limits.validation_examples
    if limits.validation_share and training_examples > _SHARE_BINDS:
        share = int(training_examples * limits.validation_share)
        most = min(most, share) if most else share
    return most


def judge_validation(
    tally: FindingCollector, prints: Fingerprints, training: DatasetReport, limits: DatasetLimits
) -> None:
    """Hold a validation file against its training file."""
    most = validation_limit(limits, training.examples)
    if most and prints.examples > most:
        tally.add(Problem("validation-too-large", value=f"{prints.examples:,}", limit=most))
    if training.fingerprints is not None:
        _add_repeats(tally, "leakage", prints.shared_with(training.fingerprints))


def _add_repeats(tally: FindingCollector, rule: str, found: Repeats) -> None:
    if found.count:
        tally.add(Problem(rule, value=f"line {found.of}"), count=found.count, lines=found.lines)
