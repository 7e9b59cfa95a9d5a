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

_LABELS: Final = {EMAIL: "EMAIL", PHONE: "PHONE", CARD: "CARD", ACCOUNT: "IBAN", KEY: "KEY"}
# The values that are told apart; those after them have placeholders without a number.
_MOST_VALUES: Final = 200_000
# One number is written in many ways: what separates its groups says nothing.
_SEPARATORS = re.compile(rb"[ ().-]")
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
                return {key: self._mask(item) for key, item in value.items()}
            case _:
                return value

    def _mask_text(self, text: str) -> str:
        raw = text.encode("utf-8", "surrogatepass")
        masked = self._mask_bytes(raw)
        return text if masked is raw else masked.decode("utf-8", "surrogatepass")

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
