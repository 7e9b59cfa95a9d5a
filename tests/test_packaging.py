"""The project installs whole, from pinned dependencies, into an image that runs with few rights."""

import ast
import http.server
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from bot.cli import cli
from bot.settings import DEFAULT_PORT

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ("bot", "handlers", "storage")
TOP_LEVEL = {*PACKAGES, "tests", "pyproject.toml", "Dockerfile", "README.md", "requirements.lock"}

LOCK = (ROOT / "requirements.lock").read_text()
BUILD = PROJECT["build-system"]["requires"]


def by_name(lines: Iterable[str]) -> dict[NormalizedName, Requirement]:
    return {canonicalize_name(requirement.name): requirement for requirement in map(Requirement, lines)}


DECLARED = by_name(PROJECT["project"]["dependencies"])
BUILDS = by_name(BUILD)


def tracked(*paths: str) -> list[str]:
    """Every file that git knows, also one that is only staged; skips where this is no clone."""
    done = subprocess.run(["git", "ls-files", *paths], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git clone")
    return [name for name in done.stdout.splitlines() if (ROOT / name).exists()]


def pins() -> dict[str, Version]:
    """What the lock pins, by name."""
    found = re.findall(r"^([\w.-]+)==([^ \n]+)", LOCK, re.MULTILINE)
    return {canonicalize_name(name): Version(version) for name, version in found}


def entries() -> dict[str, str]:
    """The lock's whole text about each name: its pin, its hashes, and who wants it."""
    parts = re.split(r"^(?=[\w.-]+==)", LOCK, flags=re.MULTILINE)
    return {canonicalize_name(part.partition("==")[0]): part for part in parts if part}


# The lock


@pytest.mark.parametrize("requirement", [*DECLARED.values(), *BUILDS.values()], ids=lambda each: each.name)
def test_the_lock_pins_a_version_that_pyproject_allows(requirement: Requirement) -> None:
    name = canonicalize_name(requirement.name)

    assert name in pins(), "renew requirements.lock, as the Dockerfile says"
    assert pins()[name] in requirement.specifier


def test_the_group_that_the_lock_is_made_from_is_what_builds_the_wheel() -> None:
    assert PROJECT["dependency-groups"]["build"] == BUILD


def test_the_lock_holds_what_the_bot_needs_to_run_and_to_be_built_and_nothing_else() -> None:
    wanted_by = {
        name: {line.split()[-1] for line in re.findall(r"^    #(?: via|  ) \S+$", text, re.MULTILINE)}
        for name, text in entries().items()
    }

    assert {name for name, wanting in wanted_by.items() if "tunebot" in wanting} == set(DECLARED)
    for name, wanting in wanted_by.items():
        assert wanting or name in BUILDS, name
        assert wanting <= {"tunebot", *wanted_by}, name


def test_the_lock_checks_every_file_by_hash_and_names_no_place_to_fetch_it_from() -> None:
    assert all("--hash=sha256:" in text for text in entries().values())
    assert "://" not in LOCK
    assert " @ " not in LOCK
    assert not re.search(r"^-", LOCK, re.MULTILINE)


# The packages


def imports() -> set[tuple[str, str]]:
    """Every module from elsewhere that the packages import, each with the file that does."""
    found: set[tuple[str, str]] = set()
    for name in (name for name in tracked(*PACKAGES) if name.endswith(".py")):
        for node in ast.walk(ast.parse((ROOT / name).read_text())):
            if isinstance(node, ast.Import):
                found |= {(alias.name, name) for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add((node.module, name))
    ours = {*PACKAGES, *sys.stdlib_module_names}
    return {(module, name) for module, name in found if module.partition(".")[0] not in ours}


def files_of(names: Iterable[str]) -> tuple[str, ...]:
    """The files that these distributions have installed here."""
    wanted = set(names)
    here = [found for found in distributions() if canonicalize_name(found.metadata["Name"]) in wanted]
    return tuple(str(file) for found in here for file in found.files or ())


def test_whatever_the_packages_import_comes_with_them_or_with_the_sandboxs_extra() -> None:
    locked = files_of(pins())
    extra = PROJECT["project"]["optional-dependencies"].get("sandbox", [])
    in_sandbox = locked + files_of(canonicalize_name(Requirement(line).name) for line in extra)

    for module, importer in sorted(imports()):
        files = in_sandbox if importer.startswith("bot/sandbox/") else locked
        path = module.replace(".", "/")
        assert any(file.startswith((f"{path}/", f"{path}.")) for file in files), f"{importer} imports {module}"


def test_every_directory_with_python_in_it_is_a_package() -> None:
    directories = {ROOT / Path(name).parent for name in tracked(*PACKAGES) if name.endswith(".py")}

    assert [directory for directory in directories if not (directory / "__init__.py").exists()] == []


def test_pyproject_names_the_three_packages() -> None:
    assert PROJECT["tool"]["setuptools"]["packages"]["find"]["include"] == [f"{name}*" for name in PACKAGES]


@pytest.mark.outside
def test_the_built_wheel_holds_every_file_of_the_three_packages_and_nothing_else(tmp_path: Path) -> None:
    tools, source, wheels = tmp_path / "tools", tmp_path / "source", tmp_path / "wheels"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    fetched = subprocess.run(
        [*pip, "install", "--timeout=20", "--retries=1", "--target", tools, *BUILD],
        capture_output=True,
        text=True,
        check=False,
    )
    if fetched.returncode:
        pytest.skip(f"pip could not fetch what builds: {fetched.stderr[-300:]}")
    files = tracked(*PACKAGES)
    for name in [*files, "pyproject.toml", "README.md"]:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)

    built = subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", wheels, source],
        env={**os.environ, "PYTHONPATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(next(wheels.glob("tunebot-*.whl"))) as wheel:
        held = [name for name in wheel.namelist() if ".dist-info/" not in name]
    assert sorted(held) == sorted(files)


# The repository


def test_the_top_level_is_the_one_that_was_agreed_on() -> None:
    top = {name.partition("/")[0] for name in tracked()}

    assert {name for name in top if not name.startswith(".")} == TOP_LEVEL


def test_no_file_names_a_package_index_or_a_place_on_somebodys_machine() -> None:
    index = re.compile(
        r"\b(?:pypi|pythonhosted|npmjs|artifactory|nexus|devpi)\b[\w.-]*\.[a-z]{2,}|--[a-z-]*index[-]url"
    )
    place = re.compile(r"(?<![\w.])/(?:home|root|Users|work)/\w")

    for name in tracked():
        text = (ROOT / name).read_text(errors="replace")
        for pattern in (index, place):
            found = pattern.search(text)
            assert found is None, f"{name}: {found}"


def test_ci_can_be_called_and_finds_the_test_command_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text().splitlines()

    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert len([line for line in readme if re.match(r"python3 -m venv .*/pytest( |$)", line)]) == 1


# The image


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


def test_files_with_secrets_that_the_readme_names_are_not_committed() -> None:
    done = subprocess.run(
        ["git", "check-ignore", "tunebot.env", "key.json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode == 128:
        pytest.skip("not a git clone")

    assert done.stdout.split() == ["tunebot.env", "key.json"]


class HealthServer(http.server.HTTPServer):
    """Answers /healthz with its `status`, and everything else with 404."""

    status = 200


class HealthHandler(http.server.BaseHTTPRequestHandler):
    server: HealthServer

    def do_GET(self) -> None:
        self.send_response(self.server.status if self.path == "/healthz" else 404)
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
        [sys.executable, *command[1:]], env=environment, capture_output=True, timeout=20, check=False
    ).returncode


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_images_health_is_what_healthz_says(server: HealthServer, status: int, code: int) -> None:
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
