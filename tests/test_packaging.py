"""The project installs whole, from pinned dependencies, and its repository holds what was agreed on."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

pytestmark = pytest.mark.long

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


# Which of the packages' files may import what only an extra brings.
EXTRAS = {"sandbox": "bot/sandbox/", "tables": "bot/datasets/formats/arrow_tables.py"}


def test_whatever_the_packages_import_comes_with_them_or_with_an_extra() -> None:
    locked = files_of(pins())
    optional = PROJECT["project"]["optional-dependencies"]
    extras = {
        where: files_of(canonicalize_name(Requirement(line).name) for line in optional[name])
        for name, where in EXTRAS.items()
    }

    for module, importer in sorted(imports()):
        files = locked + tuple(
            file for where, more in extras.items() if importer.startswith(where) for file in more
        )
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


def test_files_with_secrets_that_the_readme_names_are_not_committed() -> None:
    done = subprocess.run(
        ["git", "check-ignore", "tunebot.env", "key.json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode == 128:
        pytest.skip("not a git clone")

    assert done.stdout.split() == ["tunebot.env", "key.json"]
