"""Guesses the encoding of text that is not UTF-8, so that a message can name it. Nothing is decoded by a guess.

A person who says that the guess is right has the file written as UTF-8, see Reencoder.
"""

import codecs
import re
from collections.abc import Callable, Iterator

from bot.datasets.findings.collector import Problem
from bot.datasets.findings.findings import shorten
from bot.datasets.formats.unpacker import Unpacker
from bot.errors import UserError

# The encodings by their names in editors, with the characters that texts of their languages mostly consist of.
_MULTIBYTE = (
    ("GB18030 (GBK)", "gb18030", re.compile("[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]")),
    ("Shift JIS", "cp932", re.compile("[\u3040-\u30ff\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]")),
    ("Big5", "big5", re.compile("[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]")),
)
# The letters of each language beside a to z. Where several encodings fit as well, the first one counts.
_WESTERN = (
    "äöüÄÖÜß",
    "éèêëàâçîïôùûœæÉÈÀÇÊÎÔ",
    "áéíóúñüÁÉÍÓÚÑ¿¡",
    "ãõáéíóúâêôçàÃÕÇ",
    "àèéìòùÈÀ",
    "åäöÅÄÖéü",
    "åæøÅÆØéü",
)
_CENTRAL = (
    "ąćęłńóśźżĄĆĘŁŃÓŚŹŻ",
    "áčďéěíňóřšťúůýžÁČĎÉĚÍŇÓŘŠŤÚŮÝŽ",
    "áäčďéíĺľňóôŕšťúýžÁČĎÉÍĽŇÓŠŤÚÝŽ",
    "áéíóöőúüűÁÉÍÓÖŐÚÜŰ",
    "ăâîşţĂÂÎŞŢ",
    "čćđšžČĆĐŠŽ",
)
_LATIN = (
    ("Windows-1252 (or Latin-1)", "cp1252", (*_WESTERN, "£")),
    ("Mac Roman", "mac_roman", _WESTERN),
    ("code page 850 (DOS)", "cp850", _WESTERN),
    ("Windows-1250", "cp1250", _CENTRAL),
    ("ISO 8859-2 (Latin-2)", "iso8859-2", _CENTRAL),
    ("Windows-1254", "cp1254", ("çğıöşüÇĞİÖŞÜâîû",)),
    ("Windows-1257", "cp1257", ("ąčęėįšųūžĄČĘĖĮŠŲŪŽ", "āčēģīķļņšūžĀČĒĢĪĶĻŅŠŪŽ", "äõöüÄÕÖÜšž")),
    ("code page 852 (DOS)", "cp852", _CENTRAL),
)
_MARKS = "–—‘’“”„‚…•€«»°§·©®\xa0"
# The most common small letters of other alphabets, which make most of each text.
_ALPHABETS = (
    ("Windows-1251", "cp1251", "оеаинтсрвлкмдпуі"),
    ("KOI8-R", "koi8-r", "оеаинтсрвлкмдпу"),
    ("code page 866 (DOS)", "cp866", "оеаинтсрвлкмдпу"),
    ("Windows-1253", "cp1253", "αοιετσνηυρπκμλςωάόίέή"),
    ("Windows-1255", "cp1255", "יוהלאתרבמשנדחםפקע"),
    ("Windows-1256", "cp1256", "اليمنرتبعدهسفقوةكح"),
)
_COMMON_SHARE = 0.6
_COMMON = "cp1252"
# The names that Python and `--encoding` know them by. Windows-1252 holds all letters of Latin-1.
_CODECS = {shown: codec for shown, codec, _ in (*_MULTIBYTE, *_LATIN, *_ALPHABETS)} | {"EUC-KR": "euc_kr"}
_AS_UTF8 = "Save it as UTF-8 in the program that wrote it, and use that file."
# With a byte order mark, and without one in each order.
UTF_16 = ("utf-16", "utf-16-le", "utf-16-be")
_HIGH = re.compile(rb"[\x80-\xff]+")
# The bytes of a row that are looked at.
_SAMPLE = 4096
_ENOUGH = 6
# The letters of a row by which the encodings of one byte a letter are told apart.
_LETTERS = 200


