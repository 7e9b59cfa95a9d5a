"""Defines the messages between the bot and a process that reads a file, and how they become bytes.

The first byte of a message says what it is; what follows is MessagePack, or bytes of the file as they are.
"""

from typing import Any, Final

import msgspec

from bot.datasets.checks.budget import CheckBudget, RepairBudget
from bot.datasets.findings.fingerprints import Fingerprints
from bot.datasets.findings.report import DatasetReport
from bot.datasets.formats.pictures import Picture
from bot.datasets.rewrite.sample import Sample
from bot.datasets.rewrite.validation_split import Split
from bot.domain.backend_profile import DatasetLimits
from bot.domain.datasets import Dialect, FieldMapping
from bot.errors import BotError, FileTooLarge, Outdated, TooMuchWork, UserError

# From the bot: a task, then pieces of the file, then the end of the file.
TASK: Final = b"t"
PIECE: Final = b"p"
END: Final = b"e"
# From the process: any number of outputs, then that it wants the next piece, or its result, or an error.
OUTPUT: Final = b"o"
NEXT: Final = b"n"
RESULT: Final = b"r"
ERROR: Final = b"x"


class CheckTask(msgspec.Struct, frozen=True, tag="check"):
    """Check a file. With `fingerprints` the report contains them, which are twelve bytes a line."""

    name: str
    limits: DatasetLimits
    target: Dialect | None = None
    mapping: FieldMapping | None = None
    training: DatasetReport | None = None
    fingerprints: bool = False
    budget: CheckBudget = CheckBudget()


class RepairTask(msgspec.Struct, frozen=True, tag="repair"):
    """Repair a file into two local files, which must not exist."""

    name: str
    limits: DatasetLimits
    kept_file: str
    rejected_file: str
    target: Dialect | None = None
    mapping: FieldMapping | None = None
    budget: RepairBudget = RepairBudget()
    mask: bool = False


class ReencodeTask(msgspec.Struct, frozen=True, tag="reencode"):
    """Write the text of a file in this encoding as UTF-8 into a local file, which must not exist."""

    encoding: str
    written_file: str
    budget: RepairBudget = RepairBudget()


class ConvertTask(msgspec.Struct, frozen=True, tag="convert"):
    """Convert a file, see Converter."""

    dialect: Dialect
    target: Dialect
    mapping: FieldMapping | None = None
    sha256: str = ""
    split: Split | None = None
    name: str = ""
    pictures: dict[str, tuple[str, str]] | None = None


class PicturesTask(msgspec.Struct, frozen=True, tag="pictures"):
    """Take the pictures out of a zip with these bytes."""

    sha256: str


Task = CheckTask | RepairTask | ReencodeTask | ConvertTask | PicturesTask


class CheckResult(msgspec.Struct, frozen=True):
    """The report on a file, and a sample of its text for Google to count."""

    report: DatasetReport
    sample: Sample


class RepairResult(msgspec.Struct, frozen=True):
    """The counts of a repair, see Repaired; and of a zip the path of its rows, and how many pictures it holds."""

    kept: int
    repaired: int
    rejected: int
    duplicates: int
    cut_turns: int
    masked: int
    data_name: str = ""
    pictures: int = 0


class TaskFailure(msgspec.Struct, frozen=True):
    """An error that a person sees; `kind` is the name of its class."""

    kind: str
    message: str
    hint: str

    def error(self) -> BotError:
        """Return the error to raise in the bot."""
        return _ERRORS[self.kind](self.message, self.hint)


_ERRORS: Final[dict[str, type[BotError]]] = {
    kind.__name__: kind for kind in (Outdated, UserError, FileTooLarge, TooMuchWork)
}


# msgspec calls these two for a type that it does not know, and asks for this error where they do not know
# it either. Source: https://jcristharif.com/msgspec/api.html#msgspec.msgpack.Encoder
def _to_wire(value: Any) -> Any:
    if isinstance(value, Fingerprints):
        return value.packed()
    raise NotImplementedError(type(value).__name__)


def _from_wire(kind: type, value: Any) -> Any:
    if kind is Fingerprints:
        return Fingerprints.unpacked(*value)
    raise NotImplementedError(kind.__name__)


encode: Final = msgspec.msgpack.Encoder(enc_hook=_to_wire).encode
decode_task: Final = msgspec.msgpack.Decoder(Task, dec_hook=_from_wire).decode
decode_check: Final = msgspec.msgpack.Decoder(CheckResult, dec_hook=_from_wire).decode
decode_picture: Final = msgspec.msgpack.Decoder(Picture).decode
decode_repair: Final = msgspec.msgpack.Decoder(RepairResult).decode
decode_failure: Final = msgspec.msgpack.Decoder(TaskFailure).decode


def failure_of(error: BotError) -> TaskFailure:
    """Return an error as a message; a class that is not listed becomes the nearest listed one above it."""
    kind = next((each.__name__ for each in type(error).__mro__ if each.__name__ in _ERRORS), TooMuchWork.__name__)
    return TaskFailure(kind, error.message, error.hint)
