"""The table of all commands.

Help, the README's table and the tests read `COMMANDS`. A new command is a row here, a method of `CommandRunner`
and a block builder.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from handlers.syntax.arguments import (
    Arguments,
    alone,
    budget_arguments,
    budget_or_none,
    file_or_pairs,
    forget_arguments,
    help_arguments,
    job_id_or_none,
    month_arguments,
    month_or_none,
    name_and_target,
    name_arguments,
    needed_name_arguments,
    no_arguments,
    one_name,
    one_name_or_none,
    one_person_or_none,
    pairs_or_default,
    parse_ask,
    role_arguments,
    role_or_none,
    settings_arguments,
    share_arguments,
    start_arguments,
)


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
    GREET = "greet"  # no command: a mention that only thanks or greets


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


COMMANDS = (
    Command(
        "/tune",
        "",
        "Opens the form: choose a file, a base model and a name.",
        partial(no_arguments, ""),
        Runner.OPEN_FORM,
    ),
    Command(
        "/tune start",
        "name=capitals epochs=3 file=LINK",
        "The same in one line; also base, backend, batch, learning_rate, multiplier, adapter, validation, "
        "input and output. The file is a link to a Slack file or a gs:// address.",
        start_arguments,
        Runner.START,
        file_or_pairs,
    ),
    Command(
        "/tune list",
        "",
        "Lists what was tuned in the channels that you can read.",
        partial(no_arguments, "list"),
        Runner.LIST,
        alone,
        only_reads=True,
    ),
    Command(
        "/tune status",
        "[NAME]",
        "Shows how a tuning goes; without a name, all that are under way.",
        name_arguments,
        Runner.STATUS,
        one_name_or_none,
        only_reads=True,
    ),
    Command(
        "/tune cancel",
        "NAME",
        "Stops a tuning, where Google can; it asks first.",
        partial(needed_name_arguments, "cancel"),
        Runner.CANCEL,
        one_name,
    ),
    Command(
        "/tune delete",
        "NAME",
        "Deletes a tuned model at Google; it asks first.",
        partial(needed_name_arguments, "delete"),
        Runner.DELETE,
        one_name,
    ),
    Command(
        "/tune settings",
        "[temperature=0.2 greeting=TEXT]",
        "Shows how the model answers in this channel, and changes it; also top_p, top_k, max_tokens, candidates, "
        "stop, safety and system. `default` takes a value back.",
        settings_arguments,
        Runner.SETTINGS,
        pairs_or_default,
    ),
    Command(
        "/tune use",
        "[NAME]",
        "Makes it the model that answers in this channel; alone, it shows which one does, and `none` ends that.",
        name_arguments,
        Runner.USE,
        one_name_or_none,
    ),
    Command(
        "/tune share",
        "NAME @PERSON",
        "Shows a tuning to a person, a #channel or everyone, and lets them ask its model. An e-mail address opens "
        "a model of the Gemini or PaLM API to that Google account, where the operator allows it.",
        partial(share_arguments, "share"),
        Runner.SHARE,
        name_and_target,
        takes_ids=True,
    ),
    Command(
        "/tune unshare",
        "NAME @PERSON",
        "Takes that back.",
        partial(share_arguments, "unshare"),
        Runner.UNSHARE,
        name_and_target,
        takes_ids=True,
    ),
    Command(
        "/tune models",
        "",
        "Lists the tuned models at Google, also those made elsewhere.",
        partial(no_arguments, "models"),
        Runner.MODELS,
        alone,
    ),
    Command(
        "/tune spend",
        "[2026-11]",
        "Shows what the tunings that you can see cost in this month or in the one that you name, by person and "
        "base model, and what questions cost.",
        month_arguments,
        Runner.SPEND,
        month_or_none,
        only_reads=True,
    ),
    Command(
        "/tune budget",
        "[500 for workspace]",
        "Shows this month's budgets and what is used of them. Owners set one: US dollars or `none`, then `for` a "
        "channel, a person or the workspace; `500 questions for` is a budget for questions.",
        budget_arguments,
        Runner.BUDGET,
        budget_or_none,
        takes_ids=True,
    ),
    Command(
        "/tune roles",
        "[give ROLE @PERSON]",
        "Shows who may do what. Owners give a role, or `take` it: owner, approver, tuner or asker, to a person, a "
        "user group, a channel or everyone.",
        role_arguments,
        Runner.ROLES,
        role_or_none,
        takes_ids=True,
    ),
    Command(
        "/tune feedback",
        "[NAME]",
        "Shows what people say of a model's answers; alone, whether feedback is on. An owner switches it with "
        "`on` and `off`.",
        name_arguments,
        Runner.FEEDBACK,
        one_name_or_none,
    ),
    Command(
        "/tune export",
        "NAME",
        "Sends you the corrections of a model's answers as a training file, and where each of them comes from.",
        partial(needed_name_arguments, "export"),
        Runner.EXPORT,
        one_name,
    ),
    Command(
        "/tune again",
        "NAME",
        "Opens the form to tune a model again on its file and the corrections of its answers.",
        partial(needed_name_arguments, "again"),
        Runner.AGAIN,
        one_name,
    ),
    Command(
        "/tune audit",
        "",
        "Shows owners who started, asked, cancelled, deleted, shared or approved what, and who gave which role.",
        partial(no_arguments, "audit"),
        Runner.AUDIT,
        alone,
    ),
    Command(
        "/tune import",
        "[ftjob-ID]",
        "Opens the form with the files and settings of a fine-tuning job at OpenAI; without an id, lists them.",
        name_arguments,
        Runner.IMPORT,
        job_id_or_none,
    ),
    Command(
        "/tune stop",
        "",
        "Stops your answers that are being written in this channel; `@Tunebot stop` stops those in a thread.",
        partial(no_arguments, "stop"),
        Runner.STOP,
        alone,
        only_reads=True,
    ),
    Command(
        "/tune quiet",
        "",
        "`@Tunebot quiet` in a thread: the bot answers nothing there until somebody mentions it.",
        partial(no_arguments, "quiet"),
        Runner.QUIET,
        alone,
    ),
    Command(
        "/tune forget",
        "[@PERSON]",
        "Erases what I keep of your words: conversations, feedback and file reports; it asks first. Owners also "
        "erase another person's.",
        forget_arguments,
        Runner.FORGET,
        one_person_or_none,
        takes_ids=True,
    ),
    Command("/tune help", "", "Shows this.", help_arguments, Runner.HELP, alone, only_reads=True),
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
TUNE_COMMANDS = {command.word: command for command in COMMANDS if command.name.startswith("/tune")}
SUB_COMMANDS = tuple(filter(None, TUNE_COMMANDS))
TUNE_COMMANDS["tune"] = TUNE_COMMANDS["start"]
