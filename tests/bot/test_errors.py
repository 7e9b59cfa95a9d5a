"""The tree of errors: what is drawn is what there is, and every error says what happened and what to do."""

import re

import bot.errors
from bot.errors import BotError

LINE = re.compile(r"^    (?P<branches>[│├└─ ]*)(?P<name>[A-Z]\w+)  +\S")
INDENT = 4


def drawn_parents() -> dict[str, str]:
    """The parent of each class in the module's docstring, empty for the root."""
    path: list[str] = []
    parents: dict[str, str] = {}
    for line in str(bot.errors.__doc__).splitlines():
        if (found := LINE.match(line)) is not None:
            depth = len(found["branches"]) // INDENT
            path[depth:] = [found["name"]]
            parents[found["name"]] = path[depth - 1] if depth else ""
    return parents


def defined_parents() -> dict[str, str]:
    """The parent of each error class of the module, empty for the root."""
    classes = [kind for kind in vars(bot.errors).values() if isinstance(kind, type) and issubclass(kind, BotError)]
    return {kind.__name__: "" if kind is BotError else kind.__bases__[0].__name__ for kind in classes}


def test_the_drawn_tree_shows_every_error_class_under_its_parent_and_no_other_class() -> None:
    assert drawn_parents() == defined_parents()


def test_the_module_defines_one_root_and_no_class_with_two_parents() -> None:
    classes = [kind for kind in vars(bot.errors).values() if isinstance(kind, type)]
    assert {kind for kind in classes if not issubclass(kind, BotError)} == set()
    assert {kind.__name__: len(kind.__bases__) for kind in classes} == {kind.__name__: 1 for kind in classes}


def test_an_error_reads_as_its_message_and_then_its_hint() -> None:
    assert str(BotError("The file is empty.", "Attach another one.")) == "The file is empty. Attach another one."
    assert str(BotError("The file is empty.")) == "The file is empty."
