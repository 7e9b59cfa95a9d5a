"""The README promises only what is there: its tables are those of the code."""

import re
import runpy
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.backends import PROFILES
from bot.chat.answer_worker import ASKED_AGAIN_WITHIN
from bot.cli import cli
from bot.datasets.formats import pictures
from bot.domain.jobs import JobState
from bot.runtime import doctor, scheduled_backups
from bot.runtime.stop_signals import LONGEST_STOP_SECONDS
from bot.settings import Settings
from bot.spending.budget_check import WARNED_FROM
from bot.spending.retirement import TOLD_BEFORE
from bot.tuning import cancellation, poller, retention
from handlers.delivery import home_tabs
from storage import comparisons, feedback

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
IN_ONE_LINE = " ".join(README.split())
SOURCES = "\n".join(
    path.read_text()
    for package in ("bot", "handlers", "storage")
    for path in (ROOT / package).rglob("*.py")
    if "sandbox" not in path.parts
)


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


# A sentence of the README, and what it says with the words of the code's own number.
NUMBERS = {
    "ends within ten seconds": LONGEST_STOP_SECONDS <= 10,
    "is older than fifteen minutes": timedelta(minutes=15) == ASKED_AGAIN_WITHIN,
    "no polling round has ended for five minutes": poller.LATE_SECONDS == 300,
    "at its start, and every 15 minutes, the bot finds": poller.SWEEP_SECONDS == 15 * 60,
    "and then once a minute, until the job has ended": timedelta(minutes=1) == cancellation.ASKED_AGAIN_AFTER,
    "what fails is tried again after 15 minutes": scheduled_backups.AGAIN_SECONDS == 15 * 60,
    "after its start and then once an hour": doctor.AGAIN_SECONDS == 3600,
    "asks for this page, at most once a minute": doctor.SOON_SECONDS == 60,
    "at most every ten seconds, for people who": home_tabs.REFRESH_SECONDS == 10,
    "120, 90, 60, 31 and 14 days before": TOLD_BEFORE == (120, 90, 60, 31, 14),
    "brings a budget to 80% and more": WARNED_FROM == 80,
    "An answer without a vote is deleted after 30 days": timedelta(days=30) == feedback.KEPT_WITHOUT_VOTE,
    "a comparison without a vote for 30 days": timedelta(days=30) == comparisons.KEPT_WITHOUT_VOTE,
    "Once a day the bot erases": timedelta(days=1) == retention.EVERY,
    "20 MB a picture, 30 in a row and 10,000 in a zip": (
        pictures.MOST_BYTES == 20 * 1024 * 1024
        and pictures.MOST_IN_A_ROW == 30
        and pictures.MOST_PICTURES == 10_000
    ),
    "for two hours (`TUNEBOT_STUCK_MINUTES`)": Settings.model_fields["stuck_minutes"].default == 120,
    "`TUNEBOT_CONVERSATION_DAYS` (365)": Settings.model_fields["conversation_days"].default == 365,
    "`TUNEBOT_REPORT_DAYS` (90)": Settings.model_fields["report_days"].default == 90,
    "`TUNEBOT_TRAINING_FILE_DAYS` (90)": Settings.model_fields["training_file_days"].default == 90,
}


@pytest.mark.parametrize("sentence", NUMBERS)
def test_each_number_in_a_sentence_is_the_codes(sentence: str) -> None:
    assert sentence in IN_ONE_LINE
    assert NUMBERS[sentence]


def test_every_event_of_the_log_that_the_readme_names_is_logged() -> None:
    [named] = re.findall(r"stable names: (.*?) and more", IN_ONE_LINE)
    events = re.findall(r"`([a-z]+\.[a-z_]+)`", named)
    ends = {f"job.{state.value}" for state in JobState if state.ended}

    assert len(events) > 10
    assert [event for event in events if f'"{event}"' not in SOURCES and event not in ends] == []


def test_what_the_ten_usual_errors_say_is_said_by_the_code() -> None:
    table = README.partition("## Troubleshooting")[2].partition("## Questions")[0]
    seen = [row.split("|")[1] for row in table.splitlines() if row.startswith("| ")][1:]
    said_by_us = {
        "Slack refuses SLACK_BOT_TOKEN": "Slack refuses {name}",
        "SLACK_BOT_TOKEN: holds an app-level token": "holds {kind}",
        "The bot has no Google credentials": "The bot has no Google credentials",
        "There is no bucket": "There is no bucket",
        "Another Tunebot is already using the database": "Another Tunebot is already using the database",
    }

    assert len(seen) == 10
    for words, source in said_by_us.items():
        assert any(words in row for row in seen), words
        assert source in SOURCES, source
    assert '"Vertex AI reads it"' in SOURCES
