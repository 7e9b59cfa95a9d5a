"""Packs and unpacks the values that views and buttons carry: `private_metadata` of a view, `value` of a button.

Slack returns these strings unchanged, possibly after the bot was updated: a string that cannot be read raises
Outdated.
"""

import json
from dataclasses import dataclass, fields
from typing import Any

import msgspec

from bot.domain.chat import ModelRef
from bot.domain.datasets import FieldMapping
from bot.domain.generation_settings import NO_SETTINGS, GenerationSettings
from bot.domain.jobs import Hyperparameters
from bot.domain.place import Place, Requester
from bot.domain.requests import Quality, StartRequest
from bot.errors import BadArgument, Forbidden, Outdated
from handlers.blocks.elements import BUTTON_VALUE, METADATA

_SHORT = {
    "backend": "b",
    "base_model": "m",
    "name": "n",
    "file": "f",
    "validation": "v",
    "moved_from": "o",
    "encoding": "e",
}
_LONG = {short: name for name, short in _SHORT.items()}


def pack_request(request: StartRequest) -> str:
    """Pack what was set of a request as compact JSON. Raises BadArgument above a button's 2,000 characters."""
    packed: dict[str, Any] = {
        short: getattr(request, name) for name, short in _SHORT.items() if getattr(request, name)
    }
    if chosen := request.hyperparameters.given():
        packed["h"] = chosen
    if request.validation_share:
        packed["s"] = request.validation_share
    if request.preferred_only:
        packed["p"] = True
    if request.quality is not None:
        packed["q"] = request.quality.value
    if request.mask:
        packed["x"] = True
    if request.mapping is not None:
        packed["k"] = [request.mapping.input, request.mapping.output]
    text = _dumps(packed)
    if len(text) > BUTTON_VALUE:
        raise BadArgument(
            f"These values are {len(text):,} characters together; a button holds {BUTTON_VALUE:,}.",
            "Shorten the name or the file addresses, or open the form with /tune and fill them in there.",
        )
    return text


def unpack_request(text: str) -> StartRequest:
    """Unpack what `pack_request` packed. Raises Outdated."""
    packed = _loads(text)
    try:
        keys = packed.get("k")
        texts = {_LONG[key]: msgspec.convert(value, str) for key, value in packed.items() if key in _LONG}
        return StartRequest(
            **texts,
            validation_share=msgspec.convert(packed.get("s", 0.0), float),
            hyperparameters=msgspec.convert(packed.get("h", {}), Hyperparameters),
            quality=msgspec.convert(packed.get("q"), Quality | None),
            mask=msgspec.convert(packed.get("x", False), bool),
            preferred_only=msgspec.convert(packed.get("p", False), bool),
            mapping=None if keys is None else FieldMapping(*msgspec.convert(keys, tuple[str, str])),
        )
    except msgspec.ValidationError as error:
        raise _outdated() from error


@dataclass(frozen=True, slots=True)
class ModelPick:
    """The key of a job, and what to ask its model: the question, its settings, the model to compare it with.

    `message` is the key of the message that asks, so that an edit or a deletion of it reaches the question.
    """

    job: str
    question: str = ""
    settings: GenerationSettings = NO_SETTINGS
    compare: str = ""
    message: str = ""


def pack_choice(choice: ModelPick) -> str:
    """Pack a choice; where a button cannot hold it, the job alone."""
    settings = choice.settings.given()
    packed = {
        "job": choice.job,
        "question": choice.question,
        "settings": settings,
        "compare": choice.compare,
        "message": choice.message,
    }
    text = _dumps({key: value for key, value in packed.items() if value or key in ("job", "question")})
    return text if len(text) <= BUTTON_VALUE else _dumps({"job": choice.job, "question": ""})


def unpack_choice(text: str) -> ModelPick:
    """Unpack what `pack_choice` packed. Raises Outdated."""
    try:
        return msgspec.convert(_loads(text), ModelPick)
    except msgspec.ValidationError as error:
        raise _outdated() from error


def pack_requester(requester: Requester, **more: Any) -> str:
    """Pack whose view it is, its place and other values as JSON; Slack takes at most 3,000 characters."""
    place = requester.place
    kept = {"user": requester.user, **{f.name: getattr(place, f.name) for f in fields(place)}, **more}
    return _dumps({key: value for key, value in kept.items() if value})


def unpack_requester(text: str, sender: Requester) -> tuple[Requester, dict[str, Any]]:
    """Unpack whose view it is, with its place, and the other values that were packed with it.

    `sender` is who sends the view now. Raises Forbidden if it is not their view, Outdated.
    """
    packed = _loads(text)
    try:
        user, team, channel, thread = (
            msgspec.convert(packed.pop(name, ""), str) for name in ("user", "team", "channel", "thread")
        )
    except msgspec.ValidationError as error:
        raise _outdated() from error
    if not user or not team:
        raise _outdated()
    if (user, team) != (sender.user, sender.team):
        raise Forbidden("This form was opened by somebody else.", "Open your own with /tune or /ask.")
    return Requester(user, Place(team, channel, thread), present=False), packed


def pack_model(requester: Requester, model: ModelRef) -> str:
    """Pack whose form it is and the model to ask in its place.

    Raises BadArgument where Google's name of the model is too long.
    """
    text = pack_requester(requester, backend=model.backend, endpoint=model.endpoint, name=model.name)
    if len(text) > METADATA:
        raise BadArgument(f"Google's name for this model is too long: {len(model.endpoint):,} characters.")
    return text


def unpack_model(text: str, sender: Requester) -> tuple[Requester, ModelRef]:
    """Unpack what `pack_model` packed. Raises Forbidden if it is not the sender's form, Outdated."""
    requester, packed = unpack_requester(text, sender)
    try:
        return requester, msgspec.convert(packed, ModelRef)
    except msgspec.ValidationError as error:
        raise _outdated() from error


def _dumps(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _loads(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _outdated() from error
    if not isinstance(value, dict):
        raise _outdated()
    return value


def _outdated() -> Outdated:
    return Outdated(
        "This form or button was made by an older version of me, and I cannot read it any more.",
        "Start again with /tune or /ask.",
    )
