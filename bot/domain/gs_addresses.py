"""Which files in Cloud Storage a person may name, as a training file or in a row.

The bot's account, and the one with which Google reads the files of rows, may read more than any person may: other
teams' buckets, and the bot's own copies of what people shared in private.
"""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

# The folder of each bucket in which the bot keeps copies of training files.
OWN_FOLDER: Final = "tunebot/"
# The names that `bot/runtime/scheduled_backups.py` gives.
_BACKUP: Final = re.compile(r"tunebot-[0-9]{8}T[0-9]{6}Z\.db")


# With the bucket in the host, or in front of the path.
_WEB_ADDRESS: Final = re.compile(
    r"(?i)https?://(?:([a-z0-9._-]{1,250})\.)?storage\.(?:googleapis|cloud\.google)\.com(?::[0-9]{1,5})?/(.{1,3000})"
)


def folders(prefixes: Sequence[str]) -> tuple[str, ...]:
    """Return the addresses of buckets and folders so that each ends with a slash."""
    return tuple(prefix.rstrip("/") + "/" for prefix in prefixes)


def is_own_copy(name: str) -> bool:
    """Return whether an object of this name is in the bot's own folder, or a copy of its database."""
    return name.startswith(OWN_FOLDER) or _BACKUP.fullmatch(name.rpartition("/")[2]) is not None


def is_in_storage(address: str) -> bool:
    """Return whether an address is one of Cloud Storage, in any of its forms.

    Source: https://cloud.google.com/storage/docs/request-endpoints.
    """
    return address.startswith("gs://") or _WEB_ADDRESS.match(address) is not None


def is_open(address: str, opened: tuple[str, ...]) -> bool:
    """Return whether people may name this address of Cloud Storage; `opened` are those of `folders`.

    The name is compared as it is: Cloud Storage knows no `..` and no second spelling of a name. What everybody in
    the world may read has a web address, which is open to all but the bot's own copies.
    """
    if found := _WEB_ADDRESS.match(address):
        bucket, path = found.groups()
        name = unquote(path).partition("?")[0]
        own = is_own_copy(name if bucket else name.partition("/")[2])
        # The addresses of the API have more in front of the name.
        return not own and f"/o/{OWN_FOLDER}" not in name
    name = address.removeprefix("gs://").partition("/")[2]
    return address.startswith(opened) and not is_own_copy(name)
