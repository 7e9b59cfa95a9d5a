"""Guesses the encoding of text that is not UTF-8, so that a message can name it. Nothing is decoded by a guess."""

import re

from bot.datasets.findings.collector import Problem
from bot.datasets.findings.findings import shorten

# The encodings by their names in editors, with the characters that texts of their languages mostly consist of.
_MULTIBYTE = (
    ("GB18030 (GBK)", "gb18030", re.compile("[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]")),
    ("Shift JIS", "cp932", re.compile("[\u3040-\u30ff\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]")),
    ("Big5", "big5", re.compile("[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]")),
)
# The names that Python and `--encoding` know them by. Windows-1252 holds all letters of Latin-1.
_CODECS = {shown: codec for shown, codec, _ in _MULTIBYTE} | {
    "Windows-1252 (or Latin-1)": "cp1252",
    "Windows-1251": "cp1251",
    "EUC-KR": "euc_kr",
}
_OLD = {"Mac Roman": "mac_roman", "code page 850 (DOS)": "cp850"}
_CODECS |= _OLD
_WESTERN = re.compile("[äöüÄÖÜßéèêëàâçîïôùûñáíóúåæøœ–—‘’“”]")
_HIGH = re.compile(rb"[\x80-\xff]+")
_CYRILLIC = re.compile("[\u0410-\u044f\u0401\u0451]")
# The bytes of a row that are looked at.
_SAMPLE = 4096
_ENOUGH = 6


def not_utf8(raw: bytes) -> Problem:
    """Return the problem of bytes that are no UTF-8; its field is the likely encoding by its name in Python."""
    encoding = guess_encoding(raw)
    detail = f" It looks like {encoding}." if encoding else ""
    shown = shorten(raw.decode("utf-8", "backslashreplace"))
    return Problem("not-utf8", _CODECS.get(encoding, ""), shown, detail=detail)


def guess_encoding(raw: bytes) -> str:
    """Return the likely encoding's name as editors show it, or "" where none is likely."""
    sample = raw[:_SAMPLE]
    if b"\x00" in sample:
        return ""
    runs = _HIGH.findall(sample)
    high = sum(map(len, runs))
    if not high:
        return ""
    if all(len(run) == 1 for run in runs) or high / len(runs) < 2:
        # Single letters between plain ones: a language of Latin letters.
        if _decodes(sample, "cp1252"):
            return "Windows-1252 (or Latin-1)"
        # Bytes that Windows-1252 does not have: old Macs or DOS, by what is more often a letter.
        return max(_OLD, key=lambda shown: len(_WESTERN.findall(sample.decode(_OLD[shown]))))
    cyrillic = sample.decode("cp1251", "replace")
    if len(_CYRILLIC.findall(cyrillic)) >= high * 0.9:
        return "Windows-1251"
    korean = [c for c in sample.decode("euc_kr", "replace") if ord(c) > 127]
    if len(korean) >= _ENOUGH and all("\uac00" <= c <= "\ud7af" for c in korean):
        # Hangul is a small part of the same bytes: a Chinese text of this length is never in it alone.
        return "EUC-KR"
    best, name = 0.0, ""
    for shown, codec, letters in _MULTIBYTE:
        text = sample.decode(codec, "ignore" if len(raw) > _SAMPLE else "replace")
        others = [c for c in text if ord(c) > 127]
        share = len(letters.findall(text)) / len(others) if others else 0.0
        if codec == "gb18030":
            share = share * _common_share(text)
        if share > best and "\ufffd" not in text:
            best, name = share, shown
    if best > 0.6:
        return name
    return "Windows-1252 (or Latin-1)" if _decodes(sample, "cp1252") else ""


def _common_share(text: str) -> float:
    """Return the share of Chinese characters that are in GB2312's first level, which holds the common ones."""
    pairs = [c for c in text if "\u4e00" <= c <= "\u9fff"]
    if not pairs:
        return 0.5
    common = sum(1 for c in pairs if b"\xb0" <= c.encode("gb18030")[:1] <= b"\xd7")
    return common / len(pairs)


def _decodes(sample: bytes, codec: str) -> bool:
    try:
        sample.decode(codec)
    except UnicodeDecodeError:
        return False
    return True
