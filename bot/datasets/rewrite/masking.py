"""Replaces private values in rows by placeholders, such as `[EMAIL_1]`.

One value has one placeholder in a whole file, and in a second run over it; nothing of the value can be found out
from it.
"""

import re
from typing import Any, Final

import msgspec
import xxhash

from bot.datasets.checks.private_values import ACCOUNT, CARD, EMAIL, KEY, PATTERN, PHONE, private_value
from bot.datasets.formats.re2 import compile_linear
from bot.datasets.rows.almost_json import is_json

_LABELS: Final = {EMAIL: "EMAIL", PHONE: "PHONE", CARD: "CARD", ACCOUNT: "IBAN", KEY: "KEY"}
# The values that are told apart; those after them have placeholders without a number.
_MOST_VALUES: Final = 200_000
# One number is written in many ways: what separates its groups says nothing.
_SEPARATORS = re.compile(rb"[ ().-]")
# Keys whose values are where a picture or file lies: without them it could not be found.
_ADDRESSES: Final = frozenset({"fileUri", "file_uri", "image_url", "images", "image"})
_FEWEST_DIGITS: Final = 10**9
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Masker:
    """Masks the rows of one file, in their order."""

    def __init__(self) -> None:
        self._pattern = compile_linear(PATTERN)
        self._numbers: dict[str, dict[int, int]] = {kind: {} for kind in _LABELS}

    def mask_row(self, line: bytes) -> bytes:
        """Return a row of JSON without private values in its texts; the same bytes where it has none."""
        try:
            row = _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # No value holds a quote or a backslash, so JSON stays JSON.
            return self._mask_bytes(line)
        masked = self._mask(row)
        return line if masked == row else _encode(masked)

    def _mask(self, value: Any) -> Any:
        match value:
            case str():
                return self._mask_text(value)
            case list():
                return [self._mask(item) for item in value]
            case dict():
                return {key: item if key in _ADDRESSES else self._mask(item) for key, item in value.items()}
            case bool():
                return value
            case int() if abs(value) >= _FEWEST_DIGITS:
                # A label or an argument may be a card's number; a placeholder is a text.
                masked = self._mask_text(str(value))
                return value if masked == str(value) else masked
            case _:
                return value

    def _mask_json(self, text: str) -> str | None:
        """Return a text of JSON with what is inside of it masked, or None where it is no JSON."""
        if not text.lstrip().startswith(("{", "[")):
            return None
        try:
            return _encode(self._mask(_decode(text))).decode()
        except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
            return None

    def _mask_text(self, text: str) -> str:
        raw = text.encode("utf-8", "surrogatepass")
        masked = self._mask_bytes(raw)
        if masked is raw:
            return text
        written = masked.decode("utf-8", "surrogatepass")
        # The arguments of a call are JSON inside of a text, and a placeholder in place of a number is not JSON.
        return written if is_json(written) or (inner := self._mask_json(text)) is None else inner

    def _mask_bytes(self, raw: bytes) -> bytes:
        parts: list[bytes] = []
        at = 0
        for match in self._pattern.finditer(raw):
            value = private_value(raw, *match.span())
            if value is None or value.start < at:
                continue
            parts += [raw[at : value.start], self._placeholder(value.kind, raw[value.start : value.end])]
            at = value.end
        return b"".join((*parts, raw[at:])) if parts else raw

    def _placeholder(self, kind: str, value: bytes) -> bytes:
        written = value.lower() if kind == EMAIL else value if kind == KEY else _SEPARATORS.sub(b"", value)
        numbers = self._numbers[kind]
        name = xxhash.xxh3_64_intdigest(written)
        number = numbers.get(name)
        if number is None:
            if len(numbers) >= _MOST_VALUES:
                return f"[{_LABELS[kind]}]".encode()
            number = numbers[name] = len(numbers) + 1
        return f"[{_LABELS[kind]}_{number}]".encode()
