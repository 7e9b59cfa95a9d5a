"""The composition objects of Block Kit: texts, options, confirmations."""

from typing import Any

from bot.sandbox.slack.records import Json
from bot.sandbox.slack.rules.findings import Findings

OPTION_TEXT = 75
OPTION_VALUE = 150
OPTION_DESCRIPTION = 75
MOST_OPTIONS = 100
PLACEHOLDER = 150


def check_text(findings: Findings, holder: Json, name: str, limit: int, *, plain: bool = False) -> None:
    """Check a text object; it must be there, and `plain` allows only ``plain_text``."""
    if holder.get(name) is None:
        findings.add(f"missing required field: {name}")
        return
    with findings.at(name):
        check_text_object(findings, holder[name], limit, plain=plain)


def check_text_object(findings: Findings, text: Any, limit: int, *, plain: bool = False) -> None:
    """Check the text object where the pointer stands."""
    if not isinstance(text, dict):
        findings.add("must provide an object")
        return
    kind = text.get("type")
    if kind not in (("plain_text",) if plain else ("plain_text", "mrkdwn")):
        findings.add(f"unsupported type: {kind}")
        return
    if text.get("text") in (None, ""):
        with findings.at("text"):
            findings.add("must be more than 0 characters")
    findings.longest(text, "text", limit)
    if kind == "plain_text" and "verbatim" in text:
        findings.add("invalid additional property: verbatim")
    if kind == "mrkdwn" and "emoji" in text:
        findings.add("invalid additional property: emoji")


def check_optional_text(findings: Findings, holder: Json, name: str, limit: int, *, plain: bool = False) -> None:
    """Check a text object where there is one."""
    if holder.get(name) is not None:
        check_text(findings, holder, name, limit, plain=plain)


def check_options(
    findings: Findings, holder: Json, name: str, limit: int, *, plain: bool = True, least: int = 1
) -> None:
    """Check a list of options: their number, texts and distinct values."""
    seen: set[str] = set()
    for index, option in enumerate(findings.most(holder, name, limit, least=least)):
        with findings.at(name, index):
            if not isinstance(option, dict):
                findings.add("must provide an object")
                continue
            check_text(findings, option, "text", OPTION_TEXT, plain=plain)
            check_optional_text(findings, option, "description", OPTION_DESCRIPTION, plain=plain)
            findings.required(option, "value")
            findings.longest(option, "value", OPTION_VALUE)
            findings.longest(option, "url", 3000)
            if option.get("value") in seen:
                with findings.at("value"):
                    findings.add("must be unique")
            seen.add(str(option.get("value")))


def check_option_source(findings: Findings, element: Json) -> None:
    """Check that a static select has either options or groups of them, and sound ones."""
    if ("options" in element) == ("option_groups" in element):
        findings.add("must provide exactly one of options or option_groups")
    if "options" in element:
        check_options(findings, element, "options", MOST_OPTIONS)
    if "option_groups" in element:
        for index, group in enumerate(findings.most(element, "option_groups", MOST_OPTIONS)):
            with findings.at("option_groups", index):
                check_text(findings, group, "label", OPTION_TEXT, plain=True)
                check_options(findings, group, "options", MOST_OPTIONS)


def all_options(element: Json) -> list[Json]:
    """Return an element's options, those inside groups too."""
    grouped = [option for group in element.get("option_groups", []) for option in group.get("options", [])]
    return [*element.get("options", []), *grouped]


def check_initial_options(findings: Findings, element: Json) -> None:
    """Check that what is selected at first is one of the options, exactly."""
    chosen: list[Any] = list(element.get("initial_options", []))
    if "initial_option" in element:
        chosen.append(element["initial_option"])
    values = {(option.get("value"), option.get("text", {}).get("text")) for option in all_options(element)}
    for option in chosen:
        if not isinstance(option, dict) or (option.get("value"), option.get("text", {}).get("text")) not in values:
            findings.add("initial option is not one of the options")
    if "initial_options" in element and not element["initial_options"]:
        with findings.at("initial_options"):
            findings.add("must have at least 1 item")


def check_confirm(findings: Findings, element: Json) -> None:
    """Check a confirmation dialog where an element has one."""
    confirm = element.get("confirm")
    if confirm is None:
        return
    with findings.at("confirm"):
        check_text(findings, confirm, "title", 100, plain=True)
        check_text(findings, confirm, "text", 300)
        check_text(findings, confirm, "confirm", 30, plain=True)
        check_text(findings, confirm, "deny", 30, plain=True)
        findings.one_of(confirm, "style", "primary", "danger")
