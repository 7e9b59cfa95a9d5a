"""Builds the help: the table of commands, and what each Google system can do today."""

from collections.abc import Sequence

from bot.domain.backend_profile import BackendProfile
from handlers.blocks.elements import context, section
from handlers.blocks.formatting import sentence
from handlers.blocks.message import Message, code, compose, escape, escape_line
from handlers.syntax.commands import COMMANDS


def build_help(profiles: Sequence[BackendProfile]) -> Message:
    """Build the table, how to do the same by mention, and a line for each backend."""
    rows = [f"{code(command.usage)}: {sentence(escape(command.summary))}" for command in COMMANDS]
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
    notice = sentence(escape(profile.notice))
    if profile.trains_today:
        trains = f"tunes {escape_line(bases, 300)}." if bases else "tunes models."
        return f"{trains} {notice}".strip()
    return notice or "Google no longer trains here."
