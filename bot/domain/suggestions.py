"""Guesses what a person meant by a name that does not exist. Every “did you mean” of the bot comes from here."""

import difflib
from collections.abc import Iterable
from itertools import islice
from typing import Final

# A comparison takes longer than the text is long, so it is kept small: no name is longer.
_LONGEST: Final = 128
_MOST_COMPARED: Final = 300


def did_you_mean(typed: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return `Did you mean X?` with the known name that is most like the typed one, or `otherwise` if none is.

    Ignores letter case. Names are alike from a ratio of 0.6, the default of `difflib.get_close_matches`.
    """
    by_folded = {name.casefold(): name for name in islice(known, _MOST_COMPARED)}
    close = difflib.get_close_matches(typed[:_LONGEST].casefold(), by_folded, n=1)
    return f"Did you mean {by_folded[close[0]]}?" if close else otherwise
