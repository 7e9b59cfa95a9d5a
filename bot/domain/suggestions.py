"""Guesses what a person meant by a name that does not exist. Every “did you mean” of the bot comes from here."""

import difflib
from collections.abc import Iterable


def did_you_mean(typed: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return `Did you mean X?` with the known name that is most like the typed one, or `otherwise` if none is.

    Ignores letter case. Names are alike from a ratio of 0.6, the default of `difflib.get_close_matches`.
    """
    by_folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(typed.casefold(), by_folded, n=1)
    return f"Did you mean {by_folded[close[0]]}?" if close else otherwise
