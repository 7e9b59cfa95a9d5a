"""Maps rows with unknown keys: guesses which keys hold input and output, and reads what a person names.

A mapping's input may name several keys with a plus (`instruction+input`); their texts are joined by a blank line.
"""

from collections.abc import Mapping
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
    ("text", "label_text"),
    ("prompt", "completion"),
    ("text_input", "output"),
    ("input_text", "output_text"),
    ("sentence", "label"),
    ("user", "assistant"),
    ("frage", "antwort"),
    ("pregunta", "respuesta"),
    ("q", "a"),
)


def input_keys(mapping: FieldMapping) -> tuple[str, ...]:
    """Return the keys whose texts make the input, in order."""
    return tuple(mapping.input.split("+"))


def format_mapping(mapping: FieldMapping) -> str:
    """Return the mapping as it is written in a command."""
    return f"input={mapping.input} output={mapping.output}"


def question_of(mapping: FieldMapping | None) -> str:
    """Return a guess as a question that a person can answer."""
    if mapping is None:
        return "Which key holds what people ask, and which what the model should say?"
    asked = " with ".join(f"`{key}`" for key in input_keys(mapping))
    return f"Is {asked} what people ask, and `{mapping.output}` what the model should say?"


def guess_mapping(row: Mapping[str, Any], *, known_only: bool = False) -> FieldMapping | None:
    """Return the mapping that the row's keys suggest, in any letter case, or None.

    Numbers count as text, as labels are often numbers. Where no known pair is found, two keys that hold text are
    taken in their order, unless `known_only`.
    """
    values = [key for key, value in row.items() if isinstance(value, str | int | float) and "+" not in key]
    by_lower = {key.strip().lower(): key for key in values}
    for known_input, known_output in KNOWN_PAIRS:
        parts = known_input.split("+")
        if known_output in by_lower and all(part in by_lower for part in parts):
            return FieldMapping("+".join(by_lower[part] for part in parts), by_lower[known_output])
    texts = [key for key in values if isinstance(row[key], str)]
    return FieldMapping(texts[0], texts[1]) if len(texts) == 2 and not known_only else None