def _bytes_of(codec: str, wanted: Callable[[str], bool]) -> bytes:
    """Return the bytes that are not ASCII and that an encoding of one byte a letter reads as wanted letters."""
    return bytes(byte for byte in range(0x80, 0x100) if wanted(bytes((byte,)).decode(codec, "replace")))


# Letters are counted as bytes, because a file can have a hundred thousand such rows.
_LATIN_BYTES = tuple(
    (
        shown,
        codec,
        tuple(_bytes_of(codec, (_MARKS + language).__contains__) for language in languages),
        _bytes_of(codec, str.islower),
    )
    for shown, codec, languages in _LATIN
)
_ALPHABET_BYTES = tuple((shown, _bytes_of(codec, common.__contains__)) for shown, codec, common in _ALPHABETS)


def not_utf8(raw: bytes) -> Problem:
    """Return the problem of bytes that are no UTF-8; its field is the likely encoding by its name in Python."""
    encoding = guess_encoding(raw)
    detail = f" It looks like {encoding}." if encoding else ""
    shown = shorten(raw.decode("utf-8", "backslashreplace"))
    return Problem("not-utf8", _CODECS.get(encoding, ""), shown, detail=detail)


def shown_encoding(codec: str) -> str:
    """Return the name in editors of an encoding that a finding names; empty for any other one."""
    return "UTF-16" if codec in UTF_16 else next((name for name, known in _CODECS.items() if known == codec), "")


class Reencoder:
    """Bytes of a file in another encoding in, the same text in UTF-8 out; a packed file is unpacked."""

    def __init__(self, codec: str) -> None:
        """Raise UserError for an encoding that is never guessed."""
        self._shown = shown_encoding(codec)
        if not self._shown:
            raise UserError(f"I do not know the encoding {shorten(codec)}.", _AS_UTF8)
        self._decoder = codecs.getincrementaldecoder(codec)()
        self._unpacker = Unpacker()

    @property
    def name(self) -> str:
        """The name of the file in a zip; empty for a file that is no zip."""
        return self._unpacker.name

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the next text. Raises UserError where the bytes are in another encoding."""
        yield from map(self._decoded, self._unpacker.feed(data))
        self._raise_problem()

    def finish(self) -> Iterator[bytes]:
        """Yield the rest. Raises UserError as `feed` does, and for a packed file that was cut off."""
        yield from map(self._decoded, self._unpacker.finish())
        self._raise_problem()
        yield self._decoded(b"", final=True)

    def _decoded(self, data: bytes, *, final: bool = False) -> bytes:
        try:
            return self._decoder.decode(data, final).encode()
        except UnicodeError:
            raise UserError(f"The file cannot be read as {self._shown}.", _AS_UTF8) from None

    def _raise_problem(self) -> None:
        if (problem := self._unpacker.problem) is not None:
            raise UserError(problem.message(), problem.advice())


def guess_encoding(raw: bytes) -> str:
    """Return the likely encoding's name as editors show it, or "" where none is likely."""
    sample = raw[:_SAMPLE]
    if b"\x00" in sample:
        return ""
    runs = _HIGH.findall(sample)
    high = sum(map(len, runs))
    some = b"".join(runs)[:_LETTERS]
    if not high:
        return ""
    if all(len(run) == 1 for run in runs) or high / len(runs) < 2:
        # Single letters between plain ones: a language of Latin letters.
        return _likeliest(some)
    shares = {shown: _share(some, common) for shown, common in _ALPHABET_BYTES}
    if (likely := max(shares, key=shares.__getitem__)) and shares[likely] > _COMMON_SHARE:
        return likely
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


def _likeliest(letters: bytes) -> str:
    """Return the encoding of Latin letters in which most of the others are those of one language."""
    best, name = 0.0, ""
    for shown, codec, languages, small_letters in _LATIN_BYTES:
        share = max(_share(letters, language) for language in languages)
        if share == 1 and codec == _COMMON:
            return shown
        # Most letters of a text are small.
        small = _share(letters, small_letters)
        if share * (1 + small / 10) > best:
            best, name = share * (1 + small / 10), shown
    return name


def _share(letters: bytes, expected: bytes) -> float:
    """Return the share of letters that are among those that are expected."""
    return (len(letters) - len(letters.translate(None, expected))) / len(letters)


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
