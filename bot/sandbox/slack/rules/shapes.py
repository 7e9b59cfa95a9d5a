"""What a JSON value must look like: small checks that combine, and findings in Slack's words and JSON pointers.

A check takes the findings and one value; the findings know where in the payload the value is.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


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
        """Add one fault at the pointer."""
        self.messages.append(f"[ERROR] {message} [json-pointer:/{'/'.join(self._path)}]")


Check = Callable[[Findings, Any], None]


@dataclass(frozen=True, slots=True)
class Needed:
    """A field that must be there."""

    check: Check


Fields = dict[str, Check | Needed]


def shape(*also: Check, **fields: Check | Needed) -> Check:
    """Return the check of an object with these fields and no others; `also` sees the object as a whole."""

    def check(findings: Findings, value: Any) -> None:
        if not isinstance(value, dict):
            findings.add("must provide an object")
            return
        for name in sorted(value.keys() - fields.keys() - {"type"}):
            findings.add(f"invalid additional property: {name}")
        for name, rule in fields.items():
            if value.get(name) is None:
                if isinstance(rule, Needed):
                    findings.add(f"missing required field: {name}")
                continue
            with findings.at(name):
                (rule.check if isinstance(rule, Needed) else rule)(findings, value[name])
        for each in also:
            each(findings, value)

    return check


def by_type(shapes: Mapping[str, Check], allowed: Iterable[str] | None = None) -> Check:
    """Return the check of an object whose `type` says which shape it has."""
    known = set(shapes if allowed is None else allowed)

    def check(findings: Findings, value: Any) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        if kind in known:
            shapes[kind](findings, value)
        else:
            findings.add(f"unsupported type: {kind}")

    return check


def string(most: int, least: int = 0) -> Check:
    """Return the check of a string of so many characters."""

    def check(findings: Findings, value: Any) -> None:
        if not isinstance(value, str):
            findings.add("must be a string")
        elif len(value) > most:
            findings.add(f"must be less than {most + 1} characters")
        elif len(value) < least:
            findings.add(f"must be more than {least - 1} characters")

    return check


def items(most: int, item: Check, *, least: int = 1, unique: str = "", called: str = "element") -> Check:
    """Return the check of a list; `unique` names the field in which no two items may be the same."""

    def check(findings: Findings, value: Any) -> None:
        if not isinstance(value, list):
            findings.add("must be an array")
            return
        if len(value) > most:
            findings.add(f"no more than {most} items allowed")
        if len(value) < least:
            findings.add(f"must have at least {least} item{'s' if least > 1 else ''}")
        seen: set[str] = set()
        for index, each in enumerate(value):
            with findings.at(index):
                item(findings, each)
                key = each.get(unique) if unique and isinstance(each, dict) else None
                if key is not None and str(key) in seen:
                    with findings.at(unique):
                        findings.add(f'must be unique: `{unique}` "{key}" already exists for another {called}')
                seen.add(str(key))

    return check


def one_of(*allowed: str) -> Check:
    """Return the check of a word out of a few."""

    def check(findings: Findings, value: Any) -> None:
        if value not in allowed:
            findings.add(f"must be one of the allowed values: {', '.join(allowed)}")

    return check


def boolean(findings: Findings, value: Any) -> None:
    """Check a boolean."""
    if not isinstance(value, bool):
        findings.add("must be a boolean")


def whole(least: int, most: int) -> Check:
    """Return the check of a whole number."""

    def check(findings: Findings, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            findings.add(f"must be between {least} and {most}")

    return check


def number(findings: Findings, value: Any) -> None:
    """Check a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        findings.add("value must be a finite number")


def exactly_one(first: str, second: str) -> Check:
    """Return the check that an object has one of two fields."""

    def check(findings: Findings, value: Any) -> None:
        if (first in value) == (second in value):
            findings.add(f"must provide exactly one of {first} or {second}")

    return check


def anything(findings: Findings, value: Any) -> None:
    """Accept what Slack fills in or what nothing here depends on."""
