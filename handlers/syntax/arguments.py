"""What follows a command: its values, their parsers, and which rest of a mention can be arguments.

Each parser gets what follows its command and raises BadArgument. Each check of a mention gets the rest of the
message, and whether a file is attached; it returns whether that is the arguments of the command and not the rest
of a question.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date

import re2  # type: ignore[import-untyped]

from bot.chat.answer_settings import SettingsChange
from bot.domain.generation_settings import NO_SETTINGS, GenerationSettings
from bot.domain.google_accounts import is_account
from bot.domain.names import MARKUP, did_you_mean
from bot.domain.requests import StartRequest
from bot.domain.roles import EVERYONE, Role, is_person
from bot.errors import BadArgument
from bot.spending.month_report import read_month
from handlers.syntax.answer_options import DEFAULT, parse_ask_options, parse_settings
from handlers.syntax.budget_words import BudgetChange, parse_budget_words
from handlers.syntax.lexer import named_target, shown, undo_markup, unquoted, words
from handlers.syntax.start_options import looks_like_file, parse_start


@dataclass(frozen=True, slots=True)
class Arguments:
    """What follows a command; each parser sets the fields that its command takes.

    `name` is that of a job or a tuned model. An empty `model` means that of the thread or of the channel.
    `month` is the first day of a month, None for the present one. `role_change` is what to do with a
    role, empty to show all; `target` is the id of a person, a user group or a channel, or EVERYONE. `settings` are
    a question's own, `compare` names the other model to ask, `change` is what `/tune settings` changes and
    `budget` the budget to set, each None where nothing changes.
    """

    name: str = ""
    request: StartRequest = field(default_factory=StartRequest)
    question: str = ""
    model: str = ""
    month: date | None = None
    role_change: str = ""
    role: Role | None = None
    target: str = ""
    settings: GenerationSettings = NO_SETTINGS
    private: bool = False
    compare: str = ""
    unquoted: tuple[str, ...] = field(default=(), compare=False)
    change: SettingsChange | None = None
    budget: BudgetChange | None = None


NO_ARGUMENTS = Arguments()
ROLE_CHANGES = ("give", "take")
_ROLE_USAGE = "Write /tune roles give ROLE @PERSON, or take in place of give."
NO_MODEL = "none"  # after `/tune use`: no model answers in the channel


def parse_ask(text: str, names: Collection[str] = frozenset()) -> Arguments:
    """Parse what follows `/ask`: optional `key=value` words, then the question. Raises BadArgument.

    Of a name without quotes only the first word is read. When it is parsed again with `names`, those of `unquoted`
    that models have, it is the whole name.
    """
    arguments = ask_arguments(undo_markup(text).strip(), compare_word=True, names=names)
    if not arguments.question:
        raise BadArgument("There is no question.", "Write it after the command: /ask model=NAME your question")
    return arguments


def no_arguments(word: str, rest: str) -> Arguments:
    if rest:
        raise BadArgument(f"`{word}` takes no arguments, but “{shown(rest)}” follows it.", f"Write /tune {word}.")
    return NO_ARGUMENTS


def help_arguments(rest: str) -> Arguments:
    """Accept `help start` and the like: the help is one page."""
    return NO_ARGUMENTS


def start_arguments(rest: str) -> Arguments:
    return Arguments(request=parse_start(rest))


def name_arguments(rest: str) -> Arguments:
    inside = unquoted(rest)
    name = " ".join((rest if inside is None else inside).split())
    # The bot shows names in bold or as code, and people copy them so. A name with such marks is put in quotes.
    if inside is None and len(name) > 2 and name[0] in MARKUP and name[-1] == name[0]:
        name = name[1:-1]
    return Arguments(name=name)


def month_arguments(rest: str) -> Arguments:
    return Arguments(month=read_month(rest)) if rest.strip() else NO_ARGUMENTS


def role_arguments(rest: str) -> Arguments:
    if not rest.strip():
        return NO_ARGUMENTS
    given, target = named_target(rest)
    change, _, word = " ".join(given.split()).lower().partition(" ")
    if change not in ROLE_CHANGES or not word:
        raise BadArgument(f"I do not know what to do with “{shown(undo_markup(rest))}”.", _ROLE_USAGE)
    try:
        role = Role(word.removesuffix("s"))
    except ValueError:
        known = did_you_mean(word, list(Role), otherwise=f"The roles are {', '.join(Role)}.")
        raise BadArgument(f"There is no role “{shown(word)}”.", known) from None
    return Arguments(role_change=change, role=role, target=target)


def share_arguments(word: str, rest: str) -> Arguments:
    usage = f"Write /tune {word} NAME @PERSON, #CHANNEL or everyone."
    if not rest.strip():
        raise BadArgument(f"`{word}` needs a name, and with whom.", usage)
    given, target = named_target(rest, accounts=True)
    name = name_arguments(given).name
    if not name:
        raise BadArgument(f"`{word}` needs the name of a tuning.", usage)
    return Arguments(name=name, target=target)


def budget_arguments(rest: str) -> Arguments:
    return Arguments(budget=parse_budget_words(rest)) if rest.strip() else NO_ARGUMENTS


def forget_arguments(rest: str) -> Arguments:
    if not rest.strip():
        return NO_ARGUMENTS
    before, target = named_target(rest)
    if before or not is_person(target):
        raise BadArgument("`forget` takes one person.", "Write /tune forget, or /tune forget @PERSON.")
    return Arguments(target=target)


def needed_name_arguments(word: str, rest: str) -> Arguments:
    arguments = name_arguments(rest)
    if not arguments.name:
        raise BadArgument(f"`{word}` needs a name.", f"Write /tune {word} NAME; /tune list shows the names.")
    return arguments


def ask_arguments(line: str, *, compare_word: bool = False, names: Collection[str]) -> Arguments:
    options = parse_ask_options(line, compare_word=compare_word, names=names)
    return Arguments(
        model=options.model,
        settings=options.settings,
        question=options.question,
        private=options.private,
        compare=options.compare,
        unquoted=options.unquoted,
    )


def settings_arguments(rest: str) -> Arguments:
    return Arguments(change=parse_settings(rest))


def alone(rest: str, has_file: bool) -> bool:
    return not rest


def one_name(rest: str, has_file: bool) -> bool:
    return len(rest.split(None, 1)) == 1 or unquoted(rest) is not None


def one_name_or_none(rest: str, has_file: bool) -> bool:
    return not rest or one_name(rest, has_file)


def job_id_or_none(rest: str, has_file: bool) -> bool:
    return not rest or (rest.startswith("ftjob-") and len(rest.split()) == 1)


def pairs_or_default(rest: str, has_file: bool) -> bool:
    if not rest or rest.lower() == DEFAULT:
        return True
    try:
        return all(word.key for word in words(rest))
    except BadArgument:
        return False


def month_or_none(rest: str, has_file: bool) -> bool:
    return not rest or re2.fullmatch(r"[0-9]{4}-[0-9]{2}", rest) is not None


def name_and_target(rest: str, has_file: bool) -> bool:
    """A question has no person, channel or address at its end; with quotes the name may have several words."""
    name, _, target = rest.rpartition(" ")
    named = target.startswith(("@", "#")) or target.lower() == EVERYONE or is_account(target.lower())
    return named and one_name(name, has_file)


def budget_or_none(rest: str, has_file: bool) -> bool:
    pattern = r"(?i)(none|\$?[0-9][0-9.,]*) ((tuning|questions) )?for [^ ]+"
    return not rest or re2.fullmatch(pattern, " ".join(rest.split())) is not None


def one_person_or_none(rest: str, has_file: bool) -> bool:
    return not rest or (rest.startswith("@") and one_name(rest, has_file))


def role_or_none(rest: str, has_file: bool) -> bool:
    return not rest or (rest.split()[0].lower() in ROLE_CHANGES and len(rest.split()) > 2)


def file_or_pairs(rest: str, has_file: bool) -> bool:
    if has_file:
        return True
    try:
        return all(word.key or looks_like_file(word.value) for word in words(rest))
    except BadArgument:
        return False
