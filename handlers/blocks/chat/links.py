"""Makes every link of a model's Markdown show where it leads, and keeps every picture from being loaded.

Anybody's training rows decide what a model says, so the words of a link are no proof of its address. A link
becomes its words with the address behind them; Slack makes a link of the bare address again, which deceives
nobody. What is not a link by CommonMark's rules, but might be one by others, is taken apart with a character that
does not show. Code stays as it is.
"""

from collections.abc import Sequence
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from handlers.blocks.message import WORD_JOINER, escape_markdown

# A link, a reference and the definition that a reference needs: where none of these pairs is, there is no link.
_JOINTS: Final = ("](", "][", "]:")
_PASSES: Final = 4


def _parser(*more: str) -> MarkdownIt:
    # `<` was escaped before: there is neither HTML nor an address in angle brackets. Escapes keep their own form.
    parser = MarkdownIt("commonmark").enable(list(more))
    return parser.disable(["text_join", "autolink", "html_inline", "html_block"])


# A table's bars end code that would go on without it, and the backticks of an indented line pair in another way
# for a reader that knows no indented code. So what is code must be code to all of these.
_PARSERS: Final = (_parser(), _parser("table"), _parser().disable("code"))


def show_addresses(markdown: str) -> str:
    """Return the result of `escape_markdown` with each link's address shown; its own result stays as it is."""
    for _ in range(_PASSES):
        before = markdown
        for parser in _PARSERS:
            markdown = _shown(markdown, parser)
        # Where a link is gone there may be another one: what stood in it may stand beside a bracket now, or
        # backticks may pair in another way, so that what was code is no longer code.
        if markdown == before:
            return markdown
    return taken_apart(markdown)


def taken_apart(text: str) -> str:
    """Return the text with no link in it, by a character in each joint that does not show."""
    for joint in _JOINTS:
        text = text.replace(joint, f"]{WORD_JOINER}{joint[1]}")
    return text


def _shown(markdown: str, parser: MarkdownIt) -> str:
    if not any(joint in markdown for joint in _JOINTS):
        return markdown
    lines = markdown.split("\n")
    # What no token below tells of is no code: definitions, and whatever is nested too deeply.
    shown: list[str | None] = [taken_apart(line) for line in lines]
    cells: list[Token] | None = None
    for token in parser.parse(markdown):
        first, end = token.map or (0, 0)
        match token.type:
            case "fence" if len(token.content.splitlines()) + 2 == end - first:
                # Only one that is closed is code to everybody, and its first line is none.
                shown[first + 1 : end] = lines[first + 1 : end]
            case "inline" if cells is not None:
                cells.append(token)
            case "inline":
                _put_lines(token, first, lines, shown)
            case "tr_open":
                cells = []
            case "tr_close":
                _put_row(cells or [], lines, shown)
                cells = None
    return "\n".join(line for line in shown if line is not None)


def _put_lines(token: Token, first: int, lines: Sequence[str], shown: list[str | None]) -> None:
    """Put a paragraph's or a heading's text back where it stood, behind quote marks, list marks or `#`."""
    old = [line.strip() for line in token.content.split("\n")]
    sources = lines[first : first + len(old)]
    if "]" not in token.content:
        shown[first : first + len(old)] = sources
        return
    new = [line.strip() for line in _written(token.children or []).split("\n")]
    if len(new) > len(old) or any(text not in source for text, source in zip(old, sources, strict=True)):
        return
    for index, (source, text) in enumerate(zip(sources, old, strict=True)):
        before, _, after = source.rpartition(text)
        # A line may be broken by two spaces, which are still there, or by the backslash that `_written` puts.
        written = "".join(new[index : index + 1]).removesuffix("\\" if after.startswith("  ") else "")
        shown[first + index] = before + written + after if index < len(new) else None


def _put_row(cells: Sequence[Token], lines: Sequence[str], shown: list[str | None]) -> None:
    """Put the texts of a table's row back between its bars."""
    if not cells or not cells[0].map:
        return
    row = cells[0].map[0]
    rest, written = lines[row], ""
    for cell in filter(lambda cell: cell.content, cells):
        bars, old, rest = rest.partition(cell.content.replace("|", r"\|"))
        if not old:
            return
        written += taken_apart(bars) + _written(cell.children or []).replace("|", r"\|")
    shown[row] = written + taken_apart(rest)


def _written(tokens: Sequence[Token]) -> str:
    """The text as it stood there, but for its links and pictures."""
    out = words = href = ""
    begin = 0
    for token in tokens:
        match token.type:
            case "link_open":
                begin, words, href = len(out), "", str(token.attrs.get("href", ""))
            case "link_close":
                out = out[:begin] + _with_address(out[begin:], words, href)
            case "image":
                alt = _written(token.children or [])
                out += _with_address(alt, alt, str(token.attrs.get("src", "")))
            case "code_inline":
                out += _code(token)
            case "softbreak":
                out += "\n"
            case "hardbreak":
                out += "\\\n"
            case "text":
                out += taken_apart(token.content)
            case _:
                out += token.markup
        words += token.content
    return out


def _code(token: Token) -> str:
    """A code span as it is written; a line's end in it is a space."""
    inside = token.content
    if inside.strip() and (inside[0] in " `" or inside[-1] in " `"):
        inside = f" {inside} "
    return token.markup + inside + token.markup


def _with_address(label: str, words: str, href: str) -> str:
    """A link's label and its address; the address alone where that is what the words say."""
    address = _address(href)
    if not label.strip() or words.strip() == address or _PARSERS[0].normalizeLink(words.strip()) == href:
        return address
    return f"{label} ({address})"


def _address(href: str) -> str:
    """A link's address as text that stays as it is and that Slack makes a link of."""
    # What the escaping did to the address is undone in its own way: these stand for the same address.
    bare = href.removeprefix("%3C").removesuffix("%3E").replace("@%E2%81%A0", "%40").replace("*", "%2A")
    return taken_apart(escape_markdown(bare))
