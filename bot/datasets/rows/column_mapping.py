"""Maps rows with unknown keys: guesses which keys hold input and output, and reads what a person names.

A mapping's input may name several keys with a plus (`instruction+input`); their texts are joined by a blank line.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain.datasets import FieldMapping

# Pairs that people use, the most specific first. A later key of an input may be missing in a row.
KNOWN_PAIRS: tuple[tuple[str, str], ...] = (
    ("instruction+input", "output"),
    ("instruction+context", "response"),
    ("instruction", "response"),
    ("instruction", "output"),
    ("context+question", "answer"),
    ("question", "answer"),
    ("question", "response"),
    ("query", "answer"),
    ("query", "response"),
    ("prompt", "response"),
    ("prompt", "answer"),
    ("prompt", "output"),
    ("input", "output"),
    ("input", "target"),
    ("source", "target"),
    ("document", "summary"),
    ("article", "highlights"),
    ("dialogue", "summary"),
    ("text", "summary"),
    ("text", "label"),
    ("sentence", "label"),
    ("user", "assistant"),
    ("q", "a"),
)


def input_keys(mapping: FieldMapping) -> tuple[str, ...]:
    """Return the keys whose texts make the input, in order."""
    return tuple(mapping.input.split("+"))


def format_mapping(mapping: FieldMapping) -> str:
    """Return the mapping as it is written in a command."""
    return f"input={mapping.input} output={mapping.output}"


def guess_mapping(row: Mapping[str, Any], *, known_only: bool = False) -> FieldMapping | None:
    """Return the mapping that the row's keys suggest, in any letter case, or None.

    Where no known pair is found, two keys that hold text are taken in their order, unless `known_only`.
    """
    texts = [key for key, value in row.items() if isinstance(value, str)]
    by_lower = {key.lower(): key for key in texts}
    for known_input, known_output in KNOWN_PAIRS:
        parts = known_input.split("+")
        if known_output in by_lower and all(part in by_lower for part in parts):
            return FieldMapping("+".join(by_lower[part] for part in parts), by_lower[known_output])
    return None if known_only else _in_order(texts)


def _in_order(texts: Sequence[str]) -> FieldMapping | None:
    return FieldMapping(texts[0], texts[1]) if len(texts) == 2 and not any("+" in t for t in texts) else None
