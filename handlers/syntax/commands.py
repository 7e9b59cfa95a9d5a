"""The table of all commands, and what people type: the text of /tune, of /ask and of a mention.

Help, the README's table and the tests read `COMMANDS`. A new command is a row here, a method of `CommandRunner`
and a block builder. This module is pure: whether a name exists or a number is in range is decided by the use
cases.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import partial

import re2  # type: ignore[import-untyped]

from bot.chat.answer_settings import SettingsChange
from bot.domain.generation_settings import NO_SETTINGS, GenerationSettings
from bot.domain.google_accounts import is_account
from bot.domain.names import MARKUP, did_you_mean
from bot.domain.requests import StartRequest
from bot.domain.roles import EVERYONE, Role, is_person
from bot.errors import BadArgument
from bot.spending.month_report import read_month
from handlers.syntax.answer_options import DEFAULT, LONGEST_NAME, parse_ask_options, parse_settings
from handlers.syntax.budget_words import BudgetChange, parse_budget_words
from handlers.syntax.lexer import LONGEST_LINE, leading_key, named_target, shown, undo_markup, unquoted, words
from handlers.syntax.sentences import asks_for_help, asks_to_tune, plain, without_words_around_tune
from handlers.syntax.start_options import looks_like_file, parse_start


class Runner(StrEnum):
    """The keys of what carries a command out.

    `CommandRunner` binds a method to all but the first three, which open a modal or ask a model.
    """

    OPEN_FORM = "open_form"
    START = "start"
    ASK = "ask"
    LIST = "list"
    STATUS = "status"
    CANCEL = "cancel"
    DELETE = "delete"
    USE = "use"
    MODELS = "models"
    SPEND = "spend"
    SHARE = "share"
    UNSHARE = "unshare"
    FORGET = "forget"
    ROLES = "roles"
    AUDIT = "audit"
    BUDGET = "budget"
    SETTINGS = "settings"
    FEEDBACK = "feedback"
    EXPORT = "export"
    AGAIN = "again"
    IMPORT = "import"
    HELP = "help"
    STOP = "stop"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Arguments:
    """What follows a command; each parser sets the fields that its command takes.

    `name` is that of a job or a tuned model. An empty `model` means that of the thread or of the channel.
    `month` is the first day of a month, None for the present one. `verb` is what to do with a role, empty to show
    all; `target` is the id of a person, a user group or a channel, or EVERYONE. `settings` are a question's
    own, `compare` names the other model to ask, `change` is what `/tune settings` changes and `budget` the budget
    to set, each None where nothing changes.
    """

    name: str = ""
    request: StartRequest = field(default_factory=StartRequest)
    question: str = ""
    model: str = ""
    month: date | None = None
    verb: str = ""
    role: Role | None = None
    target: str = ""
    settings: GenerationSettings = NO_SETTINGS
    private: bool = False
    compare: str = ""
    unquoted: tuple[str, ...] = field(default=(), compare=False)
    change: SettingsChange | None = None
    budget: BudgetChange | None = None


NO_ARGUMENTS = Arguments()
ROLE_VERBS = ("give", "take")
_ROLE_USAGE = "Write /tune roles give ROLE @PERSON, or take in place of give."
_A_NAME = "a name"
NO_MODEL = "none"  # after `/tune use`: no model answers in the channel
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


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the table.

    `parse` reads what follows the command's words and raises BadArgument. `in_mention` decides whether the rest
    of a mention, with or without a file, is the arguments of this command and not the rest of a question.
    `only_reads`: the database alone answers it, so many may wait in one queue. `takes_ids`: `parse` gets what
    follows with Slack's markup, which carries the ids of people and channels.
    """

    name: str
    arguments: str
    summary: str
    parse: Callable[[str], Arguments]
    runner: Runner
    in_mention: Callable[[str, bool], bool] = lambda rest, has_file: False
    only_reads: bool = False
    takes_ids: bool = False

    @property
    def usage(self) -> str:
        """Return the command as one types it."""
        return f"{self.name} {self.arguments}".strip()

    @property
    def word(self) -> str:
        """Return the sub-command, for example `list`; empty for `/tune` and `/ask` themselves."""
        return self.name.partition(" ")[2]


def parse_tune(text: str) -> TypedCommand:
    """Parse what follows `/tune`. Raises BadArgument."""
    line = _line(text)
    word, rest = _first_word(line)
    command = _TUNE.get(word)
    if leading_key(line)[0] and word not in ("start", "tune"):
        # People leave out `start` where they write values.
        return TypedCommand(Runner.START, _parse_start(line))
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
    command = _TUNE.get(_first_word(text)[0])
    return command is not None and command.only_reads


