"""Shows how models answer in a channel, and builds and reads the form that changes it."""

from typing import Any

from bot.chat.answer_settings import LONGEST_GREETING, ChannelAnswers, SettingsChange
from bot.domain.generation_settings import (
    LONGEST_STOP,
    SAMPLING,
    GenerationSettings,
    NumberRule,
    Safety,
    label_of,
)
from bot.domain.place import Requester
from handlers.blocks.elements import (
    Choice,
    actions,
    button,
    context,
    input_block,
    modal,
    section,
    select,
    text_input,
)
from handlers.blocks.formatting import listed, number
from handlers.blocks.message import Block, Message, code, compose, escape, escape_line, mention, shorten
from handlers.blocks.private_metadata import pack_requester, unpack_requester

SETTINGS_VIEW = "settings_form"
SETTINGS_ACTION = "channel_settings"
_DEFAULT = "default"
_TEXT_FIELD = 3_000  # Slack's limit for a text field
_SAFETY = {
    Safety.LOW: "Hold back what may be harmful, even if that is unlikely",
    Safety.MEDIUM: "Hold back what is harmful with medium likelihood or more",
    Safety.HIGH: "Hold back only what is very likely harmful",
    Safety.NONE: "Hold back nothing",
}


def build_settings(answers: ChannelAnswers, *, changed_by: str = "") -> Message:
    """Build the message that shows how models answer in the channel; `changed_by` is who has just changed it."""
    lines = settings_lines(answers.settings.generation)
    own = answers.settings.generation.system_instruction
    if answers.tuned_with and (own is None or "system_instruction" in answers.unused):
        lines.append(f"system instruction, as it was tuned with: {escape_line(shorten(answers.tuned_with, 400))}")
    if answers.settings.greeting:
        lines.append(f"greeting: {escape_line(answers.settings.greeting, LONGEST_GREETING)}")
    who = f"{mention(changed_by)} changed how models answer in this channel." if changed_by else ""
    if lines:
        heading = f"{who} Now: ".lstrip() if who else "In this channel, models answer with:"
        text = "\n".join([heading.strip(), *(f"• {line}" for line in lines)])
    else:
        text = f"{who} Models answer in this channel as Google and their tuning have it.".strip()
    if answers.unused:
        unused = listed(label_of(name) for name in answers.unused)
        text += f"\n{code(_name(answers), 128)} does not take the {unused}: I do not send it."
    blocks = [
        section(text, "channel_settings"),
        actions([button("Change", SETTINGS_ACTION, "change")], "settings_actions"),
        context(
            "For one question, type it before the question: `/ask temperature=0.2 your question`.", "settings_note"
        ),
    ]
    return compose(text, blocks)


def settings_lines(settings: GenerationSettings) -> list[str]:
    """Return a line of mrkdwn for each setting that was set."""
    return [f"{label_of(name)}: {_value(name, value)}" for name, value in settings.given().items()]


def _value(name: str, value: Any) -> str:
    match name:
        case "stop_sequences":
            return listed(code(repr(stop)[1:-1], LONGEST_STOP) for stop in value)
        case "safety":
            return f"{value} ({_SAFETY[value][:1].lower()}{_SAFETY[value][1:]})"
        case "system_instruction":
            return escape_line(shorten(value, 400)) if value else "none at all"
        case _:
            return number(value)


def _name(answers: ChannelAnswers) -> str:
    return answers.model.name if answers.model is not None else answers.profile.title


