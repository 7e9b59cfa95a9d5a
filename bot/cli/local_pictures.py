"""Looks up pictures in a folder on this machine, for rows that name them by a path."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from bot.datasets.formats.pictures import PictureFile, mime_of, relative_name
from bot.errors import BotError

_HEAD_BYTES = 16


class LocalPictures(Mapping[str, PictureFile]):
    """The pictures of a folder, by path below it.

    A picture is looked at only once a row names it, and the mapping lists none: such folders are often shared by
    many files, and what other files show is no mistake of this one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getitem__(self, name: str) -> PictureFile:
        """Return a picture. Raises KeyError where there is none, BotError where it cannot be read."""
        if not relative_name(name):
            raise KeyError(name)
        path = self._folder / name
        try:
            if not path.is_file():
                raise KeyError(name)
            with path.open("rb") as picture:
                return PictureFile(mime_of(picture.read(_HEAD_BYTES)), path.stat().st_size)
        except (OSError, ValueError) as error:
            raise BotError(f"{path} cannot be read: {error}.", "Look at the rights of the picture.") from error

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
