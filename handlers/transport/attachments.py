"""Says which of the files of a message to train on, which to validate with, and which are neither.

Source: the file object of a message, docs.slack.dev/reference/objects/file-object.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.domain.requests import StartRequest

SCHEME = "slack:"
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
    """The files of one message; an empty location or name means that there is none. `others` are names."""

    training: str = ""
    training_name: str = ""
    validation: str = ""
    validation_name: str = ""
    others: tuple[str, ...] = ()

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
    others = [_name(file) for file in files if file is not training and file is not validation]
    more = [f"{len(others) - _SHOWN} more"] if len(others) > _SHOWN else []
    return Attachments(
        SCHEME + str(training["id"]),
        _name(training),
        SCHEME + str(validation["id"]) if validation is not None else "",
        _name(validation) if validation is not None else "",
        (*others[:_SHOWN], *more),
    )


def _name(file: Mapping[str, Any]) -> str:
    return str(file.get("name") or "file")
