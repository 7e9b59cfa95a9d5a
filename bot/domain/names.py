"""Decides how a name is written, typed and compared: what the bot shows as a command must work when it is typed.

A name comes back changed. Keyboards put curly quotation marks for straight ones, Slack's clients drop invisible
characters, and a line of code shows a backtick as an apostrophe. So two names are the same name if nothing but
these differs. Every “did you mean” of the bot comes from here too.
"""

import difflib
import unicodedata
from collections.abc import Iterable
from itertools import islice
from typing import Final

from bot.errors import BadArgument

# A spreadsheet reads a cell that begins with one of these as a formula: owasp.org, “CSV Injection”.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
DOUBLE_QUOTES: Final = '"“”„‟'
SINGLE_QUOTES: Final = "'‘’‚‛"
_BACKTICK: Final = "`"
# A word with one of these is put in quotation marks, since the parser would read it in another way.
MARKUP = "*_`"  # bold, italics and code, in which the bot shows a name
_NEEDS_QUOTES: Final = frozenset(DOUBLE_QUOTES + SINGLE_QUOTES + _BACKTICK + "=<>&\\")
# Zero-width joiners are part of emoji and of words in Persian.
_JOINERS: Final = frozenset("\u200c\u200d")
# Control characters, format characters (direction marks among them), and halves of surrogate pairs.
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs"})
_AS_TYPED: Final = str.maketrans(
    dict.fromkeys(DOUBLE_QUOTES, '"')
    | dict.fromkeys(SINGLE_QUOTES + _BACKTICK, "'")
    # Keyboards join two hyphens and three full stops; Slack's clients drop the selectors of an emoji's form.
    | {"—": "--", "…": "..."}
    | dict.fromkeys(map(chr, range(65024, 65040)))
    | dict.fromkeys(_JOINERS)
)

# A comparison takes longer than the text is long, so it is kept small: no name is longer.
_LONGEST: Final = 128
_MOST_COMPARED: Final = 300


def written_name(name: str) -> str:
    """Return a new name as it is stored: on one line, without invisible characters, and with single spaces."""
    visible = (
        character
        for character in " ".join(name.split())
        if character in _JOINERS or unicodedata.category(character) not in _INVISIBLE
    )
    return " ".join("".join(visible).split())


def same_name(name: str) -> str:
    """Return the form in which names are compared: without case, and with what typing changes made equal.

    Accents are composed in one way. SQLite's NOCASE folds ASCII only:
    https://www.sqlite.org/datatype3.html#collating_sequences.
    """
    typed = written_name(name).translate(_AS_TYPED)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", typed).casefold())


def check_name(name: str) -> str:
    """Return the name as it is stored. Raises BadArgument with the reason for a name that can never be typed."""
    written = written_name(name)
    if name.strip() and not written:
        raise BadArgument(
            "The name has no visible character, so nobody could type it.", "Choose another one.", field="name"
        )
    for word in written.split():
        if word.startswith("@"):
            raise BadArgument(
                f"Slack makes a mention of “{word[:40]}” when somebody types the name.",
                "Leave the @ out.",
                field="name",
            )
    return written


def name_taken(name: str) -> BadArgument:
    """Return the error for a name that another job has which the person sees."""
    return BadArgument(
        f'There is already a model named "{name}".',
        "Choose another name; /tune list shows the models that you can see.",
        field="name",
    )


def quoted(name: str) -> str:
    """Return the name as it is typed after `model=` or a sub-command, in quotation marks where it needs them."""
    written = written_name(name)
    plain = not any(character in _NEEDS_QUOTES or character.isspace() for character in written)
    if written and plain and written[0] not in MARKUP:
        return written
    escaped = "".join(f"\\{each}" if each in DOUBLE_QUOTES or each == "\\" else each for each in written)
    return f'"{escaped}"'


def spreadsheet_cell(text: str) -> str:
    """Return the text so that a spreadsheet shows it and does not run it."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def did_you_mean(typed: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return `Did you mean X?` with the known name that is most like the typed one, or `otherwise` if none is.

    Ignores letter case. Names are alike from a ratio of 0.6, the default of `difflib.get_close_matches`.
    """
    by_folded = {name.casefold(): name for name in islice(known, _MOST_COMPARED)}
    close = difflib.get_close_matches(typed[:_LONGEST].casefold(), by_folded, n=1)
    return f"Did you mean {by_folded[close[0]]}?" if close else otherwise
