"""The files that run the bot elsewhere agree with the image and with the bot's pages, and give no more rights."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli import cli
from bot.runtime.stop_signals import LONGEST_STOP_SECONDS
from bot.settings import Settings
from handlers.transport.http_server import HEALTH_PATH, LIVE_PATH, READY_PATH
from tests.support.pip_packages import install_with_pip

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github" / "deploy"
COMPOSE = (FOLDER / "compose.yaml").read_text()
KUBERNETES = (FOLDER / "kubernetes.yaml").read_text()
UNIT = (FOLDER / "tunebot.service").read_text()
RELEASE = (ROOT / ".github" / "workflows" / "release.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_probes_ask_pages_that_exist_and_liveness_asks_neither_slack_nor_google() -> None:
    asked = re.findall(r"(\w+)Probe:\s+httpGet: \{path: (/\w+)", KUBERNETES)
    assert dict(asked) == {"liveness": LIVE_PATH, "readiness": READY_PATH, "startup": LIVE_PATH}
    assert LIVE_PATH in DOCKERFILE
    assert HEALTH_PATH not in DOCKERFILE


def test_the_container_runs_as_the_images_user_with_a_read_only_root_and_no_capabilities() -> None:
    [user] = re.findall(r"^USER (\d+):", DOCKERFILE, re.MULTILINE)
    assert {f"runAsUser: {user}", f"runAsGroup: {user}", f"fsGroup: {user}"} <= set(
        map(str.strip, KUBERNETES.split("\n"))
    )
    assert "readOnlyRootFilesystem: true" in KUBERNETES
    assert "capabilities: {drop: [ALL]}" in KUBERNETES
    assert "read_only: true" in COMPOSE
    assert "cap_drop: [ALL]" in COMPOSE
    assert "no-new-privileges:true" in COMPOSE
    for text in (KUBERNETES, COMPOSE):
        assert "/data" in text
        assert "/tmp" in text, "reading a file needs a place for its parts"


def test_each_of_them_carries_google_credentials_and_only_settings_that_exist() -> None:
    known = {str(field.alias) for field in Settings.model_fields.values()}
    for text in (COMPOSE, KUBERNETES, UNIT):
        assert "GOOGLE_APPLICATION_CREDENTIALS" in text
        assert "tunebot.env" in text
        assert set(re.findall(r"\b(?:TUNEBOT|SLACK)_[A-Z_]+", text)) <= known


@pytest.mark.parametrize(
    "pattern", [r"stop_grace_period: (\d+)s", r"terminationGracePeriodSeconds: (\d+)", r"TimeoutStopSec=(\d+)"]
)
def test_each_of_them_waits_until_the_bot_has_ended(pattern: str) -> None:
    [seconds] = re.findall(pattern, COMPOSE + KUBERNETES + UNIT)
    assert int(seconds) > LONGEST_STOP_SECONDS


def test_one_process_at_a_time_uses_the_database() -> None:
    assert "replicas: 1" in KUBERNETES
    assert "strategy: {type: Recreate}" in KUBERNETES


@pytest.mark.long
@pytest.mark.outside
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    if (analyze := shutil.which("systemd-analyze")) is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "tunebot.service"
    # It asks for the program, which the first lines of the unit say how to install.
    unit.write_text(UNIT.replace("/opt/tunebot/bin/tunebot", sys.executable))
    done = subprocess.run([analyze, "verify", unit], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with programs that judge such files."""
    packages = ("kubernetes-validate", "check-jsonschema", "zizmor")
    return install_with_pip(tmp_path_factory.mktemp("judges"), *packages).parent


@pytest.mark.long
@pytest.mark.outside
@pytest.mark.parametrize(
    "command",
    [
        "kubernetes-validate --strict .github/deploy/kubernetes.yaml",
        "check-jsonschema --builtin-schema vendor.compose-spec .github/deploy/compose.yaml",
        "check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/release.yml",
        "check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/ci.yml",
        "zizmor --offline --no-progress .github/workflows",
    ],
)
def test_other_programs_take_the_files_for_kubernetes_compose_and_github(programs: Path, command: str) -> None:
    done = subprocess.run(
        [programs / command.split()[0], *command.split()[1:]], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_unit_and_the_release_type_commands_that_exist() -> None:
    typed = re.findall(r"^ExecStart=\S+/tunebot (\w+)", UNIT, re.MULTILINE) + re.findall(
        r" tunebot (\w+) --", RELEASE
    )
    assert len(typed) == 2
    assert set(typed) <= set(cli.commands)
    assert "--require-hashes" in RELEASE
