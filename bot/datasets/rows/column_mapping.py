"""Maps rows with unknown keys: guesses which keys hold input and output, and reads what a person names.

A mapping's input may name several keys with a plus (`instruction+input`); their texts are joined by a blank line.
A key with a dot (`inputs.question`) is one inside of an object, where the row has no such key itself.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from bot.datasets.formats.csv_tables import UNNAMED
from bot.domain.datasets import FieldMapping

# A row with more keys, its objects' own counted, is none that a person wrote: its keys are not guessed.
_MOST_KEYS = 1000
# What keys suggest is stored where they are at most so many, and have at most so many characters together.
_FEW_KEYS, _SHORT_KEYS, _LONGEST_NAME = 20, 500, 100
# Pairs that people use, the most specific first. A later key of an input may be missing in a row.
KNOWN_PAIRS: tuple[tuple[str, str], ...] = (
    ("instruction+input", "output"),
    ("instruction+context", "response"),
    ("instruction", "response"),
    ("instruction", "output"),
    ("context+question", "answer"),
    ("instruction+question", "answer"),
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
    ("text", "annotation"),
    ("question", "expectedoutput"),
    ("input", "expectedoutput"),
    ("textinput", "output"),
    ("inputtext", "outputtext"),
    ("prompt", "completion"),
    ("text_input", "output"),
    ("input_text", "output_text"),
    ("sentence", "label"),
    ("user", "assistant"),
    ("frage", "antwort"),
    ("pregunta", "respuesta"),
    ("q", "a"),
    ("utterance", "response"),
    ("customer", "agent"),
    ("message", "reply"),
    ("message", "response"),
    ("pergunta", "resposta"),
    ("domanda", "risposta"),
    ("question", "réponse"),
    ("vraag", "antwoord"),
    ("pytanie", "odpowiedź"),
    ("soru", "cevap"),
    ("вопрос", "ответ"),
    ("質問", "回答"),
    ("问题", "答案"),
    ("问题", "回答"),
    ("질문", "답변"),
)
_PARTS_AND_OUTPUTS = tuple((tuple(asked.split("+")), said) for asked, said in KNOWN_PAIRS)


# Names of what says something about a row, and is neither asked nor answered.
_ABOUT_ROW = re.compile(
    r"(?:^|_)(?:id|ids|uuid|guid|hash|url|uri|date|time|timestamp|at|lang|language|locale|model|split|state|status|type"
    r"|version|object|email|agent|by|sender|author|speaker|from|to|channel|[a-z0-9]_name)$"
)
# Marks of keys that belong to a form of JSON, as those of JSON-LD and of MongoDB.
_OF_FORMS = ("@", "$")
# What is never asked, and what is never an answer.
_ANSWERED = frozenset({"output", "answer", "response", "completion", "assistant", "target", "reply"})
_ASKED = frozenset({"question", "query", "prompt", "instruction", "context", "input", "system", "user"})
_TEXTS = frozenset({"content", "value", "text", "parts"})


def input_keys(mapping: FieldMapping) -> tuple[str, ...]:
    """Return the keys whose texts make the input, in order."""
    return tuple(mapping.input.split("+"))


def format_mapping(mapping: FieldMapping) -> str:
    """Return the mapping as it is written in a command."""
    return f"input={mapping.input} output={mapping.output}"


def advice_on_keys(mapping: FieldMapping | None, keys: Sequence[str]) -> str:
    """Return what to do where rows have keys of no known dialect."""
    if len(keys) == 1:
        return "Write two keys in each row: one for what people ask, and one for what the model should say."
    return f"{question_of(mapping)} Name the keys of both."


def question_of(mapping: FieldMapping | None) -> str:
    """Return a guess as a question that a person can answer."""
    if mapping is None:
        return "Which key holds what people ask, and which what the model should say?"
    asked = " with ".join(f"`{key}`" for key in input_keys(mapping))
    return f"Is {asked} what people ask, and `{mapping.output}` what the model should say?"


def value_at(row: Mapping[str, Any], path: str) -> Any:
    """Return the value of a key, or of a path of keys inside of objects (`inputs.question`); None without one."""
    if path in row or "." not in path:
        return row.get(path)
    key, _, rest = path.partition(".")
    inner = row.get(key)
    return value_at(inner, rest) if isinstance(inner, dict) else None


def guess_mapping(row: Mapping[str, Any], *, known_only: bool = False) -> FieldMapping | None:
    """Return the mapping that the row's keys suggest, in any letter case, or None.

    Numbers count as text, as labels are often numbers. Where no known pair is found, two keys that hold text are
    taken in their order, unless `known_only`; names of ids, dates and the like are never among them. Keys inside
    of objects are looked at where those of the row itself suggest nothing.
    """
    if len(row) + sum(len(held) for held in row.values() if isinstance(held, dict)) > _MOST_KEYS:
        return None
    own = {key: value for key, value in row.items() if _may_be_text(value) and "+" not in key}
    inner = {
        f"{key}.{name}": value
        for key, held in row.items()
        if isinstance(held, dict) and not _may_be_text(held)
        for name, value in held.items()
        if _may_be_text(value) and "+" not in key + name
    }
    known = _known_pair(own) or _known_pair(own | inner)
    return known if known or known_only else _two_texts(own) or _two_texts(own | inner)


def holds_known_pair(row: Mapping[str, Any]) -> bool:
    """Return whether two of the row's own keys have the names of a question and its answer, and hold texts."""
    if len(row) > _MOST_KEYS:
        return False
    own = {key: value for key, value in row.items() if isinstance(value, str | int | float)}
    return len(own) > 1 and _known_pair(own) is not None


