"""A `markdown` block as HTML: CommonMark with tables, without raw HTML, and with Slack's own tokens alive."""

from collections.abc import Sequence
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from bot.sandbox.page.texts.mrkdwn import TOKEN, Names, decode
from bot.sandbox.page.texts.mrkdwn import token as slack_token


class _Renderer(RendererHTML):
    """Opens links in new windows, and decodes in code the three characters that Slack escapes."""

    def slack_token(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return tokens[idx].content

    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        tokens[idx].attrSet("target", "_blank")
        tokens[idx].attrSet("rel", "noopener noreferrer")
        return self.renderToken(tokens, idx, options, env)

    def code_inline(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        tokens[idx].content = decode(tokens[idx].content)
        return super().code_inline(tokens, idx, options, env)

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        tokens[idx].content = decode(tokens[idx].content)
        return super().code_block(tokens, idx, options, env)

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        tokens[idx].content = decode(tokens[idx].content)
        tokens[idx].info = ""
        return super().fence(tokens, idx, options, env)


def _read_token(state: StateInline, silent: bool) -> bool:
    found = TOKEN.match(state.src, state.pos)
    shown = slack_token(found[1], state.env["names"]) if found is not None else None
    if found is None or shown is None:
        return False
    if not silent:
        state.push("slack_token", "", 0).content = shown
    state.pos = found.end()
    return True


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}, renderer_cls=_Renderer)
    # A picture would be fetched from wherever a model says.
    parser.enable(["table", "strikethrough"]).disable(["image", "html_inline", "html_block"])
    parser.inline.ruler.before("autolink", "slack_token", _read_token)
    return parser


_PARSER: Final = _parser()


def markdown(text: str, names: Names) -> str:
    """The text as HTML."""
    env: dict[str, Any] = {"names": names}
    return str(_PARSER.render(text, env))
