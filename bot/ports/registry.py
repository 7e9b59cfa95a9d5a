"""Finds the backend or the file reader for a name that a person typed or that a row contains."""

from collections.abc import Mapping

from bot.errors import BadArgument
from bot.ports.backends import TuningBackend
from bot.ports.files import FileReader


def offered_backend(backends: Mapping[str, TuningBackend], name: str) -> TuningBackend:
    """Return the backend of that name, the first one for an empty name. Raises BadArgument."""
    if not name:
        return next(iter(backends.values()))
    if (backend := backends.get(name)) is None:
        raise BadArgument(
            f"{name!r} is not offered here.",
            f"Choose one of: {', '.join(backends)}. An operator can offer more in TUNEBOT_BACKENDS.",
            field="backend",
        )
    return backend


def file_reader(files: Mapping[str, FileReader], location: str) -> FileReader:
    """Return the reader for the location's scheme, the part before its colon. Raises BadArgument."""
    if (reader := files.get(location.partition(":")[0])) is None:
        raise BadArgument(
            f"I cannot read {location!r}.", "Give a file shared in Slack, or a gs:// URI.", field="file"
        )
    return reader
