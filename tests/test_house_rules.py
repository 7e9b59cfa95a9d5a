"""The rules of the house that no linter checks: how tests wait and judge, where files are, and their names."""

import ast
import re
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
SOURCES: Final = ("bot", "handlers", "storage")

# What each package shows: the names of DESIGN, and no other.
SHOWN: Final = {
    "bot": "app cli settings errors.py domain ports tuning chat spending people evaluation delivery "
    "runtime backends datasets sandbox",
    "handlers": "assembly.py errors.py slack_errors.py listeners syntax start_flow delivery transport blocks",
}
# A file name that several packages have, and the one meaning that it has in all of them.
REPEATED_NAMES: Final = {
    "__init__.py": "Python's name for a package",
    "backend.py": "the TuningBackend of a system of Google's",
    "jobs.py": "our record of a tuning job, and its store",
    "questions.py": "a question that is not answered yet, and its store",
    "commands.py": "the commands that a person types: their table, and their listener",
    "feedback.py": "votes and corrections on answers: their values, their store, their blocks, their listeners",
    "errors.py": "the tree of errors, and how Slack shows it",
    "roles.py": "the roles that people have, what each may do, and their store",
    "budgets.py": "one word for the values, their store, the use cases and the blocks",
    "report.py": "what the check of a dataset found, and its blocks",
}
# Tests of something that no single file holds.
TESTS_OF_SEVERAL_FILES: Final = {
    "bot/backends": "a contract that each backend keeps, and what they share",
    "bot/chat/test_answer_queue.py": "many questions at once, over the queue, the backend and the connections",
    "bot/datasets": "properties of the whole check, its memory, and the files in tests/data",
    "bot/sandbox/google/test_official_clients.py": "Google's own clients against the stand-in",
    "bot/sandbox/page/test_access.py": "names and contrasts of the whole page",
    "bot/sandbox/slack/test_bolt.py": "Bolt for Python against the stand-in",
    "bot/sandbox/slack/test_bolt_js.py": "Bolt for JavaScript against the stand-in",
    "handlers/blocks/test_limits.py": "Slack's limits for every builder",
    "storage/test_crash.py": "a process that is killed while it writes",
    "storage/test_teams.py": "no store shows another team's rows",
}
# Files in which a sleep is the point: it is the load, the fault or the client's own pace.
SLEEPS: Final = {
    "tests/support/waiting.py": "the one place that waits",
    "tests/support/clock.py": "it passes the time of a loop that jumps",
    "tests/faults/fault_schedule.py": "the time between two faults",
    "tests/faults/load_run.py": "the time between two commands of a person",
    "tests/faults/bystanders.py": "the time between two questions, attacks and words of a bot",
    "tests/faults/spenders.py": "the time between two starts, and between two looks at the money",
    "tests/bot/sandbox/google/clients/genai_walk.py": "a client's own polling, in a process of its own",
    "tests/bot/sandbox/google/clients/generativeai_walk.py": "a client's own polling, in a process of its own",
}
# Files that read a clock to pass the time, and judge nothing by it.
CLOCKS: Final = {
    "tests/support/waiting.py": "the deadline",
    "tests/faults/bot_with_wrong_clock.py": "the clock of a bot, whose durations stay right",
    "tests/faults/__main__.py": "the time beside each line that it prints",
    "tests/handlers/transport/test_http_server.py": "the time of a post, which the socket needs",
    "tests/bot/sandbox/google/clients/genai_walk.py": "its deadline, in a process of its own",
    "tests/bot/sandbox/google/clients/generativeai_walk.py": "its deadline, in a process of its own",
}


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def calls(tree: ast.AST) -> Sequence[tuple[str, ast.Call]]:
    """Each call with the dotted name of what is called, as far as it has one."""
    return [(ast.unparse(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call)]


# Each rule is one test over all files: a test for each file and rule took more time than all rules take.
TESTS: Final = python_files("tests")
MEASURED: Final = [path for path in TESTS if "benchmarks" not in path.parts]


def test_no_test_sleeps_instead_of_waiting_for_what_it_needs() -> None:
    sleeps = {
        f"{short(path)}:{node.lineno}"
        for path in MEASURED
        for name, node in calls(parsed(path))
        if name in ("asyncio.sleep", "time.sleep", "sleep") and node.args and ast.unparse(node.args[0]) != "0"
    }
    assert outside_of(SLEEPS, sleeps) == set()
    assert files_of(sleeps) == SLEEPS.keys(), "an exception is needed no more"


def test_no_test_measures_how_long_something_took() -> None:
    readings = {
        f"{short(path)}:{node.lineno}"
        for path in MEASURED
        for name, node in calls(parsed(path))
        if name in ("time.monotonic", "time.perf_counter", "time.process_time")
        or name.endswith("loop().time")
        or (name == "loop.time" and short(path) != "tests/support/clock.py")
    }
    assert outside_of(CLOCKS, readings) == set()
    assert files_of(readings) == CLOCKS.keys(), "an exception is needed no more"


def files_of(places: Iterable[str]) -> set[str]:
    return {place.partition(":")[0] for place in places}


def outside_of(exceptions: Container[str], places: Iterable[str]) -> set[str]:
    """The places that are in no file of the exceptions."""
    return {place for place in places if place.partition(":")[0] not in exceptions}


def test_no_test_reaches_for_a_private_name() -> None:
    assert {short(path): found for path in TESTS if (found := private_names(path))} == {}


def private_names(path: Path) -> list[str]:
    """The names with a leading underscore of others that this file uses, each after its line."""
    own = {
        name
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("self", "cls")
        for name in [node.attr]
    }
    private = [
        f"{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute)
        and re.match(r"_(?!_)", node.attr)
        and node.attr not in own
        and ast.unparse(node) != "os._exit"  # It is public in spite of its name.
    ]
    private += [
        f"{node.lineno}: {alias.name}"
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name.startswith("_") and not alias.name.startswith("__")
    ]
    return private


Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> list[Function]:
    return [node for node in ast.walk(parsed(path)) if isinstance(node, Function)]


def judges_by_itself(function: Function) -> bool:
    """Whether it asserts, expects an error, or lets Playwright expect something."""
    return any(isinstance(node, ast.Assert) for node in ast.walk(function)) or any(
        name in ("pytest.raises", "expect", "pytest.fail", "AssertionError") for name, _ in calls(function)
    )


@cache
def judging_helpers() -> frozenset[str]:
    """The names of the tests' own functions that judge, also through one another."""
    every = [function for path in TESTS for function in functions(path)]
    found = {function.name for function in every if judges_by_itself(function)}
    while True:
        more = {function.name for function in every if called(function) & found} - found
        if not more:
            return frozenset(found)
        found |= more


@cache
def called(function: Function) -> set[str]:
    return {name.rpartition(".")[2] for name, _ in calls(function)}


def test_every_test_judges_something() -> None:
    silent = [
        f"{short(path)}::{test.name}"
        for path in TESTS
        if path.name.startswith("test_")
        for test in functions(path)
        if test.name.startswith("test_") and not judges_by_itself(test) and not called(test) & judging_helpers()
    ]
    assert not silent


def test_a_source_files_test_has_its_name_and_its_place() -> None:
    elsewhere, excepted = [], set()
    for path in python_files(*(f"tests/{folder}" for folder in SOURCES)):
        place = path.relative_to(ROOT / "tests")
        source = ROOT / place.with_name(path.name.removeprefix("test_"))
        if path.name.startswith("test_") and not source.exists() and not source.with_suffix("").is_dir():
            found = {str(place), str(place.parent)} & TESTS_OF_SEVERAL_FILES.keys()
            excepted |= found
            if not found:
                elsewhere.append(short(path))
    assert not elsewhere
    assert excepted == TESTS_OF_SEVERAL_FILES.keys(), "an exception is needed no more"


def test_no_file_name_has_two_meanings() -> None:
    names = Counter(path.name for path in python_files(*SOURCES))
    assert {name for name, times in names.items() if times > 1} == REPEATED_NAMES.keys()


def test_no_class_of_ours_has_the_name_of_another_with_another_meaning() -> None:
    named = [
        (node.name, short(path))
        for path in python_files(*SOURCES)
        if not path.is_relative_to(ROOT / "bot" / "sandbox")
        for node in parsed(path).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    times = Counter(name for name, _ in named)
    assert len(named) > 300
    assert [each for each in named if times[each[0]] > 1] == []


def test_every_exception_names_a_file_that_exists() -> None:
    assert {*SLEEPS, *CLOCKS} <= {short(path) for path in MEASURED}


@pytest.mark.parametrize("folder", SHOWN)
def test_a_package_shows_few_names(folder: str) -> None:
    shown = {path.name for path in (ROOT / folder).iterdir() if not path.name.startswith(("__", "."))}
    assert shown <= set(SHOWN[folder].split())


def test_each_method_of_a_port_says_what_it_returns_and_raises() -> None:
    ports = [
        node
        for path in python_files("bot/ports")
        for node in parsed(path).body
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Protocol" for base in node.bases)
    ]
    methods = [
        (f"{port.name}.{node.name}", node) for port in ports for node in port.body if isinstance(node, Function)
    ]
    assert len(methods) > 100
    assert [name for name, method in methods if not says_what_comes_back(method)] == []


def says_what_comes_back(method: Function) -> bool:
    """Whether the docstring says what it raises, and, where there is a value, what it returns."""
    words = ast.get_docstring(method) or ""
    has_value = method.returns is not None and ast.unparse(method.returns) != "None"
    return bool(re.search(r"\b[Rr]aises\b", words)) and bool(
        not has_value or re.search(r"\b([Rr]eturns?|Yield)\b", words)
    )


def test_only_one_file_spreads_waits_at_random() -> None:
    """A second exponential backoff would have a random part of its own."""
    spread = {short(path) for path in python_files(*SOURCES) if "random.uniform(" in path.read_text()}
    assert spread == {"bot/domain/backoff.py"}


# Words that this project gave up, with what they were: not one name of code may bring them back.
OLD_NAMES: Final = (
    "OncePoster|Traces|Errands?|Looks|Asking|DatasetDesk|Desk|Verdict|Patience|NotAllowed|Mortal|Town|House|Office"
    "|Pace|Room|lanes?|note_miss|Weather|Books|see_through|wired|Lesson|Course|Harm"
)


def test_no_old_name_comes_back() -> None:
    names = {
        (short(path), name)
        for path in python_files(*SOURCES, "tests")
        # Most files do not have one of these words even in their text.
        if re.search(rf"\b(?:{OLD_NAMES})\b", path.read_text())
        for node in ast.walk(parsed(path))
        for name in (
            getattr(node, "name", None),
            getattr(node, "id", None),
            getattr(node, "attr", None),
            getattr(node, "arg", None),
        )
        if isinstance(name, str)
    }
    assert not {(place, name) for place, name in names if re.fullmatch(OLD_NAMES, name)}


def test_no_test_reads_what_is_outside_the_repository() -> None:
    outside = ("../" + "shared", '"shared"' + " / ")
    assert not [short(path) for path in TESTS if any(words in path.read_text() for words in outside)]


def test_a_models_name_in_a_sentence_is_in_quotes() -> None:
    """“to lose” cannot answer: without the quotes, a name reads as grammar. Blocks show names in bold."""
    bare = re.compile(r"(?<![“*`/=])\{(?:job|model)\.name\}")
    in_command = re.compile(r"/tune \w+ \{job\.name\}")
    files = [*(ROOT / "bot").glob("*/*.py"), ROOT / "handlers/blocks/jobs/wording.py"]
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in files
        for line in path.read_text().splitlines()
        if bare.search(in_command.sub("", line)) and "logger." not in line
    ]
    assert found == []


OTHER_WORDS: Final = re.compile(
    r"(?i)(?<!for )(?<!on your own )\bexamples?\b(?![.\w|])|\bdatasets?\b|\b(?:training|validation) (?:data|set)\b"
)


def texts_for_people(path: Path) -> list[str]:
    """The texts of several words in a file that are no docstring and no line of the log, and the counted nouns."""
    others: set[ast.AST] = set()
    found: list[str] = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            others.add(node.value)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).startswith("logger."):
            others.update(ast.walk(node))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("count", "counted"):
            found += [f"a number of {each.value!s}" for each in node.args if isinstance(each, ast.Constant)]
    return found + [
        node.value
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant) and node not in others
        if isinstance(node.value, str) and " " in node.value
    ]


def test_people_read_one_word_for_a_row_and_for_a_file() -> None:
    """“Examples” and “training data” are names of code and of Google's: all that we show says row and file.

    Only the line that says what Tunebot is, “Tune Gemini models on your own examples”, keeps the word.
    """
    shown = [
        (short(path), text)
        for path in python_files("bot", "handlers")
        if "sandbox" not in path.parts  # the stand-ins speak with Google's and Slack's words
        for text in texts_for_people(path)
    ]
    assert len(shown) > 1_000
    assert [each for each in shown if OTHER_WORDS.search(each[1])] == []
