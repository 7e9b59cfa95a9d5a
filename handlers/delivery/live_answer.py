"""Shows an answer in Slack while the model writes it: in Slack's own streams, or in messages that are edited.

An answer that outgrows a message goes on in the next one, cut where the finished answer is cut. Nothing here
decides what the answer is: whatever fails, the finished answer replaces what is shown, in
`handlers/delivery/answer_posts.py`. Which messages these are is stored before the first words go into them.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, Final

import aiohttp
from slack_sdk.errors import SlackApiError

from bot.domain.chat import ModelRef, Question
from bot.domain.place import Place
from bot.errors import StorageError
from bot.ports.questions import LiveRecord, OpenQuestion, ShowWords
from handlers.blocks.chat.answer import PIECE, build_full, build_unfinished
from handlers.blocks.chat.growing_markdown import GrowingMarkdown
from handlers.blocks.chat.markdown import first_piece
from handlers.blocks.message import Message, readable, shorten
from handlers.delivery.live_pace import PROCESSING, WAITING, LiveAnswers
from handlers.delivery.post_finder import answer_metadata
from handlers.delivery.rate_limits import Method
from handlers.slack_errors import (
    CALL_ERRORS,
    NETWORK_ERRORS,
    outcome_unknown,
    reason_of,
    refuses_streams,
    retry_after,
)

logger = logging.getLogger(__name__)

# Edits are shared with the job cards, which must not starve: of a few free ones at a time, one is left to them.
_EDITS_LEFT: Final = 2
_TITLE: Final = 80  # of the 200 characters that Slack takes


def next_place(question: Question, place: Place, ts: str) -> Place:
    """Return where an answer and its conversation go on after a message: under it, or after it directly."""
    flat = place == question.place and not question.stands_alone
    return place if flat else replace(place, thread=place.thread or ts)


class LiveAnswer:
    """The messages that show one unfinished answer; one of them grows."""

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
        # The messages before the one that grows, as Slack has them.
        self._full: list[tuple[Message, dict[str, Any]]] = []
        # The message that grows: its place, its `ts`, empty while there is none, and its words.
        self._place = self._question.place
        self._ts = ""
        self._text = ""
        # Whether Slack still streams it, and certainly has these first characters and no others.
        self._streams = False
        self._sent = 0
        # What it shows where it is edited.
        self._edited = ""

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[ShowWords]:
        """Show inside the block what comes; after it, no call is under way."""
        self._shared.number += 1
        task = asyncio.create_task(self._show(), name=f"live {self._question.key}")
        try:
            yield self._add
        except asyncio.CancelledError:
            task.cancel()  # The process ends: the next one finds the messages.
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

    async def finish(self, number: int, message: Message, metadata: dict[str, Any]) -> bool:
        """Let this part of the answer show the finished message; returns whether Slack shows exactly that now.

        It ends the stream of the part that grows with the rest of its message. Raises SlackApiError where Slack
        asks for a pause.
        """
        if number < len(self._full):
            return self._full[number] == (message, metadata)
        if number > len(self._full) or not self._streams:
            return False
        try:
            return await self._end_stream(message, metadata, WAITING)
        except NETWORK_ERRORS as error:
            logger.info("could not end a stream: %s", reason_of(error))
            return False

    async def _end_stream(self, message: Message, metadata: dict[str, Any], status: str) -> bool:
        """End the stream so that it is the message. Returns false where it cannot be.

        Raises SlackApiError where Slack asks for a pause, NETWORK_ERRORS.
        """
        blocks = list(message.blocks)
        markdown = str(blocks.pop(0)["text"]) if blocks and blocks[0]["type"] == "markdown" else ""
        sent = self._shown[: self._sent]
        if not markdown.startswith(sent) or not (markdown or blocks):
            return False
        self._streams = False
        try:
            rest = markdown[len(sent) :]
            await self._poster.stop_stream(self._place.channel, self._ts, rest, blocks, metadata, status=status)
        except SlackApiError as error:
            if retry_after(error) is not None:
                self._streams = True
                raise
            logger.info("could not end a stream: %s", reason_of(error))
            return False
        return True

    @property
    def _shown(self) -> str:
        """The words of the message that grows; a message begins with no empty lines."""
        return self._text.lstrip("\n")

    async def _show(self) -> None:
        try:
            if self._asked.live:
                await self._shared.set_status(self._place, PROCESSING)
                if not await self._go_on():
                    return
            elif self._asked.posted or self._asked.unconfirmed is not None:
                return
            else:
                await self._begin()
            await self._grow()
        except StorageError as error:
            logger.warning("cannot show an answer before it is finished: %s", error)
        except CALL_ERRORS as error:
            logger.info("cannot show an answer any longer before it is finished: %s", reason_of(error))
        except Exception:
            logger.exception("cannot show an answer before it is finished")

    async def _begin(self) -> None:
        """Show that the model is asked, and begin the stream where Slack takes one."""
        if not self._place.thread:
            # Slack's streams need a thread; outside of direct messages nothing is set.
            await self._shared.set_status(self._place, PROCESSING, self._title)
            return
        status = self._shared.set_status(self._place, PROCESSING, self._title)
        if self._question.quoted or not self._shared.may_stream(self._place.channel):
            await status
        else:
            await asyncio.gather(self._start(), status)

    async def _go_on(self) -> bool:
        """Edit the messages that an earlier process began: their words belong to an answer that is lost.

        Returns false where the first one is not known: the finished answer looks for it.
        """
        live = self._asked.live
        for each in live if live[0].ts else ():
            note = build_unfinished(self._model, "", self._asked_in(each.place) if each is live[0] else None)
            if each.ts:
                with suppress(SlackApiError):
                    await self._poster.stop_stream(
                        each.place.channel, each.ts, blocks=note.blocks, status=PROCESSING
                    )
                if each is not live[0]:
                    with suppress(SlackApiError):
                        await self._poster.edit(each.place.channel, each.ts, note, wait_for_pause=False)
        self._place, self._ts = live[0].place, live[0].ts
        return bool(self._ts)

    @property
    def _title(self) -> str:
        """What Slack names a new session by."""
        return shorten(readable(" ".join(self._question.text.split())), _TITLE)

    def _asked_in(self, place: Place) -> tuple[str, str] | None:
        """Return the person and the question that an answer's first message quotes in this place."""
        quoted = self._question.quoted or place.channel != self._question.place.channel
        return (self._question.user, self._question.text) if quoted else None

    async def _grow(self) -> None:
        """Show the words until the answer is over. Raises CALL_ERRORS, StorageError."""
        while await self._more():
            self._text += self._words.take()
            while len(self._text) > PIECE and (cut := first_piece(self._text, PIECE)) is not None:
                if not await self._fill(*cut):
                    return
            await self._update()
            streams = self._streams
            await self._pause(
                self._shared.append_pause() if streams else self._shared.edit_seconds * self._shared.number
            )

    async def _fill(self, piece: str, rest: str) -> bool:
        """Finish the message that grows with its piece of the answer, and go on in the next one.

        Returns false where that cannot be done before the answer is over. Raises CALL_ERRORS, StorageError.
        """
        if piece.strip():
            number = len(self._full)
            asked = self._asked_in(self._place) if not number else None
            message = build_full(self._model, piece, asked)
            metadata = answer_metadata(self._question.key, piece=str(number), last=False)
            if not await self._finish_piece(message, metadata):
                return False
            self._full.append((message, metadata))
            self._place = next_place(self._question, self._place, self._ts)
            self._ts, self._streams, self._sent, self._edited = "", False, 0, ""
            self._text = rest
            return await self._begin_next()
        self._text = rest
        return True

    async def _finish_piece(self, message: Message, metadata: dict[str, Any]) -> bool:
        """Let the message that grows be this one. Returns false where the answer is over before."""
        while not self._over.is_set():
            if self._ts and not self._streams and self._poster.limits.capacity().edits < _EDITS_LEFT:
                await self._pause(self._shared.edit_seconds)
                continue
            try:
                self._sending = True
                if self._streams and await self._end_stream(message, metadata, PROCESSING):
                    return True
                await self._leave_stream()
                if self._ts:
                    edited = self._place.channel, self._ts, message
                    await self._poster.edit(*edited, metadata=metadata, wait_for_pause=False)
                else:
                    await self._post(message, metadata)
                return True
            except SlackApiError as error:
                if (seconds := retry_after(error)) is None:
                    raise
            finally:
                self._sending = False
            await self._pause(seconds)
        return False

    async def _begin_next(self) -> bool:
        """Begin the next message. Returns false where an earlier process began one whose `ts` is not known."""
        number = len(self._full)
        if number < len(self._asked.live):
            self._place, self._ts = self._asked.live[number].place, self._asked.live[number].ts
            return bool(self._ts)
        if self._place.thread and self._shared.may_stream(self._place.channel):
            await self._start()
        return not self._over.is_set()

    async def _update(self) -> None:
        """Show the words that the message that grows has by now. Raises CALL_ERRORS, StorageError."""
        if self._streams and (words := self._shown[self._sent :]) and not await self._append(words):
            await self._leave_stream()
        if not self._streams and not await self._post_or_edit():
            self._news.set()  # The same words are tried again after the pause.

    # In Slack's stream

    async def _start(self) -> None:
        """Begin a stream, unless Slack refuses it. Raises CALL_ERRORS, StorageError."""
        while not self._over.is_set():
            await self._pause(self._poster.limits.pause_left(Method.START_STREAM))
            self._sending = True
            try:
                await self._record.begin(self._place)
                ts = await self._poster.start_stream(self._place, self._question.user)
                await self._record.name(ts)
                self._ts, self._streams = ts, True
                return
            except SlackApiError as error:
                if outcome_unknown(error):
                    raise
                await self._record.forget()
                if retry_after(error) is None:
                    logger.info("Slack takes no stream here: %s", reason_of(error))
                    if refuses_streams(error):
                        self._shared.refuse(self._place.channel)
                    return
            except aiohttp.ClientConnectorError:
                await self._record.forget()
                raise
            finally:
                self._sending = False

    async def _append(self, words: str) -> bool:
        """Add to the stream. Returns false where it takes no more: it ended, or is too long."""
        while not self._over.is_set():
            self._sending = True
            try:
                await self._poster.append_stream(self._place.channel, self._ts, words)
                self._sent += len(words)
                return True
            except SlackApiError as error:
                if retry_after(error) is None:
                    logger.info("a stream takes no more words: %s", reason_of(error))
                    return False
                self._shared.slow_down()
            except NETWORK_ERRORS:
                self._streams = False  # Nobody knows whether Slack has the words.
                raise
            finally:
                self._sending = False
            await self._pause(self._poster.limits.pause_left(Method.APPEND_STREAM))
        return True

    async def _leave_stream(self) -> None:
        """End a stream that takes no more words: its message is edited from now on. Raises NETWORK_ERRORS."""
        if not self._streams:
            return
        self._streams = False
        note = [] if self._sent else list(build_unfinished(self._model, "").blocks)
        with suppress(SlackApiError):  # Slack ends a stream by itself after five minutes.
            await self._poster.stop_stream(self._place.channel, self._ts, blocks=note, status=PROCESSING)

    # In a message that is edited

    async def _post_or_edit(self) -> bool:
        """Let the message show the words. Returns false where Slack's limits leave no room for that now."""
        shown = self._shown
        if shown == self._edited:
            return True
        message = build_unfinished(self._model, shown, None if self._full else self._asked_in(self._place))
        try:
            if not self._ts:
                await self._post(message, answer_metadata(self._question.key, piece=str(len(self._full))))
            elif self._poster.limits.capacity().edits >= _EDITS_LEFT:
                self._sending = True
                await self._poster.edit(self._place.channel, self._ts, message, wait_for_pause=False)
            else:
                return False
        except SlackApiError as error:
            if retry_after(error) is None:
                raise
            return False
        finally:
            self._sending = False
        self._edited = shown
        return True

    async def _post(self, message: Message, metadata: dict[str, Any]) -> None:
        async def begin() -> None:
            self._sending = True
            await self._record.begin(self._place)

        try:
            ts = await self._poster.post(
                self._place,
                message,
                metadata=metadata,
                before=begin,
                wait_for_pause=False,
                in_thread_only=True,
            )
        except SlackApiError as error:
            if not outcome_unknown(error):
                await self._record.forget()
            raise
        except aiohttp.ClientConnectorError:
            await self._record.forget()
            raise
        await self._record.name(ts)
        self._ts = ts

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
