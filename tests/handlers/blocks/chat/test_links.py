"""A model's links show where they lead, whatever Markdown it writes."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.domain.chat import Answer, ModelAnswer, ModelRef
from bot.sandbox.page.texts.markdown_html import markdown as page
from bot.sandbox.page.texts.mrkdwn import Names
from bot.sandbox.slack import SlackWorkspace
from bot.sandbox.slack.references import live_in_message
from handlers.blocks.chat.answer import build_answer
from handlers.blocks.chat.links import show_addresses
from handlers.blocks.message import escape_markdown

CAPITALS = ModelRef("vertex", "projects/1/endpoints/2", "capitals")

JOINER = "\u2060"
JUDGES = [MarkdownIt("commonmark"), MarkdownIt("js-default"), MarkdownIt("commonmark").disable("code")]


def shown(markdown: str) -> str:
    return show_addresses(escape_markdown(markdown))


def hidden(markdown: str) -> list[str]:
    """The links and pictures that hide an address, as several readers of Markdown see them; HTML counts as one."""
    return [
        f"{each.type} {each.attrs}{each.content}"
        for judge in JUDGES
        for token in judge.parse(markdown)
        for each in (token, *(token.children or ()))
        if each.type in ("link_open", "image", "html_block", "html_inline")
    ]


@pytest.mark.parametrize(
    ("markdown", "said"),
    [
        ("[https://bank.example](https://evil.example)", "https://bank.example (https://evil.example)"),
        ("[our bank](https://evil.example 'a title')", "our bank (https://evil.example)"),
        ("see **[docs](https://a.example/x)**, ok", "see **docs (https://a.example/x)**, ok"),
        ("[https://a.example](https://a.example)", "https://a.example"),
        ("[`code`](https://a.example)", "`code` (https://a.example)"),
        ("[](https://a.example)", "https://a.example"),
        ("![a duck](https://a.example/duck.png)", "a duck (https://a.example/duck.png)"),
        ("![](https://a.example/duck.png)", "https://a.example/duck.png"),
        ("[![alt](https://a.example)](https://b.example)", "alt (https://a.example) (https://b.example)"),
        ("[over\nlines](\n https://a.example\n 'title')", "over\nlines (https://a.example)"),
        ("[a](<https://a.example>)", "a (https://a.example)"),
        ("[a](<https://a b.example>)", f"[a]{JOINER}(&lt;https://a b.example&gt;)"),
        ("[a](javascript:alert(1))", f"[a]{JOINER}(javascript:alert(1))"),
        (
            "> - [a](https://a.example)\n>   and [b](https://b.example)",
            "> - a (https://a.example)\n>   and b (https://b.example)",
        ),
        ("## [a](https://a.example) ##", "## a (https://a.example) ##"),
        ("[a](https://a.example)\n---", "a (https://a.example)\n---"),
        ("| a |\n|---|\n| [b](https://b.example) |", "| a |\n|---|\n| b (https://b.example) |"),
        ("| a |\n|---|\n| b | [c](https://c.example) |", "| a |\n|---|\n| b | c (https://c.example) |"),
        ("[a](https://a.example/@channel)", "a (https://a.example/%40channel)"),
        ("[a](https://a.example/*b*)", "a (https://a.example/%2Ab%2A)"),
        ("[a](https://аpple.example)", "a (https://xn--pple-43d.example)"),
        ("[a](https://x.example)(https://y.example)", "a (https://x.example)(https://y.example)"),
        ("first  \n[a](https://a.example)  \nlast", "first  \na (https://a.example)  \nlast"),
        ("first\\\n[a](https://a.example)\\\nlast", "first\\\na (https://a.example)\\\nlast"),
        ("- [x] done\n- [ ] to do [1]", "- [x] done\n- [ ] to do [1]"),
        (r"\[a](https://a.example) \*b\*", rf"\[a]{JOINER}(https://a.example) \*b\*"),
        ("![a][b]", f"![a]{JOINER}[b]"),
    ],
)
def test_a_links_words_are_followed_by_its_address(markdown: str, said: str) -> None:
    assert shown(markdown) == said
    assert hidden(shown(markdown)) == []


def test_a_reference_shows_its_address_where_it_is_used() -> None:
    said = shown(
        "Read [this][1], [that] and [so][].\n\n[1]: https://a.example\n[that]: <https://b.example>\n[so]: /c"
    )
    assert said.split("\n")[0] == "Read this (https://a.example), that (https://b.example) and so (/c)."
    assert f"[1]{JOINER}: https://a.example" in said
    assert hidden(said) == []


@pytest.mark.parametrize(
    "markdown",
    [
        "`[a](b)`",
        "``x ` [a](b)`` and `a[0][1]: c`",
        "```python\nrows[0](x)\nd[a][b]: int\n```",
        "~~~\n[a](b)\n~~~",
        "1. Do\n\n   ```js\n   a[0](b)\n   ```\n2. Go",
        "> ```\n> a[0](b)\n> ```",
    ],
)
def test_code_stays_as_it_is(markdown: str) -> None:
    assert shown(markdown) == escape_markdown(markdown)
    assert hidden(shown(markdown)) == []


def test_code_beside_a_link_stays_as_it_is() -> None:
    assert shown("`a[0](b)` in [c](https://c.example)") == "`a[0](b)` in c (https://c.example)"


@pytest.mark.parametrize(
    "markdown",
    [
        # An indented line is code to some and a paragraph to others; so is a fence that nobody closes.
        "    [a](https://evil.example)",
        "- > ~~~\n  > [a](https://evil.example)\n  > ~~~",
        # With the first link gone its backtick opens code, and what was code is none.
        '[a](x "`") `[b](https://evil.example)` c',
        "[```](x)\n\n```\n[b](https://evil.example)\n```",
        "| a` | `[b](https://evil.example)` |\n|--|--|",
        "| `a | [b](https://evil.example) | c` |\n|--|--|--|",
        "[our bank]![(https://evil.example)](x)",
        "``|[our bank]![(https://evil.example)](x)``|\n|--|--|",
        "[our bank][(https://evil.example)]((https://evil.example))",
        "> " * 30 + "[a](https://evil.example)",
        "[" * 50 + "a" + "](https://evil.example)" * 50,
        "[a](<https://evil.example)",
        "text\r[a]: https://evil.example\r\r[a]",
        "x\u2028[a](https://evil.example)\u2028```\n[b](https://evil.example)",
        '<a href="https://evil.example">our bank</a>',
        "<img src=x>\n\n<!-- [a](https://evil.example) -->",
        "<https://evil.example>",
        "&lt;https://evil.example|our bank&gt; &#60;https://evil.example&#62;",
    ],
)
def test_what_only_some_read_as_a_link_is_none(markdown: str) -> None:
    assert hidden(shown(markdown)) == []
    assert "<" not in shown(markdown)


@pytest.mark.parametrize(
    "said",
    [
        "<!channel> <!here|x> <!everyone> <!subteam^S1>",
        "<@U0ADA> <@W1|boss> <#C0X>",
        "<https://evil.example|our bank>",
        "<!date^1^{date}^https://evil.example|our bank>",
        "&lt;!channel&gt; &#60;!channel&#62; &#x3C;@U0ADA&#x3e; &LT;!here&GT; &amp;lt;!here&amp;gt;",
        "@channel @here @everyone @CHANNEL",
        "[<!channel>](https://a.example) [a](<!channel>) [a](https://a.example/<!here>)",
        "![<@U0ADA>](<!here>)",
        "[@here](@channel)",
        "`<!channel>` **<!channel>** > <!channel>\n> <@U0ADA>",
        "```\n<!channel> @here\n```",
    ],
)
def test_nothing_in_an_answer_mentions_anybody(said: str) -> None:
    (message,) = build_answer(ModelAnswer(CAPITALS, Answer(said)))
    for parse in ("none", "full"):
        assert [
            each for each in live_in_message(message.text, list(message.blocks), parse=parse) if each.label
        ] == []
        assert not [
            each
            for each in live_in_message(message.text, list(message.blocks), parse=parse)
            if each.kind != "link"
        ]
    markdown = next(block["text"] for block in message.blocks if block["type"] == "markdown")
    # Not after Slack's Markdown has decoded its entities once, either.
    assert not re.search(r"<[!@#]", MarkdownIt("commonmark").renderInline(markdown).replace("&lt;!--", ""))
    assert not re.search(r"@(?:channel|here|everyone)", markdown, re.IGNORECASE)


def test_the_sandboxs_page_opens_no_hidden_address_either() -> None:
    assert "<a" not in page(
        shown("[a](https://evil.example) ![b](https://evil.example)"), Names(SlackWorkspace(), "U1")
    )


def test_code_that_is_cut_in_the_middle_hides_no_link() -> None:
    long = "`" + "word " * 2_600 + "[our bank](https://evil.example) " * 40 + "`"
    messages = build_answer(ModelAnswer(CAPITALS, Answer(long)))
    pieces = [block["text"] for message in messages for block in message.blocks if block["type"] == "markdown"]
    assert len(pieces) > 1
    assert [hidden(piece) for piece in pieces] == [[]] * len(pieces)
    assert all(len(piece) <= 11_000 for piece in pieces)


@pytest.mark.parametrize("before", ["", "Code:\n\n", "- ", "> "])
def test_a_fence_that_nobody_closes_may_be_no_code(before: str) -> None:
    margin = "  " if before == "- " else before if before == "> " else ""
    said = shown(f"{before}```\n{margin}[our bank](https://evil.example)\n\nafter")
    assert f"[our bank]{JOINER}(https://evil.example)" in said or "our bank (https://evil.example)" in said


def test_a_fence_that_the_model_never_closed_is_closed_for_it() -> None:
    (message,) = build_answer(ModelAnswer(CAPITALS, Answer("Like so:\n\n```py\na[0](b)")))
    assert message.blocks[0]["text"] == "Like so:\n\n```py\na[0](b)\n```"


FRAGMENTS = [
    "[", "]", "(", ")", "![", "](", "][", "]:", "`", "``", "```", "~~~", "\n", "\n\n", "\n    ", "\n> ", "\n- ",
    "\n1. ", "\n# ", "|", "\n|--|--|\n", "|a|b|\n|--|--|\n", "\\", "*", "**", "_", "<", ">", "&lt;", "&#91;", '"',
    "'", " ", "  \n", "a", "https://e.example", "[a](https://e.example)", "![a](b)", "[a]: https://e.example",
    "[a]", "`[a](b)`", "\t", "\r", "\u2028", "\0", ":", "@here", "<!channel>",
]  # fmt: skip


def test_backticks_of_an_indented_line_make_no_code_of_a_link() -> None:
    markdown = "    a `]\nb\n`c [[a](https://e.example) `d``\n"
    assert [judge for judge in JUDGES if "link_open" in str(judge.parse(markdown))] != []
    assert hidden(shown(markdown)) == []


@settings(max_examples=300)
@given(st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=4), max_size=40).map("".join))
def test_no_markdown_hides_an_address(markdown: str) -> None:
    said = shown(markdown)
    assert hidden(said) == []
    assert show_addresses(said) == said


@pytest.mark.long
@settings(max_examples=10)
@given(st.lists(st.sampled_from(FRAGMENTS), min_size=20, max_size=60).map("".join), st.integers(100, 300))
def test_no_piece_of_a_long_answer_hides_an_address(part: str, times: int) -> None:
    for message in build_answer(ModelAnswer(CAPITALS, Answer(part * times))):
        for block in message.blocks:
            if block["type"] == "markdown":
                assert hidden(block["text"]) == []
                assert len(block["text"]) <= 12_000
