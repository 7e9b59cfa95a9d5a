"""Compiles RE2 patterns over raw bytes: their time is linear in any text, and shorter than `re` takes."""

from typing import Any

import re2  # type: ignore[import-untyped]


def compile_linear(pattern: bytes) -> Any:
    """Return a compiled pattern with `search` and `finditer`, as in `re`; it has no groups and matches bytes."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.never_capture = True
    return re2.compile(pattern, options)
