"""The README promises only what is there: its tables are those of the code."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.backends import PROFILES
from bot.cli import cli
from bot.settings import Settings
from bot.settings.env_example import default_text
from handlers.syntax.commands import COMMANDS, Command

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def setting_row(name: str) -> str:
    field = next(field for field in Settings.model_fields.values() if field.alias == name)
    shown = default_text(field)
    default = f"`{shown}`" if shown else ""
    return f"| `{name}` | {default} | {field.description} |"


@pytest.mark.parametrize("name", [field.alias for field in Settings.model_fields.values()])
def test_every_setting_stands_in_the_readme_as_the_code_explains_it(name: str) -> None:
    assert setting_row(name) in README


def test_the_readme_names_no_setting_that_is_not_read() -> None:
    named = set(re.findall(r"^\| `([A-Z_]+)` \|", README, re.MULTILINE))

    assert named == {field.alias for field in Settings.model_fields.values()}


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_every_command_stands_in_the_readme_as_help_explains_it(row: Command) -> None:
    assert f"| `{row.usage}` | {row.summary} |" in README


def test_every_tunebot_command_that_the_readme_types_exists() -> None:
    typed = set(re.findall(r"\.venv/bin/tunebot ([\w-]+)", README))

    assert typed
    for name in typed:
        assert CliRunner().invoke(cli, [name, "--help"]).exit_code == 0, name


def test_the_readme_says_which_systems_still_train() -> None:
    for profile in PROFILES.values():
        row = next(line for line in README.splitlines() if f"{profile.title} v1" in line)
        assert ("**yes**" in row) == profile.trains_today


def test_every_link_to_a_part_of_the_readme_leads_to_one() -> None:
    headings = re.findall(r"^#+ (.*)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}

    assert set(re.findall(r"\]\(#([\w-]+)\)", README)) <= anchors


def test_the_example_file_of_the_commands_can_be_tuned_on() -> None:
    named = set(re.findall(r"tunebot (?:check|convert) (\S*examples\.jsonl)", README))

    assert named == {".github/examples.jsonl"}
    assert CliRunner().invoke(cli, ["check", str(ROOT / ".github" / "examples.jsonl")]).exit_code == 0
