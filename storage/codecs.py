"""Converts the values that many tables hold to columns and back: times, places, models, answers. No I/O.

The rows of jobs are in `job_rows.py`, those of questions in `question_rows.py`. Structured values are JSON. A
field that a newer version added is ignored and a missing one takes its default, so an older row stays readable
without a migration.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec

from bot.domain.chat import ChannelSettings, ModelAnswer, ModelRef
from bot.domain.place import Place
from bot.domain.repeated_refusals import Refusals
from bot.errors import StorageError

T = TypeVar("T")
Row = Mapping[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_ANSWER = msgspec.json.Decoder(ModelAnswer)
_CHANNEL_SETTINGS = msgspec.json.Decoder(ChannelSettings)


def micros(time: datetime) -> int:
    """Return microseconds since 1970, without a float, which would round. Raises TypeError for a naive time."""
    return (time - _EPOCH) // _MICROSECOND


def moment(stored: int) -> datetime:
    """Return the time of `micros`."""
    return _EPOCH + stored * _MICROSECOND


# A first refusal that lies in the future was stored before the clock was set back, so the time starts again.
COUNT_REFUSAL: Final = """
UPDATE {table} SET refusals = refusals + 1,
  first_refused_at = CASE WHEN first_refused_at < ? THEN first_refused_at ELSE ? END
WHERE {key} = ?
"""


def read_refusals(row: Row) -> Refusals:
    """Return the refusals of a notice or of a question."""
    return Refusals(row["refusals"], optional_moment(row["first_refused_at"]))


def read_answer(stored: str) -> ModelAnswer:
    """Return the answer of `answer_text`. Raises StorageError."""
    return parsed(_ANSWER, stored)


def answer_text(answer: ModelAnswer) -> str:
    """Return the JSON of an answer, which `read_question` reads."""
    return json_text(answer)


def channel_settings_text(settings: ChannelSettings) -> str:
    """Return the JSON of a channel's settings, which `read_channel_settings` reads."""
    return json_text(settings)


def read_channel_settings(stored: str) -> ChannelSettings:
    """Return the settings of a channel. Raises StorageError."""
    return parsed(_CHANNEL_SETTINGS, stored)


def read_model(row: Row) -> ModelRef:
    return ModelRef(backend=row["backend"], endpoint=row["endpoint"], name=row["name"])


def read_place(row: Row) -> Place:
    return Place(team=row["team"], channel=row["channel"], thread=row["thread"])


def optional_micros(time: datetime | None) -> int | None:
    return None if time is None else micros(time)


def optional_moment(stored: int | None) -> datetime | None:
    return None if stored is None else moment(stored)


def json_text(value: object) -> str:
    """Return the JSON of a structured value, which `parsed` reads."""
    return msgspec.json.encode(value).decode()


def parsed(decoder: msgspec.json.Decoder[T], stored: str) -> T:
    """Decode a structured value. Raises StorageError."""
    try:
        return decoder.decode(stored)
    except msgspec.DecodeError as error:
        raise StorageError(
            f"A stored row cannot be read: {error}.",
            "It was changed by hand or by a newer Tunebot. Put a backup in the database's place.",
        ) from error
