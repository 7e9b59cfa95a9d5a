"""Builds the answer to `/tune audit`: the newest acts of the audit log."""

from collections.abc import Mapping, Sequence
from typing import Final

from bot.domain.jobs import BY_CEILING
from bot.domain.roles import EVERYONE, is_channel, is_grantee
from bot.ports.stores import BY_BOT, BY_TERMINAL, AuditLine
from handlers.blocks.elements import context, section
from handlers.blocks.formatting import moment
from handlers.blocks.message import Message, code, compose, escape_line, mention

SHOWN: Final = 20
_ACTORS: Final = {
    BY_BOT: "Tunebot itself",
    BY_CEILING: "The limit of running tunings",
    BY_TERMINAL: "Somebody at the terminal",
}
_ALL: Final = "`tunebot audit` on the command line writes all of it as CSV or JSON."


def build_audit(lines: Sequence[AuditLine], names: Mapping[str, str], *, with_mentions: bool = True) -> Message:
    """Build the list, newest first.

    `names` has the names of those jobs, by their keys, that the person sees. `with_mentions` is for a message that
    only one person sees.
    """
    shown = [_line(line, names, with_mentions) for line in lines[:SHOWN]]
    text = "\n".join(shown) or "Nothing is in the audit log yet."
    return compose(f"{text}\n{_ALL}", [section(text, "audit"), context(_ALL, "audit_all")])


def _line(line: AuditLine, names: Mapping[str, str], with_mentions: bool) -> str:
    act = line.act
    who = _ACTORS.get(act.user) or (mention(act.user) if with_mentions else code(act.user))
    what = f"*{escape_line(names[line.subject], 60)}*" if line.subject in names else _subject(line.subject)
    where = f" in <#{act.channel}>" if is_channel(act.channel) else ""
    result = f": {_subject(act.result)}" if act.result else ""
    return f"{moment(act.at)} {who} {escape_line(act.action)} {what}{where}{result}"


def _subject(subject: str) -> str:
    """Show an id or a word of the bot; the key of a job that the person does not see stays a key."""
    if is_channel(subject) and is_grantee(subject):
        return f"<#{subject}>"
    return subject if subject == EVERYONE else code(subject, 80) if subject else ""
