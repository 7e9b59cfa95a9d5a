"""The dashboard and the alert rules are those of the code, and name only series that the bot has."""

import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bot.runtime.metrics import Metrics

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github" / "monitoring"


def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / ".ci" / "monitoring.py"), run_name="monitoring")


def series() -> set[str]:
    """The name of every series that the bot serves."""
    return set(re.findall(r"^(tunebot_\w+)", Metrics("1", ["vertex"]).text().decode(), re.MULTILINE))


def test_the_files_are_those_that_the_script_writes() -> None:
    made = script()
    assert (FOLDER / "alerts.yml").read_text() == made["alert_rules"](), "run .ci/monitoring.py"
    assert (FOLDER / "dashboard.json").read_text() == made["dashboard"](), "run .ci/monitoring.py"


@pytest.mark.parametrize("name", ["alerts.yml", "dashboard.json"])
def test_every_series_that_a_file_names_exists(name: str) -> None:
    text = (FOLDER / name).read_text()
    expressions = re.findall(r'"expr": (".*")', text) or re.findall(r"expr: (.*)", text)
    assert expressions
    named = {word for one in expressions for word in re.findall(r"tunebot_\w+", json.loads(one))}
    assert named <= series()


def test_the_dashboard_shows_every_metric() -> None:
    shown = {panel["description"] for panel in json.loads((FOLDER / "dashboard.json").read_text())["panels"]}
    assert shown == {family.name for family in Metrics().families()}


@pytest.mark.long
@pytest.mark.outside
def test_promtool_takes_the_rules() -> None:
    if (promtool := shutil.which("promtool")) is None:
        pytest.skip("promtool is not installed; Debian has it in the package prometheus")
    done = subprocess.run([promtool, "check", "rules", FOLDER / "alerts.yml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
