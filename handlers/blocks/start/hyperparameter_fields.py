"""Builds the fields of the form for hyperparameters, from the rules of a backend.

An empty field means the default, and its hint shows that default.
"""

from bot.domain.backend_profile import BackendProfile, HyperparameterRule
from bot.domain.requests import StartRequest
from handlers.blocks.elements import (
    Choice,
    input_block,
    select,
)
from handlers.blocks.formatting import number, sentence
from handlers.blocks.message import Block

DEFAULT = "default"  # the value of the choice that leaves a hyperparameter alone


def build_hyperparameter(rule: HyperparameterRule, profile: BackendProfile, request: StartRequest) -> Block:
    """Build the field for one hyperparameter: a choice where the backend takes only some values, else a number."""
    chosen: int | float | None = getattr(request.hyperparameters, rule.name)
    return input_block(
        rule.name,
        rule.label,
        _choice(rule, chosen) if rule.choices else _number(rule, chosen),
        hint=_hint(rule, profile),
        optional=True,
    )


def _choice(rule: HyperparameterRule, chosen: int | float | None) -> Block:
    default = "Google chooses" if rule.default is None else f"{number(rule.default)} (default)"
    values = [*rule.choices, *([chosen] if chosen is not None and chosen not in rule.choices else [])]
    choices = [Choice(DEFAULT, default), *(Choice(number(value), number(value)) for value in values)]
    return select("choice", [("", choices)], chosen=DEFAULT if chosen is None else number(chosen))


def _number(rule: HyperparameterRule, chosen: int | float | None) -> Block:
    element: Block = {"type": "number_input", "action_id": "number", "is_decimal_allowed": not rule.whole}
    if rule.minimum is not None:
        element["min_value"] = number(rule.minimum)
    if rule.maximum is not None:
        element["max_value"] = number(rule.maximum)
    # Slack refuses a fraction in a field of whole numbers; the error of the check shows what was typed instead.
    if chosen is not None and (not rule.whole or chosen == int(chosen)):
        element["initial_value"] = number(chosen)
    return element


def _hint(rule: HyperparameterRule, profile: BackendProfile) -> str:
    if rule.name == "epochs":
        return f"{_range(rule)} Leave it empty: then the quality decides.".lstrip()
    note = sentence(rule.note)
    parts = [note] if rule.choices else [_range(rule), _left_empty(rule, note)]
    if rule.excludes:
        other = profile.rule(rule.excludes)
        parts.append(f"Set this or the {other.label.lower() if other else rule.excludes}, not both.")
    return " ".join(part for part in parts if part)


def _range(rule: HyperparameterRule) -> str:
    least, most = rule.minimum, rule.maximum
    if least is not None and most is not None:
        return f"From {number(least)} to {number(most)}."
    if least is not None:
        return f"At least {number(least)}."
    return f"At most {number(most)}." if most is not None else ""


def _left_empty(rule: HyperparameterRule, note: str) -> str:
    if rule.default is None:
        return f"Leave it empty: {note}" if note else "Leave it empty and Google chooses."
    return f"Leave it empty for {number(rule.default)}. {note}".rstrip()
