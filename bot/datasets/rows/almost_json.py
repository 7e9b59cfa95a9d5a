"""Says why a line is not JSON, and repairs what can only have been meant in one way.

Every repair is proved by decoding its result: a line that is still not JSON afterwards is left as it was.
"""

import ast
import json
import re
from collections.abc import Iterator

import msgspec

from bot.datasets.formats.re2 import compile_linear

# Characters that look like nothing, outside of texts: no-break and other wide spaces, zero-width characters, BOM,
# and the marks that Python takes for spaces; one is in front of each row of a JSON text sequence (RFC 7464).
_ODD_SPACES = (
    "\u00a0\u2007\u202f\u2002\u2003\u2009\u200b\u200c\u200d\u2060\ufeff\u3000\x0b\x0c\x1c-\x1f\x85\u2028\u2029"
)
_ODD_SPACE = re.compile(f"[{_ODD_SPACES}]")
_ODD_SPACE_BYTES = compile_linear(
    b"|".join(chr(c).encode() for c in range(0x3001) if _ODD_SPACE.match(chr(c))) + b"|\xef\xbb\xbf"
)
# A text in quotes, or one that is never closed; possessive, so that no text takes more than linear time.
_TEXT = r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)'
_TEXTS = re.compile(f"({_TEXT})", re.DOTALL)
_TEXT_OR_COMMA = re.compile(rf"{_TEXT}|,(?=[ \t\r\n]*+[}}\]])", re.DOTALL)
_WHOLE_TEXT = re.compile(_TEXT, re.DOTALL)
_COMMA_BEFORE_END = re.compile(r",[ \t\r\n]*+[}\]]")
# A date or a name in brackets, and text after it.
_CHAT_LOG = re.compile(r'\[[^\]\[{"\n]{1,40}\][ \t]*+[^\s,\]]')
_CURLY_QUOTE = re.compile("[“”„‟«»]")
_TEXT_OR_CURLY_QUOTE = re.compile(rf"{_TEXT}|[“”„‟«»]", re.DOTALL)
# Words that Python and JavaScript write where JSON has null, true and false; keys without quotes; wide marks.
_WORDS = {"None": "null", "undefined": "null", "nan": "null", "NaN": "null", "True": "true", "False": "false"}
_WORD = re.compile(r"\b(?:None|undefined|nan|NaN|True|False)\b")
_KEY = re.compile(r"[{,][ \t]*+[A-Za-z_$]")
_WIDE_MARK = re.compile("[：，｛｝［］]")
_TEXT_OR_WORD = re.compile(rf"{_TEXT}|\b(?:None|undefined|nan|NaN|True|False)\b", re.DOTALL)
_TEXT_OR_KEY = re.compile(rf"{_TEXT}|(?<=[{{,])([ \t]*+)([A-Za-z_$][A-Za-z0-9_$]*+)(?=[ \t]*+:)", re.DOTALL)
# The same where texts may be in single quotes, too.
_TEXTS_OR_KEY = re.compile(rf"'(?:[^'\\]++|\\.)*+(?:'|\\?\Z)|{_TEXT_OR_KEY.pattern}", re.DOTALL)
_JS_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
# The characters before which a backslash means the same in Python and in JavaScript.
_SAME_ESCAPES = frozenset("bfnrtvux01234567'\"\\\n")
_WIDE_MARKS = str.maketrans("：，｛｝［］", ":,{}[]")
_TEXT_OR_WIDE_MARK = re.compile(rf"{_TEXT}|[：，｛｝［］]", re.DOTALL)
_ESCAPES = {code: f"\\u{code:04x}" for code in range(1, 0x20)}
_CONTROL = re.compile(r"[\x00-\x1f]")
_TWO_VALUES = re.compile(r"\}[ \t\r]*+(?:,[ \t\r]*+)?\{")
# Python's parser takes a thousand times the size of what it reads.
_LONGEST_PYTHON = 64 * 1024
_NAMES = {"\t": "a tab", "\r": "a carriage return", "\n": "a line end", "\0": "a NUL"}
_decode = msgspec.json.Decoder().decode


