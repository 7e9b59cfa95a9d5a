"""Reads what people type: the text of /tune and of a mention, by the table of commands.

This module is pure: whether a name exists or a number is in range is decided by the use cases.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

import re2  # type: ignore[import-untyped]

from bot.domain.names import did_you_mean
from bot.errors import BadArgument
from handlers.syntax.answer_options import LONGEST_NAME
from handlers.syntax.arguments import NO_ARGUMENTS, Arguments, ask_arguments, start_arguments
from handlers.syntax.commands import SUB_COMMANDS, TUNE_COMMANDS, Command, Runner
from handlers.syntax.lexer import LONGEST_LINE, leading_key, shown, undo_markup
from handlers.syntax.sentences import (
    asks_for_help,
    asks_to_tune,
    only_thanks_or_greets,
    plain,
    without_words_around_tune,
)

_A_NAME = "a name"
_EMOJI = re2.compile(r":[a-z0-9_+'-]+:")
_BLANKS_AND_COMMAS = " \t\r\n\u00a0,"


@dataclass(frozen=True, slots=True)
class TypedCommand:
    """A command as a person typed it.

    `if_named` is what a question is instead, where it names something: “status my model” is a command if there is
    a tuning of that name.
    """

    runner: Runner
    arguments: Arguments = NO_ARGUMENTS
    if_named: "TypedCommand | None" = field(default=None, compare=False)


def parse_tune(text: str) -> TypedCommand:
    """Parse what follows `/tune`. Raises BadArgument."""
    line = _line(text)
    word, rest = _first_word(line)
    command = TUNE_COMMANDS.get(word)
    if leading_key(line)[0] and word not in ("start", "tune"):
        # People leave out `start` where they write values.
        return TypedCommand(Runner.START, start_arguments(line))
    if command is None:
        raise BadArgument(
            f"I do not know “{shown(word)}”.",
            did_you_mean(word, SUB_COMMANDS) or "Write /tune help to see what I understand.",
        )
    return _typed(command, rest, text)


def _typed(command: Command, rest: str, line: str) -> TypedCommand:
    """Parse what follows the command's word; `line` is the same line with Slack's markup. Raises BadArgument."""
    return TypedCommand(command.runner, command.parse(_first_word(line.strip())[1] if command.takes_ids else rest))


def only_reads(text: str) -> bool:
    """Return whether the database alone answers what follows `/tune`."""
    command = TUNE_COMMANDS.get(_first_word(text)[0])
    return command is not None and command.only_reads


def parse_mention(
    text: str, bot_user: str, *, has_file: bool = False, names: Collection[str] = frozenset()
) -> TypedCommand:
    """Parse a message that mentions the bot; what is not a command is a question. Raises BadArgument.

    People write sentences here, so `list`, `models` and `help` are commands only alone, and a name of several
    words without quotes is one only if something has that name: “use a loop to count” is a question. With a file
    attached, `tune` at the start is always a command. `names` are as in `parse_ask`.
    """
    marked = _without_mention(text, bot_user)
    line = undo_markup(marked).strip()
    if not line:
        return TypedCommand(Runner.START if has_file else Runner.HELP)
    if asks_for_help(line):
        return TypedCommand(Runner.HELP)
    if asks_to_tune(line):
        return TypedCommand(Runner.START)
    if not has_file and only_thanks_or_greets(line):
        return TypedCommand(Runner.GREET, Arguments(question=line))
    word, rest = _first_word(line)
    command = TUNE_COMMANDS.get(word)
    if (
        command is None
        and (whole := TUNE_COMMANDS.get(plain(line))) is not None
        and whole.in_mention("", has_file)
    ):
        command, rest, marked = whole, "", whole.word  # “Stop!”
    if has_file and command is not None and command.runner is Runner.START:
        rest = without_words_around_tune(rest)
    if command is not None and len(line) > LONGEST_LINE and has_file:
        raise _too_long(line)
    if command is not None and len(line) <= LONGEST_LINE and command.in_mention(rest, has_file):
        return _typed(command, rest, marked)
    arguments = ask_arguments(line, names=names)
    if arguments.private:
        raise BadArgument(
            "`private=yes` is for /ask: a message is answered beside it.",
            "Type /ask private=yes and your question.",
        )
    if not arguments.question:
        named = f"You named the model “{shown(arguments.model)}”" if arguments.model else "You set how to answer"
        raise BadArgument(f"{named}, but asked nothing.", "Write the question after it.")
    command_if_named = None
    if command is not None and command.in_mention(f'"{_A_NAME}"', has_file) and len(rest) <= LONGEST_NAME:
        command_if_named = TypedCommand(command.runner, command.parse(rest.rstrip("?.! ")))
    return TypedCommand(Runner.ASK, arguments, command_if_named)


def _line(text: str) -> str:
    """Return a command's line without Slack's markup. Raises BadArgument for one that nobody types."""
    if len(text) > LONGEST_LINE:
        raise _too_long(text)
    return undo_markup(text).strip()


def _too_long(text: str) -> BadArgument:
    return BadArgument(
        f"The command has {len(text):,} characters; I read at most {LONGEST_LINE:,}.",
        "Shorten it, or fill in the form that /tune opens.",
    )


def _without_mention(text: str, bot_user: str) -> str:
    """Return a message without the mentions of the bot.

    A mention before a punctuation mark ends a sentence: “what is this, @Tunebot?”.
    """
    first, *pieces = text.split(f"<@{bot_user}")
    parts = [[first]]
    for piece in pieces:
        label, closed, rest = piece.partition(">")
        if closed and (not label or (label[0] == "|" and "<" not in label)):
            parts.append([rest])
        else:  # The id of another person begins with the bot's.
            parts[-1] += [f"<@{bot_user}", piece]
    line, *others = ["".join(part) for part in parts]
    whole = [line]
    for other in map(str.lstrip, others):
        if other.startswith(("?", ".", "!")):
            whole[-1] = whole[-1].rstrip(_BLANKS_AND_COMMAS)
            whole.append(other)
        else:
            whole[-1] = whole[-1].rstrip()
            marked = other.startswith((":", ",")) and not _EMOJI.match(other)
            whole.append(" " + (other[1:].lstrip() if marked else other))
    return "".join(whole)


def _first_word(line: str) -> tuple[str, str]:
    first, *rest = line.split(None, 1) or [""]
    return first.lower(), rest[0] if rest else ""
