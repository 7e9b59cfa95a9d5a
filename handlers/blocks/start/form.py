"""Builds the `/tune` form for a backend, filled in with what is already known. `form_reader` reads it back.

An empty optional field means the default, and the hint shows that default. So a change of the backend never
takes one backend's default to another.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.domain.backend_profile import BackendProfile
from bot.domain.operations import TunedModel
from bot.domain.place import Requester
from bot.domain.requests import Quality, StartRequest
from bot.errors import BotError
from bot.ports.files import FileInfo
from handlers.blocks.elements import (
    Choice,
    actions,
    button,
    context,
    fitting,
    input_block,
    modal,
    section,
    select,
    text_input,
)
from handlers.blocks.formatting import count, listed, number, sentence, size
from handlers.blocks.message import Block, escape, escape_line, shorten
from handlers.blocks.private_metadata import pack_requester
from handlers.blocks.replies import error_text
from handlers.blocks.start.hyperparameter_fields import build_hyperparameter
from handlers.transport.attachments import file_ids

FORM_VIEW = "start_form"
BACKEND_ACTION = "form_backend"
VALIDATION_ACTION = "form_validation"
ADVANCED_ACTION = "form_advanced"
_KEY_LENGTH = 100
_QUALITIES = (
    Choice(Quality.QUICK, "Quick: a first look, for the least money"),
    Choice(Quality.RECOMMENDED, "Recommended: what fits most files"),
    Choice(Quality.THOROUGH, "Thorough: the longest that is advised"),
)
_SHOWN_RETIREMENTS = 8
# Slack's most. Source: https://docs.slack.dev/reference/block-kit/block-elements/file-input-element
_MOST_UPLOADS = 10
_BESIDE = ", also with pictures that its rows name, and with a file to validate with"


@dataclass(frozen=True, slots=True)
class FormState:
    """The content of a form. The first profile is the default one; `request` fills in the fields.

    `obstacle` is what is known against a start with the chosen backend, `warnings` why its tunings may fail at
    Google, `retirements` when its base models retire, `closed` that tuning on the chosen base model has closed.

    `left_out` are the names of files beside the one to train on that are not used.

    `recent` are files to choose from, `tuned` are models to tune again, `validation` shows the validation fields,
    `advanced` all fields.
    """

    requester: Requester
    profiles: Sequence[BackendProfile]
    request: StartRequest = field(default_factory=StartRequest)
    recent: Sequence[FileInfo] = ()
    tuned: Sequence[TunedModel] = ()
    validation: bool = False
    advanced: bool = False
    obstacle: BotError | None = None
    warnings: Sequence[str] = ()
    retirements: Sequence[str] = ()
    closed: str = ""
    left_out: Sequence[str] = ()

    @property
    def profile(self) -> BackendProfile:
        """Return the profile of the chosen backend, else the default one."""
        return next((each for each in self.profiles if each.name == self.request.backend), self.profiles[0])

    @property
    def shows_all(self) -> bool:
        """Return whether a person asked for all fields, or gave a value that the short form does not show."""
        request = self.request
        usual = ("", *self.profile.base_models[:1])
        return (
            self.advanced
            or self.profile is not self.profiles[0]
            or request.base_model not in usual
            or bool(request.hyperparameters.given())
            or bool(request.validation or request.validation_share)
            or request.mapping is not None
            or bool(request.moved_from)
        )


def build_form(state: FormState) -> dict[str, Any]:
    """Build the modal, of at most 100 blocks for every profile."""
    profile, request = state.profile, state.request
    validation = profile.takes_validation and (
        state.validation or bool(request.validation) or request.validation_share > 0
    )
    everything = state.shows_all
    blocks = [
        *_backend(state, choose=everything),
        *_moved(state),
        *([_base_model(state), *_retirements(state)] if everything else []),
        *_file_fields("file", request.file, state.recent, "Training file", pictures=profile.limits.takes_tools),
        *_left_out(state.left_out),
        input_block(
            "name",
            "Name",
            text_input("name", initial=request.name, longest=profile.name_limit),
            hint=f"At most {count(profile.name_limit, 'character')}. Leave it empty to name it after the file.",
            optional=True,
        ),
        _quality(request),
        *(_advanced(state, validation=validation) if everything else [_more_button()]),
        context("Nothing starts yet: next I check the file and show you what it holds.", "next"),
    ]
    metadata = pack_requester(
        state.requester,
        backend=profile.name,
        validation=validation,
        advanced=state.advanced,
        moved=request.moved_from,
    )
    title = "Move a model" if request.moved_from else "Tune a model"
    return modal(FORM_VIEW, title, blocks, submit="Check the file", metadata=metadata)


def _quality(request: StartRequest) -> Block:
    element = select("quality", [("", _QUALITIES)], chosen=request.quality or Quality.RECOMMENDED)
    hint = "How often the model reads the file, which decides the price. You see it before anything starts."
    return input_block("quality", "Quality", element, hint=hint)


def _more_button() -> Block:
    return actions([button("Advanced", ADVANCED_ACTION, "show")], "advanced")


def _advanced(state: FormState, *, validation: bool) -> list[Block]:
    profile, request = state.profile, state.request
    return [
        *(_validation(state, open_fields=validation) if profile.takes_validation else []),
        *_mapping(request),
        *(build_hyperparameter(rule, profile, request) for rule in profile.hyperparameters),
    ]


def _backend(state: FormState, *, choose: bool) -> list[Block]:
    profile = state.profile
    blocks: list[Block] = []
    if choose and len(state.profiles) > 1:
        choices = [Choice(each.name, each.title) for each in state.profiles]
        element = select(BACKEND_ACTION, [("", choices)], chosen=profile.name)
        blocks.append(input_block("backend", "Where to tune", element, dispatches=True))
    if profile.notice:
        notice = sentence(escape(profile.notice))
        blocks.append(section(notice if profile.trains_today else f"*Please note:* {notice}", "notice"))
    if state.obstacle is not None:
        blocks.append(section(f"*It does not work now:* {error_text(state.obstacle)}", "obstacle"))
    if state.warnings:
        found = escape_line(" ".join(state.warnings), 1_500)
        blocks.append(section(f"*A tuning may fail:* {found} `tunebot doctor` says how to repair it.", "warnings"))
    if state.closed:
        where = "" if choose else ", behind *Advanced*"
        blocks.append(section(f"*Please note:* {escape(state.closed)} Choose another one{where}.", "closed"))
    return blocks


def _moved(state: FormState) -> list[Block]:
    """Build which model Google is asked to move."""
    moved = state.request.moved_from
    if not moved:
        return []
    name = next((each.display_name for each in state.tuned if each.resource == moved), "") or moved
    text = (
        f"Google is asked to move *{escape_line(name, 120)}* to the base model of this form, by its own method. "
        "It trains anew on the rows of this file and costs money. The old model stays. If Google refuses, nothing "
        "is started, and you can tune the file in its place."
    )
    return [section(text, "moved")]


def _base_model(state: FormState) -> Block:
    profile, wanted = state.profile, state.request.base_model
    bases = fitting([Choice(base, base) for base in profile.base_models])
    again = [
        Choice(model.resource, model.display_name or model.resource)
        for model in state.tuned
        if model.backend == profile.name and model.resource not in profile.base_models
    ]
    tuned = fitting(again) if profile.takes_tuned_base and not state.request.moved_from else []
    offered = {choice.value for choice in (*bases, *tuned)}
    named = fitting([Choice(wanted, wanted)]) if wanted not in offered else []
    groups = [("As you named it", named), ("Base models", bases), ("Tuned models, to tune again", tuned)]
    # The action id names the backend, so that Slack does not keep one backend's choice for another.
    action_id = f"base_model_{profile.name}"
    if not offered and not named:
        return input_block("base_model", "Base model", text_input(action_id, initial=wanted))
    chosen = wanted or (profile.base_models[0] if profile.base_models else "")
    return input_block("base_model", "Base model", select(action_id, groups, chosen=chosen))


def _retirements(state: FormState) -> list[Block]:
    """Build the dates on which base models retire: a model that is tuned on one answers until then."""
    if not state.retirements:
        return []
    lines = [escape_line(text, 300) for text in state.retirements[:_SHOWN_RETIREMENTS]]
    lines.append("A tuned model answers until its base model retires.")
    return [context("\n".join(lines), "retirements")]


def _file_fields(
    prefix: str, location: str, recent: Sequence[FileInfo], label: str, *, pictures: bool = False
) -> list[Block]:
    """Build the three fields for one file: an upload, a file that is already in Slack, an address.

    With `pictures` those that its rows show may be uploaded beside it.
    """
    in_slack = location.startswith("slack:")
    known = [Choice(each.location, _file_label(each)) for each in recent]
    if in_slack and location not in {choice.value for choice in known}:
        named, *beside = file_ids(location)
        with_pictures = f", {count(len(beside), 'picture')}" if beside else ""
        known.insert(0, Choice(location, f"The file you named ({named}{with_pictures})"))
    known = fitting(known)
    blocks = [
        input_block(
            f"{prefix}_upload",
            f"{label}: upload it",
            {"type": "file_input", "action_id": "upload", "max_files": _MOST_UPLOADS if pictures else 1},
            hint=f"JSONL, up to 10 MB{_BESIDE if pictures else ''}. "
            "Share a larger file in this channel first, then pick it below.",
            optional=True,
        )
    ]
    if known:
        element = select("recent", [("", known)], chosen=location if in_slack else "", placeholder="Choose a file")
        blocks.append(input_block(f"{prefix}_recent", "…or pick one shared here", element, optional=True))
    address = text_input("uri", initial="" if in_slack else location, placeholder="gs://my-bucket/examples.jsonl")
    blocks.append(
        input_block(f"{prefix}_uri", "…or a gs:// address or a link to a Slack file", address, optional=True)
    )
    return blocks


def _left_out(names: Sequence[str]) -> list[Block]:
    if not names:
        return []
    return [context(f"I leave out {listed(escape_line(name, 100) for name in names)}.", "left_out")]


def _file_label(file: FileInfo) -> str:
    ending = f" ({size(file.size)})" if file.size else ""
    return shorten(" ".join(file.name.split()) or "file", 75 - len(ending)) + ending


def _validation(state: FormState, *, open_fields: bool) -> list[Block]:
    if not open_fields:
        return [
            actions([button("Add a validation file", VALIDATION_ACTION, "add")], "validation"),
        ]
    return [
        *_file_fields("validation", state.request.validation, state.recent, "Validation file"),
        _held_out(state.request),
        actions([button("Leave out the validation file", VALIDATION_ACTION, "remove")], "validation"),
    ]


def _held_out(request: StartRequest) -> Block:
    element: Block = {
        "type": "number_input",
        "action_id": "number",
        "is_decimal_allowed": True,
        "min_value": "0.1",
        "max_value": "50",
    }
    if request.validation_share:
        element["initial_value"] = number(round(request.validation_share * 100, 4))
    return input_block(
        "validation_share",
        "…or hold out a share of the training file, in percent",
        element,
        hint="The same rows are held out each time, and duplicates stay together.",
        optional=True,
    )


def _mapping(request: StartRequest) -> list[Block]:
    keys = request.mapping
    hint = 'Only for rows in no usual form, like {"question": …, "answer": …}.'
    return [
        input_block(
            "input_key",
            "Key of the input",
            text_input("key", initial=keys.input if keys else "", placeholder="question", longest=_KEY_LENGTH),
            hint=hint,
            optional=True,
        ),
        input_block(
            "output_key",
            "Key of the output",
            text_input("key", initial=keys.output if keys else "", placeholder="answer", longest=_KEY_LENGTH),
            optional=True,
        ),
    ]
