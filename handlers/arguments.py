"""What people type: the text of /tune, of /ask and of a mention, as one typed request.

Pure: no Slack calls, no look-ups. Whether a name exists or a number is in range is for the use cases to say; here
a number only has to be one.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from bot.domain import FieldMapping, Hyperparameters, StartRequest
from bot.errors import BadArgument
from handlers.tokens import (
    DOUBLE_QUOTES,
    Word,
    closest,
    file_location,
    held_out_share,
    real,
    undo_markup,
    unquoted,
    whole,
    words,
)


@dataclass(frozen=True, slots=True)
class OpenForm:
    """`/tune` alone."""


@dataclass(frozen=True, slots=True)
class Start:
    """`/tune start key=value ...`: opens the form, filled in."""

    request: StartRequest


@dataclass(frozen=True, slots=True)
class ListJobs:
    """`/tune list`."""


@dataclass(frozen=True, slots=True)
class Status:
    """`/tune status [NAME]`; an empty name means the jobs that are under way."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Cancel:
    """`/tune cancel NAME`."""

    name: str


@dataclass(frozen=True, slots=True)
class Delete:
    """`/tune delete NAME`."""

    name: str


@dataclass(frozen=True, slots=True)
class Use:
    """`/tune use NAME`: the channel's model."""

    name: str


@dataclass(frozen=True, slots=True)
class ListModels:
    """`/tune models`."""


@dataclass(frozen=True, slots=True)
class Help:
    """`/tune help`, and a mention without words."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A question; an empty model means the thread's or the channel's."""

    question: str
    model: str = ""


TuneCommand: TypeAlias = OpenForm | Start | ListJobs | Status | Cancel | Delete | Use | ListModels | Help
Command: TypeAlias = TuneCommand | Ask

_ALONE: dict[str, type[ListJobs] | type[ListModels] | type[Help]] = {
    "list": ListJobs,
    "models": ListModels,
    "help": Help,
}
_NAMED: dict[str, type[Cancel] | type[Delete] | type[Use]] = {"cancel": Cancel, "delete": Delete, "use": Use}
_READING = ("list", "status", "help")
VERBS = ("start", "list", "status", "cancel", "delete", "use", "models", "help")

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
_LONGEST = 1_200  # a gs:// address: a bucket's 63 characters and an object's 1,024


def parse_tune(text: str) -> TuneCommand:
    """What stands after `/tune`. Raises BadArgument."""
    line = undo_markup(text).strip()
    verb, rest = _verb(line)
    if not line:
        return OpenForm()
    if verb in ("start", "tune"):
        return Start(parse_start(rest))
    if re.match(r"\w+\s*=", line):
        return Start(parse_start(line))
    if verb in _ALONE:
        if rest and verb != "help":
            raise BadArgument(f"`{verb}` stands alone, but “{rest}” follows it.", f"Write /tune {verb}.")
        return _ALONE[verb]()
    if verb == "status":
        return Status(_name(rest))
    if verb in _NAMED:
        return _NAMED[verb](_needed_name(verb, rest))
    raise BadArgument(
        f"I do not know “{verb}”.", closest(verb, VERBS) or "Write /tune help to see what I understand."
    )


def only_reads(text: str) -> bool:
    """Whether what stands after `/tune` is answered out of the database alone."""
    return _verb(text)[0] in _READING


def parse_ask(text: str) -> Ask:
    """What stands after `/ask`: perhaps `model=NAME`, then the question. Raises BadArgument when there is none."""
    line = undo_markup(text).strip()
    model, question = _leading_model(line)
    if not question:
        raise BadArgument("There is no question.", "Write it after the command: /ask model=NAME your question")
    return Ask(question, model)


