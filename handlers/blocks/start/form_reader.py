"""Reads the `/tune` form back, after its submission or while a person still fills it in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from bot.domain.datasets import FieldMapping
from bot.domain.jobs import Hyperparameters
from bot.domain.place import Requester
from bot.domain.requests import Quality, StartRequest
from bot.errors import BadArgument
from bot.ports.files import FileInfo
from handlers.blocks.formatting import listed
from handlers.blocks.message import readable, shorten
from handlers.blocks.private_metadata import unpack_requester
from handlers.blocks.start.hyperparameter_fields import DEFAULT
from handlers.syntax.lexer import file_location, real, whole_number
from handlers.transport.attachments import file_ids, is_picture, read_attachments

N = TypeVar("N", int, float)

_ERROR_TEXT = 300
_BLOCKS = {
    "file": "file_upload",
    "validation": "validation_upload",
    "input": "input_key",
    "output": "output_key",
    "mapping": "input_key",
}


@dataclass(frozen=True, slots=True)
class StartForm:
    """The values of the form. `errors` maps block ids to what is wrong there; `request` holds the rest.

    `uploaded` are the files that were uploaded in the form itself; the request names them by location.
    `shown_backend` is the backend whose fields the form showed; it differs from the chosen one while a person
    changes it.
    """

    requester: Requester
    request: StartRequest
    validation: bool
    uploaded: tuple[FileInfo, ...]
    errors: dict[str, str]
    shown_backend: str = ""
    advanced: bool = False

    @property
    def redrawn(self) -> StartRequest:
        """Return the request with which the same form is built again.

        Slack keeps the uploads of the form; a base model belongs to the backend that it was chosen for.
        """
        uploads = {each.location for each in self.uploaded}
        changed = self.request.backend != self.shown_backend
        return replace(
            self.request,
            base_model="" if changed else self.request.base_model,
            moved_from="" if changed else self.request.moved_from,
            file="" if self.request.file in uploads else self.request.file,
            validation="" if self.request.validation in uploads else self.request.validation,
        )


def read_form(view: dict[str, Any], sender: Requester) -> StartForm:
    """Read the form from a view payload, of a submission or of an action in it.

    Raises Forbidden if it is not the sender's form, Outdated.
    """
    requester, kept = unpack_requester(str(view.get("private_metadata") or ""), sender)
    reader = _Reader(view)
    training = reader.file("file", required=True)
    validation = reader.file("validation", required=False)
    if reader.second and (validation or reader.text("validation_share")):
        reader.refuse_second()
    request = StartRequest(
        backend=reader.chosen("backend") or str(kept.get("backend", "")),
        base_model=reader.chosen("base_model") or reader.text("base_model"),
        name=" ".join(reader.text("name").split()),
        hyperparameters=reader.hyperparameters(),
        file=training,
        validation=validation or reader.second,
        validation_share=reader.share("validation_share"),
        mapping=reader.mapping(),
        quality=reader.quality(),
        moved_from=str(kept.get("moved", "")),
    )
    return StartForm(
        requester,
        request,
        bool(kept.get("validation")),
        tuple(reader.uploaded),
        reader.errors,
        shown_backend=str(kept.get("backend", "")),
        advanced=bool(kept.get("advanced")),
    )


def field_errors(view: dict[str, Any], error: BadArgument) -> dict[str, str]:
    """Return the error under its field in this form; empty where the form shows no such field."""
    block_id = _BLOCKS.get(error.field, error.field)
    shown = {str(block.get("block_id")) for block in view.get("blocks", ()) if block.get("type") == "input"}
    return {block_id: shorten(readable(str(error)), _ERROR_TEXT)} if block_id in shown else {}


class _Reader:
    """Reads one form's values from `view.state.values` and collects what is wrong with them.

    Source: docs.slack.dev/reference/interaction-payloads/view-interactions-payload.
    """

    def __init__(self, view: dict[str, Any]) -> None:
        self._values: dict[str, dict[str, dict[str, Any]]] = (view.get("state") or {}).get("values") or {}
        self.uploaded: list[FileInfo] = []
        # The second file with rows that was uploaded beside the one to train on: the one to validate with.
        self.second = ""
        self.errors: dict[str, str] = {}

    def _element(self, block_id: str) -> dict[str, Any]:
        """Return the only element of the block, which may have any action id."""
        return next(iter(self._values.get(block_id, {}).values()), {})

    def chosen(self, block_id: str) -> str:
        return str((self._element(block_id).get("selected_option") or {}).get("value") or "")

    def quality(self) -> Quality | None:
        """Return the chosen quality; a value of an older form is none."""
        chosen = self.chosen("quality")
        return Quality(chosen) if chosen in set(Quality) else None

    def text(self, block_id: str) -> str:
        return str(self._element(block_id).get("value") or "").strip()

    def file(self, prefix: str, *, required: bool) -> str:
        """Return the location of the file that was given in one of the three fields."""
        given: dict[str, str] = {}
        uploads = self._element(f"{prefix}_upload").get("files") or ()
        if uploads:
            found = self._uploads(f"{prefix}_upload", uploads)
            if not found:
                return ""
            self.uploaded += found
            given[f"{prefix}_upload"] = found[0].location
            self.second = found[1].location if len(found) > 1 else self.second
        if picked := self.chosen(f"{prefix}_recent"):
            given[f"{prefix}_recent"] = picked
        if address := self.text(f"{prefix}_uri"):
            try:
                given[f"{prefix}_uri"] = file_location(address, prefix)
            except BadArgument as error:
                self._add_error(f"{prefix}_uri", error)
                return ""
        if len(set(given.values())) > 1:
            for block_id in list(given)[1:]:
                self.errors[block_id] = "You gave more than one file. Leave all but one of these fields empty."
        elif not given and required:
            self.errors[f"{prefix}_upload"] = "Upload a file, pick one shared here, or give an address."
        return next(iter(given.values()), "")

    def _uploads(self, block_id: str, uploads: Sequence[dict[str, Any]]) -> list[FileInfo]:
        """Return the file with the rows and the pictures beside it as one, and then the file to validate with.

        The list has one file where only one with rows was uploaded, and none where an error was added.
        """
        chosen = read_attachments(uploads)
        names = {str(each["id"]): str(each.get("name") or "file") for each in uploads}
        sizes = {str(each["id"]): int(each.get("size") or 0) for each in uploads}
        if len(uploads) > 1 and all(map(is_picture, names.values())):
            self.errors[block_id] = "These are all pictures. Upload the file whose rows name them, too."
            return []
        if chosen.others:
            take = f"train on {shorten(chosen.training_name, 60)}"
            if chosen.validation:
                take += f" and validate with {shorten(chosen.validation_name, 60)}"
            others = listed(shorten(name, 60) for name in chosen.others)
            self.errors[block_id] = f"I would {take}. Remove what I leave out: {others}."
            return []
        found = []
        for location in filter(None, (chosen.training, chosen.validation)):
            ids = file_ids(location)
            found.append(FileInfo(location, names[ids[0]], sum(sizes[each] for each in ids)))
        return found

    def refuse_second(self) -> None:
        """Say that the form names two files, or a file and a share, to validate with."""
        [second] = [each.name for each in self.uploaded if each.location == self.second]
        self.errors["file_upload"] = (
            f"I would validate with {shorten(second, 60)}, and the form says below what to validate with, too. "
            "Remove one of the two."
        )

    def hyperparameters(self) -> Hyperparameters:
        return Hyperparameters(
            epochs=self._number("epochs", whole_number),
            batch_size=self._number("batch_size", whole_number),
            learning_rate=self._number("learning_rate", real),
            learning_rate_multiplier=self._number("learning_rate_multiplier", real),
            adapter_size=self._number("adapter_size", whole_number),
        )

    def _number(self, name: str, parse: Callable[[str, str], N]) -> N | None:
        typed = self.text(name) or self.chosen(name)
        if not typed or typed == DEFAULT:
            return None
        try:
            return parse(typed, name)
        except BadArgument as error:
            self._add_error(name, error)
            return None

    def share(self, block_id: str) -> float:
        """Return a percentage as a share, 0 for an empty field."""
        typed = self.text(block_id)
        try:
            return real(typed, block_id) / 100 if typed else 0.0
        except BadArgument as error:
            self._add_error(block_id, error)
            return 0.0

    def mapping(self) -> FieldMapping | None:
        pair = {block_id: self.text(block_id) for block_id in ("input_key", "output_key")}
        if not any(pair.values()):
            return None
        for block_id, key in pair.items():
            if not key:
                self.errors[block_id] = "Give both keys, or neither."
                return None
        return FieldMapping(pair["input_key"], pair["output_key"])

    def _add_error(self, block_id: str, error: BadArgument) -> None:
        self.errors[block_id] = shorten(readable(str(error)), _ERROR_TEXT)
