"""Which files in Cloud Storage a person may name, as a training file or in a row.

The bot's account, and the one with which Google reads the files of rows, may read more than any person may: other
teams' buckets, and the bot's own copies of what people shared in private.
"""

import re
from collections.abc import Sequence
from typing import Final

# The folder of each bucket in which the bot keeps copies of training files.
OWN_FOLDER: Final = "tunebot/"
# The names that `bot/runtime/scheduled_backups.py` gives.
_BACKUP: Final = re.compile(r"tunebot-[0-9]{8}T[0-9]{6}Z\.db")


def folders(prefixes: Sequence[str]) -> tuple[str, ...]:
    """Return the addresses of buckets and folders so that each ends with a slash."""
    return tuple(prefix.rstrip("/") + "/" for prefix in prefixes)


def is_own_copy(name: str) -> bool:
    """Return whether an object of this name is in the bot's own folder, or a copy of its database."""
    return name.startswith(OWN_FOLDER) or _BACKUP.fullmatch(name.rpartition("/")[2]) is not None


def is_open(address: str, opened: tuple[str, ...]) -> bool:
    """Return whether people may name this `gs://` address; `opened` are those of `folders`.

    The name is compared as it is: Cloud Storage knows no `..` and no second spelling of a name.
    """
    name = address.removeprefix("gs://").partition("/")[2]
    return address.startswith(opened) and not is_own_copy(name)
