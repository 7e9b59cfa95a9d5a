"""The stand-in stands for the outside world, so it may not lean on what it judges."""

import ast
from pathlib import Path

import bot.sandbox.slack as package


def test_the_stand_in_imports_nothing_of_ours() -> None:
    ours = ("bot", "handlers", "storage")
    sources = sorted(Path(package.__path__[0]).rglob("*.py"))
    assert len(sources) > 20
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            strangers = [
                name for name in names if name.split(".")[0] in ours and not name.startswith(package.__name__)
            ]
            assert not strangers, f"{source.name} imports {strangers}"
