"""What the bot understands, as a table, and what each Google system can do today."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.backend_profile import BackendProfile
from handlers.blocks.elements import context, section
from handlers.blocks.formatting import sentence
from handlers.blocks.message import Message, code, compose, escape, escape_line


@dataclass(frozen=True, slots=True)
class CommandHelp:
    """A row of the table: the command with its verb, its arguments as one types them, and what it does."""

    name: str
    arguments: str
    sentence: str


COMMANDS = (
    CommandHelp("/tune", "", "Opens the form: choose a file, a base model and a name."),
    CommandHelp(
        "/tune start",
        "name=capitals epochs=3 file=LINK",
        "The same in one line; also base, backend, batch, learning_rate, multiplier, adapter, validation, "
        "input and output. The file is a link to a Slack file or a gs:// address.",
    ),
    CommandHelp("/tune list", "", "Lists what was tuned in this workspace."),
    CommandHelp("/tune status", "[NAME]", "Shows how a tuning goes; without a name, all that are under way."),
    CommandHelp("/tune cancel", "NAME", "Stops a tuning, where Google can."),
    CommandHelp("/tune delete", "NAME", "Deletes a tuned model at Google."),
    CommandHelp("/tune use", "NAME", "Makes it the model that answers in this channel."),
    CommandHelp("/tune models", "", "Lists the tuned models at Google, also those made elsewhere."),
    CommandHelp("/tune help", "", "Shows this."),
    CommandHelp("/ask", "[model=NAME] question", "Asks a tuned model; go on in the thread under its answer."),
)


def help_message(profiles: Sequence[BackendProfile], commands: Sequence[CommandHelp] = COMMANDS) -> Message:
    """The table, how to do the same by mention, and a line for each backend."""
    rows = [
        f"{code(f'{each.name} {each.arguments}'.strip())}: {sentence(escape(each.sentence))}" for each in commands
    ]
    mentions = (
        "In a thread, where Slack takes no commands, mention me instead: `@Tunebot status NAME`, "
        "`@Tunebot tune epochs=3` with a file attached, or just a question. Put a name with spaces in quotes."
    )
    systems = [f"*{escape_line(each.title, 60)}:* {_about(each)}" for each in profiles]
    blocks = [section("\n".join(rows), "commands"), section(mentions, "mentions")]
    if systems:
        blocks.append(context("\n".join(systems), "systems"))
    return compose("\n".join([*rows, mentions, *systems]), blocks)


def _about(profile: BackendProfile) -> str:
    bases = ", ".join(profile.base_models[:6])
    said = sentence(escape(profile.notice))
    if profile.trains_today:
        trains = f"tunes {escape_line(bases, 300)}." if bases else "tunes models."
        return f"{trains} {said}".strip()
    return said or "Google no longer trains here."