def parse_ask(text: str, names: Collection[str] = frozenset()) -> Arguments:
    """Parse what follows `/ask`: optional `key=value` words, then the question. Raises BadArgument.

    Of a name without quotes only the first word is read. When it is parsed again with `names`, those of `unquoted`
    that models have, it is the whole name.
    """
    arguments = _parse_ask(undo_markup(text).strip(), compare_word=True, names=names)
    if not arguments.question:
        raise BadArgument("There is no question.", "Write it after the command: /ask model=NAME your question")
    return arguments


def parse_mention(
    text: str, bot_user: str, *, has_file: bool = False, names: Collection[str] = frozenset()
) -> TypedCommand:
    """Parse a message that mentions the bot; what is no command is a question. Raises BadArgument.

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
    word, rest = _first_word(line)
    command = _TUNE.get(word)
    if command is None and (alone := _TUNE.get(plain(line))) is not None and alone.in_mention("", has_file):
        command, rest, marked = alone, "", alone.word  # “Stop!”
    if has_file and command is not None and command.runner is Runner.START:
        rest = without_words_around_tune(rest)
    if command is not None and len(line) > LONGEST_LINE and has_file:
        raise _too_long(line)
    if command is not None and len(line) <= LONGEST_LINE and command.in_mention(rest, has_file):
        return _typed(command, rest, marked)
    arguments = _parse_ask(line, names=names)
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


def _no_arguments(word: str, rest: str) -> Arguments:
    if rest:
        raise BadArgument(f"`{word}` stands alone, but “{shown(rest)}” follows it.", f"Write /tune {word}.")
    return NO_ARGUMENTS


def _parse_help(rest: str) -> Arguments:
    """Accept `help start` and the like: the help is one page."""
    return NO_ARGUMENTS


def _parse_start(rest: str) -> Arguments:
    return Arguments(request=parse_start(rest))


def _parse_name(rest: str) -> Arguments:
    inside = unquoted(rest)
    name = " ".join((rest if inside is None else inside).split())
    # The bot shows names in bold or as code, and people copy them so. A name with such marks is put in quotes.
    if inside is None and len(name) > 2 and name[0] in MARKUP and name[-1] == name[0]:
        name = name[1:-1]
    return Arguments(name=name)


def _parse_month(rest: str) -> Arguments:
    return Arguments(month=read_month(rest)) if rest.strip() else NO_ARGUMENTS


def _parse_role(rest: str) -> Arguments:
    if not rest.strip():
        return NO_ARGUMENTS
    given, target = named_target(rest)
    verb, _, word = " ".join(given.split()).lower().partition(" ")
    if verb not in ROLE_VERBS or not word:
        raise BadArgument(f"I do not know what to do with “{shown(undo_markup(rest))}”.", _ROLE_USAGE)
    try:
        role = Role(word.removesuffix("s"))
    except ValueError:
        known = did_you_mean(word, list(Role), otherwise=f"The roles are {', '.join(Role)}.")
        raise BadArgument(f"There is no role “{shown(word)}”.", known) from None
    return Arguments(verb=verb, role=role, target=target)


def _parse_share(word: str, rest: str) -> Arguments:
    usage = f"Write /tune {word} NAME @PERSON, #CHANNEL or everyone."
    if not rest.strip():
        raise BadArgument(f"`{word}` needs a name, and with whom.", usage)
    given, target = named_target(rest, accounts=True)
    name = _parse_name(given).name
    if not name:
        raise BadArgument(f"`{word}` needs the name of a tuning.", usage)
    return Arguments(name=name, target=target)


def _parse_budget(rest: str) -> Arguments:
    return Arguments(budget=parse_budget_words(rest)) if rest.strip() else NO_ARGUMENTS


def _parse_forget(rest: str) -> Arguments:
    if not rest.strip():
        return NO_ARGUMENTS
    before, target = named_target(rest)
    if before or not is_person(target):
        raise BadArgument("`forget` takes one person.", "Write /tune forget, or /tune forget @PERSON.")
    return Arguments(target=target)


def _parse_needed_name(word: str, rest: str) -> Arguments:
    arguments = _parse_name(rest)
    if not arguments.name:
        raise BadArgument(f"`{word}` needs a name.", f"Write /tune {word} NAME; /tune list shows the names.")
    return arguments


def _parse_ask(line: str, *, compare_word: bool = False, names: Collection[str]) -> Arguments:
    options = parse_ask_options(line, compare_word=compare_word, names=names)
    return Arguments(
        model=options.model,
        settings=options.settings,
        question=options.question,
        private=options.private,
        compare=options.compare,
        unquoted=options.unquoted,
    )


def _parse_settings(rest: str) -> Arguments:
    return Arguments(change=parse_settings(rest))


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
            whole.append(" " + (other[1:].lstrip() if other.startswith((":", ",")) else other))
    return "".join(whole)


def _first_word(line: str) -> tuple[str, str]:
    first, *rest = line.split(None, 1) or [""]
    return first.lower(), rest[0] if rest else ""


def _alone(rest: str, has_file: bool) -> bool:
    return not rest


def _one_name(rest: str, has_file: bool) -> bool:
    return len(rest.split(None, 1)) == 1 or unquoted(rest) is not None


def _one_name_or_none(rest: str, has_file: bool) -> bool:
    return not rest or _one_name(rest, has_file)


def _job_id_or_none(rest: str, has_file: bool) -> bool:
    return not rest or (rest.startswith("ftjob-") and len(rest.split()) == 1)


def _pairs_or_default(rest: str, has_file: bool) -> bool:
    if not rest or rest.lower() == DEFAULT:
        return True
    try:
        return all(word.key for word in words(rest))
    except BadArgument:
        return False


def _month_or_none(rest: str, has_file: bool) -> bool:
    return not rest or re2.fullmatch(r"[0-9]{4}-[0-9]{2}", rest) is not None


def _name_and_target(rest: str, has_file: bool) -> bool:
    """A question has no person, channel or address at its end; with quotes the name may have several words."""
    name, _, target = rest.rpartition(" ")
    named = target.startswith(("@", "#")) or target.lower() == EVERYONE or is_account(target.lower())
    return named and _one_name(name, has_file)


def _budget_words(rest: str, has_file: bool) -> bool:
    pattern = r"(?i)(none|\$?[0-9][0-9.,]*) ((tuning|questions) )?for [^ ]+"
    return not rest or re2.fullmatch(pattern, " ".join(rest.split())) is not None


def _one_person_or_none(rest: str, has_file: bool) -> bool:
    return not rest or (rest.startswith("@") and _one_name(rest, has_file))


def _role_words(rest: str, has_file: bool) -> bool:
    return not rest or (rest.split()[0].lower() in ROLE_VERBS and len(rest.split()) > 2)


def _file_or_pairs(rest: str, has_file: bool) -> bool:
    if has_file:
        return True
    try:
        return all(word.key or looks_like_file(word.value) for word in words(rest))
    except BadArgument:
        return False


COMMANDS = (
    Command(
        "/tune",
        "",
        "Opens the form: choose a file, a base model and a name.",
        partial(_no_arguments, ""),
        Runner.OPEN_FORM,
    ),
    Command(
        "/tune start",
        "name=capitals epochs=3 file=LINK",
        "The same in one line; also base, backend, batch, learning_rate, multiplier, adapter, validation, "
        "input and output. The file is a link to a Slack file or a gs:// address.",
        _parse_start,
        Runner.START,
        _file_or_pairs,
    ),
    Command(
        "/tune list",
        "",
        "Lists what was tuned in the channels that you can read.",
        partial(_no_arguments, "list"),
        Runner.LIST,
        _alone,
        only_reads=True,
    ),
    Command(
        "/tune status",
        "[NAME]",
        "Shows how a tuning goes; without a name, all that are under way.",
        _parse_name,
        Runner.STATUS,
        _one_name_or_none,
        only_reads=True,
    ),
    Command(
        "/tune cancel",
        "NAME",
        "Stops a tuning, where Google can; it asks first.",
        partial(_parse_needed_name, "cancel"),
        Runner.CANCEL,
        _one_name,
    ),
    Command(
        "/tune delete",
        "NAME",
        "Deletes a tuned model at Google; it asks first.",
        partial(_parse_needed_name, "delete"),
        Runner.DELETE,
        _one_name,
    ),
    Command(
        "/tune settings",
        "[temperature=0.2 greeting=TEXT]",
        "Shows how the model answers in this channel, and changes it; also top_p, top_k, max_tokens, candidates, "
        "stop, safety and system. `default` takes a value back.",
        _parse_settings,
        Runner.SETTINGS,
        _pairs_or_default,
    ),
    Command(
        "/tune use",
        "[NAME]",
        "Makes it the model that answers in this channel; alone, it shows which one does, and `none` ends that.",
        _parse_name,
        Runner.USE,
        _one_name_or_none,
    ),
    Command(
        "/tune share",
        "NAME @PERSON",
        "Shows a tuning to a person, a #channel or everyone, and lets them ask its model. An e-mail address opens "
        "a model of the Gemini or PaLM API to that Google account, where the operator allows it.",
        partial(_parse_share, "share"),
        Runner.SHARE,
        _name_and_target,
        takes_ids=True,
    ),
    Command(
        "/tune unshare",
        "NAME @PERSON",
        "Takes that back.",
        partial(_parse_share, "unshare"),
        Runner.UNSHARE,
        _name_and_target,
        takes_ids=True,
    ),
    Command(
        "/tune models",
        "",
        "Lists the tuned models at Google, also those made elsewhere.",
        partial(_no_arguments, "models"),
        Runner.MODELS,
        _alone,
    ),
    Command(
        "/tune spend",
        "[2026-11]",
        "Shows what the tunings that you can see cost in this month or in the one that you name, by person and "
        "base model, and what questions cost.",
        _parse_month,
        Runner.SPEND,
        _month_or_none,
        only_reads=True,
    ),
    Command(
        "/tune budget",
        "[500 for workspace]",
        "Shows this month's budgets and what is used of them. Owners set one: US dollars or `none`, then `for` a "
        "channel, a person or the workspace; `500 questions for` is a budget for questions.",
        _parse_budget,
        Runner.BUDGET,
        _budget_words,
        takes_ids=True,
    ),
    Command(
        "/tune roles",
        "[give ROLE @PERSON]",
        "Shows who may do what. Owners give a role, or `take` it: owner, approver, tuner or asker, to a person, a "
        "user group, a channel or everyone.",
        _parse_role,
        Runner.ROLES,
        _role_words,
        takes_ids=True,
    ),
    Command(
        "/tune feedback",
        "[NAME]",
        "Shows what people say of a model's answers; alone, whether feedback is on. An owner switches it with "
        "`on` and `off`.",
        _parse_name,
        Runner.FEEDBACK,
        _one_name_or_none,
    ),
    Command(
        "/tune export",
        "NAME",
        "Sends you the corrections of a model's answers as a training file, and where each of them comes from.",
        partial(_parse_needed_name, "export"),
        Runner.EXPORT,
        _one_name,
    ),
    Command(
        "/tune again",
        "NAME",
        "Opens the form to tune a model again on its file and the corrections of its answers.",
        partial(_parse_needed_name, "again"),
        Runner.AGAIN,
        _one_name,
    ),
    Command(
        "/tune audit",
        "",
        "Shows owners who started, asked, cancelled, deleted, shared or approved what, and who gave which role.",
        partial(_no_arguments, "audit"),
        Runner.AUDIT,
        _alone,
    ),
    Command(
        "/tune import",
        "[ftjob-ID]",
        "Opens the form with the files and settings of a fine-tuning job at OpenAI; without an id, lists them.",
        _parse_name,
        Runner.IMPORT,
        _job_id_or_none,
    ),
    Command(
        "/tune stop",
        "",
        "Stops your answers that are being written in this channel; `@Tunebot stop` stops those in a thread.",
        partial(_no_arguments, "stop"),
        Runner.STOP,
        _alone,
        only_reads=True,
    ),
    Command(
        "/tune quiet",
        "",
        "`@Tunebot quiet` in a thread: the bot answers nothing there until somebody mentions it.",
        partial(_no_arguments, "quiet"),
        Runner.QUIET,
        _alone,
    ),
    Command(
        "/tune forget",
        "[@PERSON]",
        "Erases what I keep of your words: conversations, feedback and file reports; it asks first. Owners also "
        "erase another person's.",
        _parse_forget,
        Runner.FORGET,
        _one_person_or_none,
        takes_ids=True,
    ),
    Command("/tune help", "", "Shows this.", _parse_help, Runner.HELP, _alone, only_reads=True),
    Command(
        "/ask",
        "[compare] [model=NAME temperature=0.2 private=yes] question",
        "Asks a tuned model, with settings for this question if you like; go on in the thread under its answer. "
        "`private=yes` shows the answer to you alone, with a button to share it. `compare` also asks its base "
        "model, and `compare=NAME` another tuned one: vote on the two answers to see which is which.",
        parse_ask,
        Runner.ASK,
    ),
)

# The commands that begin with /tune, by their sub-command; `tune` is what people write in a mention for `start`.
_TUNE = {command.word: command for command in COMMANDS if command.name.startswith("/tune")}
SUB_COMMANDS = tuple(filter(None, _TUNE))
_TUNE["tune"] = _TUNE["start"]
