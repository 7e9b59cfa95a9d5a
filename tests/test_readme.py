"""The README promises only what is there: its tables are those of the code."""

import re
import runpy
from pathlib import Path

from click.testing import CliRunner

from bot.backends import PROFILES
from bot.cli import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_tables_of_settings_and_commands_are_those_that_the_script_writes() -> None:
    with_tables = runpy.run_path(str(ROOT / ".ci" / "readme.py"), run_name="readme")["with_tables"]

    assert with_tables(README).splitlines() == README.splitlines(), "run .venv/bin/python .ci/readme.py"


def test_the_readme_says_which_commands_print_json_and_what_the_exit_status_means() -> None:
    with_json = {name for name, row in cli.commands.items() if any("--json" in part.opts for part in row.params)}
    [sentence] = re.findall(
        r"2 if the command was typed wrong\.\s+((?:[^.]|\n)*?) print JSON with `--json`", README
    )

    assert set(re.findall(r"`(\w+)`", sentence)) == with_json
    assert CliRunner().invoke(cli, ["no-such-command"]).exit_code == 2


def test_every_tunebot_command_that_the_readme_types_exists() -> None:
    typed = set(re.findall(r"\.venv/bin/tunebot ([\w-]+)", README))

    assert typed
    for name in typed:
        assert CliRunner().invoke(cli, [name, "--help"]).exit_code == 0, name


def test_the_readme_says_which_systems_still_train() -> None:
    for profile in PROFILES.values():
        row = next(line for line in README.splitlines() if f"{profile.title} v1" in line)
        assert ("**yes**" in row) == profile.trains_today


def test_the_moving_picture_is_small_has_words_and_stands_still_where_motion_is_unwanted() -> None:
    [still, moving] = re.findall(r'(?:srcset|src)="([^"]+)"', README)
    [words] = re.findall(r'<img [^>]*alt="([^"]+)"', README)

    assert "prefers-reduced-motion: reduce" in README.partition(f'srcset="{still}"')[0].splitlines()[-1]
    assert b"ANIM" in (ROOT / moving).read_bytes()[:64]
    assert (ROOT / moving).stat().st_size < 1_500_000
    assert b"acTL" not in (ROOT / still).read_bytes()[:64]
    assert len(words) > 100


def test_every_link_to_a_part_of_the_readme_leads_to_one() -> None:
    headings = re.findall(r"^#+ (.*)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}

    assert set(re.findall(r"\]\(#([\w-]+)\)", README)) <= anchors


def test_the_example_file_of_the_commands_can_be_tuned_on() -> None:
    named = set(re.findall(r"tunebot (?:check|convert) (\S*examples\.jsonl)", README))

    assert named == {".github/examples.jsonl"}
    assert CliRunner().invoke(cli, ["check", str(ROOT / ".github" / "examples.jsonl")]).exit_code == 0