def parse_mention(text: str, bot_user: str, *, has_file: bool = False) -> Command:
    """What a message says to the bot that it mentions; anything that is no command is a question.

    People speak in sentences here, so `list`, `models` and `help` count only alone, and a name of several words
    needs quotes: “use a loop to count” is a question. With a file attached, a leading `tune` is always a command.
    """
    bot = rf"<@{re.escape(bot_user)}(?:\|[^>]*)?>"
    spoken = re.sub(rf"[\s,]*{bot}\s*(?=[?.!])", "", text)
    line = undo_markup(re.sub(rf"\s*{bot}\s*[:,]?\s*", " ", spoken)).strip()
    verb, rest = _verb(line)
    if not line:
        return Start(StartRequest()) if has_file else Help()
    if verb in ("tune", "start") and (has_file or _all_pairs(rest)):
        return Start(parse_start(rest))
    if verb in _ALONE and not rest:
        return _ALONE[verb]()
    if verb == "status" and (not rest or _one_name(rest)):
        return Status(_name(rest))
    if verb in _NAMED and _one_name(rest):
        return _NAMED[verb](_name(rest))
    model, question = _leading_model(line)
    if not question:
        raise BadArgument(f"You named the model “{model}”, but asked nothing.", "Write the question after it.")
    return Ask(question, model)


def parse_start(text: str) -> StartRequest:
    """The `key=value` words of a start, Slack's markup undone already. Raises BadArgument.

    A file's link or address needs no key. Words without a key that follow `name=` belong to the name.
    """
    values: dict[str, str] = {}
    last = ""
    for word in words(text):
        key = _key(word)
        if not key and last == "name" and not _looks_like_file(word.value):
            values["name"] += " " + word.value
            continue
        if not key and not _looks_like_file(word.value):
            raise BadArgument(
                f"I cannot place “{word.value}”.",
                "Write every value as key=value, like epochs=3, and put a value with spaces in quotes.",
            )
        key = key or "file"
        if key in values:
            raise BadArgument(f"`{key}` is given twice.", "Give it once.", field=key)
        if not word.value:
            raise BadArgument(f"`{key}` has no value.", f"Write it right after the =, like {key}=….", field=key)
        values[key] = word.value
        last = key
    return _request(values)


def quoted(name: str) -> str:
    """The name as it can be typed after `model=` or a verb, with quotes where it needs them."""
    if re.fullmatch(r"[^\s\"'“”‘’=<>&`\\]+", name):
        return name
    return '"' + re.sub(rf"[{DOUBLE_QUOTES}\\]", r"\\\g<0>", name) + '"'


def _request(values: dict[str, str]) -> StartRequest:
    chosen: dict[str, int | float] = {}
    for key in _WHOLE & values.keys():
        chosen[key] = whole(values[key], key)
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
            f"I do not know “{word.key}=”.",
            closest(word.key.lower(), KEYS) or f"The words are {', '.join(_documented_keys())}.",
        )
    return known


def _documented_keys() -> Iterable[str]:
    return (key for key in KEYS if key not in ("base_model", "model", "batch_size", "learning_rate_multiplier"))


def _verb(line: str) -> tuple[str, str]:
    first, *rest = line.split(None, 1) or [""]
    return first.lower(), rest[0] if rest else ""


def _looks_like_file(value: str) -> bool:
    return value.startswith(("gs://", "http://", "https://")) or bool(re.fullmatch(r"F0[A-Z0-9]{8,}", value))


def _all_pairs(text: str) -> bool:
    try:
        return all(word.key or _looks_like_file(word.value) for word in words(text))
    except BadArgument:
        return False


def _one_name(text: str) -> bool:
    return bool(text) and (not re.search(r"\s", text) or unquoted(text) is not None)


def _name(rest: str) -> str:
    inside = unquoted(rest)
    return " ".join((rest if inside is None else inside).split())


def _needed_name(verb: str, rest: str) -> str:
    name = _name(rest)
    if not name:
        raise BadArgument(f"`{verb}` needs a name.", f"Write /tune {verb} NAME; /tune list shows the names.")
    return name


def _leading_model(line: str) -> tuple[str, str]:
    match = re.match(r"model\s*=\s*", line, re.IGNORECASE)
    if match is None:
        return "", line
    first = next(words(line[match.end() :], keys=False), None)
    if first is None:
        raise BadArgument("`model=` has no name.", "Write it after the =, like model=capitals.", field="model")
    return first.value, line[match.end() + first.end :].strip()
