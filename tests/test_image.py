"""The image is built from what the lock pins, and runs the bot with few rights."""

import http.server
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from bot.cli import cli
from bot.settings import DEFAULT_PORT

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ("bot", "handlers", "storage")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, without comments, each on one line."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", "")
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def last_stage() -> dict[str, str]:
    """The instructions that shape the image; each but RUN and COPY occurs once there."""
    all_of_them = instructions()
    start = max(number for number, (word, _) in enumerate(all_of_them) if word == "FROM")
    return dict(all_of_them[start:])


def image_environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in last_stage()["ENV"].split())


def test_the_base_image_has_a_python_that_the_project_takes() -> None:
    base = re.fullmatch(r"BASE=python:(\d+\.\d+)-slim-\w+", dict(instructions())["ARG"])

    assert base
    assert base[1] in Requirement(f"python{PROJECT['project']['requires-python']}").specifier


def test_dependencies_are_installed_by_hash_before_the_project_which_brings_none() -> None:
    installs = [rest for word, rest in instructions() if word == "RUN" and "pip install" in rest]

    assert len(installs) == 2
    assert "--require-hashes -r requirements.lock" in installs[0]
    assert {"--no-deps", "--no-build-isolation", "--no-index"} <= set(installs[1].split())


def test_pip_can_fetch_nothing_that_the_lock_does_not_name() -> None:
    installs = re.findall(r"pip install ([^&]*)", (ROOT / "Dockerfile").read_text().replace("\\\n", ""))

    assert installs
    assert all("--require-hashes" in each or "--no-index" in each for each in installs)


def test_the_script_that_builds_the_image_can_be_called_and_is_no_part_of_every_run() -> None:
    assert os.access(ROOT / ".ci" / "image", os.X_OK)
    assert ".ci/image" not in (ROOT / ".ci" / "run").read_text()


def test_the_image_runs_the_bot_as_a_fixed_user_other_than_root() -> None:
    stage = last_stage()
    user = re.fullmatch(r"(\d+):\1", stage["USER"])

    assert user
    assert int(user[1]) >= 1000
    assert f"--uid {user[1]} " in stage["RUN"]
    assert f"-o {user[1]} -g {user[1]}" in stage["RUN"]
    command = json.loads(stage["CMD"])
    assert command[0] in PROJECT["project"]["scripts"]
    assert command[1:] == [cli.commands["run"].name]
    assert stage["STOPSIGNAL"] == "SIGTERM"


def test_the_images_database_is_on_its_volume() -> None:
    volume = Path(last_stage()["VOLUME"])

    assert Path(image_environment()["TUNEBOT_DB"]).parent == volume


def test_the_images_port_is_the_documented_one() -> None:
    assert image_environment()["PORT"] == last_stage()["EXPOSE"] == str(DEFAULT_PORT)


def test_the_build_sees_only_what_the_image_is_made_of() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]

    assert lines[0] == "*"
    assert {line[1:] for line in lines if line[0] == "!"} == {"pyproject.toml", "requirements.lock", *PACKAGES}


def test_the_readmes_docker_run_gives_the_images_user_its_volume_settings_and_google_credentials() -> None:
    readme = (ROOT / "README.md").read_text().replace("\\\n", " ")
    [install] = re.findall(r"^sudo install (.*)$", readme, re.MULTILINE)
    [run] = re.findall(r"^docker run (.*)$", readme, re.MULTILINE)
    words = shlex.split(run)
    mounts = dict(words[at + 1].split(":", 1) for at, word in enumerate(words) if word == "-v")
    variables = dict(words[at + 1].split("=", 1) for at, word in enumerate(words) if word == "-e")
    key = install.split()[-1]

    user = last_stage()["USER"].partition(":")[0]
    assert f"-m 0400 -o {user} " in install
    assert mounts == {"tunebot-data": last_stage()["VOLUME"], key: "/run/google.json:ro"}
    assert variables == {"GOOGLE_APPLICATION_CREDENTIALS": "/run/google.json"}
    assert words[words.index("--env-file") + 1] == "tunebot.env"
    assert "Copy `.env.example` to `tunebot.env`" in readme
    assert f"docker build -t {words[-1]} .\n" in readme


class HealthServer(http.server.HTTPServer):
    """Answers /livez with its `status`, and everything else with 404."""

    status = 200


class HealthHandler(http.server.BaseHTTPRequestHandler):
    server: HealthServer

    def do_GET(self) -> None:
        self.send_response(self.server.status if self.path == "/livez" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[HealthServer]:
    with HealthServer(("127.0.0.1", 0), HealthHandler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def health_check(port: int, **variables: str) -> int:
    """The exit code of the image's own check, started as Docker would, but by this Python."""
    command = json.loads(last_stage()["HEALTHCHECK"].partition("CMD ")[2])
    assert command[0] == "python3"
    # A proxy that is set for the bot is not for this question.
    environment = {**os.environ, "PORT": str(port), "http_proxy": "http://127.0.0.1:9", **variables}
    return subprocess.run(
        [sys.executable, *command[1:]], env=environment, capture_output=True, timeout=60, check=False
    ).returncode


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_images_health_is_what_livez_says(server: HealthServer, status: int, code: int) -> None:
    server.status = status

    assert health_check(server.server_port) == code


@pytest.mark.parametrize(
    ("host", "code"),
    [("", 0), ("0.0.0.0", 0), ("127.0.0.1,::1", 0), ("127.0.0.1", 0), ("::", 1), ("127.0.0.2", 1)],
)
def test_the_images_health_is_asked_where_the_bot_listens(server: HealthServer, host: str, code: int) -> None:
    """The server here listens on 127.0.0.1 alone."""
    assert health_check(server.server_port, HOST=host) == code


def test_the_image_is_unhealthy_where_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    assert health_check(port) == 1
