"""Writes a file beside its place and moves it there once it is complete: a failure leaves what was there."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write; it gets its name when the block ends, and vanishes where the block raises.

    What is no regular file (a pipe, a terminal) is written as it comes. Raises OSError.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        with path.open("wb") as special:
            yield special
        return
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:50]}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        _allow_as_usual(name, path)
        os.replace(name, path)
    except BaseException:
        # Also Ctrl-C and a cancelled task leave no half file behind; the error goes on as it came.
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise


def _allow_as_usual(name: str, path: Path) -> None:
    """Give the file the rights of the one that it replaces, or those of any new file."""
    if path.exists():
        os.chmod(name, path.stat().st_mode & 0o777)
        return
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(name, 0o666 & ~mask)


def same_file(one: Path, other: Path) -> bool:
    """Return whether two paths name one file, also by links and other spellings."""
    try:
        return one.samefile(other)
    except FileNotFoundError:
        return one.resolve() == other.resolve()
