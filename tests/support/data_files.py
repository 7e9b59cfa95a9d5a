"""The repository's own small data: everything that the tests read is in `tests/data/`."""

from pathlib import Path
from typing import Final

DATA: Final = Path(__file__).parents[1] / "data"


def data_file(name: str) -> bytes:
    """Read a file by its path below `tests/data/`."""
    return (DATA / name).read_bytes()
