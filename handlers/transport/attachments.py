"""Says which of the files of a message to train on, which to validate with, and which are neither.

Source: the file object of a message, docs.slack.dev/reference/objects/file-object.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.datasets import PICTURE_NAMES
from bot.domain.requests import StartRequest

SCHEME = "slack:"
MOST_PICTURES = 9  # beside one file: Slack takes ten files in a message, and in a field of a form
DATASET_NAMES = (
    *(".jsonl", ".json", ".ndjson", ".csv", ".tsv", ".gz", ".zip", ".txt"),
    *(".parquet", ".arrow", ".feather"),
)
_OTHER_KINDS = ("image/", "video/", "audio/", "application/pdf")
# Whole words of a file's name, since `evaluate-this` or `latest` says nothing.
_VALIDATION = re.compile(r"(?i)(?<![a-z])(valid|validation|val|eval|evaluation|test|dev|holdout)(?![a-z])")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Attachments:
    """The files of one message; an empty location or name means that there is none.

    `pictures` are the names of those that the training file's rows may show, `others` the names of the rest.
    """

    training: str = ""
    training_name: str = ""
    validation: str = ""
    validation_name: str = ""
    others: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()

    def fill(self, request: StartRequest) -> StartRequest:
        """Return the request with the files that it does not name itself."""
        if request.file or not self.training:
            return request
        validation = request.validation or ("" if request.validation_share else self.validation)
        return replace(request, file=self.training, validation=validation)


def read_attachments(files: Sequence[Mapping[str, Any]]) -> Attachments:
    """Choose among the files of a message: those with the name of a data file first, then what may be one."""
    data = [file for file in files if _name(file).lower().endswith(DATASET_NAMES)]
    data = data or [file for file in files if not str(file.get("mimetype") or "").startswith(_OTHER_KINDS)]
    data = data or list(files[:1])
    if not data:
        return Attachments()
    training = next((file for file in data if not _VALIDATION.search(_name(file))), data[0])
    rest = [file for file in data if file is not training]
    validation = next((file for file in rest if _VALIDATION.search(_name(file))), rest[0] if rest else None)
    beside = [] if is_picture(_name(training)) else files  # no rows show the pictures of a message without rows
    pictures = [file for file in beside if is_picture(_name(file)) and file is not training][:MOST_PICTURES]
    used = [training, validation, *pictures]
    others = [_name(file) for file in files if not any(file is each for each in used)]
    more = [f"{len(others) - _SHOWN} more"] if len(others) > _SHOWN else []
    return Attachments(
        location_of(str(training["id"]), [str(file["id"]) for file in pictures]),
        _name(training),
        SCHEME + str(validation["id"]) if validation is not None else "",
        _name(validation) if validation is not None else "",
        (*others[:_SHOWN], *more),
        tuple(map(_name, pictures)),
    )


def is_picture(name: str) -> bool:
    """Return whether a file has the name of a picture."""
    return name.lower().endswith(PICTURE_NAMES)


def location_of(rows: str, pictures: Sequence[str] = ()) -> str:
    """Return the location of a file in Slack and of the pictures that its rows show, from their ids."""
    return SCHEME + "+".join([rows, *pictures])


def file_ids(location: str) -> list[str]:
    """Return the ids of a location: first the file with the rows, then its pictures."""
    return location.removeprefix(SCHEME).split("+")


def _name(file: Mapping[str, Any]) -> str:
    return str(file.get("name") or "file")
