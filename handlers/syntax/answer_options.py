"""Parses the `key=value` words before a question, and those of `/tune settings`.

This module is pure: which values a model takes is decided by the use cases.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bot.chat.answer_settings import SettingsChange
from bot.domain.comparison import BASE
from bot.domain.generation_settings import NO_SETTINGS, GenerationSettings, Safety
from bot.domain.names import DOUBLE_QUOTES, SINGLE_QUOTES, did_you_mean
from bot.errors import BadArgument
from handlers.syntax.lexer import Word, leading_key, real, shown, whole_number, words

# What people type, and the field of GenerationSettings.
KEYS: Final[Mapping[str, str]] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "topp": "top_p",
    "top_k": "top_k",
    "topk": "top_k",
    "max_tokens": "max_output_tokens",
    "max_output_tokens": "max_output_tokens",
    "candidates": "candidate_count",
    "candidate_count": "candidate_count",
    "stop": "stop_sequences",
    "stop_sequences": "stop_sequences",
    "safety": "safety",
    "system": "system_instruction",
    "system_instruction": "system_instruction",
}
DEFAULT: Final = "default"  # leaves a value to Google again
NONE: Final = "none"  # no system instruction at all
_GREETING: Final = "greeting"
_MODEL: Final = "model"
_PRIVATE: Final = "private"
_COMPARE: Final = "compare"
_COMPARE_WORD: Final = "compare "  # only in small letters: “Compare Paris and Rome” is a question
_EXAMPLES: Final = {_MODEL: "model=capitals", _COMPARE: "compare=base", _PRIVATE: "private=yes"}
_YES_OR_NO: Final = {"yes": True, "no": False}
_MOST_STOPS: Final = 20  # more than any model takes: a line of them is not read to its end
LONGEST_NAME: Final = 160  # a name of 128 characters, in quotes
_MOST_WORDS: Final = 8  # of a name without quotes
QUOTES: Final = DOUBLE_QUOTES + SINGLE_QUOTES
_DOCUMENTED: Final = ("temperature", "top_p", "top_k", "max_tokens", "candidates", "stop", "safety", "system")


@dataclass(frozen=True, slots=True)
class AskOptions:
    """The words before a question, and the question itself."""

    model: str = ""
    settings: GenerationSettings = NO_SETTINGS
    question: str = ""
    private: bool = False
    compare: str = ""
    # The names that a person may mean who typed one of several words without quotes, after model= or compare=.
    unquoted: tuple[str, ...] = field(default=(), compare=False)


def parse_ask_options(
    line: str, *, compare_word: bool = False, names: Collection[str] = frozenset()
) -> AskOptions:
    """Parse the known `key=value` words at the start; the rest is the question. Raises BadArgument.

    A word with an unknown key begins the question: “x=3, what is y?”. With `compare_word`, the word `compare`
    among them means `compare=base`. `names` are those of `unquoted` that are names of models.
    """
    model, compare, private, values = "", "", None, _Values()
    unquoted: list[str] = []
    while True:
        if compare_word and not compare and line.startswith(_COMPARE_WORD):
            compare, line = BASE, line.removeprefix(_COMPARE_WORD).strip()
            continue
        key, start = leading_key(line)
        name = key.lower()
        if name not in (_MODEL, _PRIVATE, _COMPARE) and name not in KEYS:
            return AskOptions(model, values.settings(), line, bool(private), compare, tuple(unquoted))
        after = line[start:]
        word = next(words(after, keys=False), None)
        if word is None:
            raise BadArgument(
                f"`{name}=` has no {'name' if name in (_MODEL, _COMPARE) else 'value'}.",
                f"Write it after the =, like {'temperature=0.2' if name in KEYS else _EXAMPLES[name]}.",
                field=name,
            )
        if name in (_MODEL, _COMPARE):
            meant = list(_unquoted_names(after))
            unquoted += [each.value for each in meant]
            word = _longest(meant, names) or word
        given = {_MODEL: bool(model), _COMPARE: bool(compare), _PRIVATE: private is not None}
        if given.get(name):
            raise BadArgument(f"`{name}` is given twice.", "Give it once.", field=name)
        if name == _MODEL:
            model = word.value
        elif name == _COMPARE:
            compare = word.value
        elif name == _PRIVATE:
            private = _read_private(word.value)
        else:
            values.add(KEYS[name], word)
        line = after[word.end :].strip()


def _unquoted_names(text: str) -> Iterator[Word]:
    """Yield the names of one, two and more words with which a text may begin, if no quote begins it."""
    line = text[:LONGEST_NAME].partition("\n")[0]
    end = 0
    for number, word in enumerate(line.split()):
        if number == _MOST_WORDS or word[0] in QUOTES or leading_key(word)[0]:
            return
        end = line.index(word, end) + len(word)
        yield Word(line[:end].strip().rstrip(",:;"), end)


def _longest(meant: Sequence[Word], names: Collection[str]) -> Word | None:
    """Return the one of these that is a name, None for none. Raises BadArgument where more than one is."""
    known = [each for each in meant if each.value in names]
    if len(known) > 1:
        raise BadArgument(
            f"“{shown(known[0].value)}” and “{shown(known[-1].value)}” are both names of models.",
            "Put the name that you mean in quotes.",
            field=_MODEL,
        )
    return known[0] if known else None


def parse_settings(text: str) -> SettingsChange | None:
    """Parse what follows `/tune settings`; None where nothing does. Raises BadArgument."""
    line = text.strip()
    if not line:
        return None
    if line.lower() == DEFAULT:
        return SettingsChange(everything=True, greeting="")
    values, greeting = _Values(), None
    for word in words(line):
        key = word.key.lower()
        if key == _GREETING:
            greeting = "" if word.value.lower() in (DEFAULT, NONE) else word.value
        elif key in KEYS:
            values.add(KEYS[key], word)
        else:
            raise BadArgument(
                f"I do not know “{shown(word.key or word.value)}”.",
                did_you_mean(key, [*KEYS, _GREETING])
                or f"The words are {', '.join(_DOCUMENTED)} and greeting, like temperature=0.2.",
            )
    return SettingsChange(values.settings(), frozenset(values.reset), greeting)


class _Values:
    """The values of the words that were read so far."""

    def __init__(self) -> None:
        self.reset: set[str] = set()
        self._given: dict[str, Any] = {}

    def add(self, name: str, word: Word) -> None:
        """Add a word. Raises BadArgument for a value of the wrong kind, or one that is given twice."""
        text = word.value
        if name == "stop_sequences":
            # Each further one is a stop sequence of its own; a line break is typed as `\\n`.
            stop = text.replace("\\n", "\n")
            if len(self._given.get(name, ())) >= _MOST_STOPS:
                raise BadArgument(f"There are over {_MOST_STOPS} stop sequences.", "Leave some out.", field=name)
            if text.lower() != DEFAULT:
                self._given[name] = (*self._given.get(name, ()), stop)
                return
        elif name in self._given or name in self.reset:
            raise BadArgument(f"The {name.replace('_', ' ')} is given twice.", "Give it once.", field=name)
        if text.lower() == DEFAULT:
            self.reset.add(name)
        else:
            self._given[name] = _value(name, text)

    def settings(self) -> GenerationSettings:
        """Return the settings."""
        return GenerationSettings(**self._given)


def _read_private(text: str) -> bool:
    if (answer := _YES_OR_NO.get(text.lower())) is None:
        raise BadArgument(
            f"`private` is yes or no, not “{shown(text)}”.",
            "private=yes shows the answer to you alone.",
            field=_PRIVATE,
        )
    return answer


def _value(name: str, text: str) -> Any:
    match name:
        case "temperature" | "top_p":
            return real(text, name)
        case "safety":
            return read_safety(text)
        case "system_instruction":
            return "" if text.lower() == NONE else text
        case _:
            return whole_number(text, name)


def read_safety(text: str) -> Safety:
    """Return the safety setting. Raises BadArgument."""
    try:
        return Safety(text.lower())
    except ValueError:
        raise BadArgument(
            f"`safety` is {', '.join(Safety)}, not “{shown(text)}”.",
            "It is the likelihood of harm from which on Google holds an answer back; none holds back nothing.",
            field="safety",
        ) from None
