"""What becomes a live mention or link, found wherever it hides."""

from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Channel, Person
from bot.sandbox.slack.references import live_in_message, live_references, typed


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<!channel> look", [("everyone", "channel")]),
        ("<!here|here>", [("everyone", "here")]),
        ("hello <@U0TUNEBOT>", [("user", "U0TUNEBOT")]),
        ("<@U123|ana>", [("user", "U123")]),
        ("<!subteam^S123>", [("usergroup", "S123")]),
        ("<#C123|general>", [("channel", "C123")]),
        ("<https://evil.example|https://good.example>", [("link", "https://evil.example")]),
        ("see https://plain.example now", [("link", "https://plain.example")]),
        ("&lt;!channel&gt; and &lt;@U123&gt;", []),
        ("@channel in plain words", []),
        ("a < b > c", []),
    ],
)
def test_mrkdwn_is_read_as_slack_reads_it(text: str, found: list[tuple[str, str]]) -> None:
    assert [(reference.kind, reference.target) for reference in live_references(text)] == found


def test_a_disguised_link_shows_target_and_label() -> None:
    (link,) = live_references("<https://evil.example|https://good.example>")
    assert (link.target, link.label) == ("https://evil.example", "https://good.example")


def test_parse_full_makes_plain_words_ping() -> None:
    assert [reference.kind for reference in live_references("@channel", parse="full")] == ["everyone"]


def test_blocks_are_searched_to_the_last_field() -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": {"type": "plain_text", "text": "<!channel>"}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "<!here>"}]},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "<@U1>"}]},
        {"type": "markdown", "text": "[good](https://evil.example)"},
        {
            "type": "rich_text",
            "elements": [{"type": "rich_text_section", "elements": [{"type": "broadcast", "range": "channel"}]}],
        },
    ]
    found = {(reference.kind, reference.where) for reference in live_in_message("", blocks)}
    assert found == {
        ("everyone", "/blocks/1/fields/0"),
        ("user", "/blocks/2/elements/0"),
        ("link", "/blocks/3"),
        ("everyone", "/blocks/4/elements/0/elements/0"),
    }


def test_typed_words_are_escaped_and_names_become_mentions() -> None:
    assert typed("@Ana <!channel> a & b", {"Ana": "U1"}) == "<@U1> &lt;!channel&gt; a &amp; b"


async def test_a_posted_message_knows_whom_it_pings(client: AsyncWebClient, ana: Person, general: Channel) -> None:
    ts = (await client.chat_postMessage(channel=general.id, text=f"<@{ana.id}> done <https://a.example|a>"))["ts"]
    message = general.message(ts)
    assert message is not None
    assert [(ping.kind, ping.target) for ping in message.pings] == [("user", ana.id)]
    assert len(message.live) == 2
