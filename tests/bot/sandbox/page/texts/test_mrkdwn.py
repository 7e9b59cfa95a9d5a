"""Slack's markup as HTML: what it turns into, and that nothing else comes out whatever goes in."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.page.texts.markdown_html import markdown
from bot.sandbox.page.texts.mrkdwn import Names, mrkdwn, plain
from bot.sandbox.slack import SlackWorkspace

WORKSPACE = SlackWorkspace()
ADA = WORKSPACE.add_user("ada", "Ada Lovelace", user_id="UADA")
GRACE = WORKSPACE.add_user("grace", "Grace <b>Hopper</b>", user_id="UGRACE")
TUNING = WORKSPACE.add_channel("tuning", ADA.id)
NAMES = Names(WORKSPACE, ADA.id)

TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre",
    "s", "span", "strong", "table", "tbody", "td", "th", "thead", "time", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {"class", "datetime", "href", "rel", "start", "style", "target", "title"}


@pytest.mark.parametrize(
    ("wire", "html"),
    [
        ("*bold* _slanted_ ~gone~", "<strong>bold</strong> <em>slanted</em> <s>gone</s>"),
        ("2*3*4 and snake_case_name", "2*3*4 and snake_case_name"),
        ("a &lt;b&gt; &amp; c", "a &lt;b&gt; &amp; c"),
        ("`x *y* &lt;z`", "<code>x *y* &lt;z</code>"),
        ("before ```a *b*\nc``` after", "before <pre><code>a *b*\nc</code></pre> after"),
        ("> quoted\n&gt; too\nnot", "<blockquote>quoted\ntoo</blockquote>not"),
        ("<@UADA>", '<span class="mention mention-me">@Ada Lovelace</span>'),
        ("*<@UGRACE>*", '<strong><span class="mention">@Grace &lt;b&gt;Hopper&lt;/b&gt;</span></strong>'),
        ("<!channel>", '<span class="mention mention-me">@channel</span>'),
        (f"<#{TUNING.id}>", '<span class="mention">#tuning</span>'),
        (
            "<https://example.com/?a=1&amp;b|here>",
            '<a href="https://example.com/?a=1&amp;b" target="_blank" rel="noopener noreferrer">here</a>',
        ),
        (
            "see https://example.com/x.",
            'see <a href="https://example.com/x" target="_blank" rel="noopener noreferrer">https://example.com/x</a>.',
        ),
        ("<javascript:alert(1)|press>", "&lt;javascript:alert(1)|press&gt;"),
        (":tada: :unheard_of:", "🎉 :unheard_of:"),
        ("<b>not ours</b>", "&lt;b&gt;not ours&lt;/b&gt;"),
    ],
)
def test_markup_becomes_html(wire: str, html: str) -> None:
    assert mrkdwn(wire, NAMES) == html


def test_date_tokens_show_a_local_time_and_keep_their_fallback() -> None:
    shown = mrkdwn("<!date^1700000000^on {date_num}|in words>", NAMES)
    assert 'title="in words"' in shown
    assert ">on 2023-11-1" in shown


def test_plain_text_holds_no_markup_but_emoji() -> None:
    assert plain("*a* <@UADA> :wave:") == "*a* &lt;@UADA&gt; 👋"
    assert plain(":wave:", emoji=False) == ":wave:"


def test_markdown_keeps_slacks_tokens_and_drops_html_and_pictures() -> None:
    shown = markdown("# T\n\n- <@UADA> **b** <b>x</b> ![p](https://e.com/p.png) &lt;ok&gt;", NAMES)
    assert '<span class="mention mention-me">@Ada Lovelace</span>' in shown
    assert "<strong>b</strong> &lt;b&gt;x&lt;/b&gt;" in shown
    assert "<img" not in shown
    assert "&lt;ok&gt;" in shown


def test_code_in_markdown_shows_what_the_bot_escaped() -> None:
    assert "<code>a &lt; b\n</code>" in markdown("```\na &lt; b\n```", NAMES)
    assert "<code>&lt;!channel&gt;</code>" in markdown("`&lt;!channel&gt;`", NAMES)


def test_tables_in_markdown_are_tables() -> None:
    assert "<td>1</td>" in markdown("| a |\n|---|\n| 1 |", NAMES)


class _Found(HTMLParser):
    """Notes every tag, attribute and address."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [value or "" for name, value in attrs if name == "href"]


PIECES = st.sampled_from(
    ["<", ">", "&", '"', "'", "`", "```", "*", "_", "~", "|", "\n", "<@UADA>", "<!date^1^{time}^javascript:x|f>",
     "<https://e.com|", "](", "[", "javascript:", "data:text/html,", "onload=", "<script>", "<img src=x>", "&lt;",
     "\\", "![", "<!--", "]]>", "https://", "mailto:"]
)  # fmt: skip


@given(st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=25).map("".join))
def test_nothing_but_words_comes_out_whatever_goes_in(text: str) -> None:
    for shown in (mrkdwn(text, NAMES), markdown(text, NAMES), plain(text)):
        found = _Found()
        found.feed(shown)
        found.close()
        assert found.tags <= TAGS
        assert found.attributes <= ATTRIBUTES
        assert all(
            address.split(":")[0].lower() in ("http", "https", "mailto", "tel") or ":" not in address.split("/")[0]
            for address in found.addresses
        )
