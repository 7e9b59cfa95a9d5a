"""Writes the tables of README.md that the code knows: the settings, the commands in Slack, those of a terminal.

`.venv/bin/python .ci/readme.py` writes them between the comments that name them. With --check it writes nothing,
and ends with 1 if one of them differs.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
README: Final = ROOT / "README.md"
sys.path.insert(0, str(ROOT))

from bot.cli import cli  # noqa: E402 - found in the repository of this file
from bot.settings import Settings  # noqa: E402
from bot.settings.env_example import default_text  # noqa: E402
from handlers.syntax.commands import COMMANDS  # noqa: E402


def settings_table() -> list[str]:
    """Return a line for each variable: its name, its default, its meaning."""
    lines = ["| variable | default | what it does |", "|---|---|---|"]
    for field in Settings.model_fields.values():
        shown = default_text(field)
        lines.append(f"| `{field.alias}` | {f'`{shown}`' if shown else ''} | {field.description} |")
    return lines


def slack_table() -> list[str]:
    """Return a line for each command that a person types in Slack, as help explains it."""
    rows = [f"| `{row.usage}` | {row.summary} |" for row in COMMANDS]
    return ["| command | what it does |", "|---|---|", *rows]


def terminal_table() -> list[str]:
    """Return a line for each command of `tunebot`: its name and arguments, and its first sentence."""
    lines = ["| command | what it does |", "|---|---|"]
    for name, command in cli.commands.items():
        arguments = [
            part.human_readable_name if part.required else f"[{part.human_readable_name}]"
            for part in command.params
            if part.param_type_name == "argument"
        ]
        first, _, _ = (command.help or "").partition("\n\n")
        lines.append(f"| `{' '.join(['tunebot', name, *arguments])}` | {' '.join(first.split())} |")
    return lines


TABLES: Final[dict[str, Callable[[], list[str]]]] = {
    "settings": settings_table,
    "commands in Slack": slack_table,
    "commands of tunebot": terminal_table,
}


def with_tables(page: str) -> str:
    """Return the page with each table written anew.

    Raises ValueError if a table does not have its place exactly once.
    """
    for name, table in TABLES.items():
        begin, end = f"<!-- {name}: written by .ci/readme.py -->\n", f"<!-- end of {name} -->"
        place = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        text = begin + "\n" + "\n".join(table()) + "\n\n" + end
        page, found = place.subn(lambda _, text=text: text, page)
        if found != 1:
            raise ValueError(f"{name}: the page has {found} places for this table")
    return page


def main(words: list[str]) -> int:
    """Write or check the page; returns the exit status."""
    before = README.read_text()
    after = with_tables(before)
    if words != ["--check"]:
        README.write_text(after)
    elif after != before:
        wrong = [line for line in after.splitlines() if line not in before.splitlines()]
        print("\n".join(["README.md differs: .venv/bin/python .ci/readme.py", *wrong]))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
