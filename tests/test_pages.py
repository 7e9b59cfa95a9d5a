"""The pages for contributors name only what exists: paths, packages, modules, calls, tests and commands."""

import ast
import re
import shlex
import tomllib
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import click
import pytest

from bot.cli import cli

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ARCHITECTURE = (ROOT / ".github" / "ARCHITECTURE.md").read_text()
CONTRIBUTING = (ROOT / ".github" / "CONTRIBUTING.md").read_text()
PAGES = {path.name: path.read_text() for path in sorted([ROOT / "README.md", *(ROOT / ".github").rglob("*.md")])}
PACKAGES = ("bot", "handlers", "storage")


def defined(path: str) -> set[str]:
    """Every name that a file defines: constants, functions and classes, also inside of classes and functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
    return names


def path_of(module: str) -> str:
    """`bot.tuning.poller` -> `bot/tuning/poller.py`; empty where there is no such module."""
    base = module.replace(".", "/")
    return next((path for path in (f"{base}.py", f"{base}/__init__.py") if (ROOT / path).exists()), "")


# Paths and names


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_exists(page: str) -> None:
    named = re.findall(r"`((?:bot|handlers|storage|tests|\.ci|\.github)/[\w./-]*)(?:::\w+)?`", PAGES[page])

    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_to_a_file_leads_to_one(page: str) -> None:
    folder = ROOT if page == "README.md" else ROOT / ".github"
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", PAGES[page])

    assert [link for link in links if not (folder / link).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_name_that_a_page_places_in_a_file_is_defined_there(page: str) -> None:
    placed = re.findall(r"`(\w+)`\s+(?:in|of)\s+`([\w/]+\.py)`", PAGES[page])

    assert [(name, path) for name, path in placed if name not in defined(path)] == []


def test_the_recipes_place_their_names_in_files() -> None:
    assert len(re.findall(r"`(\w+)`\s+(?:in|of)\s+`([\w/]+\.py)`", CONTRIBUTING)) >= 10


# Architecture


def test_every_package_has_a_line_and_every_line_a_folder() -> None:
    rows = set(re.findall(r"^\| `([\w/]+)/` \| \S", ARCHITECTURE, re.MULTILINE))
    packages = {
        str(path.parent.relative_to(ROOT)) for name in PACKAGES for path in (ROOT / name).rglob("__init__.py")
    }

    assert packages - rows == set()
    assert [row for row in rows if not (ROOT / row).is_dir()] == []


def test_the_picture_of_the_import_rule_is_the_contract() -> None:
    [contract] = [each for each in PROJECT["tool"]["importlinter"]["contracts"] if each["type"] == "layers"]
    [picture] = re.findall(r"```mermaid\nflowchart TD\n(.*?)```", ARCHITECTURE, re.DOTALL)
    boxes = dict(re.findall(r'(\w+)\["([^"]+)"\]', picture))
    arrows = re.findall(r'(\w+)(?:\["[^"]+"\])? --> (\w+)', picture)

    assert [boxes[box] for box in [arrows[0][0], *(below for _, below in arrows)]] == contract["layers"]
    assert all(arrow[0] == before[1] for before, arrow in pairwise(arrows))


def walks() -> dict[str, str]:
    """The three walks by their titles."""
    return dict(
        re.findall(r"^## (Tune|Poll|Ask): .*?```mermaid\nsequenceDiagram\n(.*?)```", ARCHITECTURE, re.M | re.S)
    )


def test_there_are_three_walks() -> None:
    assert list(walks()) == ["Tune", "Poll", "Ask"]


@pytest.mark.parametrize("walk", walks())
def test_every_module_and_call_of_a_walk_exists(walk: str) -> None:
    text = walks()[walk]
    modules = dict(re.findall(r"participant (\w+) as ([\w.]+)", text))
    names = {*modules, *re.findall(r"(?:participant|actor) (\w+)$", text, re.MULTILINE)}
    arrows = re.findall(r"(\w+)-?->>(\w+): (.*)", text)
    calls = [(modules[to], call) for _, to, said in arrows for call in re.findall(r"(\w+)\(\)", said)]

    assert [module for module in modules.values() if not path_of(module)] == []
    assert {end for sender, to, _ in arrows for end in (sender, to)} <= names
    assert len(calls) >= 5
    assert [(module, call) for module, call in calls if call not in defined(path_of(module))] == []


def test_every_test_that_holds_a_promise_exists() -> None:
    rows = re.findall(r"^\| [^`|]+\. \| (`tests/.+`) \|$", ARCHITECTURE, re.MULTILINE)
    named = [pair for row in rows for pair in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)]

    assert len(rows) >= 15
    assert len(named) == ARCHITECTURE.count("::")
    assert [pair for pair in named if not (ROOT / pair[0]).exists() or pair[1] not in defined(pair[0])] == []


# Commands


def typed(text: str) -> list[list[str]]:
    """Every command in the page's shell blocks, split into words; `A && B` is two."""
    lines = "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)).replace("\\\n", " ")
    parts = [part for line in lines.splitlines() for part in line.split(" && ")]
    return [words for part in parts if (words := shlex.split(part, comments=True))]


def subcommand(words: list[str]) -> click.Command:
    assert words[1] in cli.commands, words
    return cli.commands[words[1]]


@pytest.mark.parametrize("page", PAGES)
def test_every_tunebot_command_that_a_page_types_exists_with_its_options(page: str) -> None:
    for words in typed(PAGES[page]):
        start = next((at for at, word in enumerate(words) if word == ".venv/bin/tunebot"), None)
        if start is None:
            continue
        options = {option for parameter in subcommand(words[start:]).params for option in parameter.opts}
        assert {word for word in words[start:] if word.startswith("--")} <= options, words


@pytest.mark.parametrize("page", PAGES)
def test_every_module_that_a_page_runs_exists(page: str) -> None:
    for words in typed(PAGES[page]):
        if "python" in words[0] and words[1:2] == ["-m"] and words[2] != "venv":
            assert find_spec(words[2]) is not None, words


def test_set_up_run_and_test_are_the_three_commands_that_the_readme_types() -> None:
    [first, *_] = re.findall(r"^```sh\n(.*?)^```", CONTRIBUTING, re.MULTILINE | re.DOTALL)
    set_up, run, test = first.splitlines()

    assert f"{set_up} && {test}\n" in PAGES["README.md"]
    assert run == ".venv/bin/tunebot sandbox"
    assert re.findall(r"\[(\w+)\]", set_up) == ["test"]
    assert "test" in PROJECT["project"]["optional-dependencies"]


# What runs by itself


def test_the_workflow_runs_what_everybody_runs_on_the_oldest_python() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()

    assert re.search(r"^        run: \.ci/run$", workflow, re.MULTILINE)
    # Debian 12, "bookworm", has Python 3.11.
    assert "container: debian:bookworm" in workflow
    assert PROJECT["project"]["requires-python"] == ">=3.11"


def test_the_hooks_before_a_commit_are_tools_of_the_environment() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    tools = re.findall(r"^        entry: \.venv/bin/(\w+)", hooks, re.MULTILINE)
    extra = [re.split(r"\W", line)[0] for line in PROJECT["project"]["optional-dependencies"]["test"]]

    assert re.findall(r"repo: (\S+)", hooks) == ["local"]
    assert len(tools) == hooks.count("- id: ")
    assert set(tools) == {"ruff", "mypy"} <= set(extra)


def test_the_changelog_has_a_place_for_what_is_not_released() -> None:
    assert "\n## Unreleased\n" in PAGES["CHANGELOG.md"]
