"""How the bot speaks in Slack: every message leaves through here, with the same safe settings.

Nothing unfurls and nothing is parsed, so a link or a name in somebody's text stays text. Slack's own errors pass
through as SlackApiError; who called decides what they mean.
"""

from typing import Any, Final

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain import Place
from handlers.blocks.message import Message
from handlers.errors import slack_code

# Slack's words for a channel that the bot cannot post in.
NO_WAY_IN: Final = frozenset(
    {
        "not_in_channel",
        "channel_not_found",
        "is_archived",
        "restricted_action",
        "no_permission",
        "user_not_in_channel",
    }
)

_QUIET: Final[dict[str, Any]] = {"unfurl_links": False, "unfurl_media": False}


class Poster:
    """Posts, whispers and edits messages with one shared client."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    async def say(self, place: Place, message: Message, *, metadata: dict[str, Any] | None = None) -> str:
        """Post in the channel, or in its thread where the place has one; returns the message's `ts`."""
        answer = await self._client.chat_postMessage(
            channel=place.channel,
            text=message.text,
            blocks=list(message.blocks),
            thread_ts=place.thread or None,
            metadata=metadata,
            parse="none",
            **_QUIET,
        )
        return str(answer["ts"])

    async def edit(self, channel: str, ts: str, message: Message) -> None:
        """Replace the message. Text and blocks go together: an update without blocks would remove them."""
        await self._client.chat_update(
            channel=channel, ts=ts, text=message.text, blocks=list(message.blocks), parse="none"
        )

    async def whisper(self, place: Place, user: str, message: Message) -> None:
        """Show a message to one person only: in the channel, or directly where that does not let the bot in."""
        try:
            await self._client.chat_postEphemeral(
                channel=place.channel,
                user=user,
                text=message.text,
                blocks=list(message.blocks),
                thread_ts=place.thread or None,
                parse="none",
            )
        except SlackApiError as error:
            if slack_code(error) not in NO_WAY_IN:
                raise
            await self.say(Place(place.team, await self.direct_channel(user)), message)

    async def direct_channel(self, user: str) -> str:
        """The channel of the direct messages with a person."""
        answer = await self._client.conversations_open(users=user)
        return str(answer["channel"]["id"])
