"""What a check of the installation finds: `tunebot doctor`, the start, `/readyz` and the form share the checks."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """How a check ended. `limited` works in part, `unknown` could not be checked, `failed` cannot work."""

    GOOD = "good"
    LIMITED = "limited"
    UNKNOWN = "unknown"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a check found, and the exact fix: a command, a setting or a page. Neither text has a secret."""

    mark: Mark
    fact: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `name` is stable, with its group before the dot; `needs` names a check that must not fail before.

    `run` raises BotError for what fails: one that is `passing` leaves the result unknown.
    """

    name: str
    title: str
    run: Callable[[], Awaitable[Diagnosis]]
    needs: str = ""


def good(fact: str) -> Diagnosis:
    return Diagnosis(Mark.GOOD, fact)


def limited(fact: str, fix: str) -> Diagnosis:
    return Diagnosis(Mark.LIMITED, fact, fix)


def unknown(fact: str, fix: str = "") -> Diagnosis:
    return Diagnosis(Mark.UNKNOWN, fact, fix)


def failed(fact: str, fix: str) -> Diagnosis:
    return Diagnosis(Mark.FAILED, fact, fix)
