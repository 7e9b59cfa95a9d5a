"""What a composer offers while one types: commands at the start of a message, people after an @.

Pure: it knows the text and what there is to offer, not where either comes from.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.sandbox.slack.records import Json

_COMMAND = re.compile(r"/\S*\Z")
_MENTION = re.compile(r"(?:^|(?<=\s))@([\w ]{0,40})\Z")
_MOST = 8


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One offer: the whole text once it is taken, and what is shown for it."""

    text: str
    name: str
    usage: str = ""
    about: str = ""


def suggestions(text: str, commands: Sequence[Json], people: Sequence[str]) -> list[Suggestion]:
    """What fits the text so far, which is taken to end at the cursor."""
    if _COMMAND.match(text):
        return [
            Suggestion(
                f"{each['command']} ", each["command"], each.get("usage_hint", ""), each.get("description", "")
            )
            for each in commands
            if each["command"].startswith(text.lower())
        ][:_MOST]
    if (found := _MENTION.search(text)) is not None:
        begun = found[1].lower()
        return [
            Suggestion(f"{text[: found.start()]}@{name} ", f"@{name}")
            for name in people
            if name.lower().startswith(begun) and name.lower() != begun.rstrip()
        ][:_MOST]
    return []


def usage(text: str, commands: Sequence[Json]) -> str:
    """How the command that the text begins with goes on, empty where it begins with none."""
    word, space, _ = text.partition(" ")
    if not space:
        return ""
    return next(
        (f"{word} {each.get('usage_hint', '')}" for each in commands if each["command"] == word.lower()), ""
    )


def command(text: str) -> tuple[str, str] | None:
    """The slash command and what follows it, None for words."""
    if not text.startswith("/"):
        return None
    word, _, rest = text.partition(" ")
    return word, rest.strip()
