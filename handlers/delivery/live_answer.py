"""Shows an answer in Slack while the model writes it: in Slack's own stream, or in a message that is edited.

Nothing here decides what the answer is: whatever fails, the finished answer replaces what is shown, in
`handlers/delivery/answer_posts.py`. Which message it is, is stored before the first words go into it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import aiohttp
from slack_sdk.errors import SlackApiError

from bot.domain.chat import ModelRef
from bot.domain.place import Place
from bot.errors import StorageError
from bot.ports.questions import LiveRecord, OpenQuestion, ShowWords
from handlers.blocks.chat.answer import PIECE, build_unfinished
from handlers.blocks.chat.growing_markdown import GrowingMarkdown
from handlers.blocks.message import Message, readable, shorten
from handlers.delivery.post_finder import answer_metadata
from handlers.delivery.poster import Poster
from handlers.delivery.rate_limits import Method
from handlers.slack_errors import CALL_ERRORS, NETWORK_ERRORS, outcome_unknown, retry_after, slack_code

logger = logging.getLogger(__name__)

# The more answers are written at once, the more seldom each of them is added to; the first words never wait for
# that. Slack takes fifty edits a minute for the whole workspace. Of appends it takes a hundred a minute and more,
# and does not say how many more: after it asked for a pause, each answer is added to as if it were a hundred.
APPEND_SECONDS: Final = 0.5
_APPEND_SHARE: Final = 0.08
_SLOW_SHARE: Final = 0.6
_SLOW_FOR: Final = 300.0
EDIT_SECONDS: Final = 1.5
# Edits are shared with the job cards, which must not starve: of a few free ones at a time, one is left to them.
_EDITS_LEFT: Final = 2
_REFUSALS_KEPT: Final = 1_000
# The statuses of an agent's session. While it is processing, Slack shows its Stop button.
_TITLE: Final = 80  # of the 200 characters that Slack takes
PROCESSING: Final = "processing"
WAITING: Final = "active"


class LiveAnswers:
    """What all answers that are being written share: their number, and where Slack refuses streams."""

    def __init__(
        self, poster: Poster, *, append_seconds: float = APPEND_SECONDS, edit_seconds: float = EDIT_SECONDS
    ) -> None:
        self.poster = poster
        self.append_seconds = append_seconds
        self.edit_seconds = edit_seconds
        self.number = 0
        self._refused: set[str] = set()
        self._slow_until = 0.0

    def append_pause(self) -> float:
        """Return how long an answer waits between two appends, in seconds."""
        slow = asyncio.get_running_loop().time() < self._slow_until
        share = _SLOW_SHARE if slow else _APPEND_SHARE
        return max(self.append_seconds, self.number * share) if self.append_seconds else 0.0

    def slow_down(self) -> None:
        """Append more seldom for some minutes: Slack asked for a pause."""
        self._slow_until = asyncio.get_running_loop().time() + _SLOW_FOR

    def may_stream(self, channel: str) -> bool:
        """Return whether Slack has not refused a stream in this channel; a restart asks again."""
        return channel not in self._refused

    def refuse(self, channel: str) -> None:
        """Remember that Slack takes no streams in this channel: its plan, or the channel's kind."""
        if len(self._refused) < _REFUSALS_KEPT:
            self._refused.add(channel)

    async def set_status(self, place: Place, status: str, title: str = "") -> None:
        """Set the status of the agent's session in the thread. Never raises: no answer depends on it.

        A new session gets the title. Direct messages are one session.
        """
        if not place.thread and not place.is_direct:
            return
        try:
            await self.poster.set_session_status(place, status, title)
        except CALL_ERRORS as error:
            logger.debug("could not set a status: %s", _reason(error))