def _may_be_text(value: Any) -> bool:
    """Return whether a value is text, a number, a turn, or a list of turns."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(turn, dict) and _may_be_text(turn) for turn in value)
    return isinstance(value, str | int | float) or (
        isinstance(value, dict) and ("role" in value or "from" in value) and not value.keys().isdisjoint(_TEXTS)
    )


def _known_pair(values: Mapping[str, Any]) -> FieldMapping | None:
    """Return the known pair among keys; rows of one file have mostly the same ones."""
    short = len(values) <= _FEW_KEYS and sum(map(len, values)) <= _SHORT_KEYS
    return _stored_pair(tuple(values)) if short else _pair_among(tuple(values))


def _pair_among(keys: tuple[str, ...]) -> FieldMapping | None:
    names = [key.rpartition(".")[2].strip().lower() for key in keys]
    times = Counter(names)
    by_name = {name: key for name, key in zip(names, keys, strict=True) if times[name] == 1}
    by_name |= {key.strip().lower(): key for key in keys}
    for parts, known_output in _PARTS_AND_OUTPUTS:
        if known_output in by_name and all(part in by_name for part in parts):
            return FieldMapping("+".join(by_name[part] for part in parts), by_name[known_output])
    return None


_stored_pair = lru_cache(256)(_pair_among)


def _two_texts(values: Mapping[str, Any]) -> FieldMapping | None:
    texts = [key for key, value in values.items() if not isinstance(value, int | float) and not is_about_row(key)]
    if len(texts) != 2 or isinstance(values[texts[1]], list):
        return None  # a list of turns is no answer
    first, second = (key.rpartition(".")[2].strip().lower() for key in texts)
    if first != second and len(first) > 2 and first[:-1] == second[:-1] and first[:-1] != UNNAMED:
        return None  # such as `response_1` and `response_2`, of which none is asked
    if first in _ANSWERED:
        return FieldMapping(texts[1], texts[0]) if second not in _ANSWERED else None
    return FieldMapping(texts[0], texts[1]) if second not in _ASKED else None


def is_about_row(key: str) -> bool:
    """Return whether a key has the name of an id, a date or the like."""
    return _is_about_row(key) if len(key) <= _LONGEST_NAME else _look_at_name(key)


def _look_at_name(key: str) -> bool:
    return (
        key.startswith(_OF_FORMS)
        or any(f".{mark}" in key for mark in _OF_FORMS)
        or _ABOUT_ROW.search(words_of(key)) is not None
    )


_is_about_row = lru_cache(1_000)(_look_at_name)


def words_of(key: str) -> str:
    """Return a key in small letters with a line between its words, also where capitals divide them."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|\W+", "_", key).lower()
