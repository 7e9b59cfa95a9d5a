"""Parses the `key=value` words after `/tune start` into a StartRequest.

This module is pure: whether a name exists or a number is in range is decided by the use cases.
"""

from collections.abc import Iterable

import re2  # type: ignore[import-untyped]

from bot.domain.datasets import FieldMapping
from bot.domain.jobs import Hyperparameters
from bot.domain.names import did_you_mean
from bot.domain.requests import StartRequest
from bot.errors import BadArgument
from handlers.syntax.lexer import Word, file_location, held_out_share, real, shown, whole_number, words

KEYS = {
    "name": "name",
    "base": "base_model",
    "base_model": "base_model",
    "model": "base_model",
    "backend": "backend",
    "epochs": "epochs",
    "batch": "batch_size",
    "batch_size": "batch_size",
    "learning_rate": "learning_rate",
    "lr": "learning_rate",
    "multiplier": "learning_rate_multiplier",
    "learning_rate_multiplier": "learning_rate_multiplier",
    "adapter": "adapter_size",
    "adapter_size": "adapter_size",
    "file": "file",
    "validation": "validation",
    "input": "input",
    "output": "output",
}
_WHOLE = {"epochs", "batch_size", "adapter_size"}
_REAL = {"learning_rate", "learning_rate_multiplier"}
_FILE_ID = re2.compile(r"F0[A-Z0-9]{8,}")
_LONGEST = 1_200  # a gs:// address: a bucket's 63 characters and an object's 1,024


def parse_start(text: str) -> StartRequest:
    """Parse the `key=value` words of a start, without Slack's markup. Raises BadArgument.

    A file's link or address needs no key. Words without a key that follow `name=` belong to the name.
    """
    values: dict[str, str] = {}
    name_words: list[str] = []
    last = ""
    for word in words(text):
        key = _key(word)
        if not key and last == "name" and not looks_like_file(word.value):
            name_words.append(word.value)
            continue
        if not key and not looks_like_file(word.value):
            raise BadArgument(
                f"I cannot place “{shown(word.value)}”.",
                "Write every value as key=value, like epochs=3, and put a value with spaces in quotes.",
            )
        key = key or "file"
        if key in values:
            raise BadArgument(f"`{key}` is given twice.", "Give it once.", field=key)
        if not word.value:
            raise BadArgument(f"`{key}` has no value.", f"Write it right after the =, like {key}=….", field=key)
        values[key] = word.value
        last = key
    if name_words:
        values["name"] = " ".join([values["name"], *name_words])
    return _request(values)


def looks_like_file(value: str) -> bool:
    """Return whether a word without a key names the file."""
    return value.startswith(("gs://", "http://", "https://")) or bool(_FILE_ID.fullmatch(value))


def _request(values: dict[str, str]) -> StartRequest:
    chosen: dict[str, int | float] = {}
    for key in _WHOLE & values.keys():
        chosen[key] = whole_number(values[key], key)
    for key in _REAL & values.keys():
        chosen[key] = real(values[key], key)
    for key, value in values.items():
        if len(value) > _LONGEST:
            raise BadArgument(
                f"`{key}` is {len(value):,} characters long.", f"At most {_LONGEST:,} fit.", field=key
            )
    pair = (values.get("input", ""), values.get("output", ""))
    if any(pair) and not all(pair):
        missing = "output" if pair[0] else "input"
        raise BadArgument(
            f"`{missing}` is missing.",
            "Name both keys of a row, like input=question output=answer.",
            field=missing,
        )
    share = held_out_share(values.get("validation", ""))
    return StartRequest(
        backend=values.get("backend", "").lower(),
        base_model=values.get("base_model", ""),
        name=values.get("name", ""),
        hyperparameters=Hyperparameters(**chosen),  # type: ignore[arg-type]  # the whole ones are ints, see above
        file=file_location(values["file"], "file") if "file" in values else "",
        validation=""
        if share or "validation" not in values
        else file_location(values["validation"], "validation"),
        validation_share=share,
        mapping=FieldMapping(*pair) if all(pair) else None,
    )


def _key(word: Word) -> str:
    if not word.key:
        return ""
    known = KEYS.get(word.key.lower())
    if known is None:
        raise BadArgument(
            f"I do not know “{shown(word.key)}=”.",
            did_you_mean(word.key, KEYS) or f"The words are {', '.join(_documented_keys())}.",
        )
    return known


def _documented_keys() -> Iterable[str]:
    return (key for key in KEYS if key not in ("base_model", "model", "batch_size", "learning_rate_multiplier"))