class LiveAnswer:
    """The message that shows one unfinished answer; `ts` is empty while there is none."""

    def __init__(self, shared: LiveAnswers, asked: OpenQuestion, model: ModelRef, record: LiveRecord) -> None:
        self._shared = shared
        self._poster = shared.poster
        self._asked = asked
        self._question = asked.question
        self._model = model
        self._record = record
        self._words = GrowingMarkdown()
        self._news, self._over = asyncio.Event(), asyncio.Event()
        self._sending = False
        # Whether Slack still streams the message, and certainly has these first characters and no others.
        self._streams = False
        self._sent = 0
        self.place = self._question.place
        self.ts = ""

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[ShowWords]:
        """Show inside the block what comes; after it, no call is under way."""
        self._shared.number += 1
        task = asyncio.create_task(self._show(), name=f"live {self._question.key}")
        try:
            yield self._add
        except asyncio.CancelledError:
            task.cancel()  # The process ends: the next one finds the message.
            raise
        finally:
            self._over.set()
            self._news.set()
            if not self._sending:
                task.cancel()
            await asyncio.wait({task})
            self._shared.number -= 1

    def _add(self, words: str) -> None:
        self._words.add(words)
        self._news.set()

    async def finish(self, message: Message, metadata: dict[str, Any]) -> bool:
        """End the stream with the rest of the finished message; returns whether Slack shows exactly that now.

        Raises SlackApiError where Slack asks for a pause.
        """
        if not self._streams:
            return False
        blocks = list(message.blocks)
        markdown = str(blocks.pop(0)["text"]) if blocks and blocks[0]["type"] == "markdown" else ""
        shown = self._words.shown[: self._sent]
        if not markdown.startswith(shown) or not (markdown or blocks):
            return False
        self._streams = False
        try:
            await self._poster.stop_stream(self.place.channel, self.ts, markdown[len(shown) :], blocks, metadata)
        except CALL_ERRORS as error:
            if isinstance(error, SlackApiError) and retry_after(error) is not None:
                self._streams = True
                raise
            logger.info("could not end a stream: %s", _reason(error))
            return False
        return True

    async def _show(self) -> None:
        try:
            if self._asked.live is not None:
                await self._shared.set_status(self.place, PROCESSING)
                await self._go_on()
            elif self._asked.posted or self._asked.unconfirmed is not None:
                return
            else:
                await self._begin()
        except StorageError as error:
            logger.warning("cannot show an answer before it is finished: %s", error)
        except CALL_ERRORS as error:
            logger.info("cannot show an answer any longer before it is finished: %s", _reason(error))
        except Exception:
            logger.exception("cannot show an answer before it is finished")

    async def _begin(self) -> None:
        streams = False
        if not self.place.thread:
            # Slack's streams need a thread; outside of direct messages nothing is set.
            await self._shared.set_status(self.place, PROCESSING, self._title)
        else:
            status = self._shared.set_status(self.place, PROCESSING, self._title)
            if self._question.quoted or not self._shared.may_stream(self.place.channel):
                await status
            else:
                streams, _ = await asyncio.gather(self._start(), status)
        await (self._stream() if streams else self._edit())

    async def _go_on(self) -> None:
        """Edit the message that an earlier process began: its words belong to an answer that is lost."""
        live = self._asked.live
        if live is None or not live.ts:
            return  # The finished answer looks for the message.
        self.place = live.place
        with suppress(SlackApiError):
            note = build_unfinished(self._model, "").blocks
            await self._poster.stop_stream(live.place.channel, live.ts, blocks=note)
        self.ts = live.ts
        await self._edit()

    @property
    def _title(self) -> str:
        """What Slack names a new session by."""
        return shorten(readable(" ".join(self._question.text.split())), _TITLE)

    # In Slack's stream

    async def _stream(self) -> None:
        """Stream until the answer is over."""
        while await self._more():
            if (piece := self._words.take(PIECE - self._sent)) and not await self._append(piece):
                break
            await self._pause(self._shared.append_pause())

    async def _start(self) -> bool:
        """Begin the stream. Returns false where Slack refuses it. Raises CALL_ERRORS, StorageError."""
        while True:
            await self._pause(self._poster.limits.pause_left(Method.START_STREAM))
            self._sending = True
            try:
                await self._record.begin(self.place)
                ts = await self._poster.start_stream(self.place, self._question.user)
                await self._record.name(ts)
                self.ts, self._streams = ts, True
                return True
            except SlackApiError as error:
                if outcome_unknown(error):
                    raise
                await self._record.forget()
                if retry_after(error) is None:
                    logger.info("Slack takes no stream here: %s", _reason(error))
                    self._shared.refuse(self.place.channel)
                    return False
                if self._over.is_set():
                    raise
            except aiohttp.ClientConnectorError:
                await self._record.forget()
                raise
            finally:
                self._sending = False

    async def _append(self, piece: str) -> bool:
        """Add to the stream. Returns false where it takes no more: it ended, or is too long."""
        while not self._over.is_set():
            self._sending = True
            try:
                await self._poster.append_stream(self.place.channel, self.ts, piece)
                self._sent += len(piece)
                return True
            except SlackApiError as error:
                if retry_after(error) is None:
                    # The finished answer replaces what is shown.
                    self._streams = False
                    logger.info("a stream takes no more words: %s", _reason(error))
                    return False
                self._shared.slow_down()
            except NETWORK_ERRORS:
                self._streams = False  # Nobody knows whether Slack has the words.
                raise
            finally:
                self._sending = False
            await self._pause(self._poster.limits.pause_left(Method.APPEND_STREAM))
        return False

    # In a message that is edited

    async def _edit(self) -> None:
        """Post the first words and edit the message until the answer is over. Raises CALL_ERRORS."""
        while await self._more():
            if self._words.take(PIECE - len(self._words.shown)):
                await self._post_or_edit()
            await self._pause(self._shared.edit_seconds * self._shared.number)

    async def _post_or_edit(self) -> None:
        quoted = self._question.quoted or self.place.channel != self._question.place.channel
        asked = (self._question.user, self._question.text) if quoted else None
        message = build_unfinished(self._model, self._words.shown, asked)
        try:
            if not self.ts:
                await self._post(message)
            elif self._poster.limits.capacity().edits >= _EDITS_LEFT:
                self._sending = True
                await self._poster.edit(self.place.channel, self.ts, message, wait_for_pause=False)
        except SlackApiError as error:
            if retry_after(error) is None:
                raise
        finally:
            self._sending = False

    async def _post(self, message: Message) -> None:
        async def begin() -> None:
            self._sending = True
            await self._record.begin(self.place)

        metadata = answer_metadata(self._question.key, piece="0")
        try:
            ts = await self._poster.post(
                self.place, message, metadata=metadata, before=begin, wait_for_pause=False
            )
        except SlackApiError as error:
            if not outcome_unknown(error):
                await self._record.forget()
            raise
        except aiohttp.ClientConnectorError:
            await self._record.forget()
            raise
        await self._record.name(ts)
        self.ts = ts

    # What both wait for

    async def _more(self) -> bool:
        """Wait for more words. Returns false once the answer is over: then the finished answer is shown."""
        await self._news.wait()
        self._news.clear()
        return not self._over.is_set()

    async def _pause(self, seconds: float) -> None:
        """Wait, but not beyond the end of the answer."""
        if seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._over.wait()


def _reason(error: Exception) -> str:
    return slack_code(error) if isinstance(error, SlackApiError) else type(error).__name__
