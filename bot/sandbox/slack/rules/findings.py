"""Collects what is wrong with blocks, in the words and JSON pointers that Slack uses."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bot.sandbox.slack.records import Json


class Findings:
    """Every fault in one payload; `at` moves the pointer for the checks inside it."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self._path: list[str] = []

    @contextmanager
    def at(self, *path: str | int) -> Iterator[None]:
        """Point deeper for the checks inside."""
        self._path += [str(part) for part in path]
        yield
        del self._path[-len(path) :]

    def add(self, message: str) -> None:
        """Note one fault where the pointer stands."""
        self.messages.append(f"[ERROR] {message} [json-pointer:/{'/'.join(self._path)}]")

    def required(self, holder: Json, *names: str) -> bool:
        """Note the fields that are missing and tell whether all are there."""
        missing = [name for name in names if holder.get(name) in (None, "")]
        for name in missing:
            self.add(f"missing required field: {name}")
        return not missing

    def longest(self, holder: Json, name: str, limit: int) -> None:
        """Note a string field that is not one or has more than `limit` characters."""
        value = holder.get(name)
        if value is None:
            return
        with self.at(name):
            if not isinstance(value, str):
                self.add("must be a string")
            elif len(value) > limit:
                self.add(f"must be less than {limit + 1} characters")

    def most(self, holder: Json, name: str, limit: int, *, least: int = 1) -> list[Any]:
        """Return a list field, having noted it where it is no list or holds too many or too few."""
        value = holder.get(name)
        with self.at(name):
            if not isinstance(value, list):
                self.add("must be an array")
                return []
            if len(value) > limit:
                self.add(f"no more than {limit} items allowed")
            if len(value) < least:
                self.add(f"must have at least {least} item{'s' if least > 1 else ''}")
        return value

    def one_of(self, holder: Json, name: str, *allowed: str) -> None:
        """Note a field whose value Slack does not know."""
        if name in holder and holder[name] not in allowed:
            with self.at(name):
                self.add(f"must be one of the allowed values: {', '.join(allowed)}")