def why_not_json(text: str, reason: str) -> tuple[str, bool]:
    """Return why a line is not JSON, and whether it is of a kind that can be repaired.

    `reason` is the parser's own, for when nothing better is known.
    """
    line = text.strip(" \t\r\n")
    if line.startswith(("{'", "{ '")):
        return "the quotes are single ('), and JSON needs double ones (\")", True
    if line.startswith("{") and _CURLY_QUOTE.match(line, 1):
        return 'the quotes are curly (“ ”), and JSON needs straight ones (")', True
    if line.endswith((",", ";")) and is_json(line[:-1]):
        return f"a {_mark(line[-1])} follows the row", True
    if _COMMA_BEFORE_END.search(line) and is_json(_without_commas(line)):
        return "a comma stands before a closing bracket", True
    if line.startswith("{"):
        if is_json(_with_json_words(line)):
            word = next(w for w in (f.group() for f in _TEXT_OR_WORD.finditer(line)) if w in _WORDS)
            return f"it holds {word}, where JSON has {_WORDS[word]}", True
        if is_json(_with_quoted_keys(line)) or _from_javascript(line) is not None:
            return "the names of keys have no double quotes", True
        if is_json(_with_narrow_marks(line)):
            return "the marks between texts are full-width ones (：，), and JSON needs : and ,", True
    raw_control = line.startswith("{") and _CONTROL.search(line) is not None and is_json(_with_escapes(line))
    return _other_reason(line, reason), raw_control


def _other_reason(line: str, reason: str) -> str:
    if line.startswith("```"):
        return "this is a code fence of Markdown, not a row"
    if line.startswith(("//", "#", "/*")):
        return "this is a comment or a heading, and JSON has none"
    if not line.startswith(("{", "[")) or _CHAT_LOG.match(line):
        return "this is plain text, and a row begins with {"
    if "object keys must be strings" in reason:
        return "the names of keys have no double quotes"
    if "truncated" in reason:
        return "the row breaks off before its end; a line end inside a text must be written as \\n"
    if "trailing characters" in reason and _TWO_VALUES.search(line):
        return "several objects are on one line"
    if "trailing characters" in reason:
        return "text follows the end of the row"
    if (found := _CONTROL.search(line)) is not None:
        return f"a text holds a raw control character ({_NAMES.get(found.group(), ascii(found.group())[1:-1])})"
    return _in_words(line, reason)


def _mark(mark: str) -> str:
    return {",": "comma", ";": "semicolon"}[mark]


def _in_words(line: str, reason: str) -> str:
    """Return msgspec's reason with the character that it means."""
    detail = reason.removeprefix("JSON is malformed: ").rstrip(".")
    cause, _, place = detail.partition(" (byte ")
    if not place:
        return detail[:1].lower() + detail[1:]
    at = int(place.rstrip(")"))
    shown = line.encode("utf-8", "surrogatepass")[at : at + 4].decode("utf-8", "ignore")[:1]
    where = f"at byte {at + 1}" if not shown.isprintable() or not shown else f"at “{shown}” (byte {at + 1})"
    return f"{cause[:1].lower()}{cause[1:]} {where}"


def repair_json(raw: bytes) -> bytes | None:
    """Return the line as JSON where it can only have been meant in one way, or None."""
    try:
        text = raw.decode().strip()
    except UnicodeDecodeError:
        return None
    for candidate in _candidates(text):
        if is_json(candidate):
            return candidate.encode()
    return _from_python(text) or _from_javascript(text)


def holds_odd_spaces(raw: bytes) -> bool:
    """Return whether bytes of any size may hold no-break spaces, in texts or between values."""
    return _ODD_SPACE_BYTES.search(raw) is not None


def with_plain_spaces(raw: bytes) -> bytes | None:
    """Return a line with plain spaces for no-break ones between its values, or None where it holds none."""
    try:
        text = raw.decode().strip(" \t\r\n")
    except UnicodeDecodeError:
        return None
    return _plain_spaces(text).encode() if _ODD_SPACE.search(text) else None


