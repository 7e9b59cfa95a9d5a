"""What people type: the text of /tune, of /ask and of a mention, as one typed request.

Pure: no Slack calls, no look-ups. Whether a name exists or a number is in range is for the use cases to say; here
a number only has to be one.
"""

import re
from dataclasses import dataclass
from typing import TypeAlias

from bot.domain.requests import StartRequest
from bot.domain.suggestions import did_you_mean
from bot.errors import BadArgument
from handlers.syntax.lexer import DOUBLE_QUOTES, undo_markup, unquoted, words
from handlers.syntax.start_options import looks_like_file, parse_start


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
        f"I do not know “{verb}”.", did_you_mean(verb, VERBS) or "Write /tune help to see what I understand."
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


def quoted(name: str) -> str:
    """The name as it can be typed after `model=` or a verb, with quotes where it needs them."""
    if re.fullmatch(r"[^\s\"'“”‘’=<>&`\\]+", name):
        return name
    return '"' + re.sub(rf"[{DOUBLE_QUOTES}\\]", r"\\\g<0>", name) + '"'


def _verb(line: str) -> tuple[str, str]:
    first, *rest = line.split(None, 1) or [""]
    return first.lower(), rest[0] if rest else ""


def _all_pairs(text: str) -> bool:
    try:
        return all(word.key or looks_like_file(word.value) for word in words(text))
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
