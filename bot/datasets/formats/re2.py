"""RE2 over raw bytes: linear in time whatever the text, and many times faster than `re` on whole blocks."""

from typing import Any

import re2  # type: ignore[import-untyped]


def automaton(pattern: bytes) -> Any:
    """A compiled pattern with `search` and `finditer`, as in `re`; it has no groups, and matches bytes."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.never_capture = True
    return re2.compile(pattern, options)