def _candidates(text: str) -> Iterator[str]:
    plain = _plain_spaces(text).strip()
    if '"' in plain:
        yield plain.rstrip(",;")
    elif "\\" not in plain and plain.startswith(("{'", "{ '")):
        # Without double quotes and escapes, Python's quotes are those of JSON.
        plain = plain.replace("'", '"')
        yield plain.rstrip(",;")
    else:
        # Inside of texts curly quotes may be meant; here they are the only quotes, so they are JSON's.
        plain = _CURLY_QUOTE.sub('"', plain)
        yield plain.rstrip(",;")
    yield from (
        _curly_as_straight(plain),
        _with_json_words(plain),
        _with_quoted_keys(plain),
        _with_narrow_marks(plain),
    )
    if _CONTROL.search(plain):
        yield _with_escapes(plain.rstrip(",;"))
    if _COMMA_BEFORE_END.search(plain):
        yield _without_commas(plain.rstrip(",;"))


def _with_escapes(text: str) -> str:
    """Return the text with each raw control character inside of a text written as JSON wants it."""
    # A NUL stays: Google takes none.
    return _WHOLE_TEXT.sub(lambda found: found.group().translate(_ESCAPES), text)


def _curly_as_straight(text: str) -> str:
    """Return the text with curly quotes outside of straight ones as straight ones."""
    return _TEXT_OR_CURLY_QUOTE.sub(lambda found: '"' if len(found.group()) == 1 else found.group(), text)


def _with_json_words(text: str) -> str:
    # Looking through all texts takes long where a hostile row has millions of them.
    if _WORD.search(text) is None:
        return text
    return _TEXT_OR_WORD.sub(lambda found: _WORDS.get(found.group(), found.group()), text)


def _with_quoted_keys(text: str) -> str:
    if _KEY.search(text) is None:
        return text
    return _TEXT_OR_KEY.sub(
        lambda found: f'{found.group(1)}"{found.group(2)}"' if found.group(2) else found.group(), text
    )


def _with_narrow_marks(text: str) -> str:
    if _WIDE_MARK.search(text) is None:
        return text
    return _TEXT_OR_WIDE_MARK.sub(
        lambda found: found.group().translate(_WIDE_MARKS) if len(found.group()) == 1 else found.group(), text
    )


def _plain_spaces(text: str) -> str:
    parts = _TEXTS.split(text)
    parts[::2] = [_ODD_SPACE.sub(" ", between) for between in parts[::2]]
    return "".join(parts)


def _without_commas(text: str) -> str:
    return _TEXT_OR_COMMA.sub(lambda found: "" if found.group() == "," else found.group(), text)


def _from_python(text: str) -> bytes | None:
    """Return a row as JSON that Python's `repr` wrote: single quotes, None, True, False."""
    text = text.rstrip(",;")
    if len(text) > _LONGEST_PYTHON or not text.startswith("{") or "'" not in text:
        return None
    try:
        value = ast.literal_eval(text)
        # JSON has no bytes and no sets, and msgspec would write bytes as a text that means nothing.
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode() if isinstance(value, dict) else None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, msgspec.MsgspecError):
        return None


def _from_javascript(text: str) -> bytes | None:
    """Return a row as JSON that is written for JavaScript: keys without quotes, texts in single ones."""
    text = text.strip().rstrip(",;")
    if not text.startswith("{") or _KEY.search(text) is None:
        return None
    quoted = _TEXTS_OR_KEY.sub(lambda f: f'{f.group(1)}"{f.group(2)}"' if f.group(2) else f.group(), text)
    if quoted == text:
        return None
    if is_json(quoted):
        return quoted.encode()
    # JavaScript drops a backslash without a meaning; Python keeps it, or gives it another meaning.
    return _from_python(_TEXTS_OR_KEY.sub(lambda f: _JS_ESCAPE.sub(_of_javascript, f.group()), quoted))


def _of_javascript(found: re.Match[str]) -> str:
    return found.group() if found.group(1) in _SAME_ESCAPES else found.group(1)


def is_json(text: str | bytes) -> bool:
    """Return whether the text is JSON."""
    try:
        _decode(text.encode() if isinstance(text, str) else text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False
    return True
