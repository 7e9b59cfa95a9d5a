"""Finds what is wrong with the variables, so that all problems are reported at once, and reads secrets from files.

No problem shows a value: it may be a secret.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bot.domain.roles import Role, is_grantee, refusal
from bot.runtime.proxy_variables import proxy_problems
from bot.settings.value_forms import comma_list, models_by_backend, number_by_backend

KNOWN_BACKENDS: Final = ("vertex", "gemini", "palm")


def secret_file_name(name: str) -> str:
    """SLACK_BOT_TOKEN -> SLACK_BOT_TOKEN_FILE."""
    return f"{name}_FILE"


def read_secret_files(given: dict[str, str], names: Sequence[str]) -> list[str]:
    """Put the content of each `..._FILE` under the secret's own name, and return what is wrong with the files.

    A problem does not name the path: somebody may have put the secret itself there.
    """
    problems: list[str] = []
    for name in names:
        variable = secret_file_name(name)
        if variable not in given:
            continue
        if name in given:
            problems.append(f"{variable}: set this or {name}, not both")
            continue
        # With an empty text the secret counts as set, so that it is not reported as missing, too.
        given[name] = ""
        try:
            given[name] = Path(given[variable]).read_text(encoding="utf-8-sig").strip()
        except OSError as error:
            problems.append(f"{variable}: the file cannot be read: {error.strerror}")
        except ValueError:
            problems.append(f"{variable}: the file is not text")
        else:
            if not given[name]:
                problems.append(f"{variable}: the file is empty")
    return problems


def conflicts(given: Mapping[str, str]) -> list[str]:
    """Return what is wrong with combinations of variables, also if single ones are wrong."""
    problems: list[str] = []
    if "SLACK_APP_TOKEN" not in given and "SLACK_SIGNING_SECRET" not in given:
        problems.append("SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP): set one of the two")
    problems += token_problems(given)
    problems += proxy_problems(given)
    backends = comma_list(given.get("TUNEBOT_BACKENDS", "vertex"))
    known = ", ".join(KNOWN_BACKENDS)
    problems += [
        f"TUNEBOT_BACKENDS: {name!r} is not one of {known}" for name in backends if name not in KNOWN_BACKENDS
    ]
    if not backends:
        problems.append(f"TUNEBOT_BACKENDS: name at least one of {known}")
    if "vertex" in backends:
        needed = {
            "GOOGLE_CLOUD_PROJECT": "Vertex AI runs in a project",
            "TUNEBOT_BUCKET": "Vertex AI reads training files from a bucket",
        }
        problems += [f"{name}: is required, {why}" for name, why in needed.items() if name not in given]
    problems += [
        f"TUNEBOT_BASE_MODELS: {name!r} is not in TUNEBOT_BACKENDS"
        for name in models_by_backend(given.get("TUNEBOT_BASE_MODELS", ""))
        if name and name not in backends
    ]
    for name, role in {"TUNEBOT_OWNERS": Role.OWNER, "TUNEBOT_APPROVERS": Role.APPROVER}.items():
        reasons = {refusal(role, grantee) for grantee in comma_list(given.get(name, "")) if is_grantee(grantee)}
        problems += [f"{name}: {reason}" for reason in sorted(reasons) if reason]
    try:
        numbers = number_by_backend(given.get("TUNEBOT_TUNINGS_AT_ONCE", ""))
    except ValueError:
        # The field itself reports it.
        return problems
    problems += [
        f"TUNEBOT_TUNINGS_AT_ONCE: {name!r} is not in TUNEBOT_BACKENDS"
        for name in numbers
        if name and name not in backends
    ]
    return problems


# How each kind of Slack's tokens begins, and what it is: https://docs.slack.dev/authentication/tokens.
_TOKEN_KINDS: Final = {
    "xoxb-": "the bot's token",
    "xoxe.xoxb-": "a bot's token that rotates",
    "xapp-": "an app-level token",
    "xoxp-": "a user's token",
    "xoxe.xoxp-": "a user's token that rotates",
    "xoxe-": "a refresh token",
}
_TOKENS: Final = {
    "SLACK_BOT_TOKEN": (("xoxb-", "xoxe.xoxb-"), "the Bot User OAuth Token under OAuth & Permissions"),
    "SLACK_APP_TOKEN": (("xapp-",), "a token with connections:write under Basic Information, App-Level Tokens"),
}


def token_problems(given: Mapping[str, str]) -> list[str]:
    """Return a line for each of Slack's tokens that is of another kind. None of them shows the token."""
    problems: list[str] = []
    for name, (wanted, place) in _TOKENS.items():
        value = given.get(name, "")
        if not value or value.startswith(wanted):
            continue
        kind = next((what for start, what in _TOKEN_KINDS.items() if value.startswith(start)), "")
        own = next((other for other, (starts, _) in _TOKENS.items() if value.startswith(starts)), "")
        fault = f"holds {kind}" if kind else f"holds no token of Slack's, which begins with {wanted[0]}"
        fix = f"that belongs into {own}; set {place}" if own else f"set {place}"
        problems.append(f"{name}: {fault}: {fix}")
    return problems


def field_problems(error: ValidationError) -> list[str]:
    """Return one line for each wrong variable, without its value, which may be a secret."""
    return [f"{problem['loc'][0]}: {_plain(problem)}" for problem in error.errors(include_url=False)]


def _plain(problem: ErrorDetails) -> str:
    """Shorten Pydantic's message; the README describes what a pattern accepts."""
    match problem["type"]:
        case "missing":
            return "is required and not set"
        case "string_pattern_mismatch":
            return "has a form that is not accepted"
        case _:
            return problem["msg"].removeprefix("Value error, ").removeprefix("Input ").split(",")[0]
