"""Defines the result of a check, which the form, the job card and the command line render."""

from dataclasses import dataclass, field, replace
from typing import Self

from bot.datasets.findings.findings import Finding, Severity
from bot.datasets.findings.fingerprints import Fingerprints
from bot.datasets.findings.rules import RULES
from bot.datasets.findings.task_kinds import RECOMMENDED, Task
from bot.domain.datasets import Dataset, Dialect, FieldMapping

TOKEN_METHOD = "estimated: 0.236 tokens for a byte of text"  # noqa: S105 - a token of a model, no secret
BYTES_PER_TOKEN = 4
# The rules of a check that did not read the rest of the file.
OUT_OF_TIME = "out-of-time"
TOO_MANY_BAD_ROWS = "too-many-bad-rows"
STOPS = {OUT_OF_TIME, TOO_MANY_BAD_ROWS}
PREFERRED_ONLY = "preferred-only"
_NOT_UTF8 = frozenset({"not-utf8", "utf-16"})
PERSONAL_DATA = "personal-data"
# Google measured 0.236 billed tokens for a character of English with Gemini's tokenizer. A character of another
# script has more tokens and more bytes, so bytes are counted; the estimate is then less certain.
TOKENS_PER_1000_BYTES = 236
# What Gemini 3 counts for a picture at its usual resolution; a long video, sound or document has more.
# Source: https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/image-understanding
TOKENS_OF_A_PICTURE = 1_120
ENGLISH_ERROR = 30
OTHER_SCRIPT_ERROR = 60
# Google does not say how many tokens it adds around each turn. Its open model Gemma adds five.
# Source: https://ai.google.dev/gemma/docs/core/prompt-structure
_TOKENS_OF_A_TURN = 5


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many examples have a text of each length, in buckets that are powers of two.

    `counts[0]` are empty texts, `counts[i]` those of 2**(i-1) to 2**i - 1 characters.
    """

    counts: tuple[int, ...] = ()
    longest: int = 0
    total: int = 0

    @property
    def examples(self) -> int:
        return sum(self.counts)

    @property
    def mean(self) -> float:
        return self.total / self.examples if self.examples else 0.0

    def buckets(self) -> list[tuple[int, int, int]]:
        """Return (shortest, longest, examples) of each bucket from the first to the last that is not empty."""
        filled = [i for i, count in enumerate(self.counts) if count]
        if not filled:
            return []
        return [(1 << i - 1 if i else 0, (1 << i) - 1, self.counts[i]) for i in range(filled[0], filled[-1] + 1)]


@dataclass(frozen=True, slots=True)
class Preview:
    """An example as the model will see it, its texts cut if they are long; `earlier` counts the turns before.

    `rejected` is the answer to prefer less, which is not learned.
    """

    question: str
    answer: str
    system: str = ""
    earlier: int = 0
    rejected: str = ""


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """All results of one pass over a file.

    `size` and `sha256` are of the file's bytes as they came; `rows` are those that are not blank, `examples` the
    ones that can be tuned on; `unit` is what `lines` of findings count ("line", or "item" of a JSON array).
    `guessed_mapping` is offered where the rows are in no known dialect and no mapping was given; `keys` are
    then the keys of the first row. `characters` counts all text of the good examples, `tokens` estimates it: the
    true number may be lower or higher by `token_error` per cent, which is a guess. `texts` counts the texts of the
    good examples: system texts, questions and answers; `files` counts the pictures and other files that they show,
    `pictures` the different ones that lie beside the rows. `near_rows` is how many of the first examples were
    compared for near duplicates, and 0 where all were.
    """

    name: str
    size: int
    sha256: str
    rows: int
    examples: int
    dialect: Dialect | None = None
    mapping: FieldMapping | None = None
    guessed_mapping: FieldMapping | None = None
    keys: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    characters: int = 0
    tokens: int = 0
    token_method: str = TOKEN_METHOD
    token_error: int = ENGLISH_ERROR
    texts: int = 0
    files: int = 0
    pictures: int = 0
    near_rows: int = 0
    inputs: Histogram = field(default=Histogram())
    outputs: Histogram = field(default=Histogram())
    unit: str = "line"
    task: Task | None = None
    # The system text that more than half of the examples have, with which the model is asked later.
    system_instruction: str = ""
    # The first examples. They are the person's own text, so no store and no channel gets them.
    previews: tuple[Preview, ...] = ()
    # What a validation file is compared with; lives as long as the report does, 12 bytes a line.
    fingerprints: Fingerprints | None = field(default=None, repr=False, compare=False)

    @property
    def recommended_epochs(self) -> tuple[int, int] | None:
        """Epochs to try for what the file seems to teach, fewest and most."""
        return RECOMMENDED[self.task].epochs if self.task else None

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.severity is Severity.WARNING)

    @property
    def ok(self) -> bool:
        """Whether the file can be tuned on as it is."""
        return not self.errors

    @property
    def read_in_full(self) -> bool:
        """Whether every row was read; a check may stop at the limits of its budget."""
        return not any(finding.rule in STOPS for finding in self.findings)

    @property
    def asks_for_preferred(self) -> bool:
        """Whether rows have two answers, so that a person must say whether to learn the preferred ones alone."""
        return any(finding.rule == PREFERRED_ONLY for finding in self.findings)

    @property
    def guessed_encoding(self) -> str:
        """The likely encoding of text that is not UTF-8, by its name in Python; empty where none is likely."""
        return next((finding.field for finding in self.findings if finding.rule in _NOT_UTF8), "")

    @property
    def may_be_masked(self) -> bool:
        """Whether rows hold private values that a repair can replace by placeholders."""
        known = [RULES.get(finding.rule) for finding in self.errors]
        private = any(finding.rule == PERSONAL_DATA for finding in self.findings)
        return private and bool(self.rows) and not any(rule is None or rule.whole_file for rule in known)

    def without_fingerprints(self) -> Self:
        """Return the same report without its hashes, to store or send it."""
        return replace(self, fingerprints=None)

    @property
    def repairable(self) -> bool:
        """Whether a repair would make this a file that can be tuned on, or a better one."""
        # A report that was remembered may name a rule that is no more.
        known = (RULES.get(finding.rule) for finding in self.errors)
        if not self.rows or any(rule is None or rule.whole_file for rule in known):
            return False
        return not self.ok or any(finding.rule == "duplicate" for finding in self.findings)

    def held_out(self, share: float) -> int:
        """How many examples a split with this share puts on the validation side; the others are trained on."""
        return self.fingerprints.held_out(share) if self.fingerprints is not None else 0

    def dataset(self, location: str) -> Dataset:
        """The checked file as the domain knows it. Only for a report that is ok."""
        if self.dialect is None:
            raise ValueError("a file in no known dialect has no report")
        return Dataset(
            location=location,
            name=self.name,
            sha256=self.sha256,
            size=self.size,
            examples=self.examples,
            dialect=self.dialect,
            characters=self.characters,
            mapping=self.mapping,
            pictures=self.pictures,
        )


def turns_error(texts: int, tokens: int) -> int:
    """Return by how many per cent `tokens` may be too low, because Google adds some to each of the texts."""
    return -(-100 * _TOKENS_OF_A_TURN * texts // tokens) if tokens else 0
