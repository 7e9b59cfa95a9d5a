"""Keeps the words of an answer that Slack shows and no process finishes, and says under them that it was cut.

The words are only in Slack: an earlier process showed them, and ended before the answer was stored.
"""

import logging
from typing import Any

from slack_sdk.errors import SlackApiError

from bot.errors import Interrupted
from bot.ports.questions import LivePost, OpenQuestion
from handlers.blocks.chat.answer import build_cut, build_cut_note, shown_words, with_try_again
from handlers.blocks.message import Block, Message
from handlers.delivery.idempotent_poster import IdempotentPoster
from handlers.delivery.post_finder import answer_metadata, carries
from handlers.delivery.poster import Poster
from handlers.errors import message_for
from handlers.slack_errors import CANNOT_POST, MESSAGE_GONE, retry_after, slack_code

logger = logging.getLogger(__name__)


class CutAnswers:
    """Finds what is shown of a question's answer, and ends it."""

    def __init__(self, idempotent_poster: IdempotentPoster, poster: Poster) -> None:
        self._idempotent_poster = idempotent_poster
        self._poster = poster

    async def end(self, asked: OpenQuestion, error: Exception) -> int | None:
        """Say under the last message that shows words why no more of them come.

        Returns how many messages are kept, None where none shows words. Repeating it changes nothing. Raises
        SlackApiError, NETWORK_ERRORS, Unconfirmed.
        """
        metadata = answer_metadata(asked.question.key, piece="error", last=True)
        for number in reversed(range(len(asked.live))):
            live = asked.live[number]
            piece = answer_metadata(asked.question.key, piece=str(number))
            ts = live.ts or await self._idempotent_poster.find_live(piece, live, asked.refusals)
            shown = await self._idempotent_poster.read(live.place, ts) if ts else None
            if not ts or shown is None:
                continue
            if carries(shown, metadata):
                return number + 1
            if words := shown_words(shown, quoted=asked.question.quoted):
                why = None if isinstance(error, Interrupted) else message_for(error)
                note = with_try_again(build_cut_note(why), asked.question.key)
                ended = await self._add(live, ts, note, build_cut(shown, words, note), metadata)
                return number + 1 if ended else None
        return None

    async def _add(self, live: LivePost, ts: str, note: Message, whole: Message, metadata: dict[str, Any]) -> bool:
        """Add the note to a stream, or edit a message that is no stream any more. Returns false if it is gone."""
        channel = live.place.channel
        notes: tuple[Block, ...] = note.blocks
        try:
            await self._poster.stop_stream(channel, ts, blocks=notes, metadata=metadata)
            return True
        except SlackApiError as error:
            if retry_after(error) is not None:
                raise
            logger.debug("the stream is over: %s", error)
        try:
            await self._poster.edit(channel, ts, whole, metadata=metadata, wait_for_pause=False)
        except SlackApiError as error:
            if slack_code(error) not in MESSAGE_GONE | CANNOT_POST:
                raise
            return False
        return True
