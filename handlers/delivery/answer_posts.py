"""Posts the answers of questions: where each message goes, and how it is found there again.

`handlers/delivery/question_tasks.py` starts and resumes the tasks that call this module.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from slack_sdk.errors import SlackApiError

from bot.domain.chat import ModelAnswer, ModelRef, Question
from bot.domain.place import Place
from bot.errors import BadArgument
from bot.ports.clock import Clock
from bot.ports.notifier import RecordAttempt
from bot.ports.questions import LiveRecord, OpenQuestion, Posted, ShowWords
from handlers.blocks.chat.answer import build_answer, build_asked_answer, with_share, with_try_again
from handlers.blocks.chat.two_answers import build_comparison
from handlers.blocks.message import Message
from handlers.blocks.replies import build_reply
from handlers.delivery.cut_answers import CutAnswers
from handlers.delivery.idempotent_poster import IdempotentPoster
from handlers.delivery.live_answer import LiveAnswer, next_place
from handlers.delivery.live_pace import PROCESSING, WAITING, LiveAnswers
from handlers.delivery.post_finder import answer_metadata
from handlers.delivery.poster import Poster
from handlers.errors import Respond, message_for
from handlers.slack_errors import (
    CALL_ERRORS,
    CANNOT_DELETE,
    CANNOT_POST,
    MESSAGE_GONE,
    NO_ENTRY,
    THREAD_GONE,
    ThreadDeleted,
    delivery_errors,
    retry_after,
    slack_code,
)

logger = logging.getLogger(__name__)

_WAITS = (
    "I cannot post in this channel now. If that does not change, I send you the answer directly in a few minutes."
)
_FAULT = (
    "A fault of mine holds back what came of your question. It is stored, and I try again every few minutes. The "
    "person who runs me finds the reason in my log."
)


class SlackAnswerPoster:
    """The AnswerPoster of `bot.ports` for one question; `respond`, where there is one, reaches only the person.

    An earlier process may have posted messages of a `resumed` question. They are looked for first, because a
    database that was restored from a backup does not know them.
    """

    def __init__(
        self,
        idempotent_poster: IdempotentPoster,
        poster: Poster,
        clock: Clock,
        respond: Respond | None,
        live: LiveAnswers,
        *,
        resumed: bool = False,
    ) -> None:
        self._idempotent_poster = idempotent_poster
        self._poster = poster
        self._clock = clock
        self._respond = respond
        self._resumed = resumed
        self._live = live
        self._cut = CutAnswers(idempotent_poster, poster)
        self._shown: LiveAnswer | None = None
        self._built: dict[bool, list[Message]] = {}

    async def show_waiting(self, question: Question) -> None:
        """Show that others are answered first."""
        if question.quoted:
            text = "Your question waits for its turn: many are being asked now. I answer it as soon as I can."
            await self._try_to_respond(build_reply(text))
        else:
            await self._live.set_status(question.place, PROCESSING)

    async def show_fault(self, question: Question) -> None:
        """See AnswerPoster. The fault may be in what shows it, so this is tried once."""
        message = build_reply(_FAULT)
        try:
            if not await self._try_to_respond(message):
                await self._poster.post_ephemeral(question.place, question.user, message)
        except Exception:
            logger.exception("could not show that a fault holds %s back", question.key)

    async def posted_before(self, asked: OpenQuestion) -> Posted | None:
        """Look where the question was asked, unless the database knows of a post that may be in Slack."""
        if not self._resumed or asked.unconfirmed is not None:
            return None
        if asked.question.private:
            return None  # Slack does not list messages that only one person sees.
        question, place = asked.question, asked.question.place
        if asked.live:
            # The messages of the unfinished answer wait for it, unless a restored backup knows them so only.
            live = asked.live[0]
            for place in dict.fromkeys((live.place, next_place(question, live.place, live.ts))):
                last = await self._earlier(asked, place, answer_metadata(question.key, last=True))
                if last is not None:
                    return Posted(next_place(question, place, last), True)
            return None
        ts = await self._earlier(asked, place, answer_metadata(question.key))
        if ts is None:
            return None
        thread = next_place(question, place, ts)
        last = await self._earlier(asked, thread, answer_metadata(question.key, last=True))
        logger.info("an earlier process answered %s in %s", question.key, place.channel)
        return Posted(thread, last is not None)

    async def _earlier(self, asked: OpenQuestion, place: Place, metadata: dict[str, Any]) -> str | None:
        if not self._resumed:
            return None
        return await self._idempotent_poster.find_earlier(place, metadata, asked.asked_at)

    @asynccontextmanager
    async def show_live(
        self, asked: OpenQuestion, model: ModelRef, record: LiveRecord
    ) -> AsyncIterator[ShowWords]:
        """See AnswerPoster. Nothing is shown of a private answer, and of a comparison, before it is finished."""
        question = asked.question
        if question.private:
            yield lambda words: None
            return
        if question.compare:
            await self._live.set_status(question.place, PROCESSING)
            yield lambda words: None
            await self._live.set_status(question.place, WAITING)
            return
        self._shown = LiveAnswer(self._live, asked, model, record)
        async with self._shown.shown() as show:
            yield show

    async def post(
        self, asked: OpenQuestion, answer: ModelAnswer, record_attempt: RecordAttempt, live: LiveRecord
    ) -> Posted:
        """Post question and answer in the channel, or the answer in the thread of the message that asks."""
        if asked.question.private:
            return await self._show_privately(asked, answer)
        with delivery_errors():
            # An earlier process showed more of an answer that was lost than this one has.
            await self._drop(asked, len(await self._messages(asked.question, answer, asked.question.place)), live)
            try:
                place, ts = await self._finished_live(asked, answer, live) or await self._found_or_posted(
                    asked, answer, record_attempt
                )
            except ThreadDeleted:
                if not _begins_its_thread(asked.question):
                    raise
                return Posted(asked.question.place, last=True, gone=True)
        last = asked.posted + 1 >= len(await self._messages(asked.question, answer, place))
        if last:
            await self._end_direct_turn(asked.question)
        return Posted(next_place(asked.question, place, ts), last)

    async def _show_privately(self, asked: OpenQuestion, answer: ModelAnswer) -> Posted:
        """Show the answer's next message to the person who asked alone.

        Slack cannot say whether it has such a message, so one whose outcome is unknown is shown again.
        """
        question = asked.question
        messages = await self._messages(question, answer, question.place)
        with delivery_errors():
            in_channel = await self._poster.post_ephemeral(question.place, question.user, messages[asked.posted])
        if not in_channel and not asked.posted:
            text = "I cannot show messages in this channel, so I sent you the answer directly."
            await self._try_to_respond(build_reply(text))
        return Posted(question.place, asked.posted + 1 >= len(messages))

    async def _end_direct_turn(self, question: Question) -> None:
        """Say that the bot waits again in direct messages, where no stream ends that says so."""
        if question.place.is_direct and not question.stands_alone and not question.place.thread:
            await self._live.set_status(question.place, WAITING)

    async def withdraw(self, asked: OpenQuestion) -> None:
        """Delete the messages that show the unfinished answer, also one whose `ts` was lost."""
        with delivery_errors():
            for index, live in enumerate(asked.live):
                if ts := live.ts or await self._find_live(asked, index):
                    await self._delete(live.place.channel, ts)
                await self._live.set_status(live.place, WAITING)

    async def _drop(self, asked: OpenQuestion, number: int, record: LiveRecord) -> None:
        """Delete the messages of the unfinished answer from this number on, and forget them.

        Repeating it changes nothing. Raises what `delivery_errors` translates, Unconfirmed, StorageError.
        """
        for index in range(number, len(asked.live)):
            live = asked.live[index]
            if ts := live.ts or await self._find_live(asked, index):
                await self._delete(live.place.channel, ts)
        if len(asked.live) > number:
            await record.keep(number)

    async def _find_live(self, asked: OpenQuestion, number: int) -> str | None:
        metadata = answer_metadata(asked.question.key, piece=str(number))
        return await self._idempotent_poster.find_live(metadata, asked.live[number], asked.refusals)

    async def _delete(self, channel: str, ts: str) -> None:
        try:
            await self._stop_stream(channel, ts, build_reply("…"))
            await self._poster.delete(channel, ts)
        except SlackApiError as error:
            if slack_code(error) not in MESSAGE_GONE | CANNOT_POST | CANNOT_DELETE:
                raise

    async def explain(
        self, asked: OpenQuestion, error: Exception, record_attempt: RecordAttempt, live: LiveRecord
    ) -> None:
        """Say why there is no answer: in the thread where everyone sees the question, else to the person alone."""
        question, metadata = asked.question, answer_metadata(asked.question.key, piece="error", last=True)
        message = message_for(error)
        if not isinstance(error, BadArgument):  # The same words would be refused again.
            message = with_try_again(message, question.key, failed=True)
        await self._end_direct_turn(question)
        with delivery_errors():
            # What an earlier process showed stays: it may be all that the person gets.
            if self._resumed and (kept := await self._cut.end(asked, error)) is not None:
                await self._drop(asked, kept, live)
                await self._live.set_status(asked.live[0].place, WAITING)
                return
            await self._drop(asked, 1, live)
            if await self._finish(asked, 0, message, metadata, live) is not None:
                return
            if not question.quoted:
                try:
                    if await self._found(asked, metadata) is None:
                        await self._idempotent_poster.post(
                            question.place, message, metadata, record_attempt, in_thread_only=True
                        )
                    return
                except SlackApiError as refusal:
                    if isinstance(refusal, ThreadDeleted) and _begins_its_thread(question):
                        return  # Nobody waits for it any more.
                    if not self._goes_directly(asked, refusal):
                        raise
            if not await self._try_to_respond(message):
                await self._poster.post_ephemeral(question.place, question.user, message)

    async def _finished_live(
        self, asked: OpenQuestion, answer: ModelAnswer, record: LiveRecord
    ) -> tuple[Place, str] | None:
        """Return the place and the `ts` of the answer's next message, where it was shown unfinished before."""
        number = asked.posted
        if number >= len(asked.live):
            return None
        place = asked.live[number].place
        messages = await self._messages(asked.question, answer, place)
        metadata = answer_metadata(asked.question.key, piece=str(number), last=number + 1 >= len(messages))
        ts = await self._finish(asked, number, messages[number], metadata, record)
        return None if ts is None else (place, ts)

    async def _finish(
        self, asked: OpenQuestion, number: int, message: Message, metadata: dict[str, Any], record: LiveRecord
    ) -> str | None:
        """Put the message in the place of this part of the unfinished answer.

        Return its `ts`, None if Slack has none; then the later parts are deleted, which stand before its new
        message. Repeating it changes nothing. Raises what `delivery_errors` translates, Unconfirmed, StorageError.
        """
        if number >= len(asked.live):
            return None
        live = asked.live[number]
        if live.ts and self._shown is not None and await self._shown.finish(number, message, metadata):
            return live.ts
        ts = live.ts or await self._find_live(asked, number)
        if ts is None:
            await self._drop(asked, number + 1, record)
            await record.keep(number)
            return None
        channel = live.place.channel
        try:
            if live.place.thread:
                await self._stop_stream(channel, ts, message)
            await self._poster.edit(channel, ts, message, metadata=metadata, wait_for_pause=False)
        except SlackApiError as error:
            code = slack_code(error)
            may_pass = code in CANNOT_POST - NO_ENTRY and not asked.refusals.move(self._clock.now())
            if code not in MESSAGE_GONE | CANNOT_POST or may_pass:
                raise
            logger.info("cannot edit the message of %s: %s", asked.question.key, code)
            await self._drop(asked, number, record)
            return None
        await self._live.set_status(live.place, WAITING)
        return ts

    async def _stop_stream(self, channel: str, ts: str, message: Message) -> None:
        """End a stream that may still be open, since a message that is streamed cannot be edited."""
        notes = [block for block in message.blocks if block["type"] == "context"]
        try:
            await self._poster.stop_stream(channel, ts, blocks=notes or message.blocks[:1])
        except SlackApiError as error:
            if retry_after(error) is not None:
                raise
            logger.debug("the stream is over: %s", error)

    async def _found_or_posted(
        self, asked: OpenQuestion, answer: ModelAnswer, record_attempt: RecordAttempt
    ) -> tuple[Place, str]:
        """Return the place and the `ts` of the answer's next message, posted now or by an earlier attempt."""
        question, piece = asked.question, answer_metadata(asked.question.key, piece=str(asked.posted))
        if asked.unconfirmed is not None:
            ts = await self._found(asked, piece)
            if ts is not None:
                logger.info("found message %d of the answer to %s", asked.posted, question.key)
                return asked.unconfirmed.place, ts
        place = asked.thread or question.place
        try:
            return place, await self._post_piece(asked, answer, place, record_attempt)
        except SlackApiError as error:
            if not self._goes_directly(asked, error):
                if slack_code(error) in CANNOT_POST and not asked.refusals.number:
                    await self._try_to_respond(build_reply(_WAITS))
                raise
        logger.info("cannot post in %s, answering %s directly", place.channel, question.key)
        direct = Place(place.team, await self._poster.direct_channel(question.user))
        ts = await self._post_piece(asked, answer, direct, record_attempt)
        await self._try_to_respond(
            build_reply("I cannot post in this channel, so I sent you the answer directly.")
        )
        return direct, ts

    async def _post_piece(
        self, asked: OpenQuestion, answer: ModelAnswer, place: Place, record_attempt: RecordAttempt
    ) -> str:
        """Post the answer's next message, unless an earlier process did; return its `ts`."""
        key, number = asked.question.key, asked.posted
        messages = await self._messages(asked.question, answer, place)
        if (ts := await self._earlier(asked, place, answer_metadata(key, piece=str(number)))) is not None:
            logger.info("an earlier process posted message %d of the answer to %s", number, key)
            return ts
        metadata = answer_metadata(key, piece=str(number), last=number + 1 >= len(messages))
        return await self._idempotent_poster.post(
            place, messages[number], metadata, record_attempt, in_thread_only=True
        )

    async def _messages(self, question: Question, answer: ModelAnswer, place: Place) -> list[Message]:
        """Return the whole answer; it quotes the question where no message beside it shows the question.

        It is built once, and outside of the event loop: a model's Markdown can take some hundred milliseconds.
        """
        quoted = question.quoted or place.channel != question.place.channel
        if quoted not in self._built:
            built = await asyncio.to_thread(_built, answer, question, quoted=quoted)
            if answer.unfinished:
                built[-1] = with_try_again(built[-1], question.key)
            if question.private:
                built[-1] = with_share(built[-1], question.key)
            self._built[quoted] = built
        return self._built[quoted]

    async def _found(self, asked: OpenQuestion, metadata: dict[str, Any]) -> str | None:
        """Return the `ts` of the question's unconfirmed post, None if there is none or Slack does not have it."""
        if asked.unconfirmed is None:
            return None
        return await self._idempotent_poster.find(metadata, asked.unconfirmed, refusals=asked.refusals)

    def _goes_directly(self, asked: OpenQuestion, refusal: SlackApiError) -> bool:
        """Return whether the message goes to the person directly after this refusal.

        A channel that has a part of the answer was open before, so the rest waits for it for a while. A deleted
        thread does not come back, and each further try would show the message in the channel for a moment.
        """
        if isinstance(refusal, ThreadDeleted):
            return not _begins_its_thread(asked.question)
        code = slack_code(refusal)
        if code in NO_ENTRY and not asked.posted:
            return True
        return code in CANNOT_POST | THREAD_GONE and asked.refusals.move(self._clock.now())

    async def _try_to_respond(self, message: Message) -> bool:
        """Show the message to the person alone, and return whether that worked; after a failure never again."""
        if self._respond is None:
            return False
        try:
            await self._respond(message)
        except CALL_ERRORS as error:
            logger.info("could not show a message to one person: %s", error)
            self._respond = None
        return self._respond is not None


def _begins_its_thread(question: Question) -> bool:
    """Return whether the message that asks is the first one of the thread that its answer goes to."""
    return question.key.endswith(f"message:{question.place.channel}:{question.place.thread}")


def _built(answer: ModelAnswer, question: Question, *, quoted: bool) -> list[Message]:
    if answer.sides:
        asked = (question.user, question.text) if quoted else None
        return build_comparison(answer, asked, goes_on=not question.private)
    return build_asked_answer(question.user, question.text, answer) if quoted else build_answer(answer)
