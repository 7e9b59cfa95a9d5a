"""The e-mail addresses of Google accounts to which a model may be opened at Google."""

import re
from collections.abc import Sequence
from typing import Final

_ADDRESS: Final = re.compile(r"[a-z0-9._%+-]{1,64}@([a-z0-9-]+(?:\.[a-z0-9-]+)+)")
_LONGEST: Final = 254


def is_account(text: str) -> bool:
    """Return whether this is an e-mail address in small letters."""
    return len(text) <= _LONGEST and _ADDRESS.fullmatch(text) is not None


def is_of_domains(account: str, domains: Sequence[str]) -> bool:
    """Return whether the address is of one of these domains themselves, and not of a part of them."""
    return account.partition("@")[2] in domains