def build_settings_form(requester: Requester, answers: ChannelAnswers) -> dict[str, Any]:
    """Build the modal with the fields that the channel's model takes, filled in with what is set."""
    profile, set_now = answers.profile.generation, answers.settings.generation
    ignored = profile.traits(answers.base_model).ignores
    blocks: list[Block] = []
    if left_out := [label_of(name) for name in sorted(SAMPLING & ignored)]:
        why = f"{code(answers.base_model, 60)} ignores {listed(left_out)}, so they are not offered."
        blocks.append(context(why, "ignored"))
    blocks += [
        _number(rule, getattr(set_now, rule.name), getattr(answers.defaults, rule.name))
        for rule in profile.numbers
        if rule.name not in ignored
    ]
    if profile.takes("stop_sequences"):
        stops = "\n".join(stop.replace("\n", "\\n") for stop in set_now.stop_sequences)
        hint = f"Up to {profile.most_stop_sequences}, one on each line; write \\n for a line break in one."
        field = text_input("text", initial=stops, multiline=True, longest=600)
        blocks.append(input_block("stop_sequences", "The answer ends before", field, hint=hint, optional=True))
    if profile.takes("safety"):
        choices = [Choice(_DEFAULT, "Google's default"), *(Choice(each, _SAFETY[each]) for each in Safety)]
        field = select("choice", [("", choices)], chosen=set_now.safety or _DEFAULT)
        blocks.append(input_block("safety", "Harmful answers", field, optional=True))
    system = set_now.system_instruction
    if profile.takes("system_instruction") and len(system or "") <= _TEXT_FIELD:
        shown = "none" if system == "" else system or ""
        field = text_input("text", initial=shown, multiline=True, longest=_TEXT_FIELD)
        hint = "Leave it empty for the one with which the model was tuned, and write none for no instruction."
        blocks.append(input_block("system_instruction", "System instruction", field, hint=hint, optional=True))
    greeting = text_input("text", initial=answers.settings.greeting, multiline=True, longest=LONGEST_GREETING)
    hint = "What I say here when a model is chosen for this channel."
    blocks.append(input_block("greeting", "Greeting", greeting, hint=hint, optional=True))
    blocks.append(context(f"This holds for {escape(_name(answers))} and each model that answers here.", "holds"))
    return modal(SETTINGS_VIEW, "How models answer", blocks, submit="Save", metadata=pack_requester(requester))


def _number(rule: NumberRule, value: float | None, default: float | None) -> Block:
    element: Block = {
        "type": "number_input",
        "action_id": "number",
        "is_decimal_allowed": not rule.whole,
        "min_value": number(rule.minimum),
        "max_value": number(rule.maximum),
    }
    if value is not None:
        element["initial_value"] = number(value)
    empty = "Leave it empty for Google's default."
    if default is not None:
        empty = f"Leave it empty for {number(default)}, the tuned model's own."
    hint = f"From {number(rule.minimum)} to {number(rule.maximum)}. {rule.note} {empty}".replace("  ", " ")
    return input_block(rule.name, rule.label, element, hint=hint, optional=True)


def read_settings_form(view: dict[str, Any], sender: Requester) -> tuple[Requester, dict[str, str]]:
    """Return whose form it is, with its place, and the text of each field that it shows, empty ones too.

    Raises Forbidden if it is not the sender's form, Outdated.
    """
    requester, _ = unpack_requester(str(view.get("private_metadata") or ""), sender)
    values = (view.get("state") or {}).get("values") or {}
    shown: dict[str, str] = {}
    for block_id, elements in values.items():
        for element in elements.values():
            chosen = (element.get("selected_option") or {}).get("value")
            shown[str(block_id)] = str(chosen or element.get("value") or "").strip()
    return requester, shown


def settings_change(shown: dict[str, str]) -> SettingsChange:
    """Return the change that the fields of a form mean; a field that is not shown changes nothing.

    The numbers are those that Slack let through. Raises ValueError for a text that is none.
    """
    greeting = shown.get("greeting")
    given: dict[str, Any] = {}
    for name, text in shown.items():
        if name == "greeting" or not text or text == _DEFAULT:
            continue
        match name:
            case "stop_sequences":
                lines = (line.strip().replace("\\n", "\n") for line in text.splitlines())
                given[name] = tuple(line for line in lines if line)
            case "safety":
                given[name] = Safety(text)
            case "system_instruction":
                given[name] = "" if text.lower() == "none" else text
            case "temperature" | "top_p":
                given[name] = float(text)
            case _:
                given[name] = int(text)
    reset = frozenset(shown.keys() - given.keys() - {"greeting"})
    return SettingsChange(GenerationSettings(**given), reset, greeting)
